/// One figure over runs that follow each other: a point for each run, joined by a line.
struct TrendChart: Chart {
  struct Point: Sendable {
    /// What stands below the point, such as the beginning of a commit's hash.
    var label: String
    /// What the point tells when it is pointed at.
    var text: String
    var value: Double
  }

  var title: String
  var summary: String
  var provenance: Provenance?
  /// What the points are of.
  var name: String
  var points: [Point]
  var unit: ChartScale.Unit

  var size: ChartSize { ChartSize(width: 1000, height: 200) }

  private static let left = 74.0
  private static let right = 40.0
  private static let top = 12.0
  private static let bottom = 26.0
  /// Between the first point, or the last, and the end of the axis.
  private static let inset = 34.0
  /// Labels below the points take about this much room.
  private static let labelWidth = 80.0

  func drawing() -> HTML {
    if points.isEmpty { return HTML() }
    let up = ChartScale(largest: points.map(\.value).max() ?? 0, unit: unit, count: 4)
    let width = size.width - Self.left - Self.right
    func x(_ index: Int) -> Double {
      let room = width - 2 * Self.inset
      return Self.left + (points.count < 2 ? width / 2 : Self.inset + Double(index) / Double(points.count - 1) * room)
    }
    func y(_ value: Double) -> Double {
      size.height - Self.bottom - up.position(value) * (size.height - Self.top - Self.bottom)
    }
    var svg = HTML()
    for tick in up.ticks {
      svg += "<path class=\"gr\" d=\"M\(Self.left) \(y(tick))H\(size.width - Self.right)\"/>"
      svg +=
        "<text class=\"ax\" text-anchor=\"end\" x=\"\(Self.left - 6)\" y=\"\(y(tick) + 4)\">\(up.text(tick))</text>"
    }
    let line = TimeChart.path(points.indices.map { (x($0), y(points[$0].value)) })
    svg += "<path class=\"ln s0\" d=\"\(line)\"/>"
    let step = max(Int((Double(points.count) * Self.labelWidth / width).rounded(.up)), 1)
    for (index, point) in points.enumerated() {
      svg +=
        "<circle class=\"f0\" cx=\"\(x(index))\" cy=\"\(y(point.value))\" r=\"4\"><title>\(point.text)</title></circle>"
      // The last run is what a reader looks for; the others are counted from it.
      if (points.count - 1 - index) % step == 0 {
        svg +=
          "<text class=\"ax\" text-anchor=\"middle\" x=\"\(x(index))\" y=\"\(size.height - 8)\">\(point.label)</text>"
      }
    }
    return svg
  }
}
