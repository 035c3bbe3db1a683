/// Amounts as areas: a rectangle that is divided as the amounts are.
///
/// Squarified (Bruls, Huizing, van Wijk: "Squarified Treemaps", 2000): rows are filled as long as that makes their
/// rectangles more like squares.
struct Treemap: Chart {
  struct Item: Sendable {
    var name: String
    var value: Double
    var text: String
    var colour: Int
  }

  struct Area: Sendable, Equatable {
    var x: Double
    var y: Double
    var width: Double
    var height: Double
  }

  var title: String
  var summary: String
  var provenance: Provenance?
  /// The largest first.
  var items: [Item]
  var legend: [ChartLegend] = []

  var size: ChartSize { ChartSize(width: 1000, height: 300) }

  func drawing() -> HTML {
    let shown = items.filter { $0.value > 0 }
    let areas = Self.layout(shown.map(\.value), in: Area(x: 0, y: 0, width: size.width, height: size.height))
    var svg = HTML()
    for (item, area) in zip(shown, areas) {
      let width = max(area.width - 1.5, 0.5)
      let height = max(area.height - 1.5, 0.5)
      svg += "<g><title>\(item.name): \(item.text)</title>"
      svg +=
        "<rect class=\"f\(item.colour)\" x=\"\(area.x)\" y=\"\(area.y)\" width=\"\(width)\" height=\"\(height)\" rx=\"2\"/>"
      let letters = Int((width - 10) / 8.2)
      // A name cut to a few letters names nothing.
      if letters >= min(item.name.count, 8), height >= 18 {
        let name = SafeText.shortened(SafeText.printable(item.name), to: letters)
        svg += "<text class=\"on\" x=\"\(area.x + 5)\" y=\"\(area.y + 14)\">\(name)</text>"
        if height >= 34, letters >= item.text.count {
          svg += "<text class=\"on\" x=\"\(area.x + 5)\" y=\"\(area.y + 29)\">\(item.text)</text>"
        }
      }
      svg += "</g>"
    }
    return svg
  }

  /// The area of each value (all above 0, largest first): in proportion, and together all of `area`.
  static func layout(_ values: [Double], in area: Area) -> [Area] {
    let sum = values.reduce(0, +)
    if sum <= 0 { return [] }
    let scale = area.width * area.height / sum
    var rest = area
    var areas: [Area] = []
    var row: [Double] = []
    for value in values.map({ $0 * scale }) {
      let side = min(rest.width, rest.height)
      if row.isEmpty || worst(row + [value], side) <= worst(row, side) {
        row.append(value)
      } else {
        areas += place(row, &rest)
        row = [value]
      }
    }
    return areas + place(row, &rest)
  }

  /// How far the worst rectangle of a row is from a square.
  private static func worst(_ row: [Double], _ side: Double) -> Double {
    let sum = row.reduce(0, +)
    let largest = row.max() ?? 0
    let smallest = row.min() ?? 0
    if sum <= 0 || smallest <= 0 || side <= 0 { return .infinity }
    return max(side * side * largest / (sum * sum), sum * sum / (side * side * smallest))
  }

  /// Puts a row along the shorter side and takes it off what is left.
  private static func place(_ row: [Double], _ rest: inout Area) -> [Area] {
    let sum = row.reduce(0, +)
    let isColumn = rest.width >= rest.height
    let side = isColumn ? rest.height : rest.width
    if side <= 0 || sum <= 0 { return row.map { _ in Area(x: rest.x, y: rest.y, width: 0, height: 0) } }
    let depth = sum / side
    var place = isColumn ? rest.y : rest.x
    var areas: [Area] = []
    for value in row {
      let length = value / depth
      areas.append(
        isColumn
          ? Area(x: rest.x, y: place, width: depth, height: length)
          : Area(x: place, y: rest.y, width: length, height: depth))
      place += length
    }
    if isColumn {
      rest.x += depth
      rest.width = max(rest.width - depth, 0)
    } else {
      rest.y += depth
      rest.height = max(rest.height - depth, 0)
    }
    return areas
  }
}
