import KernelTypes

/// The virtual memory of a machine: address spaces, the page cache, swap, and the accounting that ties them together.
///
/// Driven by calls (`map`, `fork`, …) and by accesses or faults; says what each fault was and what it took. Follows
/// mm/memory.c, mm/mmap.c, mm/filemap.c, mm/swapfile.c and mm/oom_kill.c, Linux 6.1; each method names its own.
public final class VirtualMemory {
  /// What /proc/vmstat counts.
  public struct Counters: Hashable, Sendable {
    /// Faults that reached a mapping's handler (`pgfault`), those of populating calls included.
    public var faults = 0
    /// Faults that had to read (`pgmajfault`).
    public var majorFaults = 0
    public var swappedIn = 0
    public var swappedOut = 0
    public var hugeFaults = 0
    public var hugeFallbacks = 0
    public var hugeSplits = 0
    public var reclaimedFilePages = 0
    public var killed = 0

    public init() {}
  }

  /// A process that was killed for lack of memory.
  public struct Kill: Hashable, Sendable {
    public var pid: Int
    public var name: String
    /// Its badness in pages.
    public var points: Int
    public var residentPages: Int
  }

  public let policy: VirtualMemoryPolicy
  public let supply: PhysicalSupply
  // Exclusivity of the hot properties is checked by their few users here, not at run time: nothing that is passed inout
  // is reached again by the call it is passed to.
  @exclusivity(unchecked) var pages: PageRecords
  @exclusivity(unchecked) var files: [MappedFile] = []
  var swap = SwapArea(pages: 0)
  public internal(set) var spaces: [Int: AddressSpace] = [:]
  /// The processors that run the programs, if their look-aside buffers matter; set before anything is mapped.
  public var processors: Processors?
  private var spacesMade: UInt64 = 0
  // Frames for the tables of the next entry.
  @exclusivity(unchecked) var prepared = PreparedFrames()
  @exclusivity(unchecked) public internal(set) var counters = Counters()
  public internal(set) var kills: [Kill] = []
  /// Pages promised to all processes (`Committed_AS`).
  public internal(set) var committedPages = 0
  @exclusivity(unchecked) public internal(set) var tablePages = 0
  var nextRoot: UInt32 = 0
  var hugePool = HugePool()
  var hugeZeroFrame: UInt64?
  // Tables and frames of the fault being handled.
  @exclusivity(unchecked) var newTables = 0
  @exclusivity(unchecked) var isReclaiming = false
  // Whose request is being served: it must not be given memory after its own death.
  @exclusivity(unchecked) var current = Requester()
  /// Whether additions of page-table pages are kept for `takeTableAdditions`.
  public var recordsTables = false
  var tableAdditions: [TableAddition] = []

  public init(policy: VirtualMemoryPolicy, supply: PhysicalSupply) {
    var policy = policy
    if !supply.isUnlimited {
      let freeKilobytes = supply.freePages << (policy.pageShift - 10)
      policy.adminReserveKilobytes = min(freeKilobytes / 32, 8192)
      policy.userReserveKilobytes = min(freeKilobytes / 32, 131_072)
    }
    self.policy = policy
    self.supply = supply
    pages = PageRecords(frames: supply.frameEnd)
  }

  /// Gives the machine swap space of so many pages, in place of what it had; nothing may be swapped out.
  public func setSwap(pages: Int) { swap = SwapArea(pages: pages) }

  public var swapPages: Int { swap.pages }
  public var freeSwapPages: Int { swap.free }

  // MARK: - Files

  /// Makes a file known; `bytes` is its size, `UInt64.max` if that doesn't matter.
  func addFile(_ name: String, kind: MappedFile.Kind, bytes: UInt64, isNamed: Bool = true) -> FileID {
    var file = MappedFile(name: name, kind: kind, bytes: bytes)
    file.isNamed = isNamed
    files.append(file)
    return FileID(rawValue: UInt32(files.count))
  }

  /// A file on storage, or, if `isSharedMemory`, in memory.
  public func addFile(_ name: String, bytes: UInt64, isSharedMemory: Bool = false) -> FileID {
    addFile(name, kind: isSharedMemory ? .sharedMemory : .regular, bytes: bytes)
  }

  public func name(of file: FileID) -> String { file == .none ? "" : files[Int(file.rawValue) - 1].name }

  /// Whether a file's pages count as shared memory.
  public func isSharedMemory(_ file: FileID) -> Bool {
    file != .none && files[Int(file.rawValue) - 1].kind == .sharedMemory
  }

  /// Puts pages of a file into the page cache, as reading it would; stops when memory is short.
  public func cache(_ file: FileID, pages range: Range<UInt64>) {
    for index in range where filePage(file, index) == nil {
      if addFilePage(file, index) == nil { return }
    }
  }

  func filePage(_ file: FileID, _ index: UInt64) -> PageID? { files[Int(file.rawValue) - 1].pages[index] }

  /// A new page in the page cache.
  func addFilePage(_ file: FileID, _ index: UInt64) -> PageID? {
    guard let frame = allocateFrame() else { return nil }
    var record = PageRecord()
    record.index = index
    record.file = file
    let isShared = files[Int(file.rawValue) - 1].kind == .sharedMemory
    record.kind = isShared ? .sharedMemory : .file
    let page = pages.add(record, frame)
    files[Int(file.rawValue) - 1].pages[index] = page
    pages.link(page, to: isShared ? .inactiveAnonymous : .inactiveFile)
    return page
  }

  /// The kind of resident page that a file's pages count as.
  @inline(__always)
  func residentKind(_ kind: PageRecord.Kind) -> ResidentKind {
    switch kind {
    case .anonymous: .anonymous
    case .sharedMemory: .sharedMemory
    default: .file
    }
  }

  // MARK: - Frames

  /// A frame for a user's page or the page cache, if need be after reclaim or the death of a process.
  func allocateFrame() -> UInt64? {
    if !isReclaiming, supply.isShort() { reclaimInBackground() }
    if let frame = supply.allocate(isMovable: true) { return frame }
    return allocateAfterReclaim(isMovable: true)
  }

  /// Takes frames for page tables; `false`, and none taken, when memory is short.
  func allocateTables(_ count: Int) -> Bool {
    for _ in 0..<count {
      guard let frame = supply.allocate(isMovable: false) ?? allocateAfterReclaim(isMovable: false) else {
        while let frame = prepared.take() {
          supply.free(frame)
          tablePages -= 1
          newTables -= 1
        }
        return false
      }
      prepared.add(frame)
      tablePages += 1
      newTables += 1
    }
    return true
  }

  /// Sets a lowest table aside for a huge page; `nil` when memory is short.
  func allocateDeposit() -> PageFrame? { allocateTables(1) ? prepared.take().map { PageFrame($0) } : nil }

  /// Gives a table back that was set aside.
  func freeDeposit(_ frame: PageFrame?) {
    guard let frame else { return }
    supply.free(frame.rawValue)
    tablePages -= 1
  }

  /// A new address space with nothing but its first table; `nil` when memory is short.
  func makeSpace(_ pid: Int, name: String) -> AddressSpace? {
    let order = policy.scheme.rootOrder
    guard
      let frame = supply.allocate(order: order, isMovable: false)
        ?? (order == 0 ? allocateAfterReclaim(isMovable: false) : nil)
    else { return nil }
    var frames = PreparedFrames()
    frames.add(frame)
    guard let entries = PageEntries(policy: policy, supply: supply, frames: &frames) else { return nil }
    spacesMade += 1
    let space = AddressSpace(pid: pid, name: name, policy: policy, identity: spacesMade, entries: entries)
    if policy.scheme.format == .pae {
      // Processors read the four pointers when they get a new table, so that Linux makes all at once (`preallocate_pmds`).
      for part in 0..<3 as Range<UInt64> where !prepareTables(space, part << 30, withLeaf: false) {
        tablePages -= space.entries.release()
        return nil
      }
    }
    return space
  }

  private func allocateAfterReclaim(isMovable: Bool) -> UInt64? {
    if supply.isUnlimited || isReclaiming { return nil }
    // Sixteen times without progress, as the kernel tries before it kills (MAX_RECLAIM_RETRIES).
    var attempts = 0
    while true {
      _ = reclaim(pages: 32)
      if let frame = supply.allocate(isMovable: isMovable) { return frame }
      // What was reclaimed may wait on a per-CPU list (`__alloc_pages_direct_reclaim`).
      supply.drain()
      if let frame = supply.allocate(isMovable: isMovable) { return frame }
      if attempts < 16 {
        attempts += 1
        continue
      }
      if !killForMemory() { return nil }
      if hasRequesterDied { return nil }
      attempts = 0
      if let frame = supply.allocate(isMovable: isMovable) { return frame }
    }
  }

  /// Whether the process whose request is served was killed for its own memory.
  var hasRequesterDied: Bool { current.identity != 0 && spaces[current.pid]?.identity != current.identity }

  /// Adds the tables for an entry; `false` when memory is short.
  @inline(__always)
  func prepareTables(_ space: AddressSpace, _ address: UInt64, withLeaf: Bool = true) -> Bool {
    let missing = space.entries.missingTables(address, withLeaf: withLeaf)
    if missing == 0 { return true }
    guard allocateTables(missing) else { return false }
    if recordsTables { noteTables(space, address, withLeaf: withLeaf) }
    space.entries.prepare(address, withLeaf: withLeaf, frames: &prepared)
    return true
  }

  // The kernel adds the upper tables first.
  private func noteTables(_ space: AddressSpace, _ address: UInt64, withLeaf: Bool) {
    for level in policy.tableShifts.indices.reversed() where level > 0 || withLeaf {
      let key = address >> UInt64(policy.tableShifts[level])
      if !space.entries.hasTable(level: level, key: key) {
        tableAdditions.append(TableAddition(space, level: level, key: key))
      }
    }
  }

  /// Lets go of a page that an entry mapped; the last one frees anonymous pages.
  func unmapPage(_ page: PageID) {
    pages[page].mapCount -= 1
    if pages[page].mapCount > 0 { return }
    switch pages[page].kind {
    case .anonymous: freeAnonymous(page)
    case .hugeTLB: freeHugeTLB(page)
    default: break
    }
  }

  /// Frees an anonymous page that nothing maps. A swap slot that other processes refer to keeps it in the swap cache.
  func freeAnonymous(_ page: PageID) {
    let order = Int(pages[page].order)
    let slot = Int(pages[page].swapSlot)
    if slot >= 0 {
      if swap.counts[slot] > 0 { return }
      swap.cached[slot] = .none
      swap.settle(slot)
    }
    pages.remove(page)
    supply.free(page.frame, order: order)
  }
}
