/// A table of texts: columns as wide as their cells, numbers aligned to the right.
public struct TextTable: Sendable {
  /// A column's heading and shape.
  public struct Column: Sendable {
    public var title: String
    public var isNumber: Bool
    /// The most characters a cell has in text output; longer ones are shortened in the middle.
    public var limit: Int

    public init(_ title: String, isNumber: Bool = true, limit: Int = 44) {
      self.title = title
      self.isNumber = isNumber
      self.limit = limit
    }
  }

  public var columns: [Column]
  public private(set) var rows: [[String]] = []

  public init(_ columns: [Column]) { self.columns = columns }

  /// Adds a row; missing cells are empty.
  public mutating func add(_ cells: [String]) {
    rows.append(cells + Array(repeating: "", count: max(columns.count - cells.count, 0)))
  }

  /// The table as lines of text, each indented by two spaces.
  public func text() -> String { lines(withTitles: true) }

  /// The rows alone as lines of text.
  public func textWithoutTitles() -> String { lines(withTitles: false) }

  private func lines(withTitles: Bool) -> String {
    let cells = rows.map { row in
      zip(row, columns).map { SafeText.shortened(SafeText.printable($0), to: $1.limit) }
    }
    let widths = columns.indices.map { column in
      cells.reduce(columns[column].title.count) { max($0, $1[column].count) }
    }
    return ((withTitles ? [columns.map(\.title)] : []) + cells).map { row in
      var line = "  "
      for (index, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[index] - cell.count)
        line += (index > 0 ? "  " : "") + (columns[index].isNumber ? padding + cell : cell + padding)
      }
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }

  /// The table in GitHub-flavoured Markdown; nothing is shortened.
  public func markdown() -> String {
    func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }
    var text = line(columns.map { SafeText.markdown($0.title.isEmpty ? " " : $0.title) })
    text += line(columns.map { $0.isNumber ? "---:" : "---" })
    for row in rows { text += line(row.map(SafeText.markdown)) }
    return text
  }
}
