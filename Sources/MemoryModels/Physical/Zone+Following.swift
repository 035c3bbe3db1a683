public import KernelTypes

/// Changes that bring a zone back in line with a kernel that did something else.
extension Zone {
  /// Where a free block is kept on a CPU's list.
  public struct PerCPUPlace: Hashable, Sendable {
    public var cpu: Int
    public var order: Int
    public var type: MigrateType
  }

  /// The number of steps recorded since they were last removed.
  @inline(__always)
  public var stepCount: Int { buddy.steps.count }

  /// Undoes an `allocate` that took the first block of a CPU's list.
  public mutating func putBack(_ frame: PageFrame, order: Int, type: MigrateType, cpu: Int) {
    guard holds(frame, order: order), perCPU.keeps(order: order), !buddy.frames.isAnyFree(index(frame), order: order)
    else { return }
    buddy.frames.markFree(index(frame), order: order)
    perCPU.prepend(index(frame), order: order, type: type, cpu: cpu, buddy: &buddy)
  }

  /// Moves the block at the head of which `frame` is from its CPU's list to the buddy allocator; false when there is none.
  @discardableResult
  public mutating func giveBack(_ frame: PageFrame, type: MigrateType) -> Bool {
    guard let place = perCPUPlace(of: frame) else { return false }
    perCPU.remove(index(frame), buddy: &buddy)
    buddy.free(index(frame), order: place.order, type: type)
    return true
  }

  /// The CPU's list that a block with head `frame` is on; `nil` when it is on none.
  public func perCPUPlace(of frame: PageFrame) -> PerCPUPlace? {
    guard contains(frame) else { return nil }
    let entry = buddy.frames.record(index(frame)).pointee
    guard entry.place == .perCPU else { return nil }
    return PerCPUPlace(cpu: Int(entry.cpu), order: Int(entry.order), type: entry.type)
  }

  /// The blocks in front of `frame` on the list of a CPU, the next to be handed out first; `nil` when it is not on that
  /// list, or not among the first `limit`.
  public func perCPUBlocks(
    before frame: PageFrame, order: Int, type: MigrateType, cpu: Int, limit: Int = 4096
  ) -> [PageFrame]? {
    guard let place = perCPUPlace(of: frame), place.cpu == cpu, place.order == order else { return nil }
    var blocks: [PageFrame] = []
    var next = perCPU.lists[cpu * perCPU.listCount + perCPU.list(order: order, type: type)].head
    while next >= 0, blocks.count < limit {
      if Int(next) == index(frame) { return blocks }
      blocks.append(self.frame(Int(next)))
      next = buddy.frames.record(Int(next)).pointee.next
    }
    return nil
  }
}
