public import KernelTypes
public import MemoryModels
public import ProcSnapshots
public import Replay

/// The answer of `frag` for a trace: free memory by order over time, and who broke it up.
public struct FragmentationFindings: Sendable {
  /// How it is known which pages were free when the trace began.
  public enum Start: String, Sendable {
    /// kpageflags of a snapshot from before.
    case snapshot
    /// The trace's own first events, and kpageflags of a snapshot from after for pages without events.
    case traceAndAfter
    /// The trace's own first events; free memory that nobody touched is missing.
    case trace
  }

  /// Free blocks of a zone, as replayed and as the kernel counted them afterwards.
  public struct Comparison: Sendable {
    public var zone: ZoneID
    public var predicted: [UInt64]
    public var observed: [UInt64]

    /// Orders at which the two agree.
    public var equalOrders: Int { zip(predicted, observed).count { $0 == $1 } }
    /// Pages in free blocks, replayed less counted.
    public var pageDifference: Int64 {
      Int64(FragmentationIndex(freeBlocks: predicted).freePages)
        - Int64(FragmentationIndex(freeBlocks: observed).freePages)
    }
  }

  public var start: Start
  public var outcome: FragmentationOutcome
  /// The zones of the outcome's spans, in their order.
  public var zones: [ZoneID]
  public var policy: PageAllocatorPolicy
  /// Against the buddyinfo of the snapshot from after, by zone; empty without one.
  public var comparisons: [Comparison]
  /// What a model that chooses page frames itself makes of the trace, if it was asked.
  public var pageFrames: PageFrameFindings?

  public init(
    start: Start, outcome: FragmentationOutcome, policy: PageAllocatorPolicy, after: Snapshot?
  ) {
    self.start = start
    self.outcome = outcome
    self.policy = policy
    zones = outcome.spans.map { ZoneID(node: $0.node, zone: $0.name) }
    comparisons = (after?.buddyInfo?.zones ?? []).compactMap { zone in
      guard
        let span = outcome.spans.firstIndex(where: { $0.node == zone.id.node && $0.name == zone.id.zone }),
        outcome.end.freeBlocks.indices.contains(span)
      else { return nil }
      return Comparison(zone: zone.id, predicted: outcome.end.freeBlocks[span], observed: zone.freeBlocks)
    }
  }

  /// The indices of a span at a moment.
  public func index(_ moment: FragmentationOutcome.Moment, span: Int) -> FragmentationIndex {
    FragmentationIndex(freeBlocks: moment.freeBlocks[span])
  }

  /// The name of a migrate type's number.
  public func name(migrateType number: Int) -> String {
    switch MigrateType(number: number, numbering: policy.numbering, hasContiguous: policy.hasContiguous) {
    case .unmovable?: "Unmovable"
    case .movable?: "Movable"
    case .reclaimable?: "Reclaimable"
    case .highAtomic?: policy.numbering == .movableFirst ? "HighAtomic" : "Reserve"
    case .contiguous?: "CMA"
    case .isolate?: "Isolate"
    case nil: "type \(number)"
    }
  }
}

/// Makes the memory that a replay of page events starts from.
public enum FragmentationStart {
  /// How it is known what was free.
  public static func kind(before: Snapshot?, after: Snapshot?) -> FragmentationFindings.Start {
    if before?.pageFlags != nil { return .snapshot }
    return after?.pageFlags == nil ? .trace : .traceAndAfter
  }

  /// Memory in which that is free which was free: by `before`, or else by the survey of the trace and `after`.
  public static func map(
    survey: borrowing FrameSurvey, before: Snapshot?, after: Snapshot?, profile: KernelProfile
  ) -> FreeBlockMap {
    let flags = before?.pageFlags ?? after?.pageFlags
    let end = max(UInt64(flags?.pages.words.count ?? 0), survey.end)
    let spans = Self.spans(before ?? after, end: end, profile)
    var map = FreeBlockMap(spans: spans, maximumOrder: profile.pageAllocator.maximumOrder)
    if let flags = before?.pageFlags {
      for frame in flags.pages.words.indices where flags.flags(of: frame).contains(.buddy) {
        map.insert(UInt64(frame), order: 0)
      }
      return map
    }
    survey.forEachFree { map.insert($0, order: 0) }
    if let flags = after?.pageFlags {
      for frame in flags.pages.words.indices
      where flags.flags(of: frame).contains(.buddy) && !survey.isSeen(UInt64(frame)) {
        map.insert(UInt64(frame), order: 0)
      }
    }
    return map
  }

  private static func spans(_ snapshot: Snapshot?, end: UInt64, _ profile: KernelProfile) -> [FreeBlockMap.Span] {
    let known = (snapshot?.zoneInfo?.zones ?? []).compactMap { zone -> FreeBlockMap.Span? in
      guard zone.isPopulated, let start = zone["start_pfn"], let spanned = zone["spanned"], start >= 0, spanned > 0
      else { return nil }
      return FreeBlockMap.Span(
        name: zone.id.zone, node: zone.id.node, frames: UInt64(start)..<(UInt64(start) + UInt64(spanned)))
    }
    if !known.isEmpty { return known }
    return ZoneSpan.spans(
      end: PageFrame(end), architecture: profile.architecture, pageSize: profile.pageSize
    ).map {
      FreeBlockMap.Span(name: $0.kind.name, frames: $0.frames.lowerBound.rawValue..<$0.frames.upperBound.rawValue)
    }
  }
}
