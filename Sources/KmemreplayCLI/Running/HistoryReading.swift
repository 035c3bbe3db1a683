import History
import Reports

extension HistoryTrends {
  /// Runs that are drawn at most.
  private static let limit = 50

  /// The trends that a history can tell a report of `command` on `input`, whose own `figures` are not in it yet.
  ///
  /// Runs of the command come first, with this one at the end; those of other commands follow. Throws `HistoryFile.Failure`.
  static func reading(
    _ history: HistoryFile, command: String, input: String, commit: String, figures: [String: Double]
  ) throws(HistoryFile.Failure) -> [HistoryTrends] {
    var all: [HistoryTrends] = []
    let own = headlines(of: command, among: figures.keys)
    var trends = HistoryTrends(command: command, figures: own, runs: try runs(history, command, own))
    trends.runs.append(.init(number: nil, commit: commit, input: input, values: own.map { figures[$0] }))
    if trends.runs.count > 1 { all.append(trends) }
    for other in try history.commands() where other.command != command && other.runs > 1 {
      guard let last = try history.runs(of: other.command, limit: 1).last else { continue }
      let paths = headlines(of: other.command, among: try history.paths(of: last))
      all.append(
        HistoryTrends(command: other.command, figures: paths, runs: try runs(history, other.command, paths)))
    }
    return all
  }

  private static func runs(
    _ history: HistoryFile, _ command: String, _ figures: [String]
  ) throws(HistoryFile.Failure) -> [Run] {
    let runs = try history.runs(of: command, limit: limit)
    var values: [[Int64: Double]] = []
    for figure in figures { values.append(try history.figure(figure, of: runs)) }
    return runs.map { run in
      Run(number: run.number, commit: run.commit, input: run.input, values: values.map { $0[run.number] })
    }
  }
}
