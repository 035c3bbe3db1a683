public import KernelTypes

/// Whether compaction is worth a try in a zone.
///
/// Follows `compaction_suitable` in mm/compaction.c, Linux 6.1, and 3.5 where every order was tested.
public enum CompactionSuitability: String, Hashable, Sendable, Codable {
  /// The request would succeed as it is.
  case success
  /// Too little is free for the moves themselves: reclaim comes first.
  case lacksMemory
  /// What is missing is memory, not larger blocks, by the fragmentation index.
  case notFragmented
  /// Compaction is tried.
  case suitable

  /// Pages that must be free beyond the mark, for the moves. Follows `compact_gap` in include/linux/compaction.h.
  public static func gap(order: Int) -> Int { 2 << order }

  /// The orders above which a request counts as costly (`PAGE_ALLOC_COSTLY_ORDER`).
  public static let costlyOrder = 3
}

extension Zone {
  /// The fragmentation index of an order, in thousandths; −1000 where a block is free.
  public func fragmentationIndex(order: Int) -> Int {
    var blocks: [UInt64] = []
    for order in 0...maximumOrder { blocks.append(UInt64(freeBlocks(order: order))) }
    return FragmentationIndex(freeBlocks: blocks).fragmentationIndex(order: order)
  }

  /// The largest order there is.
  public var maximumOrder: Int { buddy.maximumOrder }

  /// Whether compaction is worth a try for a request. Follows `compaction_suitable` in mm/compaction.c, Linux 6.1.
  public func compactionSuitability(
    order: Int, mark: Mark = .minimum, highest: Kind, flags: PageRequestFlags = [],
    threshold: Int = 500
  ) -> CompactionSuitability {
    if isAboveMark(mark, order: order, highest: highest, flags: flags) { return .success }
    let isCostly = order > CompactionSuitability.costlyOrder
    let needed = pages(at: isCostly ? .low : .minimum) + CompactionSuitability.gap(order: order)
    if countedFreePages - reservedHighAtomicUnusable <= needed + lowMemoryReserve[highest.rawValue] {
      return .lacksMemory
    }
    if isCostly {
      let index = fragmentationIndex(order: order)
      if index >= 0, index <= threshold { return .notFragmented }
    }
    return .suitable
  }
}

/// The memory of failed compactions of a zone: after each failure, the next tries are left out, twice as many each time.
///
/// Follows `defer_compaction`, `compaction_deferred` and `compaction_defer_reset` in mm/compaction.c, Linux 6.1.
public struct CompactionDeferral: Hashable, Sendable {
  /// The most doublings (`COMPACT_MAX_DEFER_SHIFT`).
  public static let limit = 6

  /// Tries left out since the last failure.
  public private(set) var considered = 0
  public private(set) var shift = 0
  /// The lowest order that failed; lower ones are tried at once.
  public private(set) var failedOrder: Int

  /// A zone in which nothing failed yet.
  public init(maximumOrder: Int = 10) { failedOrder = maximumOrder + 1 }

  /// Notes a failure.
  public mutating func noteFailure(order: Int) {
    considered = 0
    shift = min(shift + 1, Self.limit)
    failedOrder = min(failedOrder, order)
  }

  /// Whether a try of an order is left out; counts it.
  public mutating func isDeferred(order: Int) -> Bool {
    if order < failedOrder { return false }
    considered += 1
    if considered >= 1 << shift {
      considered = 1 << shift
      return false
    }
    return true
  }

  /// Notes a success: of compaction alone, or of the allocation after it.
  public mutating func noteSuccess(order: Int, isAllocated: Bool) {
    if isAllocated {
      considered = 0
      shift = 0
    }
    failedOrder = max(failedOrder, order + 1)
  }
}

/// When the background compactor starts by itself, and when it stops.
///
/// Follows `fragmentation_score_node`, `fragmentation_score_wmark` and `should_proactive_compact_node` in
/// mm/compaction.c, Linux 6.1 (5.9 and later).
public struct ProactiveCompaction: Hashable, Sendable {
  /// A zone's share of the score.
  public struct ZoneScore: Hashable, Sendable {
    public var presentPages: Int
    /// Percent of free memory in blocks below the size of a huge page.
    public var score: Int

    public init(presentPages: Int, score: Int) {
      self.presentPages = presentPages
      self.score = score
    }
  }

  /// The node's score, 0 to 100.
  public var score: Int
  /// The score at which it stops.
  public var stops: Int
  /// The score above which it starts.
  public var starts: Int
  /// Whether it starts now.
  public var isNeeded: Bool

  public init(zones: [ZoneScore], settings: VirtualMemorySettings) {
    let present = zones.reduce(0) { $0 + $1.presentPages }
    score = zones.reduce(0) { $0 + $1.presentPages * $1.score / (present + 1) }
    stops = max(100 - settings.compactionProactiveness, 5)
    starts = min(stops + 10, 100)
    isNeeded = settings.compactionProactiveness > 0 && score > starts
  }
}
