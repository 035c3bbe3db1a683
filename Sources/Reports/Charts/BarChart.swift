/// Amounts side by side, each a horizontal bar, which may be made of parts.
struct BarChart: Chart {
  struct Bar: Sendable {
    var name: String
    /// One value for each part.
    var values: [Double]
    /// The whole, as people read it.
    var text: String
  }

  var title: String
  var summary: String
  var provenance: Provenance?
  /// The parts' names and colours.
  var parts: [(name: String, colour: Int)]
  var bars: [Bar]
  var unit: ChartScale.Unit
  /// Whether a table beside it has the same figures.
  var hasTableBeside = false

  var legend: [ChartLegend] { parts.count < 2 ? [] : parts.map { .init(swatch: "k\($0.colour)", name: $0.name) } }

  private static let rowHeight = 30.0
  private static let left = 150.0
  private static let right = 90.0

  var size: ChartSize { ChartSize(width: 1000, height: Double(bars.count) * Self.rowHeight + 8) }

  func drawing() -> HTML {
    let largest = bars.map { $0.values.reduce(0) { $0 + max($1, 0) } }.max() ?? 0
    let width = size.width - Self.left - Self.right
    var svg = HTML()
    for (row, bar) in bars.enumerated() {
      let top = Double(row) * Self.rowHeight + 6
      let name = SafeText.shortened(bar.name, to: 22)
      svg += "<text class=\"lb\" text-anchor=\"end\" x=\"\(Self.left - 8)\" y=\"\(top + 15)\">\(name)</text>"
      var place = Self.left
      for (part, value) in zip(parts, bar.values) where value > 0 && largest > 0 {
        let length = value / largest * width
        let text = ChartScale(largest: value, unit: unit).text(value)
        svg += "<rect class=\"f\(part.colour)\" x=\"\(place)\" y=\"\(top)\" width=\"\(length)\" height=\"20\">"
        svg += "<title>\(bar.name), \(part.name): \(text)</title></rect>"
        place += length
      }
      svg += "<text class=\"lb\" x=\"\(place + 6)\" y=\"\(top + 15)\">\(bar.text)</text>"
    }
    return svg
  }

  var alternative: ReportTable? {
    if hasTableBeside { return nil }
    var table = ReportTable(
      "", title,
      [.name("", "name", "")]
        + parts.map { ReportColumn(title: $0.name, key: $0.name, meaning: "", isNumber: true, provenance: provenance) })
    for bar in bars {
      table.add(
        [.text(bar.name)]
          + bar.values.map { value in
            if case .bytes = unit {
              .bytes(UInt64(clampingDouble: value))
            } else {
              .count(UInt64(clampingDouble: value))
            }
          })
    }
    return table
  }
}
