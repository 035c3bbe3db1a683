/// The kinds of resident pages that the kernel counts for each address space (`MM_FILEPAGES`, …), by its numbers.
public enum ResidentKind: Int, CaseIterable, Hashable, Sendable {
  case file = 0
  case anonymous = 1
  case swap = 2
  case sharedMemory = 3

  /// The name that `rss_stat` prints.
  public var eventName: String {
    switch self {
    case .file: "MM_FILEPAGES"
    case .anonymous: "MM_ANONPAGES"
    case .swap: "MM_SWAPENTS"
    case .sharedMemory: "MM_SHMEMPAGES"
    }
  }
}

/// Whose request is being served, if anybody's.
struct Requester: BitwiseCopyable {
  var pid = 0
  var identity: UInt64 = 0

  init() {}

  @inline(__always)
  init(_ space: AddressSpace) {
    pid = space.pid
    identity = space.identity
  }
}

/// The address space of a process (`struct mm_struct`): mappings, page-table entries, counters, limits.
public final class AddressSpace {
  /// What a process may have; `UInt64.max` is no limit.
  public struct Limits: Hashable, Sendable {
    public var stackBytes: UInt64 = 8 << 20
    public var addressSpaceBytes = UInt64.max
    public var dataBytes = UInt64.max
    public var lockedBytes: UInt64 = 8 << 20

    public init() {}
  }

  /// The process whose space it is.
  public internal(set) var pid: Int
  public var name: String
  // See `VirtualMemory` on unchecked exclusivity.
  @exclusivity(unchecked) public internal(set) var areas: AreaList
  let entries: PageEntries
  /// Tells the space from all others, those that had its PID among them.
  let identity: UInt64
  /// How often something of it was flushed from translation look-aside buffers (`tlb_gen`).
  var flushGeneration: UInt64 = 1
  /// Pages in memory by `ResidentKind`; swap entries count by their own kind.
  @exclusivity(unchecked) var resident = SIMD4<Int>(repeating: 0)
  /// Pages of the huge-page pool, in bytes, which count as nothing else.
  public internal(set) var hugeTLBBytes: UInt64 = 0
  @exclusivity(unchecked) public internal(set) var peakResidentPages = 0
  @exclusivity(unchecked) public internal(set) var minorFaults = 0
  @exclusivity(unchecked) public internal(set) var majorFaults = 0
  /// Pages of all mappings (`total_vm`).
  public internal(set) var mappedPages = 0
  /// Pages of mappings charged against the commit limit.
  public internal(set) var committedPages = 0
  public internal(set) var lockedPages = 0
  public var limits = Limits()
  public internal(set) var heapStart: UInt64 = 0
  public internal(set) var heapEnd: UInt64 = 0
  public internal(set) var mappingBase: UInt64
  /// `oom_score_adj`.
  public var outOfMemoryAdjustment = 0
  /// Whether the process has CAP_SYS_ADMIN and CAP_IPC_LOCK.
  public var isPrivileged = true
  /// Whether all future mappings are locked (`mlockall(MCL_FUTURE)`).
  var locksFutureMappings = false

  /// `entries` are empty.
  init(pid: Int, name: String, policy: VirtualMemoryPolicy, identity: UInt64, entries: consuming PageEntries) {
    self.pid = pid
    self.identity = identity
    self.entries = entries
    self.name = name
    areas = AreaList(pageShift: policy.pageShift)
    mappingBase = policy.mappingBase(stackLimit: limits.stackBytes)
  }

  /// Pages in memory of a kind, or swap entries.
  public subscript(kind: ResidentKind) -> Int { resident[kind.rawValue] }

  /// Pages in memory (`VmRSS`).
  public var residentPages: Int { resident[0] + resident[1] + resident[3] }

  /// Page-table pages below the root.
  public var pageTables: Int { entries.tables }
  /// The bytes of page tables that the kernel counts (`VmPTE`).
  public var pageTableBytes: UInt64 { entries.countedBytes }
  /// The page tables themselves.
  public var table: PageTable { entries.table }
  /// Page-table pages by level, the lowest first.
  public var pageTablesByLevel: [Int] { entries.tablesByLevel }

  /// The entry at an address; huge mappings show none.
  public func entry(at address: UInt64) -> PageEntry { entries.entry(at: address) }

  @inline(__always)
  func count(_ kind: ResidentKind, _ pages: Int) {
    resident[kind.rawValue] &+= pages
    if pages > 0, kind != .swap { peakResidentPages = max(peakResidentPages, residentPages) }
  }
}
