import Analysis
import KernelTypes
import Replay

extension WholeReport {
  /// Which state's waste comes first: that at the end, unless nearly everything is gone by then.
  var siteOrder: WasteOrder {
    guard let callSites else { return .live }
    if callSites.live.objects * 20 >= callSites.peak.amount.objects { return .live }
    return callSites.peak.amount.objects > 0 ? .peak : .total
  }

  func orderText(_ order: WasteOrder) -> String {
    switch order {
    case .live, .percent, .allocated, .objects: "at the end"
    case .peak: "at the peak"
    case .total, .allocations: "in total"
    }
  }

  func amount(_ live: Amount, _ peak: Amount, _ total: Amount, _ order: WasteOrder) -> Amount {
    switch order {
    case .live, .percent, .allocated, .objects: live
    case .peak: peak
    case .total, .allocations: total
    }
  }

  private func ordered(_ result: WasteResult) -> [WasteResult.Group] {
    guard let subject else { return result.groups }
    return WasteReport(subject: subject, result: result, order: siteOrder).orderedGroups
  }

  var orderedSites: [WasteResult.Group] { callSites.map(ordered) ?? [] }

  /// Waste by group, with the same columns whatever the groups are.
  func wasteTable(_ id: String, _ title: String, _ result: WasteResult) -> ReportTable {
    var table = ReportTable(
      id, title,
      [
        .name(
          result.grouping.title.prefix(1).uppercased() + result.grouping.title.dropFirst(), "key",
          "What the figures of a row are summed up by."),
        .observed("Live", "liveObjects", "Objects there at the end."),
        .observed("Allocated", "liveAllocatedBytes", "Bytes handed out to live objects."),
        .observed("Wasted", "liveWastedBytes", "Bytes of live objects beyond what was asked for."),
        .observed("Wasted %", "liveWastedPercent", "The wasted part of the allocated bytes."),
        .observed("At the peak", "peakWastedBytes", "Bytes wasted when all live bytes were highest."),
        .observed("In total", "totalWastedBytes", "Bytes wasted by all allocations, also those that were freed."),
        .observed("Allocations", "totalObjects", "All allocations of the trace."),
      ])
    for group in ordered(result) {
      table.add([
        .text(group.symbol ?? group.key), .count(group.live.objects), .bytes(group.live.allocatedBytes),
        .bytes(group.live.wastedBytes), .percent(group.live.wastedPercent), .bytes(group.peak.wastedBytes),
        .bytes(group.total.wastedBytes), .count(group.total.objects),
      ])
    }
    switch siteOrder {
    case .peak: table.addBars(column: 5)
    case .total, .allocations: table.addBars(column: 6)
    case .live, .percent, .allocated, .objects: table.addBars(column: 3)
    }
    return table
  }

  var wasteSection: ReportSection? {
    guard let callSites else { return nil }
    var section = ReportSection(
      "waste", "Waste by call site",
      lead: "Objects that are larger than what was asked for, by the code that asked. Exact, from the trace.")
    section.blocks.append(.figures(wasteFigures(callSites)))
    if let chart = liveChart { section.blocks.append(.chart(chart)) }
    let order = siteOrder
    let items = orderedSites.map { ($0, amount($0.live, $0.peak, $0.total, order).wastedBytes) }
      .filter { $0.1 > 0 }
    // One that has nearly all of it is a rectangle without a word more than the table's.
    let sum = items.reduce(0) { $0 + $1.1 }
    if items.count > 4, (items.first?.1 ?? 0) * 10 < sum * 9 { section.blocks.append(.chart(treemap(items, order))) }
    section.blocks += flameGraphs
    section.blocks.append(.table(wasteTable("call-sites", "Call sites", callSites)))
    if let table = stackTable { section.blocks.append(.table(table)) }
    return section
  }

  private func wasteFigures(_ result: WasteResult) -> [ReportFigure] {
    func figure(_ title: String, _ amount: Amount, _ meaning: String) -> ReportFigure {
      ReportFigure(
        title: title, value: "\(Units.bytes(amount.wastedBytes)) (\(Units.percent(amount.wastedPercent)))",
        meaning: "\(meaning): \(Units.count(amount.objects, "object", "objects")), "
          + "\(Units.bytes(amount.requestedBytes)) requested, \(Units.bytes(amount.allocatedBytes)) allocated.",
        provenance: .observed)
    }
    return [
      figure("Wasted at the end", result.live, "Live after \(duration(result.endTime))"),
      figure(
        "Wasted at the peak", result.peak.amount,
        "When live bytes were highest, after \(duration(result.peak.time))"),
      figure(
        "Most wasted at once", result.peakWaste.amount,
        "When live waste was highest, after \(duration(result.peakWaste.time))"),
      figure("Wasted in total", result.total, "Over all allocations, freed or not"),
    ]
  }

  private var liveChart: TimeChart? {
    guard let timeline = lifetimes?.timeline, timeline.count > 1 else { return nil }
    return TimeChart(
      title: "Live objects over time",
      summary:
        "Bytes requested by live objects, and on top of them what objects are larger than asked for. Dashed lines "
        + "are the trace's markers.",
      provenance: .observed, shape: .stacked, times: timeline.map(\.atNanoseconds),
      series: [
        .init(name: "requested", values: timeline.map { Double($0.live.requestedBytes) }, colour: 0),
        .init(name: "object waste", values: timeline.map { Double(max($0.live.wastedBytes, 0)) }, colour: 1),
      ], unit: .bytes, isTicks: isTicks, marks: marks)
  }

  private func treemap(_ items: [(WasteResult.Group, Int64)], _ order: WasteOrder) -> Treemap {
    let shown = items.prefix(60)
    var cells = shown.map { group, bytes in
      Treemap.Item(
        name: Self.function(group.symbol ?? group.key), value: Double(bytes), text: Units.bytes(bytes),
        colour: Self.percentColour(amount(group.live, group.peak, group.total, order).wastedPercent))
    }
    let rest = items.dropFirst(60).reduce(0) { $0 + $1.1 }
    if rest > 0 {
      let text = Units.bytes(rest)
      cells.append(.init(name: "\(Units.count(items.count - 60)) others", value: Double(rest), text: text, colour: 7))
    }
    return Treemap(
      title: "Waste \(orderText(order)) by call site",
      summary: "Each area is one call site's waste; its colour tells the part of its memory that is wasted. The table "
        + "of call sites below has the same figures.",
      provenance: .observed, items: cells,
      legend: [
        .init(swatch: "k0", name: "below 20 % wasted"), .init(swatch: "k1", name: "20 to 40 %"),
        .init(swatch: "k4", name: "above 40 %"), .init(swatch: "k7", name: "others"),
      ])
  }

  static func percentColour(_ percent: Double) -> Int { percent < 20 ? 0 : percent < 40 ? 1 : 4 }

  private var flameGraphs: [ReportBlock] {
    guard let stacks = lifetimes?.stacks, !stacks.isEmpty else { return [] }
    func graph(_ title: String, _ weight: (LifetimeFindings.Stack) -> Int64) -> ReportBlock? {
      let graph = FlameGraph(
        title: title,
        summary: Self.flameSummary("bytes"),
        provenance: .observed, unit: .bytes,
        stacks: stacks.map { ($0.frames, Double(max(weight($0), 0))) })
      return graph.isEmpty ? nil : .chart(graph)
    }
    return [
      graph("Waste by stack, over all allocations") { $0.total.wastedBytes },
      graph("Bytes live at the end by stack") { Int64(clamping: $0.live.allocatedBytes) },
    ].compactMap { $0 }
  }

  private var stackTable: ReportTable? {
    guard let stacks = lifetimes?.stacks, !stacks.isEmpty else { return nil }
    var table = ReportTable(
      "stacks", "Stacks",
      [
        .name(
          "Innermost callers", "stack",
          "The functions that led to the allocation, innermost first, without the allocators' own."),
        .observed("Live", "liveAllocatedBytes", "Bytes handed out to live objects."),
        .observed("Wasted", "liveWastedBytes", "Bytes of live objects beyond what was asked for."),
        .observed("In total", "totalAllocatedBytes", "Bytes of all allocations, also those that were freed."),
        .observed("Wasted in total", "totalWastedBytes", "Bytes wasted by all allocations."),
        .observed("Allocations", "totalObjects", "All allocations of the trace."),
      ])
    for stack in stacks.prefix(1000) {
      table.add([
        .text(Self.stackName(stack.frames)), .bytes(stack.live.allocatedBytes), .bytes(stack.live.wastedBytes),
        .bytes(stack.total.allocatedBytes), .bytes(stack.total.wastedBytes), .count(stack.total.objects),
      ])
    }
    table.addBars(column: 1)
    return table
  }

  var taskSection: ReportSection? {
    guard let tasks, tasks.groups.count > 0 else { return nil }
    var section = ReportSection(
      "tasks", "Tasks",
      lead: "The same waste by the task that ran when the memory was asked for. Exact, from the trace.")
    section.blocks.append(.table(wasteTable("tasks", "Tasks", tasks)))
    return section
  }
}
