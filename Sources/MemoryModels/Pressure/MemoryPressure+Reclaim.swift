import KernelTypes

extension MemoryPressure {
  /// Follows `try_to_free_pages`: priorities 12 to 0 until a cluster of pages came free.
  mutating func reclaimDirectly<Driver: PressureDriver & ~Copyable>(
    _ request: Request, machine: inout Machine, driver: inout Driver
  ) -> Int {
    counters.directReclaims += 1
    var count = ReclaimCount()
    var priority = ScanBalance.gentlestPriority
    while priority >= 0, count.reclaimed < ScanBalance.cluster {
      count += shrinkNode(
        priority: priority, target: ScanBalance.cluster, machine: &machine, driver: &driver)
      priority -= 1
    }
    counters.direct += count
    steps.append(.reclaimed(count))
    return count.reclaimed
  }

  /// The reclaiming thread: works until some zone that the request could use is above its high mark.
  ///
  /// Returns whether one is. Follows `balance_pgdat` in mm/vmscan.c, Linux 6.1.
  @discardableResult
  public mutating func balance<Driver: PressureDriver & ~Copyable>(
    order: Int = 0, highest: Zone.Kind = .movable, machine: inout Machine, driver: inout Driver
  ) -> Bool {
    if backgroundFailures >= Self.retryLimit { return false }
    var boosts: [Int] = []
    for index in 0..<machine.zoneCount { boosts.append(machine[zone: index].watermarkBoost) }
    var order = order
    var count = ReclaimCount()
    var priority = ScanBalance.gentlestPriority
    machine.setReclaiming(true)
    while priority >= 1, !machine.isBalanced(order: order, highest: highest) {
      var target = 0
      for index in 0..<machine.zoneCount where machine[zone: index].kind <= highest {
        target += max(machine[zone: index].pages(at: .high), ScanBalance.cluster)
      }
      let part = shrinkNode(priority: priority, target: target, machine: &machine, driver: &driver)
      count += part
      // Enough came free for compaction to do the rest.
      if order > 0, part.reclaimed >= CompactionSuitability.gap(order: order) { order = 0 }
      if part.scanned < target || part.reclaimed == 0 { priority -= 1 }
    }
    machine.setReclaiming(false)
    for (index, boost) in boosts.enumerated() where boost > 0 {
      machine.withZone(index) { $0.lowerBoost(by: boost) }
    }
    let isBalanced = machine.isBalanced(order: order, highest: highest)
    backgroundFailures = count.reclaimed == 0 && !isBalanced ? backgroundFailures + 1 : 0
    counters.background += count
    if count.scanned > 0 || !isBalanced { steps.append(.balanced(count, isBalanced: isBalanced)) }
    return isBalanced
  }

  /// Somebody freed pages: a thread that had given up may try again.
  public mutating func noteFreed() { backgroundFailures = 0 }

  /// One pass over the lists and the slab caches. Follows `shrink_node`.
  private mutating func shrinkNode<Driver: PressureDriver & ~Copyable>(
    priority: Int, target: Int, machine: inout Machine, driver: inout Driver
  ) -> ReclaimCount {
    let settings = machine.profile.virtualMemory
    var highMarks = 0
    for index in 0..<machine.zoneCount { highMarks += machine[zone: index].pages(at: .high) }
    let pageSize = machine.profile.pageSize
    let sizes = lists.sizes
    let balance = ScanBalance(
      sizes: sizes, priority: priority, swappiness: settings.swappiness,
      experience: .costs(anonymous: lists.anonymousCost, file: lists.fileCost),
      maySwap: driver.hasSwapRoom,
      freePages: machine.freePages, highMarks: highMarks,
      deactivatesAnonymous: ScanBalance.isInactiveLow(
        inactive: sizes.inactiveAnonymous, active: sizes.activeAnonymous, pageSize: pageSize),
      deactivatesFile: ScanBalance.isInactiveLow(
        inactive: sizes.inactiveFile, active: sizes.activeFile, pageSize: pageSize))
    var freed: [PageFrame] = []
    var count = lists.shrink(balance: balance, target: target, pageSize: pageSize, driver: &driver) { freed.append($0) }
    for frame in freed { machine.free(frame) }
    let objects = driver.freeableObjects
    if objects > 0 {
      var slabs: [PageFrame] = []
      let pass = shrinker.shrink(
        objects: objects, priority: priority, cachePressure: settings.cachePressure
      ) { wanted in
        if driver.freeableObjects == 0 { return nil }
        let result = driver.shrinkObjects(wanted)
        slabs += result.frames
        return result.objects
      }
      count.slabObjects += pass.freed
      count.reclaimed += slabs.count
      for frame in slabs { machine.free(frame) }
    }
    return count
  }

  /// Empties caches as `drop_caches` does: 1 page cache, 2 names and inodes, 3 both. Pages in use or dirty stay.
  public mutating func dropCaches<Driver: PressureDriver & ~Copyable>(
    _ mode: Int, machine: inout Machine, driver: inout Driver
  ) -> ReclaimCount {
    var count = ReclaimCount()
    if mode & 1 != 0 {
      for list in [PageLists.List.inactiveFile, .activeFile] {
        for _ in 0..<lists.count(list) {
          guard let frame = lists.tail(list) else { break }
          count.scanned += 1
          let isMapped = driver.references(frame).count > 0
          if !isMapped, driver.evict(frame, .file) == .freed {
            lists.remove(frame)
            machine.free(frame)
            count.reclaimed += 1
          } else {
            lists.move(frame, to: list)
          }
        }
      }
    }
    if mode & 2 != 0 {
      // drop_slab goes on as long as more than a few objects go.
      var freed = 0
      repeat {
        let result = driver.shrinkObjects(driver.freeableObjects)
        freed = result.objects
        count.slabObjects += freed
        count.reclaimed += result.frames.count
        for frame in result.frames { machine.free(frame) }
      } while freed > 10
    }
    return count
  }

  /// Follows the retry in `__alloc_pages_direct_reclaim`.
  mutating func drain(_ request: Request, machine: inout Machine) {
    for index in 0..<machine.zoneCount {
      machine.withZone(index) { zone in
        _ = zone.unreserveHighAtomic(for: request.type, force: false)
        zone.drainAll()
      }
    }
    steps.append(.drained)
  }
}
