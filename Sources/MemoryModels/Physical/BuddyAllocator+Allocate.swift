import KernelTypes

extension BuddyAllocator {
  /// Which stages of a request are worth trying; remembered while a CPU's list is refilled. Used by 6.12 only.
  enum Stage {
    case normal
    /// Nothing but single blocks of other types is left.
    case steal
  }

  /// Removes a block for a caller or a CPU's list; its frames still count as free there.
  ///
  /// Follows `__rmqueue` in mm/page_alloc.c, Linux 6.1 and, for its policy, 6.12.
  @inline(__always)
  mutating func removeBlock(
    order: Int, type: MigrateType, flags: PageRequestFlags, stage: inout Stage
  ) -> (index: Int, type: MigrateType)? {
    if flags.contains(.contiguous), policy.balancesContiguous, freeContiguousPages > freePages / 2,
      let index = removeSmallest(order: order, type: .contiguous)
    {
      return (index, .contiguous)
    }
    if stage == .normal, let index = removeSmallest(order: order, type: type) { return (index, type) }
    return removeElsewhere(order: order, type: type, flags: flags, stage: &stage)
  }

  @inline(never)
  private mutating func removeElsewhere(
    order: Int, type: MigrateType, flags: PageRequestFlags, stage: inout Stage
  ) -> (index: Int, type: MigrateType)? {
    if flags.contains(.contiguous), let index = removeSmallest(order: order, type: .contiguous) {
      return (index, .contiguous)
    }
    switch policy.fallbackRule {
    case .countingAlike:
      if !moveFallback(order: order, type: type, flags: flags) { return nil }
      return removeSmallest(order: order, type: type).map { ($0, type) }
    case .withReserve, .largestBlock:
      if let index = removeFallback(order: order, type: type) { return (index, type) }
      if policy.fallbackRule == .withReserve, let index = removeSmallest(order: order, type: .highAtomic) {
        return (index, type)
      }
      return nil
    case .claimThenSteal:
      if stage != .steal, let index = claimFallback(order: order, type: type, flags: flags) {
        stage = .normal
        return (index, type)
      }
      if !flags.contains(.noFragment), let index = stealFallback(order: order, type: type) {
        stage = .steal
        return (index, type)
      }
      return nil
    }
  }

  /// Removes the head of the smallest list that will do and puts the rest of the block back.
  /// Follows `__rmqueue_smallest` in mm/page_alloc.c, Linux 6.1.
  @inline(__always)
  mutating func removeSmallest(order: Int, type: MigrateType) -> Int? {
    let orders = available[Int(type.rawValue)] >> UInt32(truncatingIfNeeded: order)
    if orders == 0 { return nil }
    let found = order &+ orders.trailingZeroBitCount
    let index = Int(lists[slot(found, type)].head)
    remove(index, order: found, type: type)
    expand(index, from: found, to: order, type: type)
    note(.removed, index, order: order, type: type)
    return index
  }

  /// Puts the upper halves of a block back until one of the wanted order is left.
  /// Follows `expand` in mm/page_alloc.c, Linux 6.1.
  @inline(__always)
  mutating func expand(_ index: Int, from high: Int, to low: Int, type: MigrateType) {
    var order = high
    while order > low {
      order &-= 1
      insert(index &+ (1 << order), order: order, type: type, atTail: false)
    }
  }

  /// Takes exactly the block at `index` out of the free block with head `head`, leaving the rest free.
  ///
  /// Halves go back as `expand` would put them; the half that holds `index` is the one cut on.
  mutating func take(_ index: Int, order: Int, outOf head: Int) {
    let entry = frames.record(head).pointee
    var cut = Int(entry.order)
    remove(head, order: cut, type: entry.type)
    while cut > order {
      cut -= 1
      let other = (index & ~((1 << cut) - 1)) ^ (1 << cut)
      insert(other, order: cut, type: entry.type, atTail: false)
    }
  }
}
