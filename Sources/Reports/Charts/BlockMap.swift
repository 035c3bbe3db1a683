/// Physical memory as a grid of cells in the order of their addresses.
struct BlockMap: Chart {
  struct Cell: Sendable {
    /// The colour's class: `f0` to `f7`, `h0` to `h5` or `em` for nothing known.
    var style: String
    /// The part of the cell that is filled, from 0 to 1.
    var fill: Double
    var text: String
  }

  var title: String
  var summary: String
  var provenance: Provenance?
  var cells: [Cell]
  var legend: [ChartLegend]
  var alternative: ReportTable?

  // Few cells are drawn larger.
  private var isDense: Bool { cells.count > 360 }
  private var columns: Int { isDense ? 90 : 45 }
  private var side: Double { isDense ? 11 : 22 }

  var size: ChartSize {
    let rows = (cells.count + columns - 1) / columns
    return ChartSize(width: Double(columns) * side, height: Double(max(rows, 1)) * side)
  }

  func drawing() -> HTML {
    var svg: HTML = "<path class=\"em\" d=\""
    for index in cells.indices { svg += "M\(x(index)) \(y(index))h\(side - 1)v\(side - 1)h-\(side - 1)z" }
    svg += "\"/>"
    for (index, cell) in cells.enumerated() {
      // What is known of at all can be seen, however little it is.
      let height = cell.fill > 0 ? max((min(cell.fill, 1) * (side - 1)).rounded(), 1) : 0
      if height == 0 { continue }
      svg += "<rect class=\"\(cell.style)\" x=\"\(x(index))\" y=\"\(y(index) + side - 1 - height)\" "
      svg += "width=\"\(side - 1)\" height=\"\(height)\"><title>\(cell.text)</title></rect>"
    }
    return svg
  }

  private func x(_ index: Int) -> Double { Double(index % columns) * side }
  private func y(_ index: Int) -> Double { Double(index / columns) * side }
}
