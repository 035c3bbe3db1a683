import KernelTypes
import MemoryModels
import ProcSnapshots

/// A machine rebuilt from a snapshot's counts, with one process on top that takes memory.
struct PressureWorld: ~Copyable {
  var machine: Machine
  var pressure: MemoryPressure
  var driver: CountedPages
  /// Pages that nothing but emergencies may use.
  let reservePages: Int
  /// Whether the kernel stopped the machine instead of killing.
  private(set) var isStopped = false

  init?(_ snapshot: Snapshot, _ told: SnapshotMachine, settings: VirtualMemorySettings) {
    let zones = (snapshot.zoneInfo?.zones ?? []).filter(\.isPopulated)
    guard !zones.isEmpty, let plan = ZonePlan.all(zones, snapshot) else { return nil }
    var profile = KernelProfile(
      kernel: told.formulaKernel, pageSize: told.pageSize, cpuCount: told.cpuCount ?? 1)
    profile.use(settings)
    let kinds = (snapshot.zoneInfo?.zones ?? []).filter { $0.id.node == zones[0].id.node }
      .compactMap { SettingsWhatIf.kind($0.id.zone) }
    let limits = PhysicalLimits(
      zones: plan.map { .init(kind: $0.kind, pages: $0.managed) }, profile: profile,
      hasHugePages: snapshot.hugePages?.isEnabled ?? false, configured: kinds)
    reservePages = limits.totalReservePages
    machine = Machine(
      profile: profile, spans: plan.map { ZoneSpan(kind: $0.kind, frames: $0.frames) })
    var used: [PageFrame] = []
    for (index, zone) in plan.enumerated() {
      used += machine.withZone(index) { model in
        model.setManagedPages(zone.managed)
        model.watermarks = limits.zones[index].watermarks
        model.lowMemoryReserve = limits.zones[index].reserve
        model.perCPULimits = limits.zones[index].perCPU
        return zone.fill(&model)
      }
    }
    pressure = MemoryPressure(
      machine: machine,
      lists: PageLists(base: plan[0].frames.lowerBound, kernel: told.formulaKernel))
    driver = CountedPages(snapshot, pageKilobytes: told.pageKilobytes)
    driver.settle(used, on: &pressure.lists)
  }

  /// Gives the process one page more; false when it is dead, or the machine stands.
  mutating func take() -> Bool {
    let frame = pressure.allocate(
      migrateType: .movable, flags: [.kernel, .hardWall, .highMemory, .movable], machine: &machine,
      driver: &driver)
    for case .outOfMemory(let outcome, _) in pressure.steps
    where outcome == .panics || outcome == .deadlock {
      isStopped = true
    }
    guard let frame, !driver.isKilled, !isStopped else { return false }
    driver.processPages += 1
    driver.own.append(frame)
    pressure.lists.add(frame, .anonymous)
    return true
  }
}

extension PressureWorld {
  /// Takes a block for the pool of huge pages; false if there is none, and nobody can make one.
  /// Follows `alloc_buddy_huge_page` in mm/hugetlb.c, Linux 6.1.
  mutating func takeHugePage(order: Int) -> Bool {
    pressure.allocate(
      order: order, migrateType: .movable,
      flags: [.kernel, .hardWall, .highMemory, .movable, .compound, .noWarn, .retryMayFail], machine: &machine,
      driver: &driver) != nil
  }
}

/// Where a zone's free blocks and used pages are laid.
private struct ZonePlan {
  var kind: Zone.Kind
  var frames: Range<PageFrame>
  var managed: Int
  /// Free blocks by order.
  var freeBlocks: [UInt64]

  /// The zones of the first node, ascending; `nil` if they overlap or are too large.
  static func all(_ zones: [ZoneInfo.Zone], _ snapshot: Snapshot) -> [ZonePlan]? {
    var plans: [ZonePlan] = []
    var end: UInt64 = 0
    for zone in zones where zone.id.node == zones[0].id.node {
      guard let kind = SettingsWhatIf.kind(zone.id.zone), let start = zone["start_pfn"],
        let spanned = zone["spanned"],
        let managed = zone["managed"] ?? zone["present"], start >= 0, spanned > 0, managed >= 0,
        managed <= spanned,
        start < 1 << 40, spanned <= PressureForecast.pageLimit, UInt64(start) >= end,
        let buddy = snapshot.buddyInfo?.zones.first(where: { $0.id == zone.id })
      else { return nil }
      end = UInt64(start + spanned)
      plans.append(
        ZonePlan(
          kind: kind, frames: PageFrame(UInt64(start))..<PageFrame(end), managed: managed,
          freeBlocks: buddy.freeBlocks))
    }
    return plans.isEmpty ? nil : plans
  }

  /// Lays free blocks from the low end on, the largest first, and returns the frames in use, as many as are managed.
  func fill(_ zone: inout Zone) -> [PageFrame] {
    var next = frames.lowerBound.rawValue
    for order in (0..<min(freeBlocks.count, zone.maximumOrder + 1)).reversed() {
      let size = UInt64(1) << UInt64(order)
      for _ in 0..<min(freeBlocks[order], UInt64(PressureForecast.pageLimit)) {
        let start = (next + size - 1) / size * size
        guard start + size <= frames.upperBound.rawValue else { break }
        zone.append(freeBlock: PageFrame(start), order: order, type: .movable)
        next = start + size
      }
    }
    let wanted = max(managed - zone.freePages, 0)
    var used: [PageFrame] = []
    var frame = frames.upperBound.rawValue
    while frame > frames.lowerBound.rawValue, used.count < wanted {
      frame -= 1
      if !zone.isFree(PageFrame(frame)) { used.append(PageFrame(frame)) }
    }
    return used
  }
}

/// The pages of a snapshot's machine by count: who they belong to is not known, only what they are.
struct CountedPages: PressureDriver {
  /// Pages that wait to be put on lists, by list.
  private var sizes: ScanBalance.Sizes
  private var dirtyPages: Int
  private var objectsPerPage: Int
  private var freedObjects = 0
  private var slabFrames: [PageFrame] = []
  private var reclaimableSlabPages: Int

  let swapPages: Int
  private(set) var swapUsed: Int
  private let swapUsedBefore: Int
  private(set) var freeableObjects: Int
  private(set) var droppedObjects = 0
  private(set) var evictedFilePages = 0
  /// Pages that the process has and had.
  var processPages = 0
  /// Frames of the process; those that were swapped out since are among them.
  var own: [PageFrame] = []
  private(set) var isKilled = false

  init(_ snapshot: Snapshot, pageKilobytes: Int) {
    func pages(_ name: String) -> Int {
      Int(min(snapshot.memInfo?[name] ?? 0, UInt64(PressureForecast.pageLimit) << 6))
        / pageKilobytes
    }
    sizes = ScanBalance.Sizes(
      inactiveAnonymous: pages("Inactive(anon)"), activeAnonymous: pages("Active(anon)"),
      inactiveFile: pages("Inactive(file)"), activeFile: pages("Active(file)"))
    dirtyPages = pages("Dirty")
    swapPages = pages("SwapTotal")
    swapUsedBefore = max(swapPages - pages("SwapFree"), 0)
    swapUsed = swapUsedBefore
    let caches = (snapshot.slabInfo?.caches ?? []).filter {
      $0.name == "dentry" || $0.name.contains("inode_cache")
    }
    freeableObjects = min(caches.reduce(0) { $0 &+ Int(min($1.activeObjects, 1 << 28)) }, 1 << 28)
    reclaimableSlabPages = pages("SReclaimable")
    objectsPerPage = reclaimableSlabPages == 0 ? 0 : max(freeableObjects / reclaimableSlabPages, 1)
  }

  /// Pages written to swap since the snapshot.
  var swapUsedNow: Int { swapUsed - swapUsedBefore }

  /// Puts frames in use on the lists, as many as the snapshot counts there, and some under slabs.
  mutating func settle(_ used: [PageFrame], on lists: inout PageLists) {
    var rest = used[...]
    func add(_ count: Int, _ kind: PageLists.Kind, isActive: Bool) {
      for frame in rest.prefix(count) { lists.add(frame, kind, isActive: isActive) }
      rest = rest.dropFirst(count)
    }
    add(sizes.inactiveFile, .file, isActive: false)
    add(sizes.activeFile, .file, isActive: true)
    add(sizes.inactiveAnonymous, .anonymous, isActive: false)
    add(sizes.activeAnonymous, .anonymous, isActive: true)
    slabFrames = Array(rest.prefix(reclaimableSlabPages))
  }

  var hasSwapRoom: Bool { swapUsed < swapPages }

  mutating func references(_ frame: PageFrame) -> PageReferences { PageReferences() }

  mutating func evict(_ frame: PageFrame, _ kind: PageLists.Kind) -> Eviction {
    if kind == .file {
      if dirtyPages > 0 {
        dirtyPages -= 1
        return .dirty
      }
      evictedFilePages += 1
      return .freed
    }
    guard hasSwapRoom else { return .kept }
    swapUsed += 1
    return .written
  }

  var tasks: [OutOfMemory.Task] {
    isKilled
      ? []
      : [OutOfMemory.Task(pid: 1000, name: "process", userID: 1000, anonymousPages: processPages)]
  }

  mutating func kill(pid: Int) -> [PageFrame] {
    isKilled = true
    // What it had counts no more: the forecast ends here.
    return Array(own.suffix(1))
  }

  mutating func shrinkObjects(_ count: Int) -> (objects: Int, frames: [PageFrame]) {
    let freed = min(count, freeableObjects)
    freeableObjects -= freed
    droppedObjects += freed
    freedObjects += freed
    guard objectsPerPage > 0 else { return (freed, []) }
    let pages = min(freedObjects / objectsPerPage, slabFrames.count)
    freedObjects -= pages * objectsPerPage
    let frames = Array(slabFrames.suffix(pages))
    slabFrames.removeLast(pages)
    return (freed, frames)
  }

  mutating func moved(from source: PageFrame, to target: PageFrame) {}
}
