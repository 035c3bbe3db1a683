import Analysis
import KernelTypes
import ProcSnapshots
import Replay

/// What reports say about a replay under other settings.
struct ReplaySettingsSection {
  let settings: ReplaySettings

  /// The answer in a sentence.
  var answer: String {
    let effective = settings.changes.filter { $0.reason == nil }
    if effective.isEmpty { return "Other settings: none of them can change a replay." }
    let names = effective.map { "vm.\($0.name) from \($0.before) to \($0.after)" }.joined(separator: ", ")
    let (before, after) = (settings.before, settings.after)
    return "Other settings (\(names)): " + Units.count(after.belowLowMark, "request", "requests")
      + " below the low mark instead of \(Units.count(before.belowLowMark)), "
      + Units.count(after.belowMinimumMark) + " below the minimum instead of \(Units.count(before.belowMinimumMark))."
  }

  /// Knobs that were given and can't matter.
  var idle: [String] {
    settings.changes.compactMap { change in change.reason.map { "vm.\(change.name) can't change a replay: \($0)" } }
  }

  var limitTable: TextTable {
    var table = TextTable([
      .init("Zone", isNumber: false), .init("Limit (pages)", isNumber: false), .init("Own"), .init("Changed"),
    ])
    for limit in settings.limits {
      table.add(["\(limit.zone)", limit.name, Units.count(limit.before), Units.count(limit.after)])
    }
    return table
  }

  /// Both columns are modelled.
  var countTable: TextTable {
    var table = TextTable([
      .init("The model says (modelled)", isNumber: false), .init("Own settings"), .init("Changed"),
    ])
    func add(_ name: String, _ value: (PressureCounts) -> UInt64, always: Bool = false) {
      let (old, new) = (value(settings.before), value(settings.after))
      if always || old != 0 || new != 0 { table.add([name, Units.count(old), Units.count(new)]) }
    }
    add("requests", { $0.requests }, always: true)
    add("requests below the low mark", { $0.belowLowMark }, always: true)
    add("wakes of kswapd", { $0.wakeups }, always: true)
    add("  after a boost of the marks", { $0.boostWakeups })
    add("requests below the minimum mark", { $0.belowMinimumMark }, always: true)
    add("requests that a node reclaims for first", { $0.nodeReclaims })
    add("requests that took blocks from the buddy's lists", { $0.refills }, always: true)
    add("blocks drained from per-CPU lists", { $0.drainedBlocks })
    add("zones that compaction suits", { $0.compactable })
    add("times the machine would stop instead of killing", { $0.panics })
    for (index, zone) in settings.zones.enumerated() {
      add("blocks from \(zone)", { $0.blocksByZone.indices.contains(index) ? $0.blocksByZone[index] : 0 })
    }
    return table
  }

  func text() -> String {
    var text = answer + "\n"
    if !limitTable.rows.isEmpty { text += limitTable.text() + "\n" }
    text += countTable.text()
    for line in idle { text += "  " + line + "\n" }
    return text
  }

  func markdown() -> String {
    var text = "### Other settings\n\n" + SafeText.markdown(answer) + "\n\n"
    if !limitTable.rows.isEmpty { text += limitTable.markdown() + "\n" }
    text += countTable.markdown()
    if !idle.isEmpty { text += "\n" + idle.map { "- " + SafeText.markdown($0) + "\n" }.joined() }
    return text
  }
}

/// The JSON of a replay under other settings.
struct ReplaySettingsDocument: Encodable {
  struct Change: Encodable {
    var name: String
    var before: String
    var after: String
    /// Why it can't change a replay.
    var reason: String?
  }

  struct Limit: Encodable {
    var node: Int
    var zone: String
    var name: String
    var before: Int
    var after: Int
  }

  struct ZoneBlocks: Encodable {
    var node: Int
    var zone: String
    var blocks: UInt64
  }

  struct Counts: Encodable {
    var requests: UInt64
    var belowLowMark: UInt64
    var kswapdWakes: UInt64
    var kswapdWakesAfterBoost: UInt64
    var belowMinimumMark: UInt64
    var nodeReclaims: UInt64
    var refills: UInt64
    var drainedBlocks: UInt64
    var compactable: UInt64
    var panics: UInt64
    var zones: [ZoneBlocks]

    init(_ counts: PressureCounts, _ settings: ReplaySettings) {
      requests = counts.requests
      belowLowMark = counts.belowLowMark
      kswapdWakes = counts.wakeups
      kswapdWakesAfterBoost = counts.boostWakeups
      belowMinimumMark = counts.belowMinimumMark
      nodeReclaims = counts.nodeReclaims
      refills = counts.refills
      drainedBlocks = counts.drainedBlocks
      compactable = counts.compactable
      panics = counts.panics
      zones = zip(settings.zones, counts.blocksByZone).map { .init(node: $0.node, zone: $0.zone, blocks: $1) }
    }
  }

  var changes: [Change]
  var limits: [Limit]
  var own: Counts
  var changed: Counts
  var pageFrame: GradeDocument

  init(_ settings: ReplaySettings) {
    changes = settings.changes.map { .init(name: $0.name, before: $0.before, after: $0.after, reason: $0.reason) }
    limits = settings.limits.map {
      .init(node: $0.zone.node, zone: $0.zone.zone, name: $0.name, before: $0.before, after: $0.after)
    }
    own = Counts(settings.before, settings)
    changed = Counts(settings.after, settings)
    pageFrame = .init(settings.frames)
  }
}
