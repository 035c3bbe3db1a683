public import KernelTypes
public import Replay
public import TraceEvents

/// A look at the beginning of a trace: which allocator made it and where its direct map lies.
///
/// Feed it batches until `isDone`, or to the end of a short trace.
public struct ReplayReconnaissance: ~Copyable {
  // Enough for a trace that starts on a quiet machine, little beside the passes that follow.
  private static let eventLimit = 1 << 18

  private var directMap: DirectMap
  private var allocator: TracedAllocator
  private var hasDirectMap = false
  private var hasAllocator = false
  private var events = 0
  /// Whether allocations were charged to control groups, which then have kmalloc caches of their own.
  public private(set) var sawAccounted = false

  public init(profile: KernelProfile) {
    directMap = DirectMap(pageSize: profile.pageSize)
    allocator = TracedAllocator(profile: profile)
  }

  /// Looks at a batch.
  public mutating func consume(_ batch: borrowing EventBatch) {
    events += batch.count
    hasDirectMap = directMap.consume(batch)
    hasAllocator = allocator.consume(batch)
    if sawAccounted { return }
    for row in 0..<batch.count where batch.flags[row].contains(.accounted) { sawAccounted = true }
  }

  /// Whether everything is known, or enough was looked at.
  public var isDone: Bool { (hasDirectMap && hasAllocator) || events >= Self.eventLimit }

  /// The direct map's distance in pages, or `nil` if addresses can't be related to page frames.
  public var pageOffset: UInt64? { directMap.bestGuess }

  /// The allocator that made the trace, if its sizes tell.
  public var tracedAllocator: TracedAllocator.Kind? { allocator.kind }

  /// The `slub_debug` of a SLUB trace, as far as sizes tell.
  public var debugFlags: SLUBDebugFlags { allocator.debugFlags }
}
