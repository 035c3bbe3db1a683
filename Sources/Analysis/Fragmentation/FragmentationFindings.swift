public import KernelTypes
public import MemoryModels
public import ProcSnapshots
public import Replay

/// The answer of `frag` for a trace: free memory by order over time, and who broke it up.
public struct FragmentationFindings: Sendable {
  /// How it is known which pages were free when the trace began.
  public enum Start: String, Sendable {
    /// A dump of the free lists from before.
    case freeLists
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
  /// Free blocks by order and migrate type, against the pagetypeinfo of the snapshot from after; empty without one.
  public var types: [PageFrameFindings.TypeComparison] = []
  /// How the migrate types of pageblocks at the start are known.
  public var knowledge: PageblockKnowledge
  /// Where memory that is replayed as free is in use by the kpageflags from after, or the other way round; `nil` without.
  public var flagsDifference: FlagsDifference?
  /// What a model that chooses page frames itself makes of the trace, if it was asked.
  public var pageFrames: PageFrameFindings?

  /// Pages on whose being free the replay and kpageflags don't agree.
  public struct FlagsDifference: Sendable, Equatable {
    /// Taken without an event, as compaction does.
    public var freeOnlyInReplay: UInt64 = 0
    /// Given back without an event.
    public var freeOnlyInFlags: UInt64 = 0
  }

  /// Findings of a replay that ended with the free blocks `free`.
  public init(
    start: Start, outcome: FragmentationOutcome, policy: PageAllocatorPolicy, after: Snapshot?,
    knowledge: PageblockKnowledge = PageblockKnowledge(), free: borrowing FreeBlockMap
  ) {
    self.init(start: start, outcome: outcome, policy: policy, after: after, knowledge: knowledge)
    guard let flags = after?.pageFlags else { return }
    var difference = FlagsDifference()
    var inReplay: UInt64 = 0
    var common: UInt64 = 0
    free.forEachBlock { frame, order in
      inReplay += Order.pages(order)
      let end = min(frame + Order.pages(order), UInt64(flags.pages.words.count))
      if frame >= end { return }
      for page in frame..<end where flags.flags(of: Int(page)).contains(.buddy) { common += 1 }
    }
    var inFlags: UInt64 = 0
    for frame in flags.pages.words.indices where flags.flags(of: frame).contains(.buddy) { inFlags += 1 }
    difference.freeOnlyInReplay = inReplay - common
    difference.freeOnlyInFlags = inFlags - min(common, inFlags)
    flagsDifference = difference
  }

  init(
    start: Start, outcome: FragmentationOutcome, policy: PageAllocatorPolicy, after: Snapshot?,
    knowledge: PageblockKnowledge
  ) {
    self.start = start
    self.outcome = outcome
    self.policy = policy
    self.knowledge = knowledge
    zones = outcome.spans.map { ZoneID(node: $0.node, zone: $0.name) }
    comparisons = (after?.buddyInfo?.zones ?? []).compactMap { zone in
      guard
        let span = outcome.spans.firstIndex(where: { $0.node == zone.id.node && $0.name == zone.id.zone }),
        outcome.end.freeBlocks.indices.contains(span)
      else { return nil }
      return Comparison(zone: zone.id, predicted: outcome.end.freeBlocks[span], observed: zone.freeBlocks)
    }
    if let info = after?.pageTypeInfo { compareTypes(info) }
  }

  private mutating func compareTypes(_ info: PageTypeInfo) {
    for list in info.freeLists {
      guard
        let span = outcome.spans.firstIndex(where: { $0.node == list.id.node && $0.name == list.id.zone }),
        outcome.freeBlocksByType.indices.contains(span),
        let number = (0..<PageblockContents.typeCount).first(where: { name(migrateType: $0) == list.type })
      else { continue }
      let comparison = PageFrameFindings.TypeComparison(
        zone: list.id, type: list.type, predicted: outcome.freeBlocksByType[span][number], counts: list.freeBlocks)
      if !comparison.isEmpty { types.append(comparison) }
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
    case nil: number == Int(PageblockContents.unknownType) ? "unknown" : "type \(number)"
    }
  }
}
