import KernelTypes

extension BuddyAllocator {
  /// The types tried in turn for a request whose own lists are empty. Follows `fallbacks` in mm/page_alloc.c, 3.5 to 6.12.
  private static func fallback(_ type: MigrateType, _ attempt: Int) -> MigrateType? {
    switch (type, attempt) {
    case (.unmovable, 0), (.movable, 0): .reclaimable
    case (.unmovable, 1), (.reclaimable, 1): .movable
    case (.reclaimable, 0), (.movable, 1): .unmovable
    default: nil
    }
  }

  /// The first fallback type that has a block of exactly `order`. Follows `find_suitable_fallback`, Linux 6.1.
  private func fallbackType(_ type: MigrateType, order: Int) -> MigrateType? {
    for attempt in 0..<2 {
      guard let other = Self.fallback(type, attempt) else { return nil }
      if lists[slot(order, other)].head >= 0 { return other }
    }
    return nil
  }

  /// Whether a block of `order` is reason to take over its pageblock. Follows `can_steal_fallback`, Linux 6.1.
  private func takesPageblock(order: Int, type: MigrateType) -> Bool {
    if order >= pageblockOrder / 2 || type == .reclaimable { return true }
    return type == .unmovable && policy.fallbackRule != .withReserve
  }

  private mutating func noteFallback(
    _ index: Int, order: Int, type: MigrateType, foundOrder: Int, foundType: MigrateType
  ) {
    fallbackCount += 1
    if !recordsSteps { return }
    let owns = pageblockType(index) == type
    steps.append(
      record(
        .fallback, index, order: order, type: type, fallbackOrder: foundOrder, fallbackType: foundType,
        changedOwnership: owns))
  }

  // MARK: - 5.0 to 6.11

  /// Moves a block of another type, and perhaps its whole pageblock, to the lists of `type`; false when there is none.
  /// Follows `__rmqueue_fallback` in mm/page_alloc.c, Linux 6.1.
  mutating func moveFallback(order: Int, type: MigrateType, flags: PageRequestFlags) -> Bool {
    let minimum = order < pageblockOrder && flags.contains(.noFragment) ? pageblockOrder : order
    var found = maximumOrder
    while found >= minimum {
      if fallbackType(type, order: found) != nil { break }
      found -= 1
    }
    if found < minimum { return false }
    let takes = takesPageblock(order: found, type: type)
    if !takes, type == .movable, found > order {
      found = order
      while fallbackType(type, order: found) == nil { found += 1 }
    }
    guard let other = fallbackType(type, order: found) else { return false }
    let index = Int(lists[slot(found, other)].head)
    stealBlock(index, order: found, from: other, to: type, wholeBlock: takes)
    noteFallback(index, order: order, type: type, foundOrder: found, foundType: other)
    return true
  }

  /// Follows `steal_suitable_fallback` in mm/page_alloc.c, Linux 6.1.
  private mutating func stealBlock(
    _ index: Int, order: Int, from listType: MigrateType, to type: MigrateType, wholeBlock: Bool
  ) {
    let oldType = pageblockType(index)
    if oldType != .highAtomic {
      if order >= pageblockOrder {
        setPageblockRange(index, order: order, type)
      } else {
        boostRequests += 1
        if wholeBlock, let range = movableRange(index) {
          let movable = frames.movableFrames(range)
          let moved = moveFreeBlocks(range, to: type)
          let alike = alikePages(free: moved, movable: movable, oldType: oldType, type: type)
          if moved + alike >= 1 << (pageblockOrder - 1) { setPageblockType(index, type) }
          return
        }
      }
    }
    move(index, order: order, from: listType, to: type)
  }

  /// Pages in use whose mobility suits `type`. Follows the count in `steal_suitable_fallback`, Linux 6.1.
  private func alikePages(free: Int, movable: Int, oldType: MigrateType, type: MigrateType) -> Int {
    if type == .movable { return movable }
    return oldType == .movable ? 1 << pageblockOrder - (free + movable) : 0
  }

  // MARK: - Moving free blocks

  /// The part of a pageblock whose free blocks may be moved; `nil` when it crosses the end of the zone.
  /// Follows `move_freepages_block` in mm/page_alloc.c, Linux 6.1.
  func movableRange(_ index: Int) -> Range<Int>? {
    var lower = index & ~((1 << pageblockOrder) - 1)
    let upper = lower + 1 << pageblockOrder
    if lower < start { lower = index }
    return upper > end ? nil : lower..<upper
  }

  /// Moves the free blocks in a range, in ascending order, to the lists of `type` and returns their pages.
  /// Follows `move_freepages` in mm/page_alloc.c, Linux 6.1.
  @discardableResult
  mutating func moveFreeBlocks(_ range: Range<Int>, to type: MigrateType) -> Int {
    var moved = 0
    var index = range.lowerBound
    while index < range.upperBound {
      let entry = frames.record(index).pointee
      if entry.place == .buddy {
        let order = Int(entry.order)
        move(index, order: order, from: entry.type, to: type)
        moved += 1 << order
        index += 1 << order
      } else {
        index += 1
      }
    }
    return moved
  }

  private mutating func move(_ index: Int, order: Int, from oldType: MigrateType, to type: MigrateType) {
    remove(index, order: order, type: oldType)
    insert(index, order: order, type: type, atTail: movesToTail)
  }

  // MARK: - Before 5.0

  /// Removes a block of another type at once, largest first. Follows `__rmqueue_fallback`, Linux 3.5 and 4.9.
  mutating func removeFallback(order: Int, type: MigrateType) -> Int? {
    var found = maximumOrder
    while found >= order {
      guard let other = fallbackType(type, order: found) else {
        found -= 1
        continue
      }
      let index = Int(lists[slot(found, other)].head)
      var listType = other
      let movesBlocks = policy.fallbackRule == .withReserve || found < pageblockOrder
      if movesBlocks, takesPageblock(order: found, type: type), let range = movableRange(index) {
        let moved = moveFreeBlocks(range, to: type)
        listType = type
        if moved >= 1 << (pageblockOrder - 1) { setPageblockType(index, type) }
      }
      remove(index, order: found, type: listType)
      if found >= pageblockOrder { setPageblockRange(index, order: found, type) }
      expand(index, from: found, to: order, type: type)
      noteFallback(index, order: order, type: type, foundOrder: found, foundType: other)
      note(.removed, index, order: order, type: type)
      return index
    }
    return nil
  }

  // MARK: - 6.12

  /// Takes over a whole pageblock and serves the request from it. Follows `__rmqueue_claim`, Linux 6.12.
  mutating func claimFallback(order: Int, type: MigrateType, flags: PageRequestFlags) -> Int? {
    let minimum = order < pageblockOrder && flags.contains(.noFragment) ? pageblockOrder : order
    var found = maximumOrder
    while found >= minimum {
      if let other = fallbackType(type, order: found) {
        if !takesPageblock(order: found, type: type) { return nil }
        if let index = claimBlock(order: order, type: type, foundOrder: found, foundType: other) {
          noteFallback(index, order: order, type: type, foundOrder: found, foundType: other)
          return index
        }
      }
      found -= 1
    }
    return nil
  }

  /// Follows `try_to_claim_block` in mm/page_alloc.c, Linux 6.12.
  private mutating func claimBlock(
    order: Int, type: MigrateType, foundOrder: Int, foundType: MigrateType
  ) -> Int? {
    let index = Int(lists[slot(foundOrder, foundType)].head)
    if foundOrder >= pageblockOrder {
      remove(index, order: foundOrder, type: foundType)
      setPageblockRange(index, order: foundOrder, type)
      expand(index, from: foundOrder, to: order, type: type)
      return index
    }
    boostRequests += 1
    guard let range = movableRange(index), range.count == 1 << pageblockOrder else { return nil }
    let free = freeFramesOnLists(range)
    let movable = frames.movableFrames(range)
    if free + alikePages(free: free, movable: movable, oldType: foundType, type: type) < 1 << (pageblockOrder - 1) {
      return nil
    }
    moveFreeBlocks(range, to: type)
    setPageblockType(index, type)
    return removeSmallest(order: order, type: type)
  }

  private func freeFramesOnLists(_ range: Range<Int>) -> Int {
    var free = 0
    var index = range.lowerBound
    while index < range.upperBound {
      let entry = frames.record(index).pointee
      let pages = entry.place == .buddy ? 1 << Int(entry.order) : 1
      if entry.place == .buddy { free += pages }
      index += pages
    }
    return free
  }

  /// Takes one block and leaves the rest of it with its type. Follows `__rmqueue_steal`, Linux 6.12.
  mutating func stealFallback(order: Int, type: MigrateType) -> Int? {
    for found in order...maximumOrder {
      guard let other = fallbackType(type, order: found) else { continue }
      let index = Int(lists[slot(found, other)].head)
      remove(index, order: found, type: other)
      expand(index, from: found, to: order, type: other)
      noteFallback(index, order: order, type: type, foundOrder: found, foundType: other)
      return index
    }
    return nil
  }
}
