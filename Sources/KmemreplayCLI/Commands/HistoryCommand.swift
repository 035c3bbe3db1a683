import ArgumentParser
import History
import Reports

/// `history`: how a figure developed over the runs that were kept.
struct HistoryCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "How a figure developed over the runs that --history kept.",
    discussion: """
      Example: kmemreplay waste trace.txt --history memory.sqlite --commit "$(git rev-parse HEAD)"
      Example: kmemreplay history memory.sqlite --figure live.wastedBytes
      """)

  @Argument(help: "The history: a file that --history made.")
  var file: String

  @OptionGroup(title: "Output") var output: OutputOptions

  @Option(name: .long, help: ArgumentHelp("Whose runs (default: the command with most).", valueName: "command"))
  var of: String?

  @Option(
    name: .long,
    help: ArgumentHelp("The figure, by its path in the command's JSON (default: its main waste).", valueName: "path"))
  var figure: String?

  func validate() throws { try output.require([.text, .json, .markdown], command: "history") }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: file)
    let report: HistoryReport
    do throws(HistoryFile.Failure) {
      report = try trend(of: try HistoryFile(path: file, creates: false))
    } catch {
      throw CommandFailure(SafeText.printable(error.description))
    }
    try destination.write(report, as: output.format)
    return .done
  }

  private func trend(of history: HistoryFile) throws(HistoryFile.Failure) -> HistoryReport {
    let commands = try history.commands()
    guard let most = commands.max(by: { $0.runs < $1.runs }) else {
      throw HistoryFile.Failure(description: "\(file): has no runs yet; add one with --history \(file)")
    }
    let command = of ?? most.command
    let runs = try history.runs(of: command, limit: output.top ?? 50)
    guard let last = runs.last else {
      let known = commands.map(\.command).joined(separator: ", ")
      throw HistoryFile.Failure(description: "\(file): has no runs of \(command), only of \(known)")
    }
    let paths = try history.paths(of: last)
    guard let path = figure ?? HistoryTrends.headlines(of: command, among: paths).first ?? paths.first else {
      throw HistoryFile.Failure(description: "\(file): the last run of \(command) has no figures")
    }
    let values = try history.figure(path, of: runs)
    if values.isEmpty {
      let shown = paths.prefix(12).joined(separator: ", ")
      throw HistoryFile.Failure(description: "\(file): no run of \(command) has `\(path)`; the last has \(shown), …")
    }
    return HistoryReport(
      command: command, figure: path,
      entries: runs.map { .init(number: $0.number, commit: $0.commit, input: $0.input, value: values[$0.number]) })
  }
}
