public import Analysis
import KernelTypes
import ProcSnapshots

/// The answer of `snapshot --sysctl`.
public struct SettingsWhatIfReport: Sendable {
  public var findings: SnapshotFindings
  public var whatIf: SettingsWhatIf

  public init(findings: SnapshotFindings, whatIf: SettingsWhatIf) {
    self.findings = findings
    self.whatIf = whatIf
  }

  private var answer: String {
    let changed = whatIf.rows.count(where: \.isChanged)
    let settings = whatIf.changes.map { "vm.\($0.name) from \($0.before) to \($0.after)" }
    if settings.isEmpty {
      let answers = (forecastAnswer.map { [$0] } ?? []) + questions.answers
      return answers.isEmpty ? "The settings are what they were: nothing changes." : answers.joined(separator: " ")
    }
    return settings.joined(separator: ", ") + ": "
      + (changed == 0
        ? "no limit that is computed here changes."
        : Units.count(changed, "limit changes", "limits change")
          + " of \(Units.count(whatIf.rows.count)).")
  }

  private var questions: MachineQuestionSection { MachineQuestionSection(whatIf: whatIf) }

  /// Whether limits were asked about, and not something else alone.
  private var asksLimits: Bool { !whatIf.changes.isEmpty || whatIf.forecasts != nil || questions.tables.isEmpty }

  private var forecastAnswer: String? {
    guard let forecast = whatIf.forecasts?.before else { return nil }
    let taken = Units.bytes(forecast.takenBytes)
    if forecast.milestones[.killedEarly] != nil {
      return "The low-memory killer would end one more process when it has \(taken)."
    }
    if forecast.milestones[.killed] != nil {
      return "One more process would be killed when it has \(taken)."
    }
    if forecast.milestones[.panics] != nil {
      return "The machine would stop when one more process has \(taken)."
    }
    return "One more process could have \(taken)."
  }

  private static let words: [PressureForecast.Milestone: String] = [
    .reclaimerWakes: "kswapd wakes", .cacheShrinks: "file pages are reclaimed",
    .objectsShrink: "names and inodes go",
    .swapsOut: "anonymous pages are swapped out", .directReclaim: "the process reclaims for itself",
    .swapHalfFull: "half of swap is used", .killedEarly: "the low-memory killer ends the process",
    .killed: "the process is killed",
    .panics: "the machine stops",
  ]

  private var forecastTable: TextTable {
    var table = TextTable([
      .init("what happens", isNumber: false), .init("when it has"), .init("changed to"),
    ])
    guard let (before, after) = whatIf.forecasts else { return table }
    func cell(_ bytes: UInt64?) -> String { bytes.map { Units.bytes($0) } ?? "never" }
    for milestone in PressureForecast.Milestone.allCases {
      let then = before.milestones[milestone]
      let now = after.milestones[milestone]
      if then == nil, now == nil { continue }
      table.add([
        Self.words[milestone] ?? milestone.rawValue, cell(then), then == now ? "" : cell(now),
      ])
    }
    func count(_ name: String, _ value: (PressureForecast) -> Int) {
      table.add([
        name, Units.count(value(before)),
        value(before) == value(after) ? "" : Units.count(value(after)),
      ])
    }
    count("pages reclaimed by kswapd") { $0.backgroundPages }
    count("pages reclaimed by the process") { $0.directPages }
    count("pages swapped out") { $0.swappedPages }
    count("names and inodes dropped") { $0.droppedObjects }
    return table
  }

  private var forecastTitle: String {
    "One more process takes \(Units.bytes(whatIf.pressBytes)) (modelled)"
  }

  private var table: TextTable {
    var table = TextTable([
      .init("of", isNumber: false), .init("limit", isNumber: false), .init("printed"),
      .init("computed"),
      .init("changed to"), .init("unit", isNumber: false),
    ])
    var last = ""
    for row in whatIf.rows {
      table.add([
        row.group == last ? "" : row.group, row.name, row.printed.map { Units.count($0) } ?? "",
        Units.count(row.before),
        row.isChanged ? Units.count(row.after) : "", Self.unit(row.unit),
      ])
      last = row.group
    }
    return table
  }

  private static func unit(_ unit: SettingsWhatIf.Unit) -> String {
    switch unit {
    case .pages, .objects: unit.rawValue
    case .kilobytes: "kB"
    case .perMille: "of 1000"
    case .count: ""
    }
  }

  private static let explanation =
    "printed: observed in the snapshot, without boost. computed: modelled from its settings. changed to: modelled with "
    + "--sysctl."

  /// The report for people at a terminal.
  public func text() -> String {
    var text = SnapshotReport.wrapped(answer, first: "")
    text += SafeText.printable(findings.snapshot.name) + "\n\n"
    if asksLimits { text += table.text() + "\n" }
    for (title, table) in questions.tables { text += title + "\n" + table.text() + "\n" }
    if whatIf.forecasts != nil { text += forecastTitle + "\n" + forecastTable.text() + "\n" }
    for sentence in whatIf.sentences { text += SnapshotReport.wrapped(sentence) }
    return asksLimits ? text + SnapshotReport.wrapped(Self.explanation) : text
  }

  /// The report as GitHub-flavoured Markdown.
  public func markdown() -> String {
    var text = "# Other settings\n\n" + SafeText.markdown(answer) + "\n\n"
    text += SafeText.markdown(findings.snapshot.name) + "\n\n"
    if asksLimits { text += table.markdown() + "\n" }
    for (title, table) in questions.tables { text += "## \(title)\n\n" + table.markdown() + "\n" }
    if whatIf.forecasts != nil {
      text += "## \(forecastTitle)\n\n" + forecastTable.markdown() + "\n"
    }
    for sentence in whatIf.sentences { text += "- " + SafeText.markdown(sentence) + "\n" }
    return asksLimits ? text + "\n" + Self.explanation + "\n" : text
  }

  private struct Document: Encodable {
    struct Setting: Encodable {
      var name: String
      var before: String
      var after: String
    }

    struct Row: Encodable {
      var group: String
      var name: String
      var unit: SettingsWhatIf.Unit
      var printed: Int?
      var before: Int
      var after: Int
    }

    struct Forecast: Encodable {
      var milestones: [String: UInt64]
      var takenBytes: UInt64
      var backgroundPages: Int
      var directPages: Int
      var swappedPages: Int
      var droppedObjects: Int

      init(_ forecast: PressureForecast) {
        milestones = Dictionary(
          forecast.milestones.map { ($0.key.rawValue, $0.value) },
          uniquingKeysWith: { first, _ in first })
        takenBytes = forecast.takenBytes
        backgroundPages = forecast.backgroundPages
        directPages = forecast.directPages
        swappedPages = forecast.swappedPages
        droppedObjects = forecast.droppedObjects
      }
    }

    struct Press: Encodable {
      var bytes: UInt64
      var before: Forecast
      var after: Forecast
    }

    let header: SnapshotHeader
    let questions: MachineQuestionDocument
    var settings: [Setting]
    var limits: [Row]
    var sentences: [String]
    var press: Press?

    private enum CodingKeys: CodingKey {
      case whatIf
    }

    private struct Body: Encodable {
      var settings: [Setting]
      var limits: [Row]
      var sentences: [String]
      var press: Press?
      var lowMemoryKiller: MachineQuestionDocument.LowMemory?
      var hugePages: MachineQuestionDocument.HugePages?
      var poison: [MachineQuestionDocument.Failure]?
    }

    func encode(to encoder: any Encoder) throws {
      try header.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(
        Body(
          settings: settings, limits: limits, sentences: sentences, press: press,
          lowMemoryKiller: questions.lowMemoryKiller, hugePages: questions.hugePages, poison: questions.poison),
        forKey: .whatIf)
    }
  }

  /// The report as JSON, under `whatIf`.
  public func json() throws -> String {
    try JSONReport.text(
      Document(
        header: SnapshotHeader(findings, command: "snapshot"), questions: MachineQuestionDocument(whatIf: whatIf),
        settings: whatIf.changes.map { .init(name: $0.name, before: $0.before, after: $0.after) },
        limits: whatIf.rows.map {
          .init(
            group: $0.group, name: $0.name, unit: $0.unit, printed: $0.printed, before: $0.before,
            after: $0.after)
        }, sentences: whatIf.sentences,
        press: whatIf.forecasts.map {
          .init(
            bytes: whatIf.pressBytes, before: Document.Forecast($0.before),
            after: Document.Forecast($0.after))
        }))
  }
}
