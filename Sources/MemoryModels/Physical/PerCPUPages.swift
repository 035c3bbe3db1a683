import KernelTypes

/// The lists of free pages that each CPU keeps in front of a zone's buddy allocator.
///
/// Follows `struct per_cpu_pages` in include/linux/mmzone.h, Linux 6.1, with the policy's rules for other versions.
struct PerCPUPages: ~Copyable {
  /// What one CPU keeps beside its lists. Counts are in pages.
  struct State {
    var count = 0
    /// The tuned limit; unused by policies that do not tune it.
    var high = 0
    /// How often the amount to give back was doubled.
    var freeFactor = 0
    /// How often the amount to refill was doubled.
    var allocationFactor = 0
    /// Pages freed lately.
    var freeCount = 0
    var freedHighOrderLast = false
  }

  let policy: PageAllocatorPolicy
  let pageblockOrder: Int
  let maximumOrder: Int
  let smallLists: Int
  let listCount: Int
  let scaleLimit: Int
  let swapsTypes: Bool
  let freeRule: PageAllocatorPolicy.PerCPUFreeRule
  var limits = PerCPULimits.boot
  var states: [State]
  // List i of CPU c is at c × listCount + i.
  var lists: [FrameList]

  init(policy: PageAllocatorPolicy, cpuLimit: Int) {
    self.policy = policy
    pageblockOrder = min(policy.pageblockOrder, policy.maximumOrder)
    maximumOrder = policy.perCPUMaximumOrder
    smallLists = 3 * (policy.perCPUMaximumOrder + 1)
    listCount = smallLists + policy.perCPUPageblockLists
    scaleLimit = policy.perCPUScaleLimit
    swapsTypes = policy.numbering == .reclaimableFirst
    freeRule = policy.perCPUFreeRule
    states = Array(repeating: State(), count: max(cpuLimit, 1))
    lists = Array(repeating: FrameList(), count: max(cpuLimit, 1) * listCount)
  }

  /// Whether blocks of `order` are kept on these lists. Follows `pcp_allowed_order` in mm/page_alloc.c, Linux 6.1.
  @inline(__always)
  func keeps(order: Int) -> Bool { order <= maximumOrder || (order == pageblockOrder && listCount > smallLists) }

  /// The list of a CPU that keeps blocks of an order and type. Follows `order_to_pindex`, Linux 6.1.
  @inline(__always)
  func list(order: Int, type: MigrateType) -> Int {
    // Types without a list of their own are kept as movable, to be used up first.
    var number = BuddyAllocator.isMergeable(type) ? Int(type.rawValue) : Int(MigrateType.movable.rawValue)
    if order > maximumOrder {
      if listCount - smallLists == 2 { return smallLists + (number == Int(MigrateType.movable.rawValue) ? 1 : 0) }
      return smallLists + number
    }
    // The lists are emptied in turns, so that their order matters.
    if swapsTypes, number != 0 { number = 3 &- number }
    return 3 &* order &+ number
  }

  /// The order of the blocks on a list. Follows `pindex_to_order`, Linux 6.1.
  @inline(__always)
  func order(list: Int) -> Int { list >= smallLists ? pageblockOrder : list / 3 }

  // MARK: - Allocating

  /// Takes the first block of a CPU's list, refilling the list when it is empty.
  /// Follows `rmqueue_pcplist` in mm/page_alloc.c, Linux 6.1.
  @inline(__always)
  mutating func allocate(
    order: Int, type: MigrateType, flags: PageRequestFlags, cpu: Int, isBelowHigh: Bool, buddy: inout BuddyAllocator
  ) -> Int? {
    if !flags.contains(.bulk) {
      switch freeRule {
      case .oneBatch: break
      case .doubling: states[cpu].freeFactor >>= 1
      case .recentFrees: states[cpu].freeCount >>= 1
      }
    }
    let list = list(order: order, type: type)
    let slot = cpu &* listCount &+ list
    if lists[slot].head < 0 {
      refill(slot, order: order, type: type, flags: flags, cpu: cpu, isBelowHigh: isBelowHigh, buddy: &buddy)
      if lists[slot].head < 0 { return nil }
    }
    let index = Int(lists[slot].head)
    buddy.frames.remove(index, from: &lists[slot])
    states[cpu].count &-= 1 << order
    return index
  }

  /// Moves blocks from the buddy allocator to the end of a list. Follows `rmqueue_bulk`, Linux 6.1.
  @inline(never)
  private mutating func refill(
    _ slot: Int, order: Int, type: MigrateType, flags: PageRequestFlags, cpu: Int, isBelowHigh: Bool,
    buddy: inout BuddyAllocator
  ) {
    var wanted = limits.batch
    if freeRule == .recentFrees { wanted = tunedRefill(order: order, cpu: cpu, isBelowHigh: isBelowHigh) }
    if wanted > 1 { wanted = max(wanted >> order, 2) }
    var stage = BuddyAllocator.Stage.normal
    let before = states[cpu].count
    for _ in 0..<wanted {
      guard let block = buddy.removeBlock(order: order, type: type, flags: flags, stage: &stage) else { break }
      buddy.frames.insert(
        block.index, into: &lists[slot], place: .perCPU, order: order, type: block.type, cpu: cpu, atTail: true)
      states[cpu].count += 1 << order
    }
    buddy.holdBack(before - states[cpu].count)
  }

  /// Pages to refill with, more each time until something is freed. Follows `nr_pcp_alloc`, Linux 6.12.
  private mutating func tunedRefill(order: Int, cpu: Int, isBelowHigh: Bool) -> Int {
    let base = limits.batch
    var high = min(max(states[cpu].high, limits.high), limits.highMaximum)
    states[cpu].high = high
    if high < base { return 1 }
    let batch = order == 0 ? base << states[cpu].allocationFactor : base
    if limits.high != limits.highMaximum, !isBelowHigh {
      high = min(high + batch, limits.highMaximum)
      states[cpu].high = high
    }
    if order > 0 { return batch }
    let most = max(high - states[cpu].count - base, base)
    if batch <= most, states[cpu].allocationFactor < scaleLimit { states[cpu].allocationFactor += 1 }
    return min(batch, most)
  }
}
