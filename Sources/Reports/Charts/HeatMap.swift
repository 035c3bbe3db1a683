/// Values from 0 to 1 over time for a few rows, as colours of a scale.
struct HeatMap: Chart {
  var title: String
  var summary: String
  var provenance: Provenance?
  /// Nanoseconds after the first event, ascending: when each column begins.
  var times: [UInt64]
  /// The rows' names, from the top.
  var rows: [String]
  /// By row, then by time; `nil` where there is nothing to say.
  var values: [[Double?]]
  var isTicks = false

  private static let left = 66.0
  private static let right = 26.0
  private static let rowHeight = 17.0

  var size: ChartSize { ChartSize(width: 1000, height: Double(rows.count) * Self.rowHeight + 30) }

  var legend: [ChartLegend] {
    (0..<6).map { level in
      let name = level == 0 ? "0 to 0.05" : "to \(["0.2", "0.4", "0.6", "0.8", "1"][level - 1])"
      return .init(swatch: "g\(level)", name: name)
    }
  }

  /// The colour of a value.
  static func level(_ value: Double) -> Int {
    if value <= 0.05 { return 0 }
    return min(Int(value * 5) + 1, 5)
  }

  func drawing() -> HTML {
    guard let last = times.last else { return HTML() }
    let across = ChartScale(largest: Double(last), unit: .time(isTicks: isTicks), count: 8, stopsAtLargest: true)
    let width = size.width - Self.left - Self.right
    func x(_ time: Double) -> Double { Self.left + across.position(time) * width }
    var svg = HTML()
    for (row, name) in rows.enumerated() {
      let top = Double(row) * Self.rowHeight
      svg += "<text class=\"ax\" text-anchor=\"end\" x=\"\(Self.left - 6)\" y=\"\(top + 12)\">\(name)</text>"
      var start = 0
      while start < times.count {
        let level = values[row][start].map(Self.level)
        var end = start
        // Neighbours of one colour are one rectangle.
        while end + 1 < times.count, values[row][end + 1].map(Self.level) == level { end += 1 }
        if let level {
          let from = x(Double(times[start]))
          let to = end + 1 < times.count ? x(Double(times[end + 1])) : Self.left + width
          svg += "<rect class=\"h\(level)\" x=\"\(from)\" y=\"\(top)\" width=\"\(max(to - from, 0.5))\" height=\"16\"/>"
        }
        start = end + 1
      }
    }
    let base = Double(rows.count) * Self.rowHeight
    for tick in across.ticks {
      svg += "<path class=\"tk\" d=\"M\(x(tick)) \(base)v4\"/>"
      svg += "<text class=\"ax\" text-anchor=\"middle\" x=\"\(x(tick))\" y=\"\(base + 18)\">\(across.text(tick))</text>"
    }
    return svg
  }

  var alternative: ReportTable? {
    var table = ReportTable(
      "", title,
      [.name("After", "atNanoseconds", "")]
        + rows.map { ReportColumn(title: $0, key: $0, meaning: "", isNumber: true, provenance: provenance) })
    let step = max((times.count + 15) / 16, 1)
    for index in times.indices where index % step == 0 || index == times.count - 1 {
      table.add(
        [.duration(times[index], isTicks: isTicks)]
          + rows.indices.map { row in values[row][index].map { .thousandths(Int(($0 * 1000).rounded())) } ?? .missing })
    }
    return table
  }
}
