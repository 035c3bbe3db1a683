/// Renders a document as text for a terminal: the answers, and the first rows of each table.
struct TextRenderer {
  var rowLimit: Int

  func text(_ document: ReportDocument) -> String {
    var text = SafeText.printable(document.title) + "\n" + SafeText.printable(document.source) + "\n\n"
    for answer in document.answers {
      let label = answer.provenance.map { " [\($0.rawValue)]" } ?? ""
      text += "\(answer.question) \(SafeText.printable(answer.value))\(label)\n"
      text += "  \(SafeText.printable(answer.sentence))\n"
    }
    for section in document.sections {
      let blocks = section.blocks.map(block).joined()
      text += "\n\(SafeText.printable(section.title))\n\n" + blocks
    }
    return text
  }

  private func block(_ block: ReportBlock) -> String {
    switch block {
    case .paragraph(let text): return "  " + SafeText.printable(text) + "\n"
    case .figures(let figures):
      return figures.map { figure in
        "  \(figure.title): \(figure.value)" + (figure.provenance.map { " [\($0.rawValue)]" } ?? "") + "\n"
      }.joined() + "\n"
    case .table(let table): return self.table(table)
    case .chart, .mermaid: return ""
    case .notes(let notes):
      return notes.map {
        ($0.isSerious ? "! " : "  ") + SafeText.shortened(SafeText.printable($0.text), to: 116) + "\n"
      }
      .joined()
    }
  }

  private func table(_ table: ReportTable) -> String {
    if table.rows.isEmpty { return "" }
    let kinds = Set(table.columns.compactMap(\.provenance)).sorted { $0.rawValue > $1.rawValue }
    let shown = min(rowLimit, table.rows.count)
    var text = SafeText.printable(table.title)
    if !kinds.isEmpty { text += " [" + kinds.map(\.rawValue).joined(separator: ", ") + "]" }
    if shown < table.rows.count { text += " (\(shown) of \(Units.count(table.rows.count)); --top N shows more)" }
    let both = kinds.count > 1
    var lines = TextTable(
      table.columns.map { column in
        .init(
          column.title + (both && column.provenance == .modelled ? "*" : ""), isNumber: column.isNumber, limit: 40)
      })
    for row in table.rows.prefix(rowLimit) { lines.add(row.map(\.shown)) }
    return text + (both ? ", * is modelled" : "") + "\n" + lines.text() + "\n"
  }
}
