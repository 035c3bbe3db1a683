import ArgumentParser
import Reports

/// Thresholds on a report, and where verdicts go.
struct GateOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "Exit with 1 if this holds of the report's JSON: PATH, a comparison, a number with unit. Repeatable.",
      discussion: "Such as 'live.wastedPercent>20', 'zones.Normal.fragmentationIndex[4]>0.8' or, with --baseline, "
        + "'change.live.wastedBytes>1MiB' and 'changePercent.live.wastedBytes>5'.",
      valueName: "expression"))
  var failOn: [String] = []

  @Option(
    name: .long,
    help: ArgumentHelp("An earlier result of the same command (--format json) to compare with.", valueName: "file"))
  var baseline: String?

  @Option(name: .long, help: ArgumentHelp("Write the verdicts as JUnit XML.", valueName: "file"))
  var junit: String?

  @Option(name: .long, help: ArgumentHelp("Write findings as SARIF 2.1.0.", valueName: "file"))
  var sarif: String?

  @Option(
    name: .long,
    help: ArgumentHelp("Keep this result's figures in an SQLite file, for `kmemreplay history`.", valueName: "file"))
  var history: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "What --history calls this run (default: CI's own variable for the commit).", valueName: "text"))
  var commit: String?

  func validate() throws { _ = try thresholds() }

  func thresholds() throws -> [Threshold] {
    try failOn.map { text in
      do throws(Threshold.SyntaxError) {
        return try Threshold(text)
      } catch {
        throw ValidationError("--fail-on: \(error.description).")
      }
    }
  }

  /// Whether anything was asked for, so that the report is needed as JSON.
  var isActive: Bool { !failOn.isEmpty || baseline != nil || junit != nil || sarif != nil || history != nil }
}
