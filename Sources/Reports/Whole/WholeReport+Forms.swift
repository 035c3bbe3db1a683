extension WholeReport {
  /// One HTML file that needs nothing else, below 2 MB.
  public func html() -> String { HTMLRenderer.render(document, top: top) }

  /// GitHub-flavoured Markdown that fits a comment, below 60 KB.
  public func markdown() -> String { MarkdownRenderer.render(document, top: top) }

  /// For people at a terminal.
  public func text() -> String { TextRenderer(rowLimit: top ?? 10).text(document) }

  /// A table as CSV (RFC 4180) with exact numbers; `nil` if the report has none of that name.
  public func csv(table name: String) -> String? {
    guard let table = document.tables.first(where: { $0.id == name }) else { return nil }
    var text = table.columns.map { SafeText.csv($0.key) }.joined(separator: ",") + "\r\n"
    for row in table.rows.prefix(top ?? .max) {
      text += row.map { SafeText.csv($0.exact) }.joined(separator: ",") + "\r\n"
    }
    return text
  }

  /// The names of the tables that this report has.
  public var availableTables: [String] { document.tables.map(\.id).filter { !$0.isEmpty } }

  /// The keys of this report's columns, of one table or of all.
  public func columnKeys(table: String?) -> [String] {
    var seen: Set<String> = []
    return document.tables.filter { table == nil || $0.id == table }.flatMap(\.columns).map(\.key)
      .filter { seen.insert($0).inserted }
  }
}
