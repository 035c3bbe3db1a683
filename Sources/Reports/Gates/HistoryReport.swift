/// The trend of one figure over the runs that a history keeps.
public struct HistoryReport: Sendable {
  /// One run.
  public struct Entry: Sendable, Hashable {
    public var number: Int64
    public var commit: String
    public var input: String
    public var value: Double?

    public init(number: Int64, commit: String, input: String, value: Double?) {
      self.number = number
      self.commit = commit
      self.input = input
      self.value = value
    }
  }

  public var command: String
  /// The figure's path: `live.wastedBytes`.
  public var figure: String
  /// Oldest first.
  public var entries: [Entry]

  public init(command: String, figure: String, entries: [Entry]) {
    self.command = command
    self.figure = figure
    self.entries = entries
  }

  private var name: String { FieldPath(figure)?.lastName ?? figure }

  /// A character for each run, as high as its figure between the lowest and the highest.
  var sparkline: String { Sparkline.line(entries.map(\.value)) }

  private var answer: String {
    let values = entries.compactMap(\.value)
    guard let first = values.first, let last = values.last else {
      return "\(command): no run has \(figure)."
    }
    let change = last - first
    var text = "\(command), \(figure): \(FigureText.text(last, name: name)) in the last of "
    text += Units.count(entries.count, "run", "runs")
    if change == 0 { return text + ", as in the first." }
    return text
      + ", \(FigureText.text(change.magnitude, name: name)) \(change > 0 ? "more" : "less") than in the first."
  }

  private var table: TextTable {
    var table = TextTable([
      .init("Run"), .init("Commit", isNumber: false), .init("Input", isNumber: false), .init(figure),
      .init("Change"),
    ])
    var previous: Double?
    for entry in entries {
      var cells = ["\(entry.number)", SafeText.shortened(entry.commit, to: 14), entry.input]
      if let value = entry.value {
        cells.append(FigureText.text(value, name: name))
        if let previous, previous != value {
          cells.append((value > previous ? "+" : "") + FigureText.text(value - previous, name: name))
        } else {
          cells.append(previous == nil ? "" : "=")
        }
        previous = value
      } else {
        cells.append("-")
      }
      table.add(cells)
    }
    return table
  }

  /// The trend for people at a terminal.
  public func text() -> String {
    let style = TextStyle.current
    return style.paint(answer, .strong) + "\n  " + style.paint(sparkline, .accent) + "\n\n" + table.text()
  }

  /// The trend as GitHub-flavoured Markdown.
  public func markdown() -> String {
    "# \(SafeText.markdown(figure)) over time\n\n" + SafeText.markdown(answer) + "\n\n`" + sparkline + "`\n\n"
      + table.markdown()
  }

  private struct Document: Encodable {
    struct Item: Encodable {
      var number: Int64
      var commit: String
      var input: String
      var value: JSONValue?
    }

    var schema = "kmemreplay.history/1"
    var tool = ["version": ToolVersion.current]
    var command: String
    var figure: String
    var runs: [Item]
  }

  /// The trend as JSON (`kmemreplay.history/1`).
  public func json() throws -> String {
    try JSONReport.text(
      Document(
        command: command, figure: figure,
        runs: entries.map { entry in
          .init(
            number: entry.number, commit: entry.commit, input: entry.input,
            value: entry.value.map { value in Int64(exactly: value).map { .integer($0) } ?? .real(value) })
        }))
  }
}

extension JSONValue {
  /// All numbers outside lists, by their paths, without those about the input: what a history keeps.
  public var sums: [String: Double] {
    var sums: [String: Double] = [:]
    func collect(_ value: JSONValue, _ path: FieldPath) {
      if let number = value.number { sums[path.description] = number }
      guard case .object(let members) = value else { return }
      for (key, member) in members where !(path.steps.isEmpty && Self.aboutTheInput.contains(key)) {
        collect(member, path.appending(.name(key)))
      }
    }
    collect(self, FieldPath(steps: []))
    return sums
  }

  private static let aboutTheInput: Set<String> = [
    "input", "tool", "schema", "profile", "quality", "window", "modelProfile",
  ]
}
