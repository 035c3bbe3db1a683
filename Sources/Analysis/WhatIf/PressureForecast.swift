public import KernelTypes
public import MemoryModels
public import ProcSnapshots

/// What would happen if one more process took memory on a snapshot's machine, page by page, until it has enough or dies.
///
/// The machine is rebuilt from counts: zones, free blocks, pages on the lists, swap, names and inodes. Which page lies
/// where is not known, so blocks are laid out from the low end, and no page of the past is used again meanwhile: a
/// forecast for one greedy process on an idle machine, modelled throughout.
public struct PressureForecast: Sendable {
  /// Something that happens for the first time.
  public enum Milestone: String, Sendable, Codable, CaseIterable {
    /// No zone is above its low mark: the reclaiming thread wakes.
    case reclaimerWakes
    /// File pages are taken from the cache.
    case cacheShrinks
    /// Names and inodes are dropped.
    case objectsShrink
    /// Anonymous pages go to swap.
    case swapsOut
    /// The process must reclaim for itself.
    case directReclaim
    /// Half of all swap is used.
    case swapHalfFull
    /// Android's low-memory killer ends the process.
    case killedEarly
    /// The killer ends the process.
    case killed
    /// The machine stops (`panic_on_oom`).
    case panics
  }

  /// Bytes the process had when something first happened.
  public private(set) var milestones: [Milestone: UInt64] = [:]
  /// Bytes it got in the end.
  public private(set) var takenBytes: UInt64 = 0
  /// Pages reclaimed by the thread and by the process.
  public private(set) var backgroundPages = 0
  public private(set) var directPages = 0
  public private(set) var swappedPages = 0
  public private(set) var droppedObjects = 0
  /// Bytes the process had when each level of the low-memory killer was first reached: processes of its adjustment die.
  public private(set) var killerLevels: [(level: LowMemoryKiller.Level, bytes: UInt64?)] = []

  /// Pages of the largest zone that is rebuilt: 64 GiB with pages of 4 KiB.
  static let pageLimit = 1 << 24

  /// Lets a process take `bytes` on the machine of a snapshot under the settings; `nil` if zoneinfo, buddyinfo or meminfo
  /// is missing or makes no machine. With a low-memory killer, a process of `oom_score_adj` 0 is among those that may die.
  public init?(
    _ snapshot: Snapshot, _ machine: SnapshotMachine, settings: VirtualMemorySettings, bytes: UInt64,
    killer: LowMemoryKiller? = nil
  ) {
    guard var world = PressureWorld(snapshot, machine, settings: settings) else { return nil }
    let page = UInt64(machine.pageSize)
    let wanted = bytes / page + (bytes % page == 0 ? 0 : 1)
    var taken: UInt64 = 0
    killerLevels = (killer?.levels ?? []).map { ($0, nil) }
    while taken < wanted, world.take() {
      taken += 1
      note(world, taken * page)
      if let killer, isKilledEarly(world, killer, taken * page) { break }
    }
    note(world, taken * page)
    takenBytes = taken * page
    backgroundPages = world.pressure.counters.background.reclaimed
    directPages = world.pressure.counters.direct.reclaimed
    swappedPages = world.driver.swapUsedNow
    droppedObjects = world.driver.droppedObjects
  }

  /// Notes levels that are reached; true if the process dies. The killer looks whenever caches are to be shrunk.
  private mutating func isKilledEarly(
    _ world: borrowing PressureWorld, _ killer: LowMemoryKiller, _ bytes: UInt64
  ) -> Bool {
    let counters = world.pressure.counters
    if counters.background.scanned + counters.direct.scanned == 0 { return false }
    let sizes = world.pressure.lists.sizes
    let free = world.machine.freePages - world.reservePages
    let file = sizes.inactiveFile + sizes.activeFile
    for index in killerLevels.indices where killerLevels[index].bytes == nil {
      let level = killerLevels[index].level
      if free < level.pages, file < level.pages { killerLevels[index].bytes = bytes }
    }
    guard let least = killer.threshold(freePages: free, filePages: file), least <= 0 else { return false }
    milestones[.killedEarly] = bytes
    return true
  }

  private mutating func note(_ world: borrowing PressureWorld, _ bytes: UInt64) {
    let counters = world.pressure.counters
    func reached(_ milestone: Milestone, _ isReached: Bool) {
      if isReached, milestones[milestone] == nil { milestones[milestone] = bytes }
    }
    if counters.belowLowMark == 0 { return }
    reached(.reclaimerWakes, true)
    reached(.cacheShrinks, world.driver.evictedFilePages > 0)
    reached(.objectsShrink, world.driver.droppedObjects > 0)
    reached(.swapsOut, world.driver.swapUsedNow > 0)
    reached(.directReclaim, counters.directReclaims > 0)
    reached(
      .swapHalfFull,
      world.driver.swapPages > 0 && 2 * world.driver.swapUsed >= world.driver.swapPages)
    reached(.killed, world.driver.isKilled)
    reached(.panics, world.isStopped)
  }
}
