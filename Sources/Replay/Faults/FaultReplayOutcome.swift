public import MemoryModels

/// What a replay of a trace's page faults found.
public struct FaultReplayOutcome: Sendable {
  /// How many of something were predicted right.
  public struct Grade: Hashable, Sendable {
    public var checked: UInt64 = 0
    public var matched: UInt64 = 0

    public init() {}

    mutating func check(_ isRight: Bool) {
      checked += 1
      if isRight { matched += 1 }
    }
  }

  /// How a counter of resident pages was foreseen.
  public struct ResidentMisses: Hashable, Sendable {
    public var grade = Grade()
    /// The counter was higher: pages were mapped that the model did not know of.
    public var more: UInt64 = 0
    /// The counter was lower: pages had gone that no event named.
    public var fewer: UInt64 = 0
    /// By how many pages in all.
    public var missedPages: UInt64 = 0

    public init() {}

    mutating func check(predicted: Int, observed: Int) {
      grade.check(predicted == observed)
      if observed > predicted { more += 1 }
      if observed < predicted { fewer += 1 }
      missedPages &+= UInt64((observed &- predicted).magnitude)
    }
  }

  /// Something counted by the model and seen in the trace.
  public struct Pair: Hashable, Sendable {
    public var predicted: UInt64 = 0
    public var observed: UInt64 = 0

    public init() {}
  }

  /// Faults of one process, or of one mapping.
  public struct Tally: Sendable {
    public var faults: UInt64 = 0
    public var minor: UInt64 = 0
    public var major: UInt64 = 0
    public var byKind = [UInt64](repeating: 0, count: FaultKind.allCases.count)
    public var frames = Pair()
    public var tables = Pair()

    public init() {}

    public subscript(kind: FaultKind) -> UInt64 {
      byKind[FaultKind.allCases.firstIndex(of: kind) ?? 0]
    }

    mutating func add(_ kind: Int, isMajor: Bool, isError: Bool) {
      faults += 1
      byKind[kind] += 1
      if isError { return }
      if isMajor { major += 1 } else { minor += 1 }
    }
  }

  /// What a process had at the end, or when it ended.
  public struct Process: Sendable {
    public var pid: Int
    public var name: String
    public var tally = Tally()
    /// Pages in memory by `ResidentKind`, as modelled.
    public var resident: [Int]
    /// Page-table pages below the root, as modelled, the lowest level first.
    public var tables: [Int]
    /// Whether its mappings were known from a snapshot or a fork of one that was.
    public var isKnown: Bool
    public var hasEnded = false
    /// Whether it forked, or was forked, in the trace.
    public var parent: Int?
  }

  /// Faults by mapping.
  public struct Area: Sendable {
    public var pid: Int
    public var start: UInt64
    public var end: UInt64
    public var permissions: String
    public var name: String
    /// Whether it was only inferred from faults.
    public var isInferred: Bool
    public var tally = Tally()
    /// Pages of it in memory at the end.
    public var resident = 0
  }

  public struct Moment: TimedMoment {
    public var atNanoseconds: UInt64
    public var faults: UInt64
    public var frames: UInt64
    public var tables: UInt64
  }

  public var total = Tally()
  public var userFaults: UInt64 = 0
  public var kernelFaults: UInt64 = 0
  public var processes: [Process] = []
  public var areas: [Area] = []
  public var timeline: [Moment] = []
  /// Faults whose mapping was known, so that the model could predict what they would be.
  public var predicted: UInt64 = 0
  /// Faults whose kind only the trace's own allocations told.
  public var inferred: UInt64 = 0
  /// New frames and tables in each predicted fault, against the trace.
  public var frameGrade = Grade()
  public var tableGrade = Grade()
  /// The error code's present bit against the model's entry.
  public var presentGrade = Grade()
  /// Counters of resident pages against rss_stat, where the trace told all that led to them.
  public var residentGrade = Grade()
  /// The same by `ResidentKind`, with the misses by what was wrong.
  public var residentByKind = ResidentKind.allCases.map { _ in ResidentMisses() }
  /// Pages that a child shares after fork, and its page tables, against the trace.
  public var forkGrade = Grade()
  public var forkTables = Pair()
  /// rss_stat events that tell of unmapping whose pages the trace does not name beforehand.
  public var unmapsTold: UInt64 = 0
  /// Faults that reach a mapping's handler, which is what pgfault counts.
  public var handled: UInt64 = 0
  public var forks: UInt64 = 0
  public var executions: UInt64 = 0
  public var exits: UInt64 = 0
  /// Frames freed that told of an unmapping.
  public var framesReturned: UInt64 = 0
  /// Faults whose address was printed as a symbol.
  public var unknownAddresses: UInt64 = 0
  /// Mappings of snapshots that overlap others or lie outside of the address space.
  public var badAreas: UInt64 = 0
  /// Processes that were not followed because there are too many.
  public var untracked: UInt64 = 0
  /// Modelled: what the processors' look-aside buffers did for the faulting accesses, each of which is made again.
  public var tlb = TLBCounters()
  public var processors: Processors.Settings?
  public var processorCount = 0
  public var policy = VirtualMemoryPolicy()

  public init() {}
}
