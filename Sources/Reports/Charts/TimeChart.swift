/// Values over time: as lines, or as areas that stand on each other.
struct TimeChart: Chart {
  struct Series: Sendable {
    var name: String
    /// One value for each time.
    var values: [Double]
    /// Which colour.
    var colour: Int
    /// For lines that would hide another one, or are of another kind.
    var isDashed = false
  }

  enum Shape: Sendable {
    case lines, stacked
  }

  var title: String
  var summary: String
  var provenance: Provenance?
  var shape: Shape
  /// Nanoseconds after the first event, ascending.
  var times: [UInt64]
  var series: [Series]
  var unit: ChartScale.Unit
  var isTicks = false
  var marks: [ChartMark] = []

  var legend: [ChartLegend] { series.map { .init(swatch: "k\($0.colour)", name: $0.name) } }

  private static let left = 66.0
  private static let right = 26.0
  private static let top = 10.0
  private static let bottom = 26.0

  private var start: Double { Double(times.first ?? 0) }
  private var largest: Double {
    switch shape {
    case .lines: series.flatMap(\.values).max() ?? 0
    case .stacked: times.indices.map { time in series.reduce(0) { $0 + max($1.values[time], 0) } }.max() ?? 0
    }
  }

  private func x(_ time: Double, _ scale: ChartScale) -> Double {
    Self.left + scale.position(time) * (size.width - Self.left - Self.right)
  }

  private func y(_ value: Double, _ scale: ChartScale) -> Double {
    size.height - Self.bottom - scale.position(value) * (size.height - Self.top - Self.bottom)
  }

  func drawing() -> HTML {
    if times.isEmpty { return HTML() }
    let across = ChartScale(
      largest: Double(times.last ?? 0), unit: .time(isTicks: isTicks), count: 8, stopsAtLargest: true)
    let up = ChartScale(largest: largest, unit: unit)
    var svg = axes(across, up)
    switch shape {
    case .lines:
      for line in series {
        let points = zip(times, line.values).map { (x(Double($0), across), y($1, up)) }
        let dash: HTML = line.isDashed ? " stroke-dasharray=\"5 3\"" : ""
        svg += "<path class=\"ln s\(line.colour)\"\(dash) d=\"\(Self.path(points))\"/>"
      }
    case .stacked:
      var floor = [Double](repeating: 0, count: times.count)
      for area in series {
        let ceiling = zip(floor, area.values).map { $0 + max($1, 0) }
        var points = times.indices.map { (x(Double(times[$0]), across), y(ceiling[$0], up)) }
        points += times.indices.reversed().map { (x(Double(times[$0]), across), y(floor[$0], up)) }
        svg += "<path class=\"f\(area.colour)\" d=\"\(Self.path(points))Z\"/>"
        floor = ceiling
      }
    }
    return svg + readouts(across, up) + markers(across)
  }

  private func axes(_ across: ChartScale, _ up: ChartScale) -> HTML {
    var svg = HTML()
    for tick in up.ticks {
      let height = y(tick, up)
      svg += "<path class=\"gr\" d=\"M\(Self.left) \(height)H\(size.width - Self.right)\"/>"
      svg += "<text class=\"ax\" text-anchor=\"end\" x=\"\(Self.left - 6)\" y=\"\(height + 4)\">\(up.text(tick))</text>"
    }
    for tick in across.ticks {
      let place = x(tick, across)
      svg += "<path class=\"tk\" d=\"M\(place) \(size.height - Self.bottom)v4\"/>"
      svg +=
        "<text class=\"ax\" text-anchor=\"middle\" x=\"\(place)\" y=\"\(size.height - 8)\">\(across.text(tick))</text>"
    }
    return svg
  }

  /// Upright strips that tell the values at their moment when pointed at; the table has them for everybody else.
  private func readouts(_ across: ChartScale, _ up: ChartScale) -> HTML {
    let step = max((times.count + 39) / 40, 1)
    var svg = HTML()
    for index in stride(from: 0, to: times.count, by: step) {
      let from = x(Double(times[index]), across)
      let to = index + step < times.count ? x(Double(times[index + step]), across) : size.width - Self.right
      if to - from < 0.5 { continue }
      let values = series.map { SafeText.shortened($0.name, to: 40) + " " + up.text(max($0.values[index], 0)) }
      svg += "<rect class=\"hv\" x=\"\(from)\" y=\"\(Self.top)\" width=\"\(to - from)\" "
      svg += "height=\"\(size.height - Self.top - Self.bottom)\"><title>"
      svg += "\(Units.duration(times[index], isTicks: isTicks)): \(values.joined(separator: ", "))</title></rect>"
    }
    return svg
  }

  /// The trace's markers, as lines that tell their text when asked.
  private func markers(_ across: ChartScale) -> HTML {
    HTML.joined(
      marks.prefix(40).map { mark in
        let place = x(Double(mark.at), across)
        return
          "<path class=\"mk\" d=\"M\(place) \(Self.top)V\(size.height - Self.bottom)\"><title>\(SafeText.shortened(mark.text, to: 80))</title></path>"
      })
  }

  /// Points joined by lines; points on the straight between their neighbours are left out.
  static func path(_ points: [(Double, Double)]) -> HTML {
    var text: HTML = ""
    var last: (String, String)?
    var skipped: (String, String)?
    func draw(_ point: (String, String), _ text: inout HTML) {
      text += last == nil ? "M\(point.0) \(point.1)" : "L\(point.0) \(point.1)"
      last = point
    }
    for (x, y) in points {
      let point = (HTML.coordinate(x), HTML.coordinate(y))
      if let last, point.1 == last.1 {
        skipped = point
        continue
      }
      if let waiting = skipped { draw(waiting, &text) }
      skipped = nil
      draw(point, &text)
    }
    if let waiting = skipped { draw(waiting, &text) }
    return text
  }

  var alternative: ReportTable? {
    var table = ReportTable(
      "", title,
      [.name("After", "atNanoseconds", "Time after the trace's first event.")]
        + series.map {
          ReportColumn(title: $0.name, key: $0.name, meaning: "", isNumber: true, provenance: provenance)
        })
    let step = max((times.count + 23) / 24, 1)
    for index in times.indices where index % step == 0 || index == times.count - 1 {
      table.add(
        [.duration(times[index], isTicks: isTicks)] + series.map { cell($0.values[index]) })
    }
    return table
  }

  private func cell(_ value: Double) -> ReportCell {
    switch unit {
    case .bytes: .bytes(Int64(UInt64(clampingDouble: value)))
    case .count, .time: .count(UInt64(clampingDouble: value))
    case .index: .thousandths(Int((value * 1000).rounded()))
    }
  }
}

extension HTML {
  static func + (left: HTML, right: HTML) -> HTML {
    var sum = left
    sum += right
    return sum
  }
}
