public import KernelTypes

/// A span of page frames with one buddy allocator, per-CPU lists in front of it, and watermarks.
///
/// Frames belong to nobody until `release` hands them over. It is driven by plain calls: requests by `allocate` and
/// `free` as the kernel's policy has it, or by `take` where a trace says which frames were handed out. Steps a kernel
/// would trace are found in `steps` when asked for.
///
/// Follows mm/page_alloc.c, Linux 6.1, with the profile's rules for other versions. Not modelled: page shuffling,
/// debug guard pages, cache-cold requests (before 4.15), deferred release of memory at boot, lists trimmed by the
/// statistics worker, and the reserve that 3.x sets up in `setup_zone_migrate_reserve` (its lists are used if filled).
public struct Zone: ~Copyable {
  /// The kind of a zone, in the order the kernel numbers them.
  public enum Kind: Int, Sendable, Codable, CaseIterable, Comparable {
    case dma
    case dma32
    case normal
    case highMemory
    case movable

    /// The name as /proc prints it.
    public var name: String {
      switch self {
      case .dma: "DMA"
      case .dma32: "DMA32"
      case .normal: "Normal"
      case .highMemory: "HighMem"
      case .movable: "Movable"
      }
    }

    public static func < (left: Kind, right: Kind) -> Bool { left.rawValue < right.rawValue }
  }

  public let kind: Kind
  /// The number of the node it belongs to.
  public let node: Int
  /// The first frame.
  public let start: PageFrame
  /// The frame after the last.
  public let end: PageFrame
  let policy: PageAllocatorPolicy
  let base: UInt64
  let reservesHighAtomic: Bool
  /// Pages the zone was given to manage; what watermarks and limits derive from.
  public internal(set) var managedPages = 0
  public var watermarks = Watermarks()
  /// Pages added to the marks after a fallback (`watermark_boost`).
  public internal(set) var watermarkBoost = 0
  /// Whether the marks were boosted since the last request that looks (`ZONE_BOOSTED_WATERMARK`): the next one to be
  /// served wakes the reclaiming thread.
  public var wasBoosted = false
  /// Pages kept from requests that could use higher zones, by the kind of the highest (`lowmem_reserve`).
  public var lowMemoryReserve: [Int]
  /// Whether the zone is being reclaimed (`ZONE_RECLAIM_ACTIVE`), which shortens the per-CPU lists.
  public var isReclaiming = false
  /// Whether a check of the high mark failed and it was not reached again (`ZONE_BELOW_HIGH`, 6.7 and later).
  public internal(set) var isBelowHigh = false
  let tracksHighMark: Bool

  var buddy: BuddyAllocator
  var perCPU: PerCPUPages

  /// Creates a zone without memory, for at most `cpuLimit` CPUs.
  public init(
    kind: Kind, node: Int = 0, start: PageFrame, end: PageFrame, policy: PageAllocatorPolicy, cpuLimit: Int
  ) {
    self.kind = kind
    self.node = node
    self.start = start
    self.end = max(start, end)
    self.policy = policy
    reservesHighAtomic = policy.reservesHighAtomic
    tracksHighMark = policy.perCPUFreeRule == .recentFrees
    lowMemoryReserve = Array(repeating: 0, count: Kind.allCases.count)
    buddy = BuddyAllocator(start: start, end: max(start, end), policy: policy)
    base = buddy.frames.base
    perCPU = PerCPUPages(policy: policy, cpuLimit: cpuLimit)
  }

  /// Whether a frame lies in the zone's span.
  @inline(__always)
  public func contains(_ frame: PageFrame) -> Bool { frame >= start && frame < end }

  @inline(__always)
  func index(_ frame: PageFrame) -> Int { Int(truncatingIfNeeded: frame.rawValue &- base) }

  @inline(__always)
  func frame(_ index: Int) -> PageFrame { PageFrame(base &+ UInt64(truncatingIfNeeded: index)) }

  /// Whether an aligned block lies in the zone.
  @inline(__always)
  func holds(_ frame: PageFrame, order: Int) -> Bool {
    order >= 0 && order <= buddy.maximumOrder && frame >= start && frame.isAligned(order: order)
      && frame.rawValue &+ Order.pages(order) <= end.rawValue
  }

  // MARK: - Populating

  /// Hands memory over at boot, as the largest aligned blocks; the part outside the zone is left out.
  /// Follows `memblock_free_all` in mm/memblock.c, Linux 6.1.
  public mutating func release(_ range: Range<PageFrame>) {
    let range = max(range.lowerBound, start)..<max(min(range.upperBound, end), max(range.lowerBound, start))
    let indices = index(range.lowerBound)..<index(range.upperBound)
    managedPages += indices.count
    buddy.release(indices)
  }

  /// The limits of the per-CPU lists.
  public var perCPULimits: PerCPULimits {
    get { perCPU.limits }
    set { perCPU.limits = newValue }
  }

  /// Puts a free block at the end of a list without merging it, as a snapshot found it; false when part of it is free.
  @discardableResult
  public mutating func append(freeBlock frame: PageFrame, order: Int, type: MigrateType) -> Bool {
    guard holds(frame, order: order), !buddy.frames.isAnyFree(index(frame), order: order) else { return false }
    buddy.frames.markFree(index(frame), order: order)
    buddy.insert(index(frame), order: order, type: type, atTail: true)
    return true
  }

  /// Puts a block at the end of a CPU's list, as a snapshot found it; false when part of it is free.
  @discardableResult
  public mutating func append(perCPUBlock frame: PageFrame, order: Int, type: MigrateType, cpu: Int) -> Bool {
    guard holds(frame, order: order), perCPU.keeps(order: order), perCPU.states.indices.contains(cpu),
      !buddy.frames.isAnyFree(index(frame), order: order)
    else { return false }
    buddy.frames.markFree(index(frame), order: order)
    perCPU.append(index(frame), order: order, type: type, cpu: cpu, buddy: &buddy)
    return true
  }

  /// Sets the tuned limit of a CPU's lists, as a snapshot found it, in pages.
  public mutating func setPerCPUHigh(_ pages: Int, cpu: Int) {
    if perCPU.states.indices.contains(cpu) { perCPU.states[cpu].high = pages }
  }

  /// Sets how many pages a machine's only CPU counts by itself before the zone's counter of free pages hears of them.
  public mutating func setCounterThreshold(_ pages: Int) { buddy.counterThreshold = pages }

  /// Free pages as a request sees them, without what the CPU's own counter holds back.
  public var countedFreePages: Int { buddy.freePages - buddy.heldBackPages }

  /// Pages that the CPU's own counter holds back from the zone's.
  @inline(__always)
  public var heldBackPages: Int {
    get { buddy.heldBackPages }
    set { buddy.heldBackPages = newValue }
  }

  /// Counts pages as the CPU's own counter does.
  public mutating func holdBack(_ pages: Int) { buddy.holdBack(pages) }

  /// Counts the pageblocks that a snapshot found kept for atomic requests.
  public mutating func countHighAtomicPageblocks() {
    buddy.reservedHighAtomicPages = buddy.blockTypes.count { $0 == .highAtomic } << buddy.pageblockOrder
  }

  /// How many pages the CPU's own counter may hold back; 0 if that is not modelled.
  public var counterThreshold: Int { buddy.counterThreshold }

  /// How many pages that are for a zone on a machine with one CPU.
  /// Follows `calculate_normal_threshold` in mm/vmstat.c, Linux 6.1.
  public static func counterThreshold(managedPages: Int, pageSize: Int) -> Int {
    let units = managedPages / max((128 << 20) / pageSize, 1)
    return min(2 * (1 + (Int.bitWidth - units.leadingZeroBitCount)), 125)
  }

  /// Sets the pages added to the marks, as a snapshot found them.
  public mutating func setWatermarkBoost(_ pages: Int) { watermarkBoost = pages }

  /// Sets what the zone was given to manage, in pages, where `append` populates it.
  public mutating func setManagedPages(_ pages: Int) { managedPages = pages }

  /// The migrate type of the pageblock that holds a frame of the zone.
  public func pageblockType(of frame: PageFrame) -> MigrateType {
    contains(frame) ? buddy.pageblockType(index(frame)) : .unmovable
  }

  /// Gives a pageblock a type; `movesFree` moves its free blocks to that type's lists as well.
  /// Follows `set_pageblock_migratetype` and `move_freepages_block` in mm/page_alloc.c, Linux 6.1.
  public mutating func setPageblockType(of frame: PageFrame, to type: MigrateType, movesFree: Bool = false) {
    guard contains(frame) else { return }
    buddy.setPageblockType(index(frame), type)
    if movesFree, let range = buddy.movableRange(index(frame)) { buddy.moveFreeBlocks(range, to: type) }
  }

  /// Says whether movable data is in a frame that is in use; `allocate` and `take` say so themselves.
  public mutating func setMovable(_ frame: PageFrame, _ isMovable: Bool) {
    if contains(frame) { buddy.frames.setMovable(index(frame), isMovable) }
  }

  // MARK: - What happened

  /// Whether `steps` are recorded.
  public var recordsSteps: Bool {
    get { buddy.recordsSteps }
    set { buddy.recordsSteps = newValue }
  }

  /// What happened to the lists since `removeSteps`, in order; empty unless `recordsSteps`.
  public var steps: [PageStep] { buddy.steps }

  /// Forgets the recorded steps.
  public mutating func removeSteps() { buddy.steps.removeAll(keepingCapacity: true) }

  /// Requests served from another type's memory so far.
  public var fallbackCount: Int { buddy.fallbackCount }
}
