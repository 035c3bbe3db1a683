/// Lays a table out for a terminal's width.
///
/// What is too wide gives way in this order: bars; long titles, which are broken into lines; explanations; long names, which are
/// shortened; minor columns, which are named below the table; names again. What is still too wide is cut into tables below each other, each with
/// the names in front. Without a width nothing gives way.
struct TextTableLayout {
  private struct Piece {
    var column: Int
    /// The heading's lines.
    var title: [String]
    var cells: [String]
    var isNumber: Bool
    var width: Int
    /// Characters of the bar behind each cell.
    var barWidth = 0

    var fullWidth: Int { width + (barWidth > 0 ? barWidth + 1 : 0) }
  }

  private let table: TextTable
  private let style: TextStyle
  private let withTitles: Bool
  private var pieces: [Piece]
  private var omitted: [String] = []

  private static let barWidth = 10
  /// Names are not shortened below the first as long as minor columns can be left out, and below the second not at all.
  private static let comfortable = 36
  private static let least = 14

  init(_ table: TextTable, _ style: TextStyle, withTitles: Bool) {
    self.table = table
    self.style = style
    self.withTitles = withTitles
    pieces = table.columns.indices.map { index in
      let column = table.columns[index]
      let cells = table.rows.map { SafeText.shortened(SafeText.printable($0[index]), to: column.limit) }
      let width = cells.reduce(column.title.count) { max($0, $1.count) }
      return Piece(column: index, title: [column.title], cells: cells, isNumber: column.isNumber, width: width)
    }
    if let width = style.width { fit(max(width, 20)) }
  }

  private static func total(_ pieces: some Collection<Piece>) -> Int {
    2 + pieces.reduce(0) { $0 + $1.fullWidth } + 2 * max(pieces.count - 1, 0)
  }

  private mutating func fit(_ width: Int) {
    let isTooWide = { (layout: Self) in Self.total(layout.pieces) > width }
    if isTooWide(self) { breakTitles() }
    // Explanations without a heading say least.
    while isTooWide(self), let note = pieces.lastIndex(where: { isNote($0.column) }) { pieces.remove(at: note) }
    if isTooWide(self) { shorten(to: Self.comfortable, width) }
    while isTooWide(self), let minor = pieces.lastIndex(where: { table.columns[$0.column].isMinor }) {
      omitted.insert(pieces[minor].title.joined(separator: " "), at: 0)
      pieces.remove(at: minor)
    }
    if isTooWide(self) { shorten(to: Self.least, width) }
    if style.drawsBars { addBars(width) }
  }

  private func isNote(_ column: Int) -> Bool {
    let column = table.columns[column]
    return column.isMinor && !column.isNumber && column.title.isEmpty
  }

  /// Bars take what room is left.
  private mutating func addBars(_ width: Int) {
    for index in pieces.indices where table.shares[pieces[index].column] != nil {
      let room = width - Self.total(pieces) - 1
      if room >= 4 { pieces[index].barWidth = min(room, Self.barWidth) }
    }
  }

  /// Breaks the headings of numbers between words, as long as cells are narrower.
  private mutating func breakTitles() {
    for index in pieces.indices where pieces[index].isNumber {
      let cells = pieces[index].cells.reduce(0) { max($0, $1.count) }
      let words = (pieces[index].title.first ?? "").split(separator: " ")
      let room = max(cells, words.reduce(0) { max($0, $1.count) })
      var lines: [String] = []
      for word in words {
        if let last = lines.last, last.count + 1 + word.count <= room {
          lines[lines.count - 1] = last + " " + word
        } else {
          lines.append(String(word))
        }
      }
      pieces[index].title = lines.isEmpty ? [""] : lines
      pieces[index].width = room
    }
  }

  /// Shortens texts, the longest first, until the table fits or all are as short as `least`.
  private mutating func shorten(to least: Int, _ width: Int) {
    while Self.total(pieces) > width {
      let names = pieces.indices.filter { !pieces[$0].isNumber && pieces[$0].width > least }
      guard let longest = names.max(by: { pieces[$0].width < pieces[$1].width }) else { return }
      let second = names.filter { $0 != longest }.map { pieces[$0].width }.max() ?? least
      let excess = Self.total(pieces) - width
      let wanted = max(pieces[longest].width - excess, min(second, pieces[longest].width - 1), least)
      pieces[longest].width = wanted
      let column = pieces[longest].column
      let limit = min(wanted, table.columns[column].limit)
      pieces[longest].cells = table.rows.map { SafeText.shortened(SafeText.printable($0[column]), to: limit) }
      pieces[longest].title = [SafeText.shortened(table.columns[column].title, to: wanted)]
    }
  }

  /// The pieces in as many parts as the width asks for; the names in front are in each.
  private var parts: [[Piece]] {
    guard let width = style.width, Self.total(pieces) > width else { return [pieces] }
    let names = Array(pieces.prefix { !$0.isNumber })
    let figures = Array(pieces.dropFirst(names.count))
    var parts: [[Piece]] = []
    var part = names
    for piece in figures {
      if part.count > names.count, Self.total(part + [piece]) > width {
        parts.append(part)
        part = names
      }
      part.append(piece)
    }
    parts.append(part)
    // As many columns in each part, if that is possible: a single one at the end looks lost.
    let each = (figures.count + parts.count - 1) / parts.count
    let even = stride(from: 0, to: figures.count, by: max(each, 1)).map { start in
      names + figures[start..<min(start + each, figures.count)]
    }
    return even.allSatisfy { Self.total($0) <= width } ? even : parts
  }

  func text() -> String {
    var text = parts.map(lines).joined(separator: "\n")
    if !omitted.isEmpty {
      let note = "  left out on a terminal this narrow: " + omitted.joined(separator: ", ")
      text += style.paint(style.wrapped(note, indent: 4), .quiet) + "\n"
    }
    return text
  }

  private func lines(_ pieces: [Piece]) -> String {
    var text = ""
    if withTitles {
      let height = pieces.reduce(1) { max($0, $1.title.count) }
      for row in 0..<height {
        let titles = pieces.map { piece in
          // Short headings stand on the last line, next to what they head.
          let index = row - (height - piece.title.count)
          return index < 0 ? "" : piece.title[index]
        }
        text += style.paint(line(pieces, titles, row: nil), .quiet) + "\n"
      }
    }
    for row in table.rows.indices { text += line(pieces, pieces.map { $0.cells[row] }, row: row) + "\n" }
    return text
  }

  private func line(_ pieces: [Piece], _ cells: [String], row: Int?) -> String {
    var line = "  "
    for (index, piece) in pieces.enumerated() {
      let cell = cells[index]
      let padding = String(repeating: " ", count: max(piece.width - cell.count, 0))
      line += (index > 0 ? "  " : "") + (piece.isNumber ? padding + cell : cell + padding)
      if piece.barWidth > 0 {
        let share = row.flatMap { table.shares[piece.column]?[$0] } ?? 0
        let bar = Sparkline.bar(share, width: piece.barWidth)
        line += " " + style.paint(bar, .accent) + String(repeating: " ", count: piece.barWidth - bar.count)
      }
    }
    while line.last == " " { line.removeLast() }
    return line
  }
}
