/// The comparison of two results, for people and as JSON.
public struct DifferenceReport: Sendable {
  public var difference: DocumentDifference
  /// The most rows of each table; `nil` leaves it to the format.
  public var top: Int?

  public init(_ difference: DocumentDifference, top: Int? = nil) {
    self.difference = difference
    self.top = top
  }

  private var limit: Int { top ?? 20 }

  private static let headlines = [
    "live.wastedBytes", "best.footprintWastedBytes", "model.footprintWastedBytes", "live.allocatedBytes",
  ]

  /// The answer in a sentence.
  var answer: String {
    let changed = difference.sums.filter { $0.change != 0 }
    let text = "\(SafeText.printable(difference.baseName)) → \(SafeText.printable(difference.newName))"
    if changed.isEmpty, difference.groups.allSatisfy(\.rows.isEmpty) { return text + ": nothing changed." }
    let main = Self.headlines.lazy.compactMap { name in difference.sums.first { $0.path.description == name } }.first
    guard let main else {
      return text + ": \(Units.count(changed.count)) of \(Units.count(difference.sums.count)) sums changed."
    }
    if main.change == 0 { return text + ": \(main.path) is the same, \(FigureText.text(main.new, path: main.path))." }
    return text
      + ": \(main.path) \(main.change > 0 ? "grew" : "fell") from \(FigureText.text(main.base, path: main.path)) to "
      + "\(FigureText.text(main.new, path: main.path)) (\(Self.signed(main.change, main.path.lastName))"
      + (main.changePercent.map { ", " + Self.signedPercent($0) } ?? "") + ")."
  }

  private static func signed(_ change: Double, _ name: String) -> String {
    (change > 0 ? "+" : "") + FigureText.text(change, name: name)
  }

  private static func signedPercent(_ percent: Double) -> String { (percent > 0 ? "+" : "") + Units.percent(percent) }

  /// What a sum is of: memory comes before counts, and moments, which are neither good nor bad, last.
  private static func rank(_ name: String) -> Int {
    if name.hasSuffix("Bytes") || name.hasSuffix("Percent") || name.hasSuffix("Pages") { return 0 }
    return name.hasSuffix("Nanoseconds") ? 2 : 1
  }

  /// The sums that changed: memory, counts, moments, each with the largest relative changes first.
  var sumTable: TextTable {
    var table = TextTable([
      .init("Sum", isNumber: false, limit: 64), .init("Base"), .init("New"), .init("Change"), .init("%"),
    ])
    let changed = difference.sums.filter { $0.change != 0 }.sorted {
      (Self.rank($0.path.lastName), ($1.changePercent ?? .infinity).magnitude, $0.path.description)
        < (Self.rank($1.path.lastName), ($0.changePercent ?? .infinity).magnitude, $1.path.description)
    }
    for sum in changed.prefix(limit) {
      table.add([
        sum.path.description, FigureText.text(sum.base, path: sum.path), FigureText.text(sum.new, path: sum.path),
        Self.signed(sum.change, sum.path.lastName), sum.changePercent.map { Self.signedPercent($0) } ?? "new",
      ])
    }
    return table
  }

  func groupTable(_ group: DocumentDifference.Group) -> TextTable {
    var table = TextTable([
      .init("\(group.list), by \(group.figure)", isNumber: false, limit: 64), .init("Base"), .init("New"),
      .init("Change"),
    ])
    let name = FieldPath(group.figure)?.lastName ?? ""
    for row in group.rows.prefix(limit) {
      table.add([
        row.name, FigureText.text(row.base, name: name), FigureText.text(row.new, name: name),
        Self.signed(row.change, name),
      ])
    }
    return table
  }

  private var groups: [DocumentDifference.Group] { difference.groups.filter { !$0.rows.isEmpty } }

  private static let footing =
    "Sums can be gated (--fail-on 'change.live.wastedBytes>1MiB'); single call sites and caches only inform."

  /// The comparison for people at a terminal.
  public func text() -> String {
    var text = TextStyle.current.paint(ReportHeading.prose(answer, indent: 2), .strong) + "\n"
    if !sumTable.rows.isEmpty { text += "\n" + sumTable.text() }
    for group in groups { text += "\n" + groupTable(group).text() }
    return text + "\n" + Self.footing + "\n"
  }

  /// The comparison as GitHub-flavoured Markdown.
  public func markdown() -> String {
    var text = "# What changed\n\n" + SafeText.markdown(answer) + "\n"
    if !sumTable.rows.isEmpty { text += "\n" + sumTable.markdown() }
    for group in groups { text += "\n" + groupTable(group).markdown() }
    return text + "\n" + SafeText.markdown(Self.footing) + "\n"
  }

  private struct Document: Encodable {
    struct Figure: Encodable {
      var path: String
      var base: JSONValue
      var new: JSONValue
      var change: JSONValue
      var changePercent: Double?
    }

    struct Group: Encodable {
      var list: String
      var figure: String
      var rows: [Row]
      var rowsOmitted: Int
    }

    struct Row: Encodable {
      var key: String
      var base: JSONValue
      var new: JSONValue
      var change: JSONValue
    }

    var schema = "kmemreplay.diff/1"
    var compares: String
    var base: String
    var new: String
    var sums: [Figure]
    var groups: [Group]
    var change: JSONValue?
    var changePercent: JSONValue?
    var tool = ["version": ToolVersion.current]
  }

  private static func exact(_ value: Double) -> JSONValue { Int64(exactly: value).map { .integer($0) } ?? .real(value) }

  /// The comparison as JSON (`kmemreplay.diff/1`), all of it.
  public func json() throws -> String {
    let changes = difference.document
    return try JSONReport.text(
      Document(
        compares: difference.schema, base: difference.baseName, new: difference.newName,
        sums: difference.sums.map {
          .init(
            path: $0.path.description, base: Self.exact($0.base), new: Self.exact($0.new),
            change: Self.exact($0.change),
            changePercent: $0.changePercent)
        },
        groups: difference.groups.map { group in
          let rows = group.rows.prefix(top ?? .max)
          return .init(
            list: group.list, figure: group.figure,
            rows: rows.map {
              .init(
                key: $0.name, base: Self.exact($0.base), new: Self.exact($0.new), change: Self.exact($0.change))
            }, rowsOmitted: group.rows.count - rows.count)
        }, change: changes["change"], changePercent: changes["changePercent"]))
  }
}
