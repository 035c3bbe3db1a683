import Analysis
import KernelTypes
import ProcSnapshots
import Replay

extension FragmentationReport {
  var zoneTable: TextTable {
    let orders = outcome.end.freeBlocks.first?.count ?? 0
    var table = TextTable(
      [.init("At the end", isNumber: false), .init("", isNumber: false)] + (0..<orders).map { .init("\($0)") })
    for span in findings.zones.indices {
      let index = findings.index(outcome.end, span: span)
      table.add([zoneName(span), "free blocks"] + index.freeBlocks.map { Units.count($0) })
      table.add(["", "fragmentation"] + (0..<orders).map { Self.thousandths(index.fragmentationIndex(order: $0)) })
      table.add(["", "unusable"] + (0..<orders).map { Self.thousandths(index.unusableFreeIndex(order: $0)) })
    }
    return table
  }

  var availabilityTable: TextTable {
    var table = TextTable([
      .init("Order without a free block", isNumber: false), .init("Order"), .init("First"), .init("Times"),
      .init("For"), .init("At the end", isNumber: false),
    ])
    for span in findings.zones.indices where !isUntouched(span) {
      for (order, state) in outcome.availability[span].enumerated() {
        guard let first = state.firstMissing else { continue }
        table.add([
          zoneName(span), "\(order)", first == 0 ? "at the start" : duration(first), Units.count(state.times),
          duration(state.missingNanoseconds), state.isMissingAtEnd ? "missing" : "",
        ])
      }
    }
    return table
  }

  var stealTable: TextTable {
    var table = TextTable([
      .init("Fallback: wanted", isNumber: false), .init("Taken from", isNumber: false), .init("Times"),
      .init("", isNumber: false, limit: 80, isMinor: true),
    ])
    for steal in outcome.steals.prefix(top ?? 12) {
      var effect = steal.key.isFragmenting ? "two types share a pageblock" : "a whole pageblock or more"
      if steal.key.changesOwnership { effect += ", which changed its type" }
      table.add([
        findings.name(migrateType: Int(steal.key.wanted)), findings.name(migrateType: Int(steal.key.from)),
        Units.count(steal.count), effect,
      ])
    }
    return table
  }

  var breakerTable: TextTable {
    var table = TextTable([
      .init("Pageblocks broken by", isNumber: false), .init("Order"), .init("Type", isNumber: false), .init("Times"),
      .init("Flags", isNumber: false), .init("Caller", isNumber: false),
    ])
    for breaker in outcome.breakers.prefix(top ?? 10) {
      table.add([
        breaker.task, "\(breaker.order)", findings.name(migrateType: breaker.migrateType), Units.count(breaker.count),
        breaker.flags, breaker.caller,
      ])
    }
    return table
  }

  var comparisonTable: TextTable {
    let orders = findings.comparisons.map(\.predicted.count).max() ?? 0
    var table = TextTable(
      [.init("Against buddyinfo after", isNumber: false), .init("", isNumber: false)]
        + (0..<orders).map { .init("\($0)") } + [.init("Pages")])
    for comparison in findings.comparisons {
      func row(_ name: String, _ title: String, _ blocks: [UInt64]) {
        table.add(
          [name, title] + blocks.map { Units.count($0) }
            + [Units.count(FragmentationIndex(freeBlocks: blocks).freePages)])
      }
      row(comparison.zone.zone, "replayed", comparison.predicted)
      row("", "observed", comparison.observed)
    }
    return table
  }

  var markTable: TextTable {
    var table = TextTable([
      .init("Marker", isNumber: false), .init("At"), .init("Free pages"), .init("Largest order", isNumber: false),
      .init("Mixed pageblocks"),
    ])
    for mark in outcome.marks.prefix(40) {
      let indices = findings.zones.indices.map { findings.index(mark, span: $0) }
      table.add([
        mark.text, duration(mark.atNanoseconds), Units.count(indices.reduce(0) { $0 + $1.freePages }),
        Self.largest(indices), Units.count(Self.mixed(mark)),
      ])
    }
    return table
  }

  private static func largest(_ indices: [FragmentationIndex]) -> String {
    indices.map { $0.largestFreeOrder.map { "\($0)" } ?? "-" }.joined(separator: ", ")
  }

  static func mixed(_ moment: FragmentationOutcome.Moment) -> UInt64 {
    moment.mixedBlocks.reduce(0) { $0 + $1.reduce(0, +) }
  }

  /// A few moments of the timeline, the last one at the end; the JSON has all of them.
  var timelineTable: TextTable {
    let order = findings.policy.pageblockOrder
    let several = findings.zones.count > 1
    var table = TextTable(
      [.init("Over time", isNumber: false), .init("Free pages"), .init("Largest order", isNumber: false)]
        + findings.zones.indices.flatMap { span in
          let zone = several ? zoneName(span) + " " : ""
          return [.init("\(zone)index \(order)"), .init("\(zone)unusable \(order)")] as [TextTable.Column]
        } + [.init("Mixed pageblocks")])
    let moments = outcome.timeline.count > 1 ? outcome.timeline + [outcome.end] : []
    let rows = 12
    for row in 0..<min(rows, moments.count) {
      let moment = moments[(moments.count - 1) * row / max(min(rows, moments.count) - 1, 1)]
      let indices = findings.zones.indices.map { findings.index(moment, span: $0) }
      table.add(
        [
          duration(moment.atNanoseconds), Units.count(indices.reduce(0) { $0 + $1.freePages }), Self.largest(indices),
        ]
          + indices.flatMap {
            [
              Self.thousandths($0.fragmentationIndex(order: order)),
              Self.thousandths($0.unusableFreeIndex(order: order)),
            ]
          } + [Units.count(Self.mixed(moment))])
    }
    return table
  }

  /// Free blocks by migrate type and order at the end, held against pagetypeinfo where there is one.
  var typeTable: TextTable {
    let orders = outcome.end.freeBlocks.first?.count ?? 0
    let isCompared = !findings.types.isEmpty
    var table = TextTable(
      [
        .init(isCompared ? "Against pagetypeinfo after" : "By migrate type", isNumber: false),
        .init("", isNumber: false), .init("", isNumber: false),
      ] + (0..<orders).map { .init("\($0)") })
    if isCompared {
      for row in findings.types {
        let zone = row.zone.node == 0 ? row.zone.zone : row.zone.description
        let rowTitle = row.isEqual ? "both" : "replayed"
        table.add([zone, row.type, rowTitle] + row.predicted.map { Units.count($0) })
        if row.isEqual { continue }
        table.add(
          ["", "", "observed"]
            + row.observed.enumerated().map { (row.cappedOrders.contains($0) ? ">" : "") + Units.count($1) })
      }
      return table
    }
    for span in findings.zones.indices where outcome.freeBlocksByType.indices.contains(span) {
      for (type, blocks) in outcome.freeBlocksByType[span].enumerated() where blocks.contains(where: { $0 > 0 }) {
        table.add([zoneName(span), findings.name(migrateType: type), "replayed"] + blocks.map { Units.count($0) })
      }
    }
    return table
  }

  /// How good the comparison by type is, and where the types at the start come from.
  var typeNote: String {
    var text = ""
    if !findings.types.isEmpty {
      let equal = findings.types.reduce(0) { $0 + $1.equalOrders }
      let all = findings.types.reduce(0) { $0 + $1.observed.count }
      text = "\(equal) of \(all) counts are equal. "
    }
    let knowledge = findings.knowledge
    if knowledge.total == 0 { return text + "No event or snapshot tells the types of pageblocks at the start." }
    var parts: [String] = []
    func add(_ count: Int, _ words: String) {
      if count > 0 { parts.append("\(Units.count(count)) \(words)") }
    }
    add(knowledge.exact, "known")
    add(knowledge.events, "inferred from the trace's first event in them")
    add(knowledge.pages, "guessed from the pages they hold")
    add(knowledge.assumed, "without a sign, taken for movable")
    return text + "Types of pageblocks at the start: " + parts.joined(separator: ", ") + "."
  }

  /// Pageblocks that are mixed at the end, and whose pages they hold.
  var mixedTable: TextTable {
    var table = TextTable([
      .init("Mixed at the end", isNumber: false), .init("Pageblocks of type", isNumber: false), .init("Pageblocks"),
      .init("Pages in use in them", isNumber: false, limit: 80),
    ])
    for group in outcome.mixed {
      let pages = group.usedPages.enumerated().filter { $0.element > 0 }.map {
        "\(Units.count($0.element)) \(findings.name(migrateType: $0.offset))"
      }
      table.add([zoneName(group.span), name(group.owner), Units.count(group.pageblocks), pages.joined(separator: ", ")])
    }
    return table
  }

  var mixedNote: String {
    if outcome.becameMixed == 0 { return "They were so before the window." }
    return "\(Units.count(outcome.becameMixed, "time", "times")) a pageblock became mixed; "
      + "\(Units.count(outcome.stillMixed)) of these were not undone by the end. Types at the start: see above."
  }

  /// Who made pageblocks mixed.
  var mixerTable: TextTable {
    var table = TextTable([
      .init("Pageblocks mixed by", isNumber: false), .init("For", isNumber: false),
      .init("In a block of", isNumber: false),
      .init("How", isNumber: false), .init("First"), .init("Times"), .init("Still mixed"),
      .init("Flags", isNumber: false, limit: 48), .init("Caller", isNumber: false),
    ])
    for mixer in outcome.mixers.prefix(top ?? 10) {
      table.add([
        mixer.task, name(mixer.wanted), name(mixer.owner), mixer.isFallback ? "fallback" : "from its own lists",
        duration(mixer.firstNanoseconds), Units.count(mixer.count), Units.count(mixer.stillMixed), mixer.flags,
        mixer.caller,
      ])
    }
    return table
  }
}
