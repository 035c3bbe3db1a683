public import KernelTypes
public import MemoryModels
import ProcSnapshots

/// What a machine's limits would be with other settings of `/proc/sys/vm`: computed for the snapshot's own settings and for
/// the changed ones, beside what the kernel printed.
public struct SettingsWhatIf: Sendable {
  /// A number that follows from settings.
  public struct Row: Sendable, Hashable {
    /// What it limits, in groups.
    public var group: String
    public var name: String
    public var unit: Unit
    /// What the snapshot says; `nil` if it has no such number.
    public var printed: Int?
    /// Computed from the snapshot's settings.
    public var before: Int
    /// Computed from the changed settings.
    public var after: Int

    public var isChanged: Bool { before != after }
  }

  public enum Unit: String, Sendable, Codable {
    case pages
    case kilobytes
    /// Thousandths.
    case perMille
    case objects
    case count
  }

  /// A setting that was changed.
  public struct Change: Sendable, Hashable {
    public var name: String
    public var before: String
    public var after: String
  }

  public internal(set) var changes: [Change] = []
  public internal(set) var rows: [Row] = []
  /// What would happen, in sentences.
  public internal(set) var sentences: [String] = []
  /// What one more process would do, with the snapshot's settings and with the changed ones; see `forecast`.
  public private(set) var forecasts: (before: PressureForecast, after: PressureForecast)?
  /// Bytes that the process of the forecast wants.
  public private(set) var pressBytes: UInt64 = 0
  /// What was asked beside settings.
  public private(set) var lowMemory: LowMemoryForecast?
  public private(set) var hugePages: HugePageForecast?
  public private(set) var failures: [PageFailureForecast] = []

  let snapshot: Snapshot
  let machine: SnapshotMachine
  let before: VirtualMemorySettings
  let after: VirtualMemorySettings

  /// Compares the snapshot's settings with changed ones, given as `NAME=VALUE`. Throws if one of them makes no sense.
  public init(_ findings: SnapshotFindings, assignments: [String]) throws(SettingError) {
    snapshot = findings.snapshot.withoutDamagedFiles
    machine = findings.machine
    let kernel = machine.formulaKernel
    before = snapshot.sysctlVM?.settings(kernel: kernel) ?? VirtualMemorySettings(kernel: kernel)
    var changed = before
    for assignment in assignments { try changed.set(assignment: assignment) }
    after = changed
    addChanges()
    addZones()
    addMemory()
    addReclaim()
  }

  /// Lets one more process take memory, with both settings; false if the snapshot has too little for a model.
  public mutating func forecast(bytes: UInt64, killer: LowMemoryKiller? = nil) -> Bool {
    guard let then = PressureForecast(snapshot, machine, settings: before, bytes: bytes, killer: killer),
      let now = before == after
        ? then : PressureForecast(snapshot, machine, settings: after, bytes: bytes, killer: killer)
    else { return false }
    forecasts = (then, now)
    pressBytes = bytes
    return true
  }

  /// Asks what Android's low-memory killer says, under the changed settings; false without meminfo and zoneinfo.
  public mutating func ask(_ killer: LowMemoryKiller) -> Bool {
    lowMemory = LowMemoryForecast(
      snapshot, killer: killer, reservePages: limits(after)?.totalReservePages, pageKilobytes: machine.pageKilobytes)
    return lowMemory != nil
  }

  /// Asks what becomes of the machine with another number of huge pages, under the changed settings.
  public mutating func ask(hugePages pages: Int, bytes: UInt64?) throws(HugePageForecast.Refusal) {
    hugePages = try HugePageForecast(snapshot, machine, settings: after, pages: pages, pageBytes: bytes)
  }

  /// Asks what happens if the memory of a frame fails, under the changed settings; false if kpageflags do not have it.
  public mutating func ask(failing frame: UInt64) -> Bool {
    guard
      let failure = PageFailureForecast(snapshot, frame: frame, settings: after, kernel: machine.formulaKernel)
    else { return false }
    failures.append(failure)
    return true
  }

  private mutating func addChanges() {
    for name in VirtualMemorySettings.names {
      let old = before.text(name)
      let new = after.text(name)
      if old != new { changes.append(Change(name: name, before: old, after: new)) }
    }
  }

  /// A row that is computed for both settings; `nil` where the snapshot has too little for it.
  func row(
    _ group: String, _ name: String, _ unit: Unit, printed: Int? = nil,
    _ compute: (VirtualMemorySettings) -> Int?
  ) -> Row? {
    guard let old = compute(before), let new = compute(after) else { return nil }
    return Row(group: group, name: name, unit: unit, printed: printed, before: old, after: new)
  }

  mutating func append(_ row: Row?) {
    if let row { rows.append(row) }
  }

  func kilobytes(_ name: String) -> Int? {
    snapshot.memInfo?[name].flatMap { $0 < SnapshotMachine.countLimit ? Int($0) : nil }
  }

  func pages(_ name: String) -> Int? { kilobytes(name).map { $0 / machine.pageKilobytes } }

  // MARK: - Zones

  /// The zones of the snapshot with the limits that settings give them; `nil` where zoneinfo is missing or absurd.
  func limits(_ settings: VirtualMemorySettings) -> PhysicalLimits? {
    let zones = snapshot.zoneInfo?.zones ?? []
    let kinds = zones.compactMap { Self.kind($0.id.zone) }
    guard !zones.isEmpty, zones.count < 1 << 12, kinds.count == zones.count else { return nil }
    let sizes = zip(zones, kinds).map { zone, kind in
      PhysicalLimits.ZoneSize(
        node: zone.id.node, kind: kind, pages: zone["managed"] ?? zone["present"] ?? 0)
    }
    guard sizes.allSatisfy({ (0..<(1 << 32)).contains($0.pages) }) else { return nil }
    var profile = KernelProfile(
      kernel: machine.formulaKernel, pageSize: machine.pageSize, cpuCount: machine.cpuCount ?? 1)
    profile.use(settings)
    let hasHugePages = snapshot.hugePages?.isEnabled ?? false
    let node = zones[0].id.node
    let configured = zip(zones, kinds).filter { $0.0.id.node == node }.map(\.1)
    return PhysicalLimits(
      zones: sizes, profile: profile, hasHugePages: hasHugePages, configured: configured)
  }

  static func kind(_ name: String) -> Zone.Kind? { Zone.Kind.allCases.first { $0.name == name } }

  private mutating func addZones() {
    guard let old = limits(before), let new = limits(after) else { return }
    let zones = snapshot.zoneInfo?.zones ?? []
    for (index, zone) in zones.enumerated() where zone.isPopulated {
      let group = "\(zone.id)"
      let boost = zone["boost"] ?? 0
      func row(_ name: String, printed: Int?, _ value: (PhysicalLimits.ZoneLimits) -> Int) {
        rows.append(
          Row(
            group: group, name: name, unit: .pages, printed: printed,
            before: value(old.zones[index]),
            after: value(new.zones[index])))
      }
      row("min", printed: zone["min"].map { $0 - boost }) { $0.watermarks.minimum }
      row("low", printed: zone["low"].map { $0 - boost }) { $0.watermarks.low }
      row("high", printed: zone["high"].map { $0 - boost }) { $0.watermarks.high }
      let protection = zone.protection?.max()
      row("reserved from higher requests", printed: protection) { $0.reserve.max() ?? 0 }
      let set = zone.pageSets.first
      row("per-CPU list, high", printed: set?.high) { $0.perCPU.high }
      row("per-CPU list, batch", printed: set?.batch) { $0.perCPU.batch }
      addWake(zone, old.zones[index].watermarks, new.zones[index].watermarks, boost)
    }
    rows.append(
      Row(
        group: "machine", name: "min_free_kbytes", unit: .kilobytes,
        printed: snapshot.sysctlVM?.number("min_free_kbytes"), before: old.minimumFreeKilobytes,
        after: new.minimumFreeKilobytes))
    rows.append(
      Row(
        group: "machine", name: "kept from all but emergencies", unit: .pages, printed: nil,
        before: old.totalReservePages, after: new.totalReservePages))
  }

  private mutating func addWake(
    _ zone: ZoneInfo.Zone, _ old: Watermarks, _ new: Watermarks, _ boost: Int
  ) {
    guard let free = zone["nr_free_pages"] ?? zone["free"], old != new else { return }
    func state(_ marks: Watermarks) -> String {
      if free <= marks.minimum + boost {
        return "below the minimum: requests reclaim for themselves"
      }
      if free <= marks.low + boost { return "below the low mark: kswapd works" }
      return free <= marks.high + boost ? "between low and high" : "above all marks"
    }
    let then = state(old)
    let now = state(new)
    sentences.append(
      then == now
        ? "\(zone.id): \(free) free pages stay \(now)."
        : "\(zone.id): \(free) free pages are \(then); they would be \(now).")
  }

  // MARK: - Memory

  private mutating func addMemory() {
    let page = machine.pageKilobytes
    if let total = kilobytes("MemTotal"), let swap = kilobytes("SwapTotal") {
      let hugePage = kilobytes("Hugepagesize") ?? 0
      let now = kilobytes("Hugetlb") ?? (kilobytes("HugePages_Total") ?? 0) &* hugePage
      let surplus = (kilobytes("HugePages_Surp") ?? 0) &* hugePage
      func commit(_ settings: VirtualMemorySettings) -> Int {
        // The pool takes its memory whether used or not; surplus pages stay.
        let huge =
          settings.hugePages == before.hugePages
          ? now : min(settings.hugePages, 1 << 30) * hugePage + surplus
        let fixed = settings.overcommitKilobytes
        let allowed =
          fixed > 0 ? fixed / page : max(total - huge, 0) / page * settings.overcommitRatio / 100
        return (allowed + swap / page) * page
      }
      let commitLimit = row("machine", "CommitLimit", .kilobytes, printed: kilobytes("CommitLimit")) { commit($0) }
      append(commitLimit)
      let limit = commit(after)
      addOvercommit(limit)
    }
    addDirty()
    if let free = pages("MemFree"),
      let reclaimable = pages("KReclaimable") ?? pages("SReclaimable"),
      let active = pages("Active(file)"), let inactive = pages("Inactive(file)")
    {
      append(
        row("machine", "MemAvailable", .kilobytes, printed: kilobytes("MemAvailable")) { settings in
          guard let limits = limits(settings) else { return nil }
          let boosts = (snapshot.zoneInfo?.zones ?? []).reduce(0) { $0 + ($1["boost"] ?? 0) }
          let low = limits.zones.reduce(boosts) { $0 + $1.watermarks.low }
          let file = active + inactive
          let available =
            free - limits.totalReservePages + file - min(file / 2, low) + reclaimable
            - min(reclaimable / 2, low)
          return max(available, 0) * page
        })
    }
  }

  private mutating func addOvercommit(_ limit: Int) {
    guard let committed = kilobytes("Committed_AS"), before != after else { return }
    switch after.overcommitMode {
    case 2 where committed > limit:
      sentences.append(
        "\(committed) kB are promised, over the limit of \(limit) kB that mode 2 enforces: new mappings would fail."
      )
    case 2:
      sentences.append("Mode 2 enforces the limit: \(limit - committed) kB more could be promised.")
    default: break
    }
  }

  private mutating func addDirty() {
    guard let free = pages("MemFree"), let active = pages("Active(file)"),
      let inactive = pages("Inactive(file)")
    else {
      return
    }
    func thresholds(_ settings: VirtualMemorySettings) -> WritebackThresholds? {
      guard let reserve = limits(settings)?.totalReservePages else { return nil }
      let available = WritebackThresholds.dirtyablePages(
        free: free, totalReserve: reserve, inactiveFile: inactive, activeFile: active,
        settings: settings)
      return WritebackThresholds(
        availablePages: available, settings: settings, pageSize: machine.pageSize)
    }
    func printed(_ name: String) -> Int? {
      snapshot.vmStat?[name].flatMap { $0 < SnapshotMachine.countLimit ? Int($0) : nil }
    }
    append(
      row(
        "machine", "dirty pages: background writing", .pages,
        printed: printed("nr_dirty_background_threshold")
      ) {
        thresholds($0)?.background
      })
    append(
      row("machine", "dirty pages: writers wait", .pages, printed: printed("nr_dirty_threshold")) {
        thresholds($0)?.limit
      })
    if let dirty = pages("Dirty"), let old = thresholds(before), let new = thresholds(after),
      old.response(dirtyPages: dirty) != new.response(dirtyPages: dirty)
    {
      sentences.append(
        "\(dirty) dirty pages: \(Self.words(old.response(dirtyPages: dirty))) before, "
          + "\(Self.words(new.response(dirtyPages: dirty))) after.")
    }
  }

  private static func words(_ response: WritebackThresholds.Response) -> String {
    switch response {
    case .nothing: "nobody writes yet"
    case .backgroundWriting: "written in the background"
    case .throttled: "writers wait"
    }
  }

  // MARK: - Reclaim

  private mutating func addReclaim() {
    let sizes = ScanBalance.Sizes(
      inactiveAnonymous: pages("Inactive(anon)") ?? 0, activeAnonymous: pages("Active(anon)") ?? 0,
      inactiveFile: pages("Inactive(file)") ?? 0, activeFile: pages("Active(file)") ?? 0)
    if sizes.total > 0, sizes.total < 1 << 40 {
      // Half way to giving up, with both kinds in play.
      let priority = 6
      let maySwap = (kilobytes("SwapFree") ?? 0) > 0
      func pass(_ settings: VirtualMemorySettings) -> ScanBalance {
        ScanBalance(
          sizes: sizes, priority: priority, swappiness: settings.swappiness, maySwap: maySwap,
          deactivatesFile: true)
      }
      let group = "a pass of reclaim at priority \(priority)"
      append(
        row(group, "anonymous pages looked at", .pages) {
          pass($0).scan.inactiveAnonymous + pass($0).scan.activeAnonymous
        })
      append(
        row(group, "file pages looked at", .pages) {
          pass($0).scan.inactiveFile + pass($0).scan.activeFile
        })
      append(
        row(group, "part that is anonymous", .perMille) { settings in
          let weights = ScanBalance.weights(
            swappiness: settings.swappiness, experience: .costs(anonymous: 0, file: 0))
          return maySwap ? weights.anonymous * 1000 / max(weights.anonymous + weights.file, 1) : 0
        })
      if !maySwap, before.swappiness != after.swappiness {
        sentences.append(
          "There is no room in swap: swappiness changes nothing here, file pages alone are reclaimed."
        )
      }
      let caches = (snapshot.slabInfo?.caches ?? []).filter {
        ["dentry", "inode_cache"].contains($0.name) || $0.name.hasSuffix("_inode_cache")
      }
      let objects = min(caches.reduce(0) { $0 &+ Int(min($1.activeObjects, 1 << 40)) }, 1 << 40)
      if objects > 0 {
        append(
          row(group, "names and inodes looked at", .objects) {
            SlabShrinker().target(
              objects: objects, priority: priority, cachePressure: $0.cachePressure)
          })
      }
    }
    let swapIn = row("swap", "pages read together at most", .count) { 1 << min($0.pageCluster, 20) }
    append(swapIn)
    addProactive()
  }

  private mutating func addProactive() {
    let scores = ZoneFragmentation.all(snapshot).map { zone in
      ProactiveCompaction.ZoneScore(
        presentPages: min(
          max(snapshot.zoneInfo?.zones.first { $0.id == zone.id }?["present"] ?? 0, 0), 1 << 40),
        score: zone.index.externalFragmentation(order: min(9, max(zone.orders.count - 1, 0))))
    }
    guard !scores.isEmpty, machine.formulaKernel >= KernelVersion(5, 9) else { return }
    append(
      row("background compaction", "starts above a score of", .count) {
        ProactiveCompaction(zones: scores, settings: $0).starts
      })
    let now = ProactiveCompaction(zones: scores, settings: before)
    let then = ProactiveCompaction(zones: scores, settings: after)
    if now.isNeeded != then.isNeeded {
      sentences.append(
        then.isNeeded
          ? "Free memory scores \(then.score) for fragmentation: the background compactor would start."
          : "Free memory scores \(then.score) for fragmentation: the background compactor would stay idle."
      )
    }
  }
}
