/// Why the model and the kernel did not agree on whether memory was short.
public enum PressureMiss: String, CaseIterable, Sendable {
  /// The model's zones lie so near to the mark that what CPUs count by themselves decides.
  case nearMark
  /// The model has free pages that the kernel didn't have: they were taken without an event.
  case freeInModel
  /// The model has fewer free pages than the kernel: some were freed without an event.
  case usedInModel
  /// Marks were boosted by a fallback that the model didn't make, or only it made.
  case fallback
  /// The model said so, and the kernel came to it a few requests later.
  case early
  /// The thread was at work as far as the model knew.
  case atWork
}

/// How often the model said that memory was short when the kernel did.
public struct PressureGrades: Sendable, Equatable {
  /// Counts by kind of miss, in the order of `PressureMiss`.
  public struct Misses: Sendable, Equatable {
    public private(set) var counts: [UInt64] = Array(repeating: 0, count: PressureMiss.allCases.count)

    public init() {}

    public subscript(miss: PressureMiss) -> UInt64 { counts[PressureMiss.allCases.firstIndex(of: miss) ?? 0] }

    public var total: UInt64 { counts.reduce(0, +) }

    mutating func note(_ miss: PressureMiss) { counts[PressureMiss.allCases.firstIndex(of: miss) ?? 0] += 1 }
  }

  /// Requests that woke the reclaiming thread (`mm_vmscan_wakeup_kswapd`), and those that would have in the model.
  public var wakeup = Grade()
  /// Of these, those below the low mark, and those after a boost of the marks.
  public var lowWakeup = Grade()
  public var boostWakeup = Grade()
  public var wakeupMisses = Misses()
  /// Requests that the model says wake the reclaiming thread and that did not; those that follow on such a one count once.
  public var wakeupsElsewhere = Misses()
  /// Runs of the reclaiming threads that ended, and those after which the model, too, says rest or go on.
  public var runEnd = Grade()
  /// Requests that reclaimed memory themselves (`mm_vmscan_direct_reclaim_begin`), and those that had to in the model.
  public var directReclaim = Grade()
  public var directReclaimMisses = Misses()
  /// Requests that had to reclaim in the model and were served.
  public var directReclaimsElsewhere = Misses()
  /// Free pages that the kernel printed when a request asked to reclaim again, and how often the model had as many.
  public var retry = Grade()
  /// By how much the model's count differed most, in pages; positive if the model had more.
  public var retryDifference = 0
  /// Zones looked at for compaction (`mm_compaction_suitable`), and those of which the model says the same.
  public var suitability = Grade()
  /// Compactions that began, and those that the model's zone called for.
  public var compaction = Grade()
  /// Whether a compaction had made a block that will do (`mm_compaction_finished`).
  public var compactionFinished = Grade()
  /// Pages that compaction took as targets, and those that were free in the model.
  public var isolatedPages = Grade()
  /// Runs of the reclaiming thread, and of compaction.
  public var reclaimRuns: UInt64 = 0
  public var compactions: UInt64 = 0
  /// Pages that direct reclaim got back, and that compaction moved.
  public var reclaimedPages: UInt64 = 0
  public var migratedPages: UInt64 = 0
  /// Processes that the OOM killer chose, and those of them that the model would choose by what the trace tells.
  public var victim = Grade()

  public init() {}
}

/// What the model itself said about pressure, whatever the kernel did: for comparing settings.
public struct PressureCounts: Sendable, Equatable {
  public var requests: UInt64 = 0
  /// Requests that no zone could serve above its low mark.
  public var belowLowMark: UInt64 = 0
  /// Times that the reclaiming thread would wake: it rests again once a zone is above its high mark.
  public var wakeups: UInt64 = 0
  /// Of these, after a boost of the marks.
  public var boostWakeups: UInt64 = 0
  /// Requests that no zone could serve above its minimum mark, with their reserves.
  public var belowMinimumMark: UInt64 = 0
  /// Requests that `zone_reclaim_mode` would make a node reclaim for.
  public var nodeReclaims: UInt64 = 0
  /// Requests that took blocks from the buddy allocator, and blocks that went back from per-CPU lists.
  public var refills: UInt64 = 0
  public var drainedBlocks: UInt64 = 0
  /// Zones looked at for compaction that the model's threshold calls fragmented.
  public var compactable: UInt64 = 0
  /// Times that the OOM killer came and would have stopped the machine instead.
  public var panics: UInt64 = 0
  /// Blocks by the zone that the model chose.
  public var blocksByZone: [UInt64] = []

  public init() {}
}
