/// A picture that HTML reports draw as SVG, with what those need who can't see it.
protocol Chart: Sendable {
  /// What it shows, as a heading.
  var title: String { get }
  /// What can be seen in it, in a sentence or two.
  var summary: String { get }
  var provenance: Provenance? { get }
  /// The colours' meanings.
  var legend: [ChartLegend] { get }
  /// The drawing inside the `svg` element.
  func drawing() -> HTML
  var size: ChartSize { get }
  /// The chart's figures as a table, unless a table beside it has them.
  var alternative: ReportTable? { get }
}

/// What one colour of a chart means.
struct ChartLegend: Sendable {
  /// The class of its swatch: `k0` to `k7` for series, `g0` to `g5` for the scale.
  var swatch: String
  var name: String
}

/// The size of a chart in its own units; it is shown as wide as there is room.
struct ChartSize: Sendable {
  var width: Double
  var height: Double

  static let standard = ChartSize(width: 1000, height: 280)
}

extension Chart {
  var size: ChartSize { .standard }
  var legend: [ChartLegend] { [] }
  var alternative: ReportTable? { nil }
}

/// Something that a chart's horizontal time axis is marked with.
struct ChartMark: Sendable {
  var at: UInt64
  var text: String
}
