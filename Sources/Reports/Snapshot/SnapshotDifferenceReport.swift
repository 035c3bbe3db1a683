public import Analysis
import ProcSnapshots

/// The answer of `snapshot --diff`.
public struct SnapshotDifferenceReport: Sendable {
  public var before: SnapshotFindings
  public var after: SnapshotFindings
  public var difference: SnapshotDifference
  /// The most rows a file's table has; `nil` shows some in text and all in JSON.
  public var top: Int?

  public init(before: SnapshotFindings, after: SnapshotFindings, top: Int? = nil) {
    self.before = before
    self.after = after
    difference = SnapshotDifference(from: before.snapshot, to: after.snapshot)
    self.top = top
  }

  private static let standardTop = 25

  private var answer: String {
    let changes = difference.changes.count + difference.settings.count
    var text = changes == 0 ? "Nothing differs." : "\(Units.count(changes, "number differs", "numbers differ"))."
    if let change = difference.changes.first(where: { $0.name == "MemFree" }) {
      let amount = Units.bytes(Int64(min(change.difference.magnitude, 1 << 50)) * 1024)
      text += " Free memory \(change.difference < 0 ? "fell" : "rose") by \(amount)."
    }
    return text
  }

  private var sections: [(title: String, table: TextTable)] {
    var sections: [(String, TextTable)] = []
    var files: [String] = []
    for change in difference.changes where !files.contains(change.file) { files.append(change.file) }
    for file in files {
      // What changed most comes first; orders and zones keep their order.
      var changes = difference.changes.filter { $0.file == file }
      if ["vmstat", "slabinfo"].contains(file) {
        changes.sort { ($1.difference.magnitude, $0.name) < ($0.difference.magnitude, $1.name) }
      }
      var table = TextTable([
        .init(file, isNumber: false), .init("before"), .init("after"), .init("change"), .init("unit", isNumber: false),
      ])
      let shown = changes.prefix(top ?? Self.standardTop)
      for change in shown {
        table.add([
          change.name, change.before.map { Units.count($0) } ?? "none", change.after.map { Units.count($0) } ?? "none",
          (change.difference > 0 ? "+" : "") + Units.count(change.difference), change.unit,
        ])
      }
      let note = shown.count < changes.count ? " (\(shown.count) of \(Units.count(changes.count)))" : ""
      sections.append((file + note, table))
    }
    if !difference.settings.isEmpty {
      var table = TextTable([
        .init("setting", isNumber: false), .init("before", isNumber: false), .init("after", isNumber: false),
      ])
      for setting in difference.settings {
        table.add([setting.name, setting.before ?? "none", setting.after ?? "none"])
      }
      sections.append(("settings", table))
    }
    return sections
  }

  private var names: String {
    SafeText.printable(before.snapshot.name) + " -> " + SafeText.printable(after.snapshot.name)
  }

  private var notes: [String] {
    difference.notCompared.isEmpty
      ? [] : ["only in one of the two: " + difference.notCompared.map(\.rawValue).joined(separator: ", ")]
  }

  /// The report for people at a terminal.
  public func text() -> String {
    var text = ReportHeading.text(answer, names)
    for section in sections { text += ReportHeading.section(section.title) + section.table.text() + "\n" }
    for report in [before, after].map({ SnapshotReport(findings: $0) }) {
      for note in report.fileNotes where note.isSerious { text += SnapshotReport.wrapped(note.text, first: "! ") }
    }
    return text + notes.map { SnapshotReport.wrapped($0) }.joined()
  }

  /// The report as GitHub-flavoured Markdown.
  public func markdown() -> String {
    var text = "# Snapshots compared\n\n" + answer + "\n\n" + SafeText.markdown(names) + "\n\n"
    for section in sections { text += "## \(section.title)\n\n" + section.table.markdown() + "\n" }
    for report in [before, after].map({ SnapshotReport(findings: $0) }) {
      for note in report.fileNotes where note.isSerious { text += "- **" + SafeText.markdown(note.text) + "**\n" }
    }
    return text + notes.map { "- " + SafeText.markdown($0) + "\n" }.joined()
  }

  private struct Document: Encodable {
    struct Change: Encodable {
      var file: String
      var name: String
      var before: Int?
      var after: Int?
      var difference: Int
      var unit: String
    }

    struct Setting: Encodable {
      var name: String
      var before: String?
      var after: String?
    }

    let header: SnapshotHeader
    var other: String
    var changes: [Change]
    var settings: [Setting]
    var notCompared: [String]

    private enum CodingKeys: CodingKey {
      case other, changes, settings, notCompared
    }

    func encode(to encoder: any Encoder) throws {
      try header.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(other, forKey: .other)
      try container.encode(changes, forKey: .changes)
      try container.encode(settings, forKey: .settings)
      try container.encode(notCompared, forKey: .notCompared)
    }
  }

  /// The report as JSON: `changes` from the input to `other`.
  public func json() throws -> String {
    try JSONReport.text(
      Document(
        header: SnapshotHeader(before, command: "snapshot"), other: after.snapshot.name,
        changes: difference.changes.map {
          .init(
            file: $0.file, name: $0.name, before: $0.before, after: $0.after, difference: $0.difference, unit: $0.unit)
        },
        settings: difference.settings.map { .init(name: $0.name, before: $0.before, after: $0.after) },
        notCompared: difference.notCompared.map(\.rawValue)))
  }
}
