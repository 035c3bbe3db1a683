public import KernelTypes

extension Zone {
  /// Free pages of the buddy allocator (`NR_FREE_PAGES`): without per-CPU lists and isolated pageblocks.
  public var freePages: Int { buddy.freePages }

  /// Free pages on the contiguous allocator's lists.
  public var freeContiguousPages: Int { buddy.freeContiguousPages }

  /// Pages in pageblocks kept for atomic requests, free or not.
  public var reservedHighAtomicPages: Int { buddy.reservedHighAtomicPages }

  /// Pages on all CPUs' lists.
  public var pagesInPerCPULists: Int {
    var total = 0
    for state in perCPU.states { total += state.count }
    return total
  }

  /// Pages on a CPU's lists.
  public func pagesInPerCPULists(cpu: Int) -> Int { perCPU.states[cpu].count }

  /// The number of free blocks of an order, as buddyinfo prints it.
  public func freeBlocks(order: Int) -> Int { buddy.freeBlocks(order: order) }

  /// The number of free blocks of an order on the lists of a type, as pagetypeinfo prints it.
  public func freeBlocks(order: Int, type: MigrateType) -> Int { buddy.freeBlocks(order: order, type: type) }

  /// The numbers of free blocks by order, from 0: the input of the fragmentation indices.
  public var freeBlockCounts: [Int] { (0...buddy.maximumOrder).map { buddy.freeBlocks(order: $0) } }

  /// The number of pageblocks of a type that begin in the zone, as pagetypeinfo prints it.
  public func pageblocks(type: MigrateType) -> Int {
    var total = 0
    for block in buddy.blockTypes.indices {
      let first = block << buddy.pageblockOrder
      if first >= buddy.start, first < buddy.end, buddy.blockTypes[block] == type { total += 1 }
    }
    return total
  }

  /// The blocks on a list, the next to be handed out first.
  public func freeList(order: Int, type: MigrateType) -> [PageFrame] {
    frames(on: buddy.lists[buddy.slot(order, type)])
  }

  /// The blocks on a CPU's list, the next to be handed out first; none for orders that have no such list.
  public func perCPUList(cpu: Int, order: Int, type: MigrateType) -> [PageFrame] {
    if !perCPU.keeps(order: order) { return [] }
    return frames(on: perCPU.lists[cpu * perCPU.listCount + perCPU.list(order: order, type: type)])
  }

  private func frames(on list: FrameList) -> [PageFrame] {
    var frames: [PageFrame] = []
    var index = list.head
    while index >= 0 {
      frames.append(frame(Int(index)))
      index = buddy.frames.record(Int(index)).pointee.next
    }
    return frames
  }

  /// Whether a frame is free, on the buddy allocator's or on a CPU's lists.
  public func isFree(_ frame: PageFrame) -> Bool { contains(frame) && buddy.frames.isFree(index(frame)) }

  /// Whether any frame of a block is free; false for a block that is not the zone's.
  @inline(__always)
  public func isAnyFree(_ frame: PageFrame, order: Int) -> Bool {
    holds(frame, order: order) && buddy.frames.isAnyFree(index(frame), order: order)
  }

  /// Whether a frame is free on a CPU's list.
  public func isInPerCPUList(_ frame: PageFrame) -> Bool {
    guard isFree(frame), let head = buddy.frames.head(of: index(frame), maximumOrder: buddy.maximumOrder) else {
      return false
    }
    return buddy.frames.record(head).pointee.place == .perCPU
  }
}
