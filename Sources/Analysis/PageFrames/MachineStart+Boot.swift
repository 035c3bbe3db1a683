public import KernelTypes
public import MemoryModels
public import ProcSnapshots
public import Replay

/// How a machine at boot was made, in pages.
public struct BootSummary: Sendable, Equatable {
  public var source: BootMap.Source
  public var memoryPages: UInt64
  public var reservations: [BootMap.Reservation]
  /// Given to the page allocator.
  public var handedOver: UInt64 = 0
  /// Taken between that and the trace's first event, as later events and flags show.
  public var takenBefore: UInt64 = 0
  /// Whether kpageflags from after told what of the untouched memory was free; if not, the order in which a kernel uses
  /// memory up did.
  public var isToldByFlags: Bool
  /// Pageblocks that no longer were movable when the trace began, as its events show.
  public var changedPageblocks: UInt64 = 0

  public init(_ map: BootMap, pageSize: Int, isToldByFlags: Bool) {
    source = map.source
    memoryPages = map.memoryPages(pageSize: pageSize)
    reservations = map.reservations
    self.isToldByFlags = isToldByFlags
  }
}

extension MachineStart {
  /// The machine that a boot capture starts from: memory is handed over in the order of the kernel's era, then those
  /// pages are taken which were in use when the trace began.
  ///
  /// Which those are is inferred: a page whose first event takes it from the buddy's lists was free, one that first
  /// appears in another event was not. Of pages without events `flags` tells; without, those were used that come before
  /// the first one taken, in the order in which lists are used up. Per-CPU lists are empty and not set up, and no marks are.
  public static func machine(
    _ map: BootMap, survey: borrowing FrameSurvey, flags: KPageFlags?, profile: KernelProfile,
    summary: inout BootSummary
  ) -> Machine {
    let size = profile.pageSize
    var machine = Machine(profile: profile, spans: map.spans)
    let ranges = map.boot.freeFrames(pageSize: size)
    for range in ranges { machine.release(range) }
    for index in 0..<machine.zoneCount {
      summary.handedOver += UInt64(machine[zone: index].managedPages)
      machine.withZone(index) { $0.perCPULimits = .boot }
    }
    var firstTaken: [UInt64?] = Array(repeating: nil, count: machine.zoneCount)
    for frame in survey.firstTaken {
      guard let zone = machine.zoneIndex(of: PageFrame(frame)), firstTaken[zone] == nil else { continue }
      firstTaken[zone] = frame
    }
    let order = profile.pageAllocator.maximumOrder
    let ascends = profile.pageAllocator.releasesToTail
    for range in ranges {
      var frame = range.lowerBound.rawValue
      while frame < range.upperBound.rawValue {
        guard let zone = machine.zoneIndex(of: PageFrame(frame)) else {
          frame += 1
          continue
        }
        let wasFree: Bool
        if survey.isSeen(frame) {
          wasFree = survey.wasFree(frame)
        } else if let flags {
          wasFree = frame < flags.pages.words.count && flags.flags(of: Int(frame)).contains(.buddy)
        } else {
          wasFree = !isUsedUp(frame, of: range, before: firstTaken[zone], order: order, ascends: ascends)
        }
        if !wasFree, machine.take(PageFrame(frame)) { summary.takenBefore += 1 }
        frame += 1
      }
    }
    setTypes(&machine, survey, profile.pageAllocator, &summary)
    return machine
  }

  /// Whether memory comes before the first page taken in a trace, where lists are used up from their heads: blocks of the
  /// largest order in the order of their release, and each from its lowest address. Smaller blocks at the ends of a range
  /// are left: requests of a type that has none take the largest block. Follows `__rmqueue_fallback` in mm/page_alloc.c,
  /// Linux 6.1.
  private static func isUsedUp(
    _ frame: UInt64, of range: Range<PageFrame>, before first: UInt64?, order: Int, ascends: Bool
  ) -> Bool {
    guard let first else { return false }
    let (block, firstBlock) = (frame >> UInt64(order), first >> UInt64(order))
    if block == firstBlock { return frame < first }
    let isWhole =
      range.lowerBound.rawValue <= block << UInt64(order) && (block + 1) << UInt64(order) <= range.upperBound.rawValue
    return isWhole && (ascends ? block < firstBlock : block > firstBlock)
  }

  private static func setTypes(
    _ machine: inout Machine, _ survey: borrowing FrameSurvey, _ policy: PageAllocatorPolicy,
    _ summary: inout BootSummary
  ) {
    if survey.pageblockOrder != policy.pageblockOrder { return }
    var changed: [(frame: PageFrame, type: MigrateType)] = []
    survey.forEachTypedPageblock { number, type in
      let frame = PageFrame(number << UInt64(policy.pageblockOrder))
      guard
        let type = MigrateType(number: Int(type), numbering: policy.numbering, hasContiguous: policy.hasContiguous),
        type != .movable
      else { return }
      changed.append((frame, type))
    }
    for (frame, type) in changed {
      // A zone may begin inside its first pageblock.
      let inside = (frame.rawValue..<frame.rawValue + Order.pages(policy.pageblockOrder)).first {
        machine.zoneIndex(of: PageFrame($0)) != nil
      }
      guard let inside, let zone = machine.zoneIndex(of: PageFrame(inside)) else { continue }
      summary.changedPageblocks += 1
      machine.withZone(zone) { $0.setPageblockType(of: PageFrame(inside), to: type, movesFree: true) }
    }
  }
}
