/// A table of texts: columns as wide as their cells, numbers aligned to the right.
public struct TextTable: Sendable {
  /// A column's heading and shape.
  public struct Column: Sendable {
    public var title: String
    public var isNumber: Bool
    /// The most characters a cell has in text output; longer ones are shortened in the middle.
    public var limit: Int
    /// Whether a narrow terminal may leave it out.
    public var isMinor: Bool

    public init(_ title: String, isNumber: Bool = true, limit: Int = 44, isMinor: Bool = false) {
      self.title = title
      self.isNumber = isNumber
      self.limit = limit
      self.isMinor = isMinor
    }
  }

  public var columns: [Column]
  public private(set) var rows: [[String]] = []
  /// For columns with bars: each row's part of the largest (0 to 1).
  private(set) var shares: [Int: [Double]] = [:]

  public init(_ columns: [Column]) { self.columns = columns }

  /// Adds a row; missing cells are empty.
  public mutating func add(_ cells: [String]) {
    rows.append(cells + Array(repeating: "", count: max(columns.count - cells.count, 0)))
  }

  /// Draws a bar behind each cell of a column where text has bars; `values` has a number for each row, of which `whole`, or else
  /// the largest, has a bar of full length.
  mutating func addBars(column: Int, _ values: [Double], whole: Double? = nil) {
    let largest = whole ?? values.max() ?? 0
    if largest <= 0 || values.count != rows.count { return }
    shares[column] = values.map { max($0, 0) / largest }
  }

  /// The table as lines of text, each indented by two spaces, as wide as the terminal allows.
  public func text() -> String { TextTableLayout(self, TextStyle.current, withTitles: true).text() }

  /// The rows alone as lines of text.
  public func textWithoutTitles() -> String { TextTableLayout(self, TextStyle.current, withTitles: false).text() }

  /// The table in GitHub-flavoured Markdown; nothing is shortened.
  public func markdown() -> String {
    func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }
    var text = line(columns.map { SafeText.markdown($0.title.isEmpty ? " " : $0.title) })
    text += line(columns.map { $0.isNumber ? "---:" : "---" })
    for row in rows { text += line(row.map(SafeText.markdown)) }
    return text
  }
}
