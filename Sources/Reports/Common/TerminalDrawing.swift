import Analysis
import KernelTypes
import Replay

/// Drawings of characters that stand above a report's tables on a terminal, and nowhere else.
enum TerminalDrawing {
  /// A figure over time.
  struct Row {
    var name: String
    var values: [Double]
    var unit: ChartScale.Unit
    /// What the highest character stands for; `nil` for the largest value of all rows.
    var full: Double?

    func text(_ value: Double) -> String { ChartScale(largest: max(value, 1), unit: unit).text(value) }
  }

  private static func padded(_ name: String, to width: Int) -> String {
    name + String(repeating: " ", count: max(width - name.count, 0))
  }

  /// A line for each figure, from 0 to the largest value of any; empty where nothing is drawn.
  static func overTime(_ title: String, _ rows: [Row]) -> String {
    let style = TextStyle.current
    guard style.drawsBars, let width = style.width, !rows.isEmpty else { return "" }
    let rows = rows.map { row in
      var row = row
      row.name = SafeText.shortened(SafeText.printable(row.name), to: max(width / 3, 12))
      return row
    }
    let names = rows.reduce(0) { max($0, $1.name.count) }
    let ends = rows.map { row in
      "\(row.text(row.values.last ?? 0)) at the end, \(row.text(row.values.max() ?? 0)) at most"
    }
    let room = width - names - 6 - ends.reduce(0) { max($0, $1.count) }
    if room < 8 { return "" }
    let most = rows.flatMap(\.values).max() ?? 0
    var text = ReportHeading.section(title)
    for (row, end) in zip(rows, ends) {
      let line = Sparkline.line(Sparkline.thinned(row.values, to: min(room, 60)), from: 0, to: row.full ?? most)
      text += "  " + padded(row.name, to: names) + "  " + style.paint(line, .accent) + "  " + end + "\n"
    }
    return text + "\n"
  }

  private static let parts: [(name: String, character: Character, emphasis: TextStyle.Emphasis)] = [
    ("requested", "█", .accent), ("object waste", "▓", .warning), ("free slots", "▒", .bad),
    ("padding and management", "░", .quiet),
  ]

  /// What the slab pages of each allocator hold at the end, and how many they were over time.
  static func footprints(_ allocators: [ReplayFindings]) -> String {
    let style = TextStyle.current
    guard style.drawsBars, let width = style.width else { return "" }
    let names = allocators.reduce(0) { max($0, $1.displayName.count) }
    let room = min(width - names - 16, 60)
    let largest = allocators.map { $0.slabBytes($0.outcome.end.modelled) }.max() ?? 0
    if room < 12 || largest == 0 { return "" }
    var text = ReportHeading.section("What the slab pages hold at the end [modelled]")
    for findings in allocators {
      let figures = findings.outcome.end.modelled
      let values = [
        Double(figures.live.requestedBytes), Double(max(figures.live.wastedBytes, 0)), Double(figures.freeSlotBytes),
        Double(figures.paddingBytes &+ figures.managementBytes),
      ]
      let lengths = Sparkline.lengths(values, whole: Double(largest), width: room)
      let bar = zip(parts, lengths).map { part, length in
        style.paint(String(repeating: part.character, count: length), part.emphasis)
      }.joined()
      let blank = String(repeating: " ", count: room - lengths.reduce(0, +))
      text += "  " + padded(findings.displayName, to: names) + "  " + bar + blank + "  "
      text += Units.bytes(findings.slabBytes(figures)) + "\n"
    }
    let legend = parts.map { style.paint(String($0.character), $0.emphasis) + " " + $0.name }
    text += "  " + String(repeating: " ", count: names + 2) + legend.joined(separator: "  ") + "\n\n"
    return text
      + overTime(
        "Slab pages over time [modelled]",
        allocators.filter { $0.outcome.timeline.count > 1 }.map { findings in
          Row(
            name: findings.displayName,
            values: findings.outcome.timeline.map { Double(findings.slabBytes($0.modelled)) }, unit: .bytes)
        })
  }
}
