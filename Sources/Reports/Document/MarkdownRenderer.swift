/// Renders a document as GitHub-flavoured Markdown: the answers, and the first rows of each table.
struct MarkdownRenderer {
  var rowLimit: Int
  var textLimit: Int

  /// A comment on GitHub holds 65,536 characters.
  static let sizeLimit = 60_000

  /// The document with as many rows as fit below `sizeLimit`.
  static func render(_ document: ReportDocument, top: Int?) -> String {
    var text = ""
    for limit in [10, 6, 3, 1] {
      text = MarkdownRenderer(rowLimit: top ?? limit, textLimit: limit > 3 ? 72 : 40).text(document)
      if text.utf8.count < sizeLimit || top != nil { return text }
    }
    return text
  }

  private func safe(_ text: String) -> String {
    // Somebody whose name is a task's shall not be notified.
    SafeText.markdown(SafeText.shortened(text, to: textLimit)).replacing("@", with: "@\u{200B}")
  }

  private func sentence(_ text: String) -> String { SafeText.markdown(text).replacing("@", with: "@\u{200B}") }

  private static func label(_ provenance: Provenance?) -> String { provenance.map { " *\($0.rawValue)*" } ?? "" }

  func text(_ document: ReportDocument) -> String {
    var text = "# \(sentence(SafeText.shortened(document.title, to: 120)))\n\n"
    text += sentence(SafeText.shortened(document.source, to: 400)) + "\n\n"
    if !document.answers.isEmpty {
      text += "| Question | Answer | |\n|---|---|---|\n"
      for answer in document.answers {
        text += "| \(answer.question) | **\(safe(answer.value))**\(Self.label(answer.provenance)) "
        text += "| \(sentence(SafeText.shortened(answer.sentence, to: 400))) |\n"
      }
      text += "\n"
    }
    for section in document.sections {
      text += "## \(sentence(section.title))\n\n\(sentence(SafeText.shortened(section.lead, to: 900)))\n\n"
      for block in section.blocks { text += self.block(block) }
    }
    return text + "ᵒ observed: read from the trace or a snapshot; ᵐ modelled: computed by a model.\n"
  }

  private func block(_ block: ReportBlock) -> String {
    switch block {
    case .paragraph(let text): return sentence(text) + "\n\n"
    case .figures(let figures):
      return figures.map {
        "- \($0.title): **\(safe($0.value))**\(Self.label($0.provenance)). \(sentence($0.meaning))\n"
      }
      .joined() + "\n"
    case .table(let table): return self.table(table)
    // Tables have the same figures.
    case .chart: return ""
    case .mermaid(let text): return "```mermaid\n\(text)\n```\n\n"
    case .notes(let notes):
      return notes.prefix(3 * rowLimit).map { note in
        let text = sentence(SafeText.shortened(note.text, to: 300))
        return note.isSerious ? "- **\(text)**\n" : "- \(text)\n"
      }.joined() + "\n"
    }
  }

  private func table(_ table: ReportTable) -> String {
    if table.rows.isEmpty { return "" }
    var text = "### \(sentence(table.title))\n\n"
    if rowLimit < table.rows.count { text += "The first \(rowLimit) of \(Units.count(table.rows.count)).\n\n" }
    let initials: [Provenance: String] = [.observed: " ᵒ", .modelled: " ᵐ"]
    text +=
      "| "
      + table.columns.map { column in
        (column.title.isEmpty ? " " : sentence(column.title)) + (column.provenance.flatMap { initials[$0] } ?? "")
      }.joined(separator: " | ") + " |\n|"
    text += table.columns.map { $0.isNumber ? "---:|" : "---|" }.joined() + "\n"
    for row in table.rows.prefix(rowLimit) {
      text += "| " + row.map { safe($0.shown) }.joined(separator: " | ") + " |\n"
    }
    text += "\n"
    if !table.note.isEmpty { text += sentence(table.note) + "\n\n" }
    return text
  }
}
