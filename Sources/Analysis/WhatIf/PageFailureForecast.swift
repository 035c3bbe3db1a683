public import KernelTypes
public import MemoryModels
public import ProcSnapshots

/// What the kernel would do if the memory of a page frame of a snapshot's machine failed.
public struct PageFailureForecast: Sendable {
  public var frame: UInt64
  /// What the page is used for; `nil` if there is no page at the frame, or it is out of use already.
  public var use: MemoryFailure.Use?
  public var result: MemoryFailure.Result?
  public var isTakenOut = false
  /// Where the frame lies; `nil` if the snapshot doesn't tell.
  public var zone: ZoneID?
  /// How often it is mapped (`kpagecount`); `nil` if the snapshot doesn't tell.
  public var mappings: Int?
  /// Mappings whose process gets SIGBUS at once, and those that get it when they touch the page.
  public var killed = 0
  public var killedOnAccess = 0
  /// The snapshot's own process is among them.
  public var knownProcess: Int?
  /// The order of the free block that the page is taken out of.
  public var freeBlockOrder: Int?
  /// Free blocks of its zone by order, before and after; empty unless it is free.
  public var freeBlocksBefore: [Int] = []
  public var freeBlocksAfter: [Int] = []
  /// The page is out of use already.
  public var isPoisoned = false

  /// `nil` without kpageflags, or if they do not reach that far.
  public init?(_ snapshot: Snapshot, frame: UInt64, settings: VirtualMemorySettings, kernel: KernelVersion) {
    guard let flags = snapshot.pageFlags, frame < UInt64(flags.pages.words.count) else { return nil }
    self.frame = frame
    let found = flags.flags(of: Int(frame))
    zone = Self.zone(frame, snapshot)
    isPoisoned = found.contains(.poisoned)
    if found.contains(.noPage) || isPoisoned { return }
    mappings = snapshot.pageCounts.flatMap {
      frame < UInt64($0.pages.words.count) ? Int(clamping: $0.pages.words[Int(frame)]) : nil
    }
    let use = Self.use(found, mappings: mappings ?? 0)
    self.use = use
    let isMapped = found.contains(.memoryMapped)
    let count = isMapped ? max(mappings ?? 1, 1) : 0
    // Who maps it is known of one process at most; how many do, of all.
    let mappers = (0..<min(count, 1 << 20)).map { MemoryFailure.Mapper(pid: $0) }
    let failure = MemoryFailure(use: use, mappers: mappers, settings: settings)
    result = failure.result
    isTakenOut = failure.isTakenOut
    killed = failure.killed.count
    killedOnAccess = failure.killedOnAccess.count
    if count > 0, let map = snapshot.pageMap, map.pages.words.indices.contains(where: { map[$0].frame == frame }) {
      knownProcess = snapshot.status?["Pid"].flatMap { Int($0) }
    }
    if use == .free { takeOut(snapshot, kernel) }
  }

  /// What a page is used for, by its flags. Follows `error_states` in mm/memory-failure.c, Linux 6.1.
  static func use(_ flags: KPageFlags.Flags, mappings: Int) -> MemoryFailure.Use {
    if flags.contains(.buddy) { return .free }
    if flags.contains(.reserved) { return .reserved }
    if flags.contains(.huge) { return mappings > 0 ? .hugeInUse : .hugeFree }
    if flags.contains(.slab) || flags.contains(.pageTable) { return .kernel }
    if flags.contains(.swapCache) { return flags.contains(.dirty) ? .anonymous : .cleanSwapCache }
    // Shared memory, too, is lost unless it is in swap.
    if flags.contains(.anonymous) { return .anonymous }
    if flags.contains(.lru) { return flags.contains(.dirty) || flags.contains(.swapBacked) ? .dirtyFile : .cleanFile }
    return .kernel
  }

  private static func zone(_ frame: UInt64, _ snapshot: Snapshot) -> ZoneID? {
    MachineStart.spans(snapshot).first { $0.frames.contains(PageFrame(frame)) }
      .map { ZoneID(node: $0.node, zone: $0.kind.name) }
  }

  private mutating func takeOut(_ snapshot: Snapshot, _ kernel: KernelVersion) {
    guard var machine = MachineStart.machine(snapshot, profile: KernelProfile(kernel: kernel)),
      let index = machine.zoneIndex(of: PageFrame(frame))
    else { return }
    freeBlocksBefore = machine[zone: index].freeBlockCounts
    let page = PageFrame(frame)
    for order in 0...machine[zone: index].maximumOrder {
      let head = PageFrame(frame & ~(Order.pages(order) - 1))
      if machine[zone: index].freeBlockOrder(at: head) == order { freeBlockOrder = order }
    }
    let isTaken = machine.withZone(index) { $0.takeOutFailing(page) }
    if isTaken { freeBlocksAfter = machine[zone: index].freeBlockCounts } else { freeBlocksBefore = [] }
  }
}
