import KernelTypes

/// The single tries that the way of a request is made of.
extension Machine {
  /// The first try: all zones at the low mark. Follows the fast path of `__alloc_pages`.
  mutating func attemptFast(_ request: MemoryPressure.Request) -> PageFrame? {
    attempt(request, .low, contiguousCondition(request))
  }

  /// A later try: all zones at the minimum mark, with the reserves the flags give access to.
  /// Follows `gfp_to_alloc_flags` in mm/page_alloc.c, Linux 6.1.
  mutating func attemptSlow(_ request: MemoryPressure.Request) -> PageFrame? {
    attempt(
      request, .minimum, contiguousCondition(request).union(slowConditions(request.flags, order: request.order)))
  }

  /// A try that no mark holds up, for those who free memory.
  mutating func attemptWithoutMarks(_ request: MemoryPressure.Request) -> PageFrame? {
    attempt(request, .minimum, contiguousCondition(request).union(.noWatermarks))
  }

  private func contiguousCondition(_ request: MemoryPressure.Request) -> PageRequestFlags {
    profile.pageAllocator.hasContiguous && request.type == .movable ? .contiguous : []
  }

  private mutating func attempt(
    _ request: MemoryPressure.Request, _ mark: Zone.Mark, _ conditions: PageRequestFlags
  ) -> PageFrame? {
    for index in zoneOrder(cpu: request.cpu) where zones[index].kind <= request.highest {
      guard
        zones[index].admits(mark, order: request.order, highest: request.highest, flags: conditions)
      else { continue }
      if let frame = zones[index].allocate(
        order: request.order, migrateType: request.type, flags: conditions, cpu: request.cpu)
      {
        return frame
      }
    }
    return nil
  }

  /// Whether the request could be served if all that can be reclaimed were free. Follows `should_reclaim_retry`.
  func couldSucceed(_ request: MemoryPressure.Request, reclaimable: Int) -> Bool {
    for index in 0..<zoneCount where zones[index].kind <= request.highest {
      let needed =
        zones[index].pages(at: .minimum) + zones[index].lowMemoryReserve[request.highest.rawValue]
      let free = zones[index].freePages + reclaimable - (1 << request.order - 1)
      guard free > needed else { continue }
      if request.order == 0 { return true }
      for order in request.order...zones[index].maximumOrder
      where zones[index].freeBlocks(order: order) > 0 { return true }
    }
    return false
  }

  /// Whether some zone is above its high mark. Follows `pgdat_balanced` in mm/vmscan.c, Linux 6.1.
  func isBalanced(order: Int, highest: Zone.Kind) -> Bool {
    var hasZone = false
    for index in 0..<zoneCount where zones[index].kind <= highest && zones[index].managedPages > 0 {
      hasZone = true
      if zones[index].isAboveMark(.high, order: order, highest: highest, flags: []) { return true }
    }
    return !hasZone
  }

  func setReclaiming(_ isReclaiming: Bool) {
    for index in 0..<zoneCount { zones[index].isReclaiming = isReclaiming }
  }
}
