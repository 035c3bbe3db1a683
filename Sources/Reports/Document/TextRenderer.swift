/// Renders a document as text for a terminal: the answers, and the first rows of each table.
struct TextRenderer {
  var rowLimit: Int

  func text(_ document: ReportDocument) -> String {
    let style = TextStyle.current
    var text = ReportHeading.text(SafeText.printable(document.title), SafeText.printable(document.source))
    for answer in document.answers {
      let label = answer.provenance.map { " [\($0.rawValue)]" } ?? ""
      text += "\(answer.question) \(style.paint(SafeText.printable(answer.value), .strong))\(label)\n"
      text += ReportHeading.prose("  \(SafeText.printable(answer.sentence))", indent: 2) + "\n"
      text += evidence(answer)
    }
    for section in document.sections {
      let blocks = section.blocks.map(block).joined()
      text += "\n\(style.paint(SafeText.printable(section.title), .strong))\n\n" + blocks
    }
    return text
  }

  /// What an answer rests on, as bars.
  private func evidence(_ answer: ReportAnswer) -> String {
    if !TextStyle.current.drawsBars || answer.evidence.isEmpty { return "" }
    var table = TextTable([.init("", isNumber: false, limit: 40), .init("")])
    for item in answer.evidence { table.add(["  " + item.name, item.value]) }
    table.addBars(column: 1, answer.evidence.map(\.share), whole: 1)
    return table.textWithoutTitles()
  }

  private func block(_ block: ReportBlock) -> String {
    switch block {
    case .paragraph(let text): return ReportHeading.prose("  " + SafeText.printable(text), indent: 2) + "\n"
    case .figures(let figures):
      return figures.map { figure in
        "  \(figure.title): \(figure.value)" + (figure.provenance.map { " [\($0.rawValue)]" } ?? "") + "\n"
      }.joined() + "\n"
    case .table(let table): return self.table(table)
    case .chart(let chart): return drawing(chart)
    case .mermaid: return ""
    case .notes(let notes):
      let style = TextStyle.current
      return notes.map { note in
        let text = SafeText.shortened(SafeText.printable(note.text), to: min((style.width ?? 118) - 2, 116))
        return (note.isSerious ? style.paint("! " + text, .warning) : "  " + text) + "\n"
      }
      .joined()
    }
  }

  /// What becomes of a chart on a terminal.
  private func drawing(_ chart: any Chart) -> String {
    let label = chart.provenance.map { " [\($0.rawValue)]" } ?? ""
    switch chart {
    case let chart as TimeChart:
      return TerminalDrawing.overTime(
        chart.title + label, chart.series.map { .init(name: $0.name, values: $0.values, unit: chart.unit) })
    case let chart as TrendChart:
      return TerminalDrawing.overTime(
        chart.title + label, [.init(name: chart.name, values: chart.points.map(\.value), unit: chart.unit)])
    default: return ""
    }
  }

  private func table(_ table: ReportTable) -> String {
    if table.rows.isEmpty { return "" }
    let kinds = Set(table.columns.compactMap(\.provenance)).sorted { $0.rawValue > $1.rawValue }
    let shown = min(rowLimit, table.rows.count)
    var heading = SafeText.printable(table.title)
    if !kinds.isEmpty { heading += " [" + kinds.map(\.rawValue).joined(separator: ", ") + "]" }
    if shown < table.rows.count { heading += " (\(shown) of \(Units.count(table.rows.count)); --top N shows more)" }
    let both = kinds.count > 1
    var lines = TextTable(
      table.columns.map { column in
        .init(
          column.title + (both && column.provenance == .modelled ? "*" : ""), isNumber: column.isNumber, limit: 40)
      })
    // What a table is about stands in its first columns.
    for index in lines.columns.indices where index > 4 { lines.columns[index].isMinor = true }
    for row in table.rows.prefix(rowLimit) { lines.add(row.map(\.shown)) }
    for column in table.columns.indices where table.rows.contains(where: { $0[column].share != nil }) {
      lines.addBars(column: column, table.rows.prefix(rowLimit).map { $0[column].share ?? 0 })
    }
    return ReportHeading.section(heading + (both ? ", * is modelled" : "")) + lines.text() + "\n"
  }
}
