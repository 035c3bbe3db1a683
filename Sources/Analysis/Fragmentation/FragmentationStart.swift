public import KernelTypes
public import MemoryModels
public import ProcSnapshots
public import Replay

/// How the migrate types of pageblocks at the start of a trace are known: pageblocks by where theirs is from.
public struct PageblockKnowledge: Sendable, Equatable {
  /// A dump of the free lists, or the memory map at boot.
  public var exact = 0
  /// The trace's first event that speaks of the pageblock's type.
  public var events = 0
  /// What kind of pages it holds, by kpageflags.
  public var pages = 0
  /// Nothing, so that they are taken for movable, as all are at boot.
  public var assumed = 0

  public init() {}

  public var total: Int { exact + events + pages + assumed }
}

/// Makes the memory that a replay of page events starts from.
public enum FragmentationStart {
  /// The own types of pageblocks, by their number and the kernel's number of the type, and how they are known.
  public struct PageblockTypes: Sendable {
    public var types: [UInt64: UInt8] = [:]
    public var knowledge = PageblockKnowledge()

    public init() {}
  }

  /// How it is known what was free.
  public static func kind(before: Snapshot?, after: Snapshot?) -> FragmentationFindings.Start {
    if before?.freeLists != nil { return .freeLists }
    if before?.pageFlags != nil { return .snapshot }
    return after?.pageFlags == nil ? .trace : .traceAndAfter
  }

  /// The profile with the size of a pageblock as snapshots tell it.
  public static func profile(_ profile: KernelProfile, before: Snapshot?, after: Snapshot?) -> KernelProfile {
    var profile = profile
    let order = before?.freeLists?.pageblockOrder ?? (before?.pageTypeInfo ?? after?.pageTypeInfo)?.pageblockOrder
    if let order, (1...profile.pageAllocator.maximumOrder).contains(order) {
      profile.pageAllocator.pageblockOrder = order
    }
    return profile
  }

  /// The types of pageblocks when the trace began: from a dump, else from the trace's first event of each, else from what
  /// kpageflags shows them to hold.
  public static func pageblockTypes(
    survey: borrowing FrameSurvey, before: Snapshot?, after: Snapshot?, policy: PageAllocatorPolicy
  ) -> PageblockTypes {
    var result = PageblockTypes()
    if let dump = before?.freeLists {
      for block in dump.zones.flatMap(\.pageblocks) where (0..<6).contains(block.type) {
        result.types[block.frame >> UInt64(policy.pageblockOrder)] = UInt8(block.type)
      }
      result.knowledge.exact = result.types.count
      return result
    }
    if survey.pageblockOrder == policy.pageblockOrder {
      survey.forEachTypedPageblock { result.types[$0] = $1 }
      result.knowledge.events = result.types.count
    }
    if let flags = before?.pageFlags ?? after?.pageFlags { guess(&result, flags, policy) }
    return result
  }

  /// A pageblock with more fixed pages than movable ones is unmovable; all others are movable, as they are at boot.
  private static func guess(_ result: inout PageblockTypes, _ flags: KPageFlags, _ policy: PageAllocatorPolicy) {
    func number(_ type: MigrateType) -> UInt8? {
      (0..<3).first { MigrateType(number: $0, numbering: policy.numbering) == type }.map { UInt8($0) }
    }
    guard let movable = number(.movable), let unmovable = number(.unmovable) else { return }
    let size = 1 << policy.pageblockOrder
    for start in stride(from: 0, to: flags.pages.words.count, by: size) {
      let block = UInt64(start / size)
      if result.types[block] != nil { continue }
      var counts = (movable: 0, fixed: 0)
      for frame in start..<min(start + size, flags.pages.words.count) {
        let flag = flags.flags(of: frame)
        if flag.contains(.lru) {
          counts.movable += 1
        } else if flag.contains(.slab) || flag.contains(.pageTable) {
          counts.fixed += 1
        }
      }
      if counts.movable + counts.fixed > 0 { result.knowledge.pages += 1 } else { result.knowledge.assumed += 1 }
      result.types[block] = counts.fixed > counts.movable ? unmovable : movable
    }
  }

  /// Memory in which that is free which was free: by `before`, or else by the survey of the trace and `after`. Free blocks
  /// are on the lists of their pageblocks' types, where no dump tells.
  public static func map(
    survey: borrowing FrameSurvey, before: Snapshot?, after: Snapshot?, profile: KernelProfile,
    types: PageblockTypes = PageblockTypes()
  ) -> FreeBlockMap {
    let flags = before?.pageFlags ?? after?.pageFlags
    let end = max(UInt64(flags?.pages.words.count ?? 0), survey.end)
    let spans = Self.spans(before ?? after, end: end, profile)
    let pageblockOrder = UInt64(profile.pageAllocator.pageblockOrder)
    var map = FreeBlockMap(spans: spans, maximumOrder: profile.pageAllocator.maximumOrder)
    func type(_ frame: UInt64) -> UInt8 { types.types[frame >> pageblockOrder] ?? FreeBlockMap.unknownType }
    if let dump = before?.freeLists {
      for (order, lists) in dump.zones.flatMap({ $0.freeLists.enumerated() }) {
        for list in lists {
          for frame in list.frames where frame & (Order.pages(order) - 1) == 0 {
            map.insert(frame, order: order, type: UInt8(clamping: min(list.number, 7)))
          }
        }
      }
      return map
    }
    if let flags = before?.pageFlags {
      for frame in flags.pages.words.indices where flags.flags(of: frame).contains(.buddy) {
        map.insert(UInt64(frame), order: 0, type: type(UInt64(frame)))
      }
      return map
    }
    survey.forEachFree { map.insert($0, order: 0, type: type($0)) }
    if let flags = after?.pageFlags {
      for frame in flags.pages.words.indices
      where flags.flags(of: frame).contains(.buddy) && !survey.isSeen(UInt64(frame)) {
        map.insert(UInt64(frame), order: 0, type: type(UInt64(frame)))
      }
    }
    return map
  }

  private static func spans(_ snapshot: Snapshot?, end: UInt64, _ profile: KernelProfile) -> [FreeBlockMap.Span] {
    let known = (snapshot?.zoneInfo?.zones ?? []).compactMap { zone -> FreeBlockMap.Span? in
      guard zone.isPopulated, let start = zone["start_pfn"], let spanned = zone["spanned"],
        (0...1 << 40).contains(start), (1...1 << 40).contains(spanned)
      else { return nil }
      return FreeBlockMap.Span(
        name: zone.id.zone, node: zone.id.node, frames: UInt64(start)..<(UInt64(start) + UInt64(spanned)))
    }
    if !known.isEmpty { return known }
    let dumped = (snapshot?.freeLists?.zones ?? []).filter { !$0.span.isEmpty }
    if !dumped.isEmpty { return dumped.map { FreeBlockMap.Span(name: $0.name, frames: $0.span) } }
    return ZoneSpan.spans(
      end: PageFrame(end), architecture: profile.architecture, pageSize: profile.pageSize
    ).map {
      FreeBlockMap.Span(name: $0.kind.name, frames: $0.frames.lowerBound.rawValue..<$0.frames.upperBound.rawValue)
    }
  }
}
