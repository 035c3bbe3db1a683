public import ProcSnapshots

/// What changed from one snapshot to another.
public struct SnapshotDifference: Sendable {
  /// A number that differs.
  public struct Change: Sendable {
    /// Where it is from, such as `meminfo`.
    public var file: String
    /// Such as `MemFree`, `node 0 DMA32 order 3`.
    public var name: String
    /// `nil` where it is in one snapshot only.
    public var before: Int?
    public var after: Int?
    /// `kB`, `pages`, `blocks`, `objects`, or empty for a plain count.
    public var unit: String

    public var difference: Int { (after ?? 0) - (before ?? 0) }
  }

  /// A setting that differs.
  public struct Setting: Sendable {
    public var name: String
    public var before: String?
    public var after: String?
  }

  public private(set) var changes: [Change] = []
  public private(set) var settings: [Setting] = []
  /// Files that only one of the two has.
  public private(set) var notCompared: [SnapshotFileKind] = []

  public init(from before: Snapshot, to after: Snapshot) {
    for kind in SnapshotFileKind.allCases where (before.present[kind] == nil) != (after.present[kind] == nil) {
      notCompared.append(kind)
    }
    if let old = before.memInfo, let new = after.memInfo {
      add(
        "meminfo", old.fields.map { ($0.name, Int(clamping: $0.value)) },
        new.fields.map { ($0.name, Int(clamping: $0.value)) }
      ) { $0.hasPrefix("HugePages_") ? "" : "kB" }
    }
    if let old = before.buddyInfo, let new = after.buddyInfo {
      add("buddyinfo", Self.blocks(old), Self.blocks(new)) { _ in "blocks" }
    }
    if let old = before.pageTypeInfo?.blocks, let new = after.pageTypeInfo?.blocks {
      add("pagetypeinfo", Self.pageblocks(old), Self.pageblocks(new)) { _ in "pageblocks" }
    }
    if let old = before.zoneInfo, let new = after.zoneInfo {
      add("zoneinfo", Self.marks(old), Self.marks(new)) { _ in "pages" }
    }
    if let old = before.slabInfo, let new = after.slabInfo {
      add("slabinfo", Self.objects(old), Self.objects(new)) { _ in "objects" }
    }
    if let old = before.vmStat, let new = after.vmStat {
      add(
        "vmstat", old.counters.map { ($0.name, Int(clamping: $0.value)) },
        new.counters.map { ($0.name, Int(clamping: $0.value)) }
      ) { $0.hasPrefix("nr_") ? "pages" : "" }
    }
    if let old = before.sysctlVM, let new = after.sysctlVM { compare(old, new) }
  }

  private mutating func add(
    _ file: String, _ old: [(String, Int)], _ new: [(String, Int)], unit: (String) -> String
  ) {
    let then = Dictionary(old, uniquingKeysWith: { first, _ in first })
    let now = Dictionary(new, uniquingKeysWith: { first, _ in first })
    var seen: Set<String> = []
    for name in old.map(\.0) + new.map(\.0) where seen.insert(name).inserted {
      if then[name] == now[name] { continue }
      // A cache or zone that is new begins at 0; that is no change if it is still 0.
      if (then[name] ?? 0) == (now[name] ?? 0) { continue }
      changes.append(Change(file: file, name: name, before: then[name], after: now[name], unit: unit(name)))
    }
  }

  private mutating func compare(_ old: SysctlVM, _ new: SysctlVM) {
    var seen: Set<String> = []
    for name in (old.settings + new.settings).map(\.name) where seen.insert(name).inserted {
      if old[name] != new[name] { settings.append(Setting(name: name, before: old[name], after: new[name])) }
    }
  }

  private static func blocks(_ file: BuddyInfo) -> [(String, Int)] {
    file.zones.flatMap { zone in
      zone.freeBlocks.enumerated().map { ("\(zone.id) order \($0.offset)", Int(clamping: $0.element)) }
    }
  }

  private static func pageblocks(_ table: PageTypeInfo.BlockTable) -> [(String, Int)] {
    table.rows.flatMap { row in
      zip(table.types, row.blocks).map { ("\(row.id) \($0)", Int(clamping: $1)) }
    }
  }

  private static func marks(_ file: ZoneInfo) -> [(String, Int)] {
    file.zones.flatMap { zone in
      ["boost", "min", "low", "high", "present", "managed"].compactMap { name in
        zone[name].map { ("\(zone.id) \(name)", $0) }
      }
    }
  }

  private static func objects(_ file: SlabInfo) -> [(String, Int)] {
    file.caches.map { ($0.name, Int(clamping: $0.activeObjects)) }
  }
}
