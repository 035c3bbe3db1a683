import FoundationEssentials
import History
import Reports

/// Judges a finished report by the user's thresholds, compares it with a baseline, and writes the verdicts where they are
/// wanted: standard error, JUnit, SARIF, GitHub's log and job summary.
///
/// Made before the long work starts, so that a file that can't be written or read is told at once.
struct Gate {
  private let command: String
  private let input: String
  private let options: GateOptions
  private let environment: CommandEnvironment
  private let baseline: JSONValue?
  private let junit: OutputFile?
  private let sarif: OutputFile?
  private let history: HistoryFile?

  init(_ options: GateOptions, command: String, input: String, in environment: CommandEnvironment) throws {
    self.options = options
    self.command = command
    self.input = input
    self.environment = environment
    baseline = try options.baseline.map { try Self.document(at: $0) }
    junit = try options.junit.map { try OutputFile(path: $0, input: input) }
    sarif = try options.sarif.map { try OutputFile(path: $0, input: input) }
    do {
      history = try options.history.map { try HistoryFile(path: $0, creates: true) }
    } catch let error as HistoryFile.Failure {
      throw CommandFailure(SafeText.printable(error.description))
    }
  }

  /// Reads a JSON result. Throws `CommandFailure`.
  static func document(at path: String) throws -> JSONValue {
    let text: String
    do {
      text = try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      throw CommandFailure("\(path): can't be read: \(Self.reason(error))")
    }
    do {
      return try JSONValue(parsing: text)
    } catch {
      throw CommandFailure("\(path): is no JSON document. Make one with `kmemreplay … --format json --output \(path)`")
    }
  }

  private static func reason(_ error: any Error) -> String {
    (error as? CocoaError)?.code == .fileReadNoSuchFile ? "there is no such file" : "\(error)"
  }

  /// Judges the report whose JSON `json` makes. `status` is how the run ended without thresholds: worse ones win.
  func judge(_ status: ExitStatus, json: () throws -> String) throws -> ExitStatus {
    guard options.isActive else { return status }
    return try judge(status, document: try JSONValue(parsing: try json()))
  }

  /// Judges a document.
  func judge(_ status: ExitStatus, document: JSONValue) throws -> ExitStatus {
    guard options.isActive else { return status }
    let figures = document.sums
    var document = document
    var difference: DifferenceReport?
    if let baseline {
      do throws(DocumentDifference.Mismatch) {
        let found = try DocumentDifference(
          base: baseline, baseName: options.baseline ?? "baseline", new: document, newName: input)
        difference = DifferenceReport(found, top: 10)
        document = document.merged(with: found.document)
      } catch {
        throw CommandFailure(SafeText.printable(error.description))
      }
    }
    let outcomes = try options.thresholds().map { ThresholdOutcome($0, in: document) }
    let summary = GateSummary(command: command, input: input, outcomes: outcomes)
    let text = TextStyle.$current.withValue(environment.errorStyle) {
      (difference.map { $0.text() + "\n" } ?? "") + summary.text()
    }
    try environment.errors.write(text)
    try junit?.replace(
      with: JUnitReport(command: command, input: input, outcomes: outcomes, difference: difference).xml())
    try sarif?.replace(with: try SARIFReport(outcomes: outcomes, document: document).json())
    try tellGitHub(summary, difference)
    try keep(figures)
    if summary.hasAbsent || status == .failed { return .failed }
    return summary.isExceeded ? .thresholdExceeded : status
  }

  /// What a history calls this run.
  private var commit: String {
    let variables = ["GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT"]
    return options.commit ?? variables.lazy.compactMap { environment.variables[$0] }.first ?? ""
  }

  /// The trends that --history tells of so far, with this run, which `json` is the result of, at their end.
  func trends(json: () throws -> String) throws -> [HistoryTrends] {
    guard let history else { return [] }
    let figures = try JSONValue(parsing: try json()).sums
    do throws(HistoryFile.Failure) {
      return try HistoryTrends.reading(history, command: command, input: input, commit: commit, figures: figures)
    } catch {
      throw CommandFailure(SafeText.printable(error.description))
    }
  }

  private func keep(_ figures: [String: Double]) throws {
    guard let history else { return }
    do throws(HistoryFile.Failure) {
      try history.add(.init(command: command, input: input, commit: commit), figures: figures)
    } catch {
      throw CommandFailure(SafeText.printable(error.description))
    }
  }

  private func tellGitHub(_ summary: GateSummary, _ difference: DifferenceReport?) throws {
    guard environment.variables["GITHUB_ACTIONS"] == "true" else { return }
    try environment.errors.write(summary.gitHubAnnotations())
    guard let path = environment.variables["GITHUB_STEP_SUMMARY"], !path.isEmpty else { return }
    var text = summary.outcomes.isEmpty ? "" : summary.markdown()
    if let difference { text += difference.markdown() + "\n" }
    try FileAppender.append(text, to: path)
  }
}
