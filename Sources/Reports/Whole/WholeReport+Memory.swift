import Analysis
import KernelTypes
import ProcSnapshots
import Replay

extension WholeReport {
  // MARK: - Fragmentation

  var fragmentationSection: ReportSection? {
    guard let subject, let fragmentation else { return nil }
    let report = FragmentationReport(subject: subject, findings: fragmentation)
    var section = ReportSection(
      "fragmentation", "Fragmentation",
      lead:
        "Free blocks by order, replayed from the trace's page events, and the kernel's two indices. \(report.startNote)"
    )
    for span in fragmentation.zones.indices {
      if let chart = freeChart(fragmentation, span) { section.blocks.append(.chart(chart)) }
      section.blocks += indexCharts(fragmentation, span).map { .chart($0) }
    }
    section.blocks.append(.table(blockTable(fragmentation)))
    if !fragmentation.comparisons.isEmpty { section.blocks.append(.table(comparisonTable(fragmentation))) }
    section.blocks.append(.table(stealTable(fragmentation)))
    section.blocks.append(.table(breakerTable(fragmentation)))
    if !report.inferred.isEmpty { section.blocks.append(.notes(report.inferred.map { (false, $0) })) }
    return section
  }

  /// Whether a zone ever had a free block that is known of.
  private func isKnown(_ findings: FragmentationFindings, _ span: Int) -> Bool {
    (findings.outcome.timeline + [findings.outcome.end]).contains { $0.freeBlocks[span].contains { $0 > 0 } }
  }

  /// Free memory of a zone over time, by how large its blocks are.
  private func freeChart(_ findings: FragmentationFindings, _ span: Int) -> TimeChart? {
    let timeline = findings.outcome.timeline
    guard timeline.count > 1, isKnown(findings, span) else { return nil }
    let orders = findings.outcome.end.freeBlocks[span].count
    let block = min(findings.policy.pageblockOrder, orders - 1)
    let groups: [(name: String, orders: Range<Int>, colour: Int)] = [
      ("order \(block) and above", block..<orders, 0), ("orders 4 to \(block - 1)", min(4, block)..<block, 5),
      ("orders 1 to 3", 1..<min(4, block), 1), ("single pages", 0..<1, 4),
    ].filter { !$0.1.isEmpty }
    return TimeChart(
      title: "Free pages of \(zoneName(findings, span)) over time",
      summary: "Pages in free blocks, the largest blocks at the bottom. Memory is fragmented where the lower areas "
        + "shrink and the total does not.",
      provenance: .modelled, shape: .stacked, times: timeline.map(\.atNanoseconds),
      series: groups.map { group in
        .init(
          name: group.name,
          values: timeline.map { moment in
            group.orders.reduce(0.0) { $0 + Double(moment.freeBlocks[span][$1]) * Double(UInt64(1) << UInt64($1)) }
          }, colour: group.colour)
      }, unit: .count, isTicks: isTicks, marks: marks)
  }

  private func indexCharts(_ findings: FragmentationFindings, _ span: Int) -> [HeatMap] {
    let all = findings.outcome.timeline
    // More columns than the drawing has room for would only make it larger.
    let step = max(all.count / 160, 1)
    let timeline = all.enumerated().filter { $0.offset % step == 0 }.map(\.element)
    guard timeline.count > 1 else { return [] }
    let orders = Array(findings.outcome.end.freeBlocks[span].indices)
    let indices = timeline.map { findings.index($0, span: span) }
    if indices.allSatisfy({ $0.freePages == 0 }) { return [] }
    func map(_ title: String, _ summary: String, _ value: (FragmentationIndex, Int) -> Double?) -> HeatMap {
      HeatMap(
        title: title, summary: summary, provenance: .modelled, times: timeline.map(\.atNanoseconds),
        rows: orders.map { "order \($0)" }, values: orders.map { order in indices.map { value($0, order) } },
        isTicks: isTicks)
    }
    let name = zoneName(findings, span)
    var charts = [
      map(
        "Unusable free memory of \(name) by order over time",
        "The part of free memory that is in blocks too small for a request of the order (unusable_index): 0 is none.",
        { Double($0.unusableFreeIndex(order: $1)) / 1000 })
    ]
    let fails = indices.contains { index in
      orders.contains { index.fragmentationIndex(order: $0) != FragmentationIndex.wouldSucceed }
    }
    if fails {
      charts.append(
        map(
          "Fragmentation index of \(name) by order over time",
          "Coloured only where a request of the order would fail: towards 0 for lack of memory, towards 1 because free "
            + "memory is in pieces (extfrag_index).",
          { index, order in
            let value = index.fragmentationIndex(order: order)
            return value == FragmentationIndex.wouldSucceed ? nil : max(Double(value) / 1000, 0)
          }))
    }
    return charts
  }

  private func blockTable(_ findings: FragmentationFindings) -> ReportTable {
    var table = ReportTable(
      "free-blocks", "Free memory at the end, by order",
      [
        .name("Zone", "zone", "The zone of physical memory."),
        .modelled("Order", "order", "A block of order n is 2ⁿ pages."),
        .modelled("Free blocks", "freeBlocks", "Free blocks of just this order, as in buddyinfo."),
        .modelled(
          "Fragmentation index", "fragmentationIndex",
          "−1.000: a request would succeed. Towards 0 it fails for lack of memory, towards 1 for fragmentation."),
        .modelled("Unusable index", "unusableIndex", "The part of free memory in blocks too small for the order."),
        .modelled("Times gone", "timesMissing", "How often no block of the order or above was left."),
        .modelled("Gone for", "missingNanoseconds", "For how long there was none."),
      ])
    for span in findings.zones.indices where isKnown(findings, span) {
      let index = findings.index(findings.outcome.end, span: span)
      for order in index.freeBlocks.indices {
        let state = findings.outcome.availability[span][order]
        table.add([
          .text(zoneName(findings, span)), .count(order), .count(index.freeBlocks[order]),
          .thousandths(index.fragmentationIndex(order: order)), .thousandths(index.unusableFreeIndex(order: order)),
          .count(state.times), .duration(state.missingNanoseconds, isTicks: isTicks),
        ])
      }
    }
    return table
  }

  private func comparisonTable(_ findings: FragmentationFindings) -> ReportTable {
    var table = ReportTable(
      "buddyinfo", "Replayed and observed: buddyinfo of the snapshot from after",
      [
        .name("Zone", "zone", "The zone of physical memory."), .observed("Order", "order", "2ⁿ pages."),
        .modelled("Replayed", "predicted", "Free blocks at the end of the replay."),
        .observed("Observed", "observed", "Free blocks in the snapshot, which is a little later."),
      ])
    for comparison in findings.comparisons {
      for (order, pair) in zip(comparison.predicted, comparison.observed).enumerated() {
        table.add([.text(comparison.zone.description), .count(order), .count(pair.0), .count(pair.1)])
      }
    }
    return table
  }

  private func stealTable(_ findings: FragmentationFindings) -> ReportTable {
    var table = ReportTable(
      "fallbacks", "Fallbacks between migrate types",
      [
        .name("Wanted", "wanted", "The migrate type of the request."),
        .name("Taken from", "from", "The type whose block it got."),
        .observed("Times", "count", "mm_page_alloc_extfrag events."),
        .name("Effect", "effect", "Whether a pageblock now holds pages of two types: that fragments memory for good."),
      ])
    for steal in findings.outcome.steals {
      var effect = steal.key.isFragmenting ? "two types share a pageblock" : "a whole pageblock or more"
      if steal.key.changesOwnership { effect += ", which changed its type" }
      table.add([
        .text(findings.name(migrateType: Int(steal.key.wanted))),
        .text(findings.name(migrateType: Int(steal.key.from))),
        .count(steal.count), .text(effect),
      ])
    }
    return table
  }

  private func breakerTable(_ findings: FragmentationFindings) -> ReportTable {
    var table = ReportTable(
      "breakers", "Who broke large blocks",
      [
        .name("Task", "task", "The task that ran."),
        .modelled("Times", "count", "Free blocks of pageblock size or above that were broken up."),
        .observed("Order", "order", "The order asked for."),
        .name("Type", "migrateType", "The migrate type asked for."),
        .name("Flags", "gfpFlags", "The request's gfp flags, if the request was traced."),
        .name("Caller", "caller", "Who asked the page allocator, if there are stack traces."),
      ])
    for breaker in findings.outcome.breakers.prefix(1000) {
      table.add([
        .text(breaker.task), .count(breaker.count), .count(breaker.order),
        .text(findings.name(migrateType: breaker.migrateType)), .text(breaker.flags), .text(breaker.caller),
      ])
    }
    return table
  }

  // MARK: - Physical memory

  var pageblockSection: ReportSection? {
    guard let pageblocks, let fragmentation else { return nil }
    let zones = pageblocks.zones.filter { !$0.content.isEmpty }
    if zones.isEmpty { return nil }
    var section = ReportSection(
      "memory-map", "Memory map",
      lead: "Pageblocks of \(Units.count(UInt64(1) << UInt64(pageblocks.pageblockOrder))) pages in the order of their "
        + "addresses: what is free, and for which migrate type the rest was taken in the trace. What is empty was taken "
        + "before the trace, or nothing is known of it.")
    let room = max(2048 / zones.count, 64)
    for zone in zones { section.blocks.append(.chart(map(zone, pageblocks, fragmentation, room))) }
    section.blocks.append(.table(pageblockTable(zones, fragmentation)))
    return section
  }

  /// The colours of migrate types on the map, by the names of the types.
  private static let typeColours = [
    "Movable": 0, "Unmovable": 4, "Reclaimable": 3, "HighAtomic": 1, "Reserve": 1, "CMA": 5, "Isolate": 6,
  ]

  private func map(
    _ zone: PageblockFindings.Zone, _ pageblocks: PageblockFindings, _ findings: FragmentationFindings, _ room: Int
  ) -> BlockMap {
    let merge = (zone.cells.count + room - 1) / room
    var cells: [BlockMap.Cell] = []
    for start in stride(from: 0, to: zone.cells.count, by: merge) {
      cells.append(cell(Array(zone.cells[start..<min(start + merge, zone.cells.count)]), findings))
    }
    let blocks =
      pageblocks.zones.firstIndex { $0.name == zone.name && $0.node == zone.node }
      .map { pageblocks.pageblocksPerCell[$0] } ?? 1
    let each = blocks * UInt64(merge)
    var legend: [ChartLegend] = [.init(swatch: "k2", name: "free"), .init(swatch: "k7", name: "several types")]
    for type in zone.content.usedPages.indices where zone.content.usedPages[type] > 0 {
      let name = findings.name(migrateType: type)
      legend.append(.init(swatch: "k\(Self.typeColours[name] ?? 6)", name: name.lowercased()))
    }
    legend.append(.init(swatch: "em", name: "not known"))
    let node = zone.node == 0 ? "" : " of node \(zone.node)"
    return BlockMap(
      title: "\(zone.name)\(node)",
      summary: "\(Units.count(zone.pageblocks, "pageblock", "pageblocks")); a cell is "
        + "\(Units.count(each, "pageblock", "pageblocks")). Its colour is what most of its known pages are, its filling how many "
        + "are known. \(Units.count(zone.freeBlocks)) are free as a whole, \(Units.count(zone.mixedBlocks)) hold several "
        + "migrate types.",
      provenance: .modelled, cells: cells, legend: legend)
  }

  private func cell(_ cells: [PageblockFindings.Cell], _ findings: FragmentationFindings) -> BlockMap.Cell {
    let pages = cells.reduce(0) { $0 + $1.pages }
    let free = cells.reduce(0) { $0 + $1.content.freePages }
    var used = [UInt64](repeating: 0, count: cells.first?.content.usedPages.count ?? 0)
    for cell in cells { for type in used.indices { used[type] += cell.content.usedPages[type] } }
    let sum = used.reduce(0, +)
    var text = "frame 0x\(String(cells.first?.frame ?? 0, radix: 16)): \(Units.count(free)) free"
    for type in used.indices where used[type] > 0 {
      text += ", \(Units.count(used[type])) \(findings.name(migrateType: type).lowercased())"
    }
    var style = "em"
    if free >= sum, free > 0 {
      style = "f2"
    } else if let most = used.indices.max(by: { used[$0] < used[$1] }), used[most] > 0 {
      // Three quarters of one type is that type's.
      let isPure = used[most] * 4 >= sum * 3
      style = isPure ? "f\(Self.typeColours[findings.name(migrateType: most)] ?? 6)" : "f7"
    }
    return .init(style: style, fill: pages == 0 ? 0 : Double(free + sum) / Double(pages), text: text)
  }

  private func pageblockTable(_ zones: [PageblockFindings.Zone], _ findings: FragmentationFindings) -> ReportTable {
    let types = zones.first?.content.usedPages.indices.filter { type in
      zones.contains { $0.content.usedPages[type] > 0 }
    }
    var table = ReportTable(
      "pageblocks", "Pageblocks by what they hold at the end",
      [
        .name("Zone", "zone", "The zone of physical memory."),
        .modelled("Pageblocks", "pageblocks", "All of the zone."),
        .modelled("Free", "freeBlocks", "Pageblocks that are free as a whole."),
      ]
        + (types ?? []).map {
          .modelled(
            "\(findings.name(migrateType: $0)) only", "pure\(findings.name(migrateType: $0))",
            "Pageblocks of which only pages of this migrate type were taken in the trace.")
        } + [
          .modelled("Several types", "mixedBlocks", "Pageblocks that hold pages of more than one migrate type."),
          .modelled("Not known", "unknownBlocks", "Pageblocks without a page that the trace or a snapshot tells of."),
          .modelled("Free pages", "freePages", "Pages in free blocks."),
          .observed("Pages in use", "usedPages", "Pages taken in the trace and not given back."),
        ])
    for zone in zones {
      table.add(
        [
          .text(zone.node == 0 ? zone.name : "Node \(zone.node), zone \(zone.name)"), .count(zone.pageblocks),
          .count(zone.freeBlocks),
        ] + (types ?? []).map { .count(zone.pureBlocks[$0]) } + [
          .count(zone.mixedBlocks), .count(zone.unknownBlocks), .count(zone.content.freePages),
          .count(zone.content.usedPages.reduce(0, +)),
        ])
    }
    return table
  }
}
