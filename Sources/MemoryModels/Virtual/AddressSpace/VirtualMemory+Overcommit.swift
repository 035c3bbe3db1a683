extension VirtualMemory {
  /// The pages that may be promised when overcommit is off (`CommitLimit`).
  ///
  /// Follows `vm_commit_limit` in mm/util.c, Linux 6.1.
  public var commitLimit: Int {
    let base =
      policy.overcommitKilobytes > 0
      ? policy.overcommitKilobytes >> (policy.pageShift - 10)
      : (supply.totalPages - hugePool.total * policy.hugePageCount) * policy.overcommitRatio / 100
    return base + swap.pages
  }

  /// Promises pages to a process, or refuses. Follows `__vm_enough_memory` in mm/util.c, Linux 6.1.
  func charge(_ pages: Int, _ space: AddressSpace) -> Bool {
    switch policy.overcommit {
    case .always: break
    case .heuristic:
      if !supply.isUnlimited, pages > supply.totalPages + swap.pages { return false }
    case .never:
      var allowed = commitLimit
      if !space.isPrivileged { allowed -= policy.adminReserveKilobytes >> (policy.pageShift - 10) }
      allowed -= min(space.mappedPages / 32, policy.userReserveKilobytes >> (policy.pageShift - 10))
      if committedPages + pages >= allowed { return false }
    }
    committedPages += pages
    return true
  }

  /// Whether limits allow so many pages more. Follows `may_expand_vm` in mm/mmap.c, Linux 6.1.
  func mayExpand(_ space: AddressSpace, _ flags: AreaFlags, _ pages: Int) -> Bool {
    let limit = space.limits.addressSpaceBytes >> UInt64(policy.pageShift)
    if UInt64(space.mappedPages + pages) > limit { return false }
    if flags.contains(.write), flags.isDisjoint(with: [.shared, .growsDown]), space.limits.dataBytes != .max {
      return UInt64(dataPages(space) + pages) <= space.limits.dataBytes >> UInt64(policy.pageShift)
    }
    return true
  }

  /// Pages of private writable mappings that are no stack (`data_vm`).
  private func dataPages(_ space: AddressSpace) -> Int {
    space.areas.areas.reduce(0) { sum, area in
      let isData = area.flags.contains(.write) && area.flags.isDisjoint(with: [.shared, .growsDown])
      return sum + (isData ? Int(area.bytes >> UInt64(policy.pageShift)) : 0)
    }
  }

  /// Whether so many pages more may be locked. Follows `mlock_future_check` in mm/mmap.c, Linux 6.1.
  func mayLock(_ space: AddressSpace, _ flags: AreaFlags, _ pages: Int) -> Bool {
    if !flags.contains(.locked) || space.isPrivileged { return true }
    return UInt64(space.lockedPages + pages) <= space.limits.lockedBytes >> UInt64(policy.pageShift)
  }

  // MARK: - Out of memory

  /// How much a process's death would free, in pages, with its adjustment; `nil` if it must not be killed.
  ///
  /// Follows `oom_badness` in mm/oom_kill.c, Linux 6.1.
  public func badness(_ space: AddressSpace) -> Int? {
    if space.outOfMemoryAdjustment == -1000 || space.pid == 1 { return nil }
    let points = space.residentPages + space[.swap] + Int(space.pageTableBytes >> UInt64(policy.pageShift))
    return points + space.outOfMemoryAdjustment * ((supply.totalPages + swap.pages) / 1000)
  }

  /// Kills the process with the highest badness; `false` if there is none to kill.
  ///
  /// Follows `select_bad_process` in mm/oom_kill.c, Linux 6.1: of equals the first stays chosen.
  func killForMemory() -> Bool {
    var victim: AddressSpace?
    var most = Int.min
    for pid in spaces.keys.sorted() {
      guard let space = spaces[pid], let points = badness(space), points > most else { continue }
      victim = space
      most = points
    }
    guard let victim, victim.residentPages + victim[.swap] + victim.pageTables > 0 else { return false }
    kills.append(
      Kill(pid: victim.pid, name: victim.name, points: most, residentPages: victim.residentPages))
    counters.killed += 1
    exit(victim)
    return true
  }
}
