import Analysis
import KernelTypes
import MemoryModels
import Replay

extension WholeReport {
  private var faultsReport: FaultsReport? {
    guard let subject, let faults else { return nil }
    return FaultsReport(subject: subject, findings: faults, top: top)
  }

  /// What each page fault was.
  var faultSection: ReportSection? {
    guard let report = faultsReport, report.outcome.total.faults > 0 else { return nil }
    let outcome = report.outcome
    var section = ReportSection(
      "faults", "Page faults",
      lead: "Every page fault of the trace through a model of the kernel's fault path: what kind it was, whose, and in "
        + "which mapping. \(report.startNote)")
    section.blocks.append(.figures(faultFigures(report)))
    if let chart = faultTimeChart(outcome) { section.blocks.append(.chart(chart)) }
    if let chart = faultKindChart(outcome) { section.blocks.append(.chart(chart)) }
    section.blocks.append(.table(faultKindTable(outcome)))
    section.blocks.append(.table(faultProcessTable(report)))
    section.blocks.append(.table(faultMappingTable(outcome)))
    section.blocks.append(.table(faultGradeTable(report)))
    section.blocks.append(.table(faultComparisonTable(report.findings)))
    if !report.inferred.isEmpty { section.blocks.append(.notes(report.inferred.map { (false, $0) })) }
    return section
  }

  private func faultFigures(_ report: FaultsReport) -> [ReportFigure] {
    let outcome = report.outcome
    let total = outcome.total
    func bytes(_ pages: UInt64) -> String { Units.bytes(Int64(clamping: pages) * report.pageBytes) }
    var figures: [ReportFigure] = [
      .init(
        title: "Page faults", value: Units.count(total.faults),
        meaning:
          "\(Units.count(outcome.userFaults)) of programs and \(Units.count(outcome.kernelFaults)) of the kernel.",
        provenance: .observed),
      .init(
        title: "Minor and major", value: "\(Units.count(total.minor)) and \(Units.count(total.major))",
        meaning: "A major fault waits for a page to be read from a file or from swap.", provenance: .modelled),
      .init(
        title: "Frames taken", value: Units.count(total.frames.observed),
        meaning: "\(bytes(total.frames.observed)) of pages that faults took from the page allocator.",
        provenance: .observed),
      .init(
        title: "Page tables taken", value: Units.count(total.tables.observed),
        meaning: "\(bytes(total.tables.observed)) of tables that faults made.", provenance: .observed),
    ]
    if outcome.frameGrade.checked > 0 {
      figures.append(
        .init(
          title: "Foreseen", value: Self.percent(outcome.frameGrade),
          meaning: "Faults of known mappings whose frames the model named before the trace did: "
            + "\(Units.count(outcome.frameGrade.matched)) of \(Units.count(outcome.frameGrade.checked)).",
          provenance: .modelled))
    }
    return figures
  }

  private static func percent(_ grade: FaultReplayOutcome.Grade) -> String {
    Grades.percent(Grade(checked: grade.checked, matched: grade.matched))
  }

  private func faultTimeChart(_ outcome: FaultReplayOutcome) -> TimeChart? {
    let timeline = outcome.timeline
    if timeline.count < 2 { return nil }
    return TimeChart(
      title: "Page faults over time", summary: "Faults since the beginning, and the frames and page tables they took.",
      provenance: .observed, shape: .lines, times: timeline.map(\.atNanoseconds),
      series: [
        .init(name: "faults", values: timeline.map { Double($0.faults) }, colour: 0),
        .init(name: "frames taken", values: timeline.map { Double($0.frames) }, colour: 2),
        .init(name: "page tables taken", values: timeline.map { Double($0.tables) }, colour: 4),
      ], unit: .count, isTicks: isTicks, marks: marks)
  }

  private func kinds(_ tally: FaultReplayOutcome.Tally) -> [FaultKind] {
    FaultKind.allCases.filter { tally[$0] > 0 }
      .sorted { (tally[$1], $0.rawValue) < (tally[$0], $1.rawValue) }
  }

  private func faultKindChart(_ outcome: FaultReplayOutcome) -> BarChart? {
    let kinds = kinds(outcome.total)
    if kinds.count < 2 { return nil }
    return BarChart(
      title: "Faults by kind", summary: "How many faults of each kind there were.", provenance: .modelled,
      parts: [("faults", 0)],
      bars: kinds.prefix(12).map { kind in
        .init(
          name: FaultsReport.title(kind), values: [Double(outcome.total[kind])],
          text: Units.count(outcome.total[kind]))
      }, unit: .count, hasTableBeside: true)
  }

  private func faultKindTable(_ outcome: FaultReplayOutcome) -> ReportTable {
    var table = ReportTable(
      "fault-kinds", "Faults by kind",
      [
        .name("Kind", "kind", "What the fault path did, by the model."),
        .modelled("Faults", "faults", "Faults of this kind."),
        .modelled("Share", "percent", "Of all faults."),
      ])
    for kind in kinds(outcome.total) {
      table.add([
        .text(FaultsReport.title(kind)), .count(outcome.total[kind]),
        .percent(Double(outcome.total[kind]) / Double(max(outcome.total.faults, 1)) * 100),
      ])
    }
    table.addBars(column: 1)
    return table
  }

  private func faultProcessTable(_ report: FaultsReport) -> ReportTable {
    var table = ReportTable(
      "fault-processes", "Faults by process",
      [
        .name("Process", "process", "The name of the task, and its number."),
        .observed("Faults", "faults", "Page faults that it ran into."),
        .observed("Frames", "frames", "Pages that its faults took."),
        .observed("Page tables", "tables", "Tables that its faults made."),
        .modelled("Resident", "residentBytes", "Bytes of its pages in memory at the end, or when it ended."),
        .modelled("VmPTE", "tableBytes", "Bytes of its page tables then."),
        .name("Note", "note", "Whether it ended in the trace, and whether its mappings are only inferred."),
      ])
    for process in report.outcome.processes.prefix(1000) {
      var notes = process.hasEnded ? ["ended"] : []
      if !process.isKnown { notes.append("mappings inferred") }
      table.add([
        .text("\(process.name) (\(process.pid))"), .count(process.tally.faults),
        .count(process.tally.frames.observed), .count(process.tally.tables.observed),
        .bytes(Int64(report.residentPages(process)) * report.pageBytes),
        .bytes(Int64(process.tables.reduce(0, +)) * report.pageBytes), .text(notes.joined(separator: ", ")),
      ])
    }
    table.addBars(column: 1)
    return table
  }

  private func faultMappingTable(_ outcome: FaultReplayOutcome) -> ReportTable {
    var table = ReportTable(
      "fault-mappings", "Faults by mapping",
      [
        .name("Mapping", "mapping", "The mapped file, or what the kernel calls the mapping."),
        .name("Process", "pid", "The number of its process."),
        .name("Addresses", "addresses", "From the first byte to the one behind the last."),
        .name("Access", "permissions", "As /proc/PID/maps writes it; s is shared, p private."),
        .observed("Faults", "faults", "Page faults in the mapping."),
        .observed("Frames", "frames", "Pages that they took."),
        .name("Mostly", "mostly", "The most frequent kind of fault in it, by the model."),
      ])
    for area in outcome.areas.prefix(1000) {
      table.add([
        .text(area.name.isEmpty ? "anonymous" : area.name), .text("\(area.pid)"),
        .text(String(area.start, radix: 16) + "-" + String(area.end, radix: 16)), .text(area.permissions),
        .count(area.tally.faults), .count(area.tally.frames.observed),
        .text(kinds(area.tally).first.map(FaultsReport.title) ?? ""),
      ])
    }
    table.addBars(column: 4)
    return table
  }

  /// The fault path's model against the trace and the snapshots.
  private func faultGradeTable(_ report: FaultsReport) -> ReportTable {
    let outcome = report.outcome
    var table = ReportTable(
      "fault-grades", "The fault path against the trace",
      [
        .name("What", "what", "What the model foresaw."),
        .modelled("Right", "matched", "Predictions that the trace confirms."),
        .modelled("Of", "checked", "Predictions that the trace could confirm."),
        .modelled("Share", "percent", "Never rounded up to 100."),
      ])
    func add(_ name: String, _ grade: FaultReplayOutcome.Grade) {
      if grade.checked == 0 { return }
      table.add([
        .text(name), .count(grade.matched), .count(grade.checked),
        .grade(Grade(checked: grade.checked, matched: grade.matched)),
      ])
    }
    add("frames taken in faults", outcome.frameGrade)
    add("page tables taken in faults", outcome.tableGrade)
    add("page present, by the error code", outcome.presentGrade)
    add("resident pages, by rss_stat", outcome.residentGrade)
    add("resident pages of children at fork", outcome.forkGrade)
    return table
  }

  /// What the process and the kernel's counters have in snapshots, against the model.
  private func faultComparisonTable(_ findings: FaultFindings) -> ReportTable {
    var table = ReportTable(
      "fault-snapshots", "The fault path against the snapshots",
      [
        .name("What", "what", "A counter of the snapshots, in pages or in times."),
        .name("When", "when", "In the snapshot from before, in that from after, or their difference."),
        .modelled("Model", "predicted", "What the model has."),
        .observed("Snapshot", "observed", "What the kernel said."),
      ])
    let process = findings.pid.map { " of \($0)" } ?? ""
    for (when, comparisons, name) in [
      ("at the start", findings.before, process), ("at the end", findings.after, process),
      ("in between", findings.counts, ""),
    ] {
      for comparison in comparisons {
        table.add([
          .text(comparison.name + name), .text(when), .count(comparison.predicted), .count(comparison.observed),
        ])
      }
    }
    return table
  }
}
