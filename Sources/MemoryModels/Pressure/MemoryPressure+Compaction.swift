import KernelTypes

extension MemoryPressure {
  /// Follows `try_to_compact_pages` and `__alloc_pages_direct_compact`.
  mutating func compactAndRetry<Driver: PressureDriver & ~Copyable>(
    _ request: Request, _ mode: Zone.CompactionMode, machine: inout Machine, driver: inout Driver
  ) -> PageFrame? {
    let threshold = machine.profile.virtualMemory.fragmentationThreshold
    for index in (0..<machine.zoneCount).reversed()
    where machine[zone: index].kind <= request.highest {
      if mode == .asynchronous, deferrals[index].isDeferred(order: request.order) {
        steps.append(.compactionDeferred(zone: index))
        continue
      }
      let suitability = machine[zone: index].compactionSuitability(
        order: request.order, highest: request.highest, threshold: threshold)
      if suitability != .suitable {
        steps.append(.compactionNotTried(zone: index, suitability))
        if suitability == .success, let frame = machine.attemptSlow(request) { return frame }
        continue
      }
      let run = compact(
        index, request.order, request.type, mode, machine: &machine, driver: &driver)
      if run.result == .success {
        deferrals[index].noteSuccess(order: request.order, isAllocated: false)
        if let frame = machine.attemptSlow(request) {
          deferrals[index].noteSuccess(order: request.order, isAllocated: true)
          return frame
        }
      } else if mode == .synchronous || run.result == .complete {
        deferrals[index].noteFailure(order: request.order)
      }
    }
    return nil
  }

  private mutating func compact<Driver: PressureDriver & ~Copyable>(
    _ index: Int, _ order: Int, _ type: MigrateType, _ mode: Zone.CompactionMode,
    machine: inout Machine,
    driver: inout Driver
  ) -> CompactionRun {
    counters.compactions += 1
    var position = positions[index]
    let run = machine.withZone(index) {
      $0.compact(order: order, type: type, mode: mode, position: &position)
    }
    positions[index] = position
    for move in run.moves {
      // A page keeps its kind and its turn in a list only roughly: it goes on at the head.
      if let list = lists.list(of: move.source) {
        lists.remove(move.source)
        lists.add(move.target, list.kind, isActive: list.isActive)
      }
      driver.moved(from: move.source, to: move.target)
    }
    counters.movedPages += run.moves.count
    steps.append(.compacted(zone: index, result: run.result, moved: run.moves.count))
    return run
  }

  /// Compacts all zones from end to end, as `compact_memory` does.
  public mutating func compactAll<Driver: PressureDriver & ~Copyable>(
    machine: inout Machine, driver: inout Driver
  ) -> Int {
    var moved = 0
    for index in 0..<machine.zoneCount {
      machine.withZone(index) { $0.drainAll() }
      positions[index] = CompactionPosition(
        start: machine[zone: index].start, end: machine[zone: index].end)
      moved +=
        compact(index, -1, .movable, .synchronous, machine: &machine, driver: &driver).moves.count
    }
    return moved
  }

  // MARK: - Out of memory

  /// Follows `__alloc_pages_may_oom`: a last try, then somebody dies.
  mutating func killAndRetry<Driver: PressureDriver & ~Copyable>(
    _ request: Request, machine: inout Machine, driver: inout Driver, allocating: OutOfMemory.Task?
  ) -> PageFrame? {
    var total = 0
    for index in 0..<machine.zoneCount {
      machine.withZone(index) { _ = $0.unreserveHighAtomic(for: request.type, force: true) }
      total += machine[zone: index].managedPages
    }
    if let frame = machine.attemptFast(request) { return frame }
    let mayKill =
      !request.isCostly && request.flags.isDisjoint(with: [.noRetry, .retryMayFail, .thisNode])
      && request.highest >= .normal
    if !mayKill {
      steps.append(.outOfMemory(.notTried, freed: 0))
      return nil
    }
    let killer = OutOfMemory(
      totalPages: total + driver.swapPages, pageSize: machine.profile.pageSize,
      settings: machine.profile.virtualMemory)
    let outcome = killer.choose(
      driver.tasks, allocating: allocating, canUseFileSystem: request.flags.contains(.fileSystem))
    var freed = 0
    switch outcome {
    case .kills(let pid, _), .killsAllocating(let pid):
      counters.kills += 1
      for frame in driver.kill(pid: pid) {
        lists.remove(frame)
        if machine.free(frame) { freed += 1 }
      }
      noteFreed()
    case .waits, .panics, .deadlock, .notTried: break
    }
    steps.append(.outOfMemory(outcome, freed: freed))
    return freed > 0 ? machine.attemptSlow(request) : nil
  }
}
