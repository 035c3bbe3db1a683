public import KernelTypes
public import MemoryModels
public import ProcSnapshots
public import Replay

/// A replay of page requests under other settings of `/proc/sys/vm`, beside the one under the machine's own.
public struct ReplaySettings: Sendable {
  /// A limit of a zone under both settings, in pages.
  public struct Limit: Sendable, Equatable {
    public var zone: ZoneID
    public var name: String
    public var before: Int
    public var after: Int
  }

  /// A setting that was changed; `reason` says why it can't matter to a replay, if it can't.
  public struct Change: Sendable, Equatable {
    public var name: String
    public var before: String
    public var after: String
    public var reason: String?
  }

  public private(set) var changes: [Change] = []
  public private(set) var limits: [Limit] = []
  /// What the models said under the machine's own settings, and under the changed ones.
  public var before = PressureCounts()
  public var after = PressureCounts()
  /// How many page frames of the trace the changed model chose.
  public var frames = Grade()
  /// The zones of `PressureCounts.blocksByZone`.
  public private(set) var zones: [ZoneID] = []

  let own: VirtualMemorySettings
  public let changed: VirtualMemorySettings

  /// Changes the machine's own settings by `NAME=VALUE`. Throws if one of them makes no sense.
  public init(_ snapshot: Snapshot, assignments: [String], kernel: KernelVersion) throws(SettingError) {
    own = Self.own(snapshot, kernel: kernel)
    var changed = own
    for assignment in assignments { try changed.set(assignment: assignment) }
    self.changed = changed
    for name in VirtualMemorySettings.names {
      let old = own.text(name)
      let new = changed.text(name)
      let isGiven = assignments.contains { VirtualMemorySettings.name(ofAssignment: $0) == name }
      if old == new, !isGiven { continue }
      changes.append(
        Change(name: name, before: old, after: new, reason: VirtualMemorySettings.withoutEffectOnReplay[name]))
    }
  }

  /// The settings of the snapshot's machine.
  public static func own(_ snapshot: Snapshot, kernel: KernelVersion) -> VirtualMemorySettings {
    snapshot.sysctlVM?.settings(kernel: kernel) ?? VirtualMemorySettings(kernel: kernel)
  }

  /// Gives a machine the limits that the changed settings make; what they leave alone stays as the snapshot has it.
  public mutating func apply(to machine: inout Machine, snapshot: Snapshot) {
    let hasHugePages = snapshot.hugePages?.isEnabled ?? false
    var profile = machine.profile
    profile.use(own)
    let old = machine.limits(profile, hasHugePages: hasHugePages)
    profile.use(changed)
    let new = machine.limits(profile, hasHugePages: hasHugePages)
    limits = []
    zones = []
    for index in 0..<machine.zoneCount {
      let id = ZoneID(node: machine[zone: index].node, zone: machine[zone: index].kind.name)
      zones.append(id)
      let (before, after) = (old.zones[index], new.zones[index])
      machine.withZone(index) { zone in
        if before.watermarks != after.watermarks { zone.watermarks = after.watermarks }
        if before.reserve != after.reserve { zone.lowMemoryReserve = after.reserve }
        if before.perCPU != after.perCPU { zone.perCPULimits = after.perCPU }
      }
      func add(_ name: String, _ value: (PhysicalLimits.ZoneLimits) -> Int) {
        if value(before) != value(after) {
          limits.append(Limit(zone: id, name: name, before: value(before), after: value(after)))
        }
      }
      add("min") { $0.watermarks.minimum }
      add("low") { $0.watermarks.low }
      add("high") { $0.watermarks.high }
      add("reserved from higher requests") { $0.reserve.max() ?? 0 }
      add("per-CPU list, high") { $0.perCPU.high }
      add("per-CPU list, batch") { $0.perCPU.batch }
    }
  }
}
