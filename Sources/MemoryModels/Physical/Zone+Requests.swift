public import KernelTypes

extension Zone {
  /// Hands out the block the kernel's policy picks; `nil` when there is none.
  ///
  /// Follows `rmqueue` in mm/page_alloc.c, Linux 6.1. No watermark is checked: see `isAboveMark`.
  @inline(__always)
  public mutating func allocate(
    order: Int, migrateType: MigrateType, flags: PageRequestFlags = [], cpu: Int
  ) -> PageFrame? {
    guard order >= 0, order <= buddy.maximumOrder else { return nil }
    var found: Int?
    if perCPU.keeps(order: order), !flags.contains(.skipPerCPU), BuddyAllocator.isMergeable(migrateType),
      !policy.hasContiguous || migrateType != .movable || flags.contains(.contiguous)
    {
      found = perCPU.allocate(
        order: order, type: migrateType, flags: flags, cpu: cpu, isBelowHigh: isBelowHigh, buddy: &buddy)
    }
    guard let index = found ?? allocateFromBuddy(order: order, type: migrateType, flags: flags) else {
      if buddy.boostRequests > 0 { applyBoost() }
      return nil
    }
    buddy.frames.markUsed(index, order: order, isMovable: migrateType == .movable)
    if buddy.boostRequests > 0 { applyBoost() }
    if flags.contains(.highAtomic), reservesHighAtomic { reserveHighAtomic(index) }
    return frame(index)
  }

  /// Follows `rmqueue_buddy` in mm/page_alloc.c, Linux 6.1.
  @inline(never)
  private mutating func allocateFromBuddy(order: Int, type: MigrateType, flags: PageRequestFlags) -> Int? {
    let index = removeFromBuddy(order: order, type: type, flags: flags)
    if index != nil { buddy.holdBack(-(1 << order)) }
    return index
  }

  private mutating func removeFromBuddy(order: Int, type: MigrateType, flags: PageRequestFlags) -> Int? {
    if flags.contains(.highAtomic), let index = buddy.removeSmallest(order: order, type: .highAtomic) { return index }
    var stage = BuddyAllocator.Stage.normal
    if let block = buddy.removeBlock(order: order, type: type, flags: flags, stage: &stage) { return block.index }
    if flags.contains(.nonBlocking), reservesHighAtomic {
      return buddy.removeSmallest(order: order, type: .highAtomic)
    }
    return nil
  }

  /// Takes a block back, which may be part of one that was handed out; false when any of it is free already.
  ///
  /// Follows `free_unref_page` and `__free_pages_ok` in mm/page_alloc.c, Linux 6.1.
  @inline(__always)
  @discardableResult
  public mutating func free(_ frame: PageFrame, order: Int, cpu: Int, skipsPerCPU: Bool = false) -> Bool {
    guard holds(frame, order: order) else { return false }
    let index = index(frame)
    if buddy.frames.isAnyFree(index, order: order) { return false }
    buddy.frames.markFree(index, order: order)
    let type = buddy.pageblockType(index)
    if skipsPerCPU || !perCPU.keeps(order: order) || type == .isolate {
      buddy.free(index, order: order, type: type)
      return true
    }
    let gaveBack = perCPU.free(
      index, order: order, type: type, cpu: cpu,
      pressure: .init(isReclaiming: isReclaiming, isBelowHigh: isBelowHigh), buddy: &buddy)
    if gaveBack, isBelowHigh, buddy.freePages > watermarks.high + watermarkBoost { isBelowHigh = false }
    return true
  }

  /// Takes a block back to the tail of the buddy lists, past the CPU's lists: the unused end of an exact allocation.
  /// Follows `make_alloc_exact` in mm/page_alloc.c, Linux 6.1.
  @discardableResult
  public mutating func freeToTail(_ frame: PageFrame, order: Int) -> Bool {
    guard holds(frame, order: order), !buddy.frames.isAnyFree(index(frame), order: order) else { return false }
    buddy.frames.markFree(index(frame), order: order)
    buddy.free(index(frame), order: order, type: buddy.pageblockType(index(frame)), toTail: policy.releasesToTail)
    return true
  }

  /// Takes exactly this block, wherever its pages are free; false, and nothing changed, when one of them is not.
  ///
  /// Larger free blocks are cut and their remainder stays free; smaller ones are put together.
  @discardableResult
  public mutating func take(_ frame: PageFrame, order: Int, isMovable: Bool = false) -> Bool {
    guard holds(frame, order: order) else { return false }
    let index = index(frame)
    guard buddy.frames.isAllFree(index, order: order) else { return false }
    var cursor = index
    while cursor < index + 1 << order {
      guard let head = buddy.frames.head(of: cursor, maximumOrder: buddy.maximumOrder) else { return false }
      let entry = buddy.frames.record(head).pointee
      let found = Int(entry.order)
      let taken = min(found, order)
      if entry.place == .perCPU {
        perCPU.remove(head, buddy: &buddy)
        if found > order {
          buddy.insert(head, order: found, type: entry.type, atTail: false)
          buddy.take(cursor, order: order, outOf: head)
        }
      } else {
        buddy.take(cursor, order: taken, outOf: head)
      }
      cursor += 1 << taken
    }
    buddy.frames.markUsed(index, order: order, isMovable: isMovable)
    return true
  }

  /// Gives everything on a CPU's lists back to the buddy allocator. Follows `drain_pages`, Linux 6.1.
  public mutating func drain(cpu: Int) { perCPU.drain(cpu: cpu, buddy: &buddy) }

  /// Gives everything on all CPUs' lists back to the buddy allocator, CPU by CPU.
  public mutating func drainAll() {
    for cpu in perCPU.states.indices { drain(cpu: cpu) }
  }

  // MARK: - Pageblocks for atomic requests

  /// Keeps a pageblock for atomic high-order requests, up to a hundredth of the zone.
  /// Follows `reserve_highatomic_pageblock` in mm/page_alloc.c, Linux 6.1 (the limit: 6.12 for its policy).
  private mutating func reserveHighAtomic(_ index: Int) {
    let pages = 1 << buddy.pageblockOrder
    var limit = managedPages / 100 + pages
    if policy.fallbackRule == .claimThenSteal {
      limit = managedPages / 100 < pages ? 0 : (managedPages / 100 + pages - 1) / pages * pages
    }
    if buddy.reservedHighAtomicPages >= limit || !BuddyAllocator.isMergeable(buddy.pageblockType(index)) { return }
    buddy.reservedHighAtomicPages += pages
    buddy.setPageblockType(index, .highAtomic)
    if let range = buddy.movableRange(index) { buddy.moveFreeBlocks(range, to: .highAtomic) }
  }

  /// Gives a pageblock kept for atomic requests to `type`; true when free pages came with it.
  ///
  /// Unless `force`, one pageblock is kept. Follows `unreserve_highatomic_pageblock` in mm/page_alloc.c, Linux 6.1.
  @discardableResult
  public mutating func unreserveHighAtomic(for type: MigrateType, force: Bool) -> Bool {
    let pages = 1 << buddy.pageblockOrder
    if !force, buddy.reservedHighAtomicPages <= pages { return false }
    for order in 0...buddy.maximumOrder {
      let head = buddy.lists[buddy.slot(order, .highAtomic)].head
      if head < 0 { continue }
      let index = Int(head)
      if buddy.pageblockType(index) == .highAtomic {
        buddy.reservedHighAtomicPages -= min(pages, buddy.reservedHighAtomicPages)
      }
      buddy.setPageblockType(index, type)
      if let range = buddy.movableRange(index), buddy.moveFreeBlocks(range, to: type) > 0 { return true }
    }
    return false
  }
}
