import Analysis

extension WholeReport {
  /// How figures developed over earlier runs, up to this one.
  var historySections: [ReportSection] {
    let known = history.filter { !$0.runs.isEmpty && !$0.figures.isEmpty }
    if known.isEmpty { return [] }
    var section = ReportSection(
      "history", "History",
      lead: "How figures developed over the runs that --history kept, the latest at the right and at the table's end.")
    for trends in known {
      for index in trends.figures.indices {
        if let chart = chart(trends, index) { section.blocks.append(.chart(chart)) }
      }
      section.blocks.append(.table(table(trends)))
    }
    return [section]
  }

  private func chart(_ trends: HistoryTrends, _ index: Int) -> TrendChart? {
    let name = trends.name(of: index)
    let points = trends.runs.compactMap { run -> TrendChart.Point? in
      guard let value = run.values[index] else { return nil }
      let text = FigureText.text(value, name: trends.lastName(of: index))
      return .init(label: run.label, text: "\(run.label), \(run.input): \(text)", value: max(value, 0))
    }
    guard let first = points.first, let last = points.last, points.count > 1 else { return nil }
    let last0 = FigureText.text(last.value, name: trends.lastName(of: index))
    let change = last.value - first.value
    let changed = FigureText.text(change.magnitude, name: trends.lastName(of: index))
    let words = change == 0 ? "as in the first" : "\(changed) \(change > 0 ? "more" : "less") than in the first"
    return TrendChart(
      title: name, summary: "\(last0) in the last of \(Units.count(points.count, "run", "runs")), \(words).",
      provenance: trends.provenance(of: index), name: name, points: points, unit: trends.unit(of: index))
  }

  private func table(_ trends: HistoryTrends) -> ReportTable {
    var table = ReportTable(
      trends.command == "report" ? "history" : "history-\(trends.command)",
      trends.command == "report" ? "Runs of report" : "Runs of \(trends.command)",
      [
        .name("Run", "run", "Counts up with each run that is kept."),
        .name("Commit", "commit", "What the run was called: by --commit, or by CI's own variable."),
        .name("Input", "input", "The trace."),
      ]
        + trends.figures.indices.map { index in
          ReportColumn(
            title: trends.name(of: index), key: trends.figures[index],
            meaning: "`\(trends.figures[index])` of `\(trends.command) --format json`.", isNumber: true,
            provenance: trends.provenance(of: index))
        })
    for run in trends.runs {
      table.add(
        [.text(run.number.map { "\($0)" } ?? "this"), .text(run.commit), .text(run.input)]
          + run.values.enumerated().map { index, value in
            guard let value else { return .missing }
            return ReportCell(
              shown: FigureText.text(value, name: trends.lastName(of: index)),
              exact: Int64(exactly: value).map { "\($0)" } ?? "\(value)", sort: value)
          })
    }
    return table
  }
}

/// Earlier runs, as JSON.
struct HistoryTrendsDocument: Encodable {
  struct Run: Encodable {
    /// None for this report's own.
    var number: Int64?
    var commit: String
    var input: String
    var figures: [String: JSONValue]
  }

  var command: String
  var runs: [Run]

  init(_ trends: HistoryTrends) {
    command = trends.command
    runs = trends.runs.map { run in
      var figures: [String: JSONValue] = [:]
      for (path, value) in zip(trends.figures, run.values) {
        if let value { figures[path] = Int64(exactly: value).map { .integer($0) } ?? .real(value) }
      }
      return Run(number: run.number, commit: run.commit, input: run.input, figures: figures)
    }
  }
}
