import Analysis
import KernelTypes
import Replay
import TraceEvents

extension WholeReport {
  /// How far the models can be trusted.
  var gradeSection: ReportSection? {
    guard let subject, let own else { return nil }
    var section = ReportSection(
      "grades", "Trust",
      lead:
        "Where the trace tells what the model predicts, the two are compared. Everything labelled modelled is as good "
        + "as these grades.")
    let report = ReplayReport(subject: subject, findings: own)
    if let note = report.ungradedNote { section.blocks.append(.paragraph(note)) }
    if let grades = own.outcome.grades {
      var table = ReportTable(
        "grades", "\(name(own)) against the trace",
        [
          .name("What", "what", "What the model predicted."),
          .modelled("Right", "matched", "Predictions that the trace confirms."),
          .modelled("Of", "checked", "Predictions that the trace could confirm."),
          .modelled("Share", "percent", "Never rounded up to 100."),
          .name("Meaning", "meaning", ""),
        ])
      func add(_ name: String, _ grade: Grade, _ meaning: String) {
        if grade.checked == 0 { return }
        table.add([.text(name), .count(grade.matched), .count(grade.checked), .grade(grade), .text(meaning)])
      }
      let total = grades.total
      add("bytes_alloc of kmalloc", grades.allocatedBytes, "the size class")
      add("object address", total.objectAddress, "on slabs taken in the trace, to the byte")
      add("object address, old slabs", total.oldObjectAddress, "on slabs from before the trace")
      add("slab growth", total.slabGrowth, "a new slab of this order, at this event")
      add("slab release", total.slabRelease, "a slab given back")
      if let fragmentation, !fragmentation.comparisons.isEmpty {
        let all = fragmentation.comparisons.reduce(0) { $0 + $1.observed.count }
        let equal = fragmentation.comparisons.reduce(0) { $0 + $1.equalOrders }
        add("free blocks", Grade(checked: UInt64(all), matched: UInt64(equal)), "buddyinfo after, by zone and order")
      }
      section.blocks.append(.table(table))
    }
    section.blocks.append(.table(markerTable(own)))
    return section
  }

  /// The state at the trace's markers.
  private func markerTable(_ own: ReplayFindings) -> ReportTable {
    var table = ReportTable(
      "markers", "At the trace's markers",
      [
        .name("Marker", "text", "What user space wrote into the trace."),
        .observed("At", "atNanoseconds", "After the trace's first event."),
        .observed("Requested", "requestedBytes", "Bytes requested by live objects."),
        .modelled("Slab pages", "slabPages", "Pages of the model that runs on its own."),
        .modelled("Followed", "followedPages", "Change of slab pages, by the model that is led along the trace."),
        .observed("Observed", "observedPages", "The same change, in the trace."),
      ])
    for mark in own.outcome.marks.prefix(1000) {
      table.add([
        .text(mark.text), .duration(mark.atNanoseconds, isTicks: isTicks),
        .bytes(mark.modelled.live.requestedBytes), .count(mark.modelled.slabPages),
        mark.followed.map { .count($0.predicted) } ?? .missing, mark.followed.map { .count($0.observed) } ?? .missing,
      ])
    }
    return table
  }

  var qualitySection: ReportSection? {
    guard let subject else { return nil }
    var section = ReportSection("quality", "Data quality", lead: QualityText.verdict(subject.quality) + ".")
    var notes = QualityText.findings(subject.quality).map { (isSerious: $0.isSerious, text: $0.text) }
    notes += subject.quality.statistics.samples.map { (false, QualityText.sample($0)) }
    if !subject.profile.assumed.isEmpty {
      notes.append((false, "assumed, as the trace does not tell: " + subject.profile.assumed.joined(separator: ", ")))
    }
    if notes.isEmpty { notes.append((false, "Every event was understood and paired.")) }
    section.blocks.append(.notes(notes))
    return section
  }

  // MARK: - Snapshots

  var snapshotSections: [ReportSection] {
    snapshots.map { role, findings in
      let report = SnapshotReport(findings: findings)
      let title = subject == nil ? "Snapshot" : "Snapshot \(role.replacing("-", with: " "))"
      var section = ReportSection(
        "snapshot-\(role)", title, lead: report.answer + " " + report.source + ".")
      let advice = findings.advice.sentences.map { (isSerious: false, text: $0) }
      if !advice.isEmpty { section.blocks.append(.notes(advice)) }
      for (number, part) in report.sections(withSentences: true).enumerated() {
        section.blocks.append(.table(ReportTable("snapshot-\(role)-\(number + 1)", part.title, part.table)))
      }
      let notes = report.fileNotes.map { (isSerious: $0.isSerious, text: $0.text) }
      if !notes.isEmpty { section.blocks.append(.notes(notes)) }
      return section
    }
  }
}

extension ReportTable {
  /// A table of texts from a snapshot: the cells are as they are.
  init(_ id: String, _ title: String, _ table: TextTable) {
    self.init(
      id, title,
      table.columns.enumerated().map { index, column in
        ReportColumn(
          title: column.title, key: column.title.isEmpty ? "column\(index + 1)" : column.title, meaning: "",
          isNumber: column.isNumber, provenance: column.isNumber ? .observed : nil)
      })
    for row in table.rows {
      add(
        zip(row, table.columns).map { cell, column in
          ReportCell(shown: cell, exact: cell, sort: column.isNumber ? Self.number(cell) : nil)
        })
    }
    // Numbers of several kinds in a column have no order.
    isSortable = rows.allSatisfy { row in
      zip(row, table.columns).allSatisfy { !$1.isNumber || $0.sort != nil || $0.shown.isEmpty }
    }
  }

  /// The number that a text such as `1,234` or `1.5 MiB` stands for.
  private static func number(_ text: String) -> Double? {
    let words = text.replacing(",", with: "").split(separator: " ")
    guard let first = words.first, let value = Double(first), words.count <= 2 else { return nil }
    if words.count == 1 { return value }
    let units = ["B": 1.0, "KiB": 1024, "MiB": 1_048_576, "GiB": 1_073_741_824, "TiB": 1_099_511_627_776]
    return units[String(words[1])].map { $0 * value }
  }
}
