import KernelTypes

extension BuddyAllocator {
  /// Puts a block back, merged with its free buddies.
  ///
  /// Follows `__free_one_page` in mm/page_alloc.c, Linux 6.1 (splitting at pageblock size: `split_large_buddy`, 6.12).
  mutating func free(_ index: Int, order: Int, type: MigrateType, toTail: Bool = false) {
    holdBack(1 << order)
    if order > pageblockOrder, policy.fallbackRule == .claimThenSteal {
      // Free blocks of such a kernel never hold pageblocks of two types, unless merging makes them one.
      for piece in 0..<(1 << (order - pageblockOrder)) {
        let index = index + piece << pageblockOrder
        freeOne(index, order: pageblockOrder, type: pageblockType(index), toTail: toTail)
      }
    } else {
      freeOne(index, order: order, type: type, toTail: toTail)
    }
  }

  @inline(__always)
  private mutating func freeOne(_ freed: Int, order freedOrder: Int, type: MigrateType, toTail: Bool) {
    var index = freed
    var order = freedOrder
    while order < maximumOrder {
      let buddy = index ^ (1 << order)
      let entry = frames.record(buddy).pointee
      if !entry.isBuddy(order: order) { break }
      if order >= pageblockOrder {
        if !maySpanPageblocks(type, pageblockType(buddy)) { break }
        remove(buddy, order: order, type: entry.type)
        if policy.fallbackRule == .claimThenSteal { setPageblockRange(buddy, order: order, type) }
      } else {
        remove(buddy, order: order, type: entry.type)
      }
      index &= ~(1 << order)
      order &+= 1
    }
    insert(index, order: order, type: type, atTail: toTail || isMergeLikely(index, order: order))
  }

  private func maySpanPageblocks(_ left: MigrateType, _ right: MigrateType) -> Bool {
    if left == right { return true }
    switch policy.pageblockMergeRule {
    case .always: return true
    case .notWithIsolated: return left != .isolate && right != .isolate
    case .mergeableTypesOnly: return Self.isMergeable(left) && Self.isMergeable(right)
    }
  }

  /// Whether the pair this block belongs to will probably become a still larger block, so that the block is best left
  /// alone. Follows `buddy_merge_likely` in mm/page_alloc.c, Linux 6.1.
  @inline(__always)
  private func isMergeLikely(_ index: Int, order: Int) -> Bool {
    if order >= maximumOrder &- 1 { return false }
    let bit = 1 << order
    if tailRuleMissesUpperHalf, index & bit != 0 { return false }
    let neighbour = (index & ~bit) ^ (bit &<< 1)
    return frames.record(neighbour).pointee.isBuddy(order: order &+ 1)
  }

  /// Hands memory over that nobody owned, in ascending order.
  /// Follows `__free_pages_memory` in mm/memblock.c, Linux 6.1 (mm/nobootmem.c, 3.5, for blocks of fixed order).
  mutating func release(_ range: Range<Int>) {
    var index = range.lowerBound
    while index < range.upperBound {
      let order = releaseOrder(index, upTo: range.upperBound)
      frames.markFree(index, order: order)
      free(index, order: order, type: pageblockType(index), toTail: policy.releasesToTail)
      index += 1 << order
    }
  }

  private func releaseOrder(_ index: Int, upTo limit: Int) -> Int {
    let fixed = policy.releaseOrder
    if fixed > 0 { return index & (1 << fixed - 1) == 0 && index + 1 << fixed <= limit ? fixed : 0 }
    var order = index == 0 ? maximumOrder : min(index.trailingZeroBitCount, maximumOrder)
    while index + 1 << order > limit { order -= 1 }
    return order
  }
}
