import Analysis
import KernelTypes
import ProcSnapshots

extension SnapshotReport {
  static let standardTop = 15

  /// Titles and tables in the order of the report; those whose cells are sentences only if `withSentences`.
  func sections(withSentences: Bool) -> [(title: String, table: TextTable)] {
    var sections: [(String, TextTable)] = []
    func add(_ title: String, _ table: TextTable) {
      if !table.rows.isEmpty { sections.append((title, table)) }
    }
    add("Memory", memoryTable)
    add("Zones", zoneTable)
    add("Free blocks by order", blockTable)
    add("Free blocks by migrate type and order", typeTable)
    add("Page frames by use (kpageflags)", frameTable)
    add(
      "Fragmentation index by order (-1: would succeed; near 0: lack of memory; near 1: fragmentation)",
      indexTable(\.fragmentationIndices))
    add("Unusable free memory by order (part of free pages in too small blocks)", indexTable(\.unusableIndices))
    add("Indices computed from buddyinfo, against the kernel's", verificationTable)
    add("Cross-checks", checkTable)
    if withSentences { add("Disagreements", disagreementTable) }
    let caches = findings.caches
    let shown = min(caches.count, top ?? Self.standardTop)
    add("Slab caches" + (shown < caches.count ? " (\(shown) of \(Units.count(caches.count)))" : ""), cacheTable)
    add("Process", processTable)
    add("Events since boot", eventTable)
    if withSentences { add("Settings (/proc/sys/vm; * is not the default)", knobTable) }
    return sections
  }

  private var memoryTable: TextTable {
    var table = TextTable([
      .init("meminfo", isNumber: false), .init("amount"), .init("what it is", isNumber: false, limit: 88),
    ])
    for field in snapshot.memInfo?.fields ?? [] where field.value > 0 || field.name == "SwapTotal" {
      let amount = field.hasKilobytes ? kilobytes(field.value) : Units.count(field.value)
      table.add([field.name, amount, NumberCatalogue.memInfo(field.name) ?? ""])
    }
    return table
  }

  private var zoneTable: TextTable {
    let names = ["free", "min", "low", "high", "promo", "boost", "spanned", "present", "managed", "start_pfn"]
    let zones = (snapshot.zoneInfo?.zones ?? []).filter(\.isPopulated)
    var table = TextTable(
      [.init("pages", isNumber: false)] + zones.map { .init("\($0.id)") }
        + [.init("what it is", isNumber: false, limit: 72)])
    if zones.isEmpty { return table }
    for name in names where zones.contains(where: { $0[name] != nil }) {
      table.add([name] + zones.map { $0[name].map { Units.count($0) } ?? "" } + [NumberCatalogue.zone(name) ?? ""])
    }
    let protection = zones.map { ($0.protection ?? []).map(String.init).joined(separator: " ") }
    table.add(["protection"] + protection + [NumberCatalogue.zone("protection") ?? ""])
    let sets = zones.map { zone in
      zone.pageSets.map { "\($0.count)/\($0.high)/\($0.batch)" }.prefix(4).joined(separator: " ")
    }
    if sets.contains(where: { !$0.isEmpty }) {
      table.add(["pagesets"] + sets + [NumberCatalogue.zone("pagesets") ?? ""])
    }
    return table
  }

  private func orderColumns(_ first: String...) -> [TextTable.Column] {
    let orders = findings.zones.map(\.orders.count).max() ?? 0
    return first.map { .init($0, isNumber: false) } + (0..<orders).map { .init("\($0)") }
  }

  private var blockTable: TextTable {
    var table = TextTable(orderColumns("zone"))
    for zone in findings.zones { table.add([zone.id.description] + zone.index.freeBlocks.map(String.init)) }
    return table
  }

  private var typeTable: TextTable {
    var table = TextTable(orderColumns("zone", "type"))
    for zone in findings.zones {
      for type in zone.types where type.freeBlocks.contains(where: { $0.blocks > 0 }) {
        table.add([zone.id.description, type.type] + type.freeBlocks.map { ($0.isCapped ? ">" : "") + "\($0.blocks)" })
      }
    }
    return table
  }

  private var frameTable: TextTable {
    var table = TextTable([
      .init("use", isNumber: false), .init("frames"), .init("memory"), .init("what it is", isNumber: false, limit: 80),
    ])
    guard let uses = snapshot.pageFlags?.uses else { return table }
    let meanings: [KPageFlags.Use: String] = [
      .absent: "no page there: holes between memory",
      .free: "in the page allocator's lists (per-CPU lists not included)",
      .slab: "slabs (large kmallocs are under other)",
      .pageTable: "page tables",
      .anonymous: "memory of programs that is in no file",
      .file: "file data, tmpfs and shared memory on LRU lists",
      .reserved: "taken before the page allocator existed",
      .other: "the kernel and drivers, and per-CPU lists of free pages",
    ]
    for use in KPageFlags.Use.allCases {
      guard let frames = uses[use], frames > 0 else { continue }
      table.add([
        use == .pageTable ? "page table" : use.rawValue, Units.count(frames),
        use == .absent ? "" : Units.bytes(Int64(frames) * Int64(findings.machine.pageSize)), meanings[use] ?? "",
      ])
    }
    return table
  }

  private func indexTable(_ indices: (ZoneFragmentation) -> [Int]) -> TextTable {
    var table = TextTable(orderColumns("zone"))
    for zone in findings.zones {
      table.add([zone.id.description] + indices(zone).map { FragmentationIndexFile.text($0, wholeWidth: 1) })
    }
    return table
  }

  private var verificationTable: TextTable {
    var table = TextTable([
      .init("file", isNumber: false), .init("zone", isNumber: false), .init("equal"), .init("of"),
      .init("where they differ", isNumber: false, limit: 66),
    ])
    for line in findings.verification.lines {
      table.add([
        line.file.rawValue, line.id.description, "\(line.equal)", "\(line.printed.count)", Self.explanation(line),
      ])
    }
    return table
  }

  static func explanation(_ line: IndexVerification.Line) -> String {
    if line.isEqual { return "" }
    let base = line.startsFromPageTypes ? "pagetypeinfo's blocks" : "buddyinfo's blocks"
    switch line.moves {
    case nil: return "more than two blocks moved between the reads of the files"
    case []?: return "\(base) give the kernel's digits"
    case let moves?: return "\(base) give them after " + moves.map(\.description).joined(separator: " and ")
    }
  }

  private var checkTable: TextTable {
    var table = TextTable([
      .init("what should be equal", isNumber: false, limit: 76), .init("of"), .init("equal"),
      .init("explained"), .init("not"),
    ])
    for row in findings.checks.summary {
      table.add([
        row.name, "\(row.compared)", "\(row.equal)", "\(row.explained)", "\(row.compared - row.equal - row.explained)",
      ])
    }
    return table
  }

  private var disagreementTable: TextTable {
    var table = TextTable([
      .init("what", isNumber: false, limit: 64), .init("where", isNumber: false), .init("expected"), .init("found"),
      .init("unit", isNumber: false), .init("reason", isNumber: false, limit: 180),
    ])
    for check in disagreements.flatMap(\.checks) {
      table.add([
        check.name, check.subject, Units.count(check.expected), Units.count(check.found),
        check.unit == .kilobytes ? "kB" : check.unit.rawValue, check.reason ?? "unknown",
      ])
    }
    return table
  }

  /// Disagreements with the same name and reason together; those without a reason first.
  var disagreements: [(name: String, reason: String?, checks: [CrossCheck])] {
    var groups: [(name: String, reason: String?, checks: [CrossCheck])] = []
    for check in findings.checks.disagreements {
      if let index = groups.firstIndex(where: { $0.name == check.name && $0.reason == check.reason }) {
        groups[index].checks.append(check)
      } else {
        groups.append((check.name, check.reason, [check]))
      }
    }
    return groups.filter { $0.reason == nil } + groups.filter { $0.reason != nil }
  }

  private var cacheTable: TextTable {
    var table = TextTable([
      .init("cache", isNumber: false), .init("object size"), .init("active"), .init("objects"), .init("slabs hold"),
    ])
    for cache in findings.caches.prefix(top ?? Self.standardTop) {
      table.add([
        cache.name, Units.count(cache.objectSize), Units.count(cache.activeObjects), Units.count(cache.objects),
        Units.bytes(cache.slabBytes),
      ])
    }
    return table
  }

  private var processTable: TextTable {
    var table = TextTable([
      .init("", isNumber: false), .init("amount"), .init("what it is", isNumber: false, limit: 80),
    ])
    if let status = snapshot.status {
      table.add(["Name", status["Name"] ?? "", "the process"])
      let fields = [
        ("VmSize", "addresses that are mapped"), ("VmRSS", "pages in memory"), ("RssAnon", "of it, its own"),
        ("RssFile", "of it, of files"), ("RssShmem", "of it, shared"), ("VmPTE", "its page tables"),
        ("VmSwap", "swapped out"),
      ]
      for (name, meaning) in fields {
        if let value = status.kilobytes(name) { table.add([name, kilobytes(value), meaning]) }
      }
    }
    if let smaps = snapshot.smaps {
      table.add(["Pss", kilobytes(smaps.total("Pss")), "its share, shared pages divided among those who map them"])
    }
    if let maps = snapshot.maps { table.add(["mappings", "\(maps.mappings.count)", "against vm.max_map_count"]) }
    return table
  }

  private var eventTable: TextTable {
    var table = TextTable([
      .init("vmstat", isNumber: false), .init("count"), .init("what it is", isNumber: false, limit: 80),
    ])
    for name in NumberCatalogue.events {
      if let value = snapshot.vmStat?[name], value > 0 {
        table.add([name, Units.count(value), NumberCatalogue.event(name) ?? ""])
      }
    }
    return table
  }

  private var knobTable: TextTable {
    var table = TextTable([
      .init("setting", isNumber: false), .init("value", isNumber: false, limit: 24),
      .init("default", isNumber: false, limit: 32), .init("what it does: here", isNumber: false, limit: 200),
    ])
    for knob in findings.knobs {
      var words = knob.meaning ?? "not known here"
      if let here = knob.here { words += ": " + here }
      table.add([(knob.isChanged ? "*" : "") + knob.name, knob.value, knob.standard ?? "", words])
    }
    return table
  }
}
