public import MemoryModels

/// What came of a scenario.
public struct ScenarioOutcome: Sendable {
  /// An assertion, or an expectation of a line, and whether it held.
  public struct Check: Sendable {
    public var line: Int
    public var text: String
    public var isRight: Bool
    /// What was found.
    public var found: String
  }

  /// A process at the end, or when it ended.
  public struct Process: Sendable {
    public var pid: Int
    public var name: String
    /// Whether it is still there; a killed one is not.
    public var isAlive: Bool
    public var wasKilled = false
    public var minor: Int
    public var major: Int
    /// Pages by `ResidentKind`.
    public var resident: [Int]
    public var tables: [Int]
    /// Bytes of page tables that the kernel counts (VmPTE).
    public var tableBytes: UInt64
    public var mappedPages: Int
    public var areas: Int
    public var signals: [FaultSignal] = []
  }

  public struct Memory: Sendable {
    public var totalPages = 0
    public var freePages = 0
    public var tablePages = 0
    public var committedPages = 0
    public var commitLimit = 0
    public var swapPages = 0
    public var freeSwapPages = 0
    public var counters = VirtualMemory.Counters()
    public var kills: [VirtualMemory.Kill] = []

    public init() {}
  }

  public var checks: [Check] = []
  public var processes: [Process] = []
  public var byKind = [UInt64](repeating: 0, count: FaultKind.allCases.count)
  public var minor = 0
  public var major = 0
  /// Accesses of pages, with and without a fault.
  public var accesses: UInt64 = 0
  /// What the processor's look-aside buffers did for the accesses; zeros if the machine has none.
  public var tlb = TLBCounters()
  /// The processor; `nil` if accesses go by the tables alone.
  public var processor: Processors.Settings?
  /// How addresses are translated.
  public var scheme = TranslationScheme.x86_64
  public var memory = Memory()
  public var statements = 0

  public init() {}

  public var failures: Int { checks.count { !$0.isRight } }
  public subscript(kind: FaultKind) -> UInt64 { byKind[FaultKind.allCases.firstIndex(of: kind) ?? 0] }
}
