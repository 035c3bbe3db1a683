import TestSupport
import Testing

@testable import Reports

@Suite("Charts") struct ChartTests {
  @Test("a treemap's areas are in proportion, fill the map and do not overlap", arguments: [1, 2, 3] as [UInt64])
  func treemap(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let values = (0..<40).map { _ in Double.random(in: 0.5...1000, using: &generator) }.sorted(by: >)
    let whole = Treemap.Area(x: 0, y: 0, width: 1000, height: 280)
    let areas = Treemap.layout(values, in: whole)
    #expect(areas.count == values.count)
    let sum = values.reduce(0, +)
    for (area, value) in zip(areas, values) {
      #expect(abs(area.width * area.height / (1000 * 280) - value / sum) < 1e-6)
      #expect(area.x >= -1e-6 && area.y >= -1e-6)
      #expect(area.x + area.width <= 1000 + 1e-6 && area.y + area.height <= 280 + 1e-6)
    }
    for first in areas.indices {
      for second in areas.indices where second > first {
        let (a, b) = (areas[first], areas[second])
        let width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
        let height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
        #expect(width < 1e-6 || height < 1e-6, "\(first) and \(second) overlap")
      }
    }
  }

  @Test(
    "a scale holds its largest value, with few ticks, each a round number",
    arguments: [0, 0.3, 1, 7, 99, 1000, 65_537, 12_345_678, 9e15] as [Double])
  func scale(largest: Double) {
    for unit in [ChartScale.Unit.bytes, .count, .time(isTicks: false), .index] {
      let scale = ChartScale(largest: largest, unit: unit)
      #expect(scale.range.upperBound >= largest)
      #expect((2...11).contains(scale.ticks.count), "\(scale.ticks)")
      #expect(zip(scale.ticks, scale.ticks.dropFirst()).allSatisfy { $0 < $1 })
      #expect(Set(scale.ticks.map(scale.text)).count == scale.ticks.count, "\(scale.ticks.map(scale.text))")
      #expect(scale.position(largest) <= 1 && scale.position(-5) == 0)
    }
  }

  @Test("equal neighbours on a line are left out, its ends are not")
  func path() {
    #expect(TimeChart.path([(0, 5), (1, 5), (2, 5), (3, 6)]).text == "M0 5L2 5L3 6")
    #expect(TimeChart.path([(0, 5), (1, 5)]).text == "M0 5L1 5")
    #expect(TimeChart.path([]).text == "")
  }

  @Test("values are coloured by the part of the scale they are in")
  func levels() {
    #expect([0, 0.05, 0.06, 0.2, 0.21, 0.99, 1].map(HeatMap.level) == [0, 0, 1, 2, 2, 5, 5])
  }

  @Test("a flame graph is as wide as its weights, and stays small however many stacks there are")
  func flameGraph() {
    let stacks = (0..<20_000).map { number in
      (frames: (0..<60).map { "f\(number % 500)_\($0)" }, weight: Double(number % 500 + 1))
    }
    let graph = FlameGraph(title: "t", summary: "s", provenance: .observed, unit: .bytes, stacks: stacks)
    let drawing = graph.drawing().text
    #expect(!graph.isEmpty && drawing.utf8.count < 400_000)
    #expect(drawing.contains(">all: "))
    let single = FlameGraph(
      title: "t", summary: "s", provenance: .observed, unit: .count, stacks: [(["a", "<b>"], 3), (["a", "c"], 1)])
    let text = single.drawing().text
    #expect(text.contains("&lt;b&gt;: 3, 75.00 %") && text.contains("width=\"749.4\""))
    #expect(FlameGraph(title: "t", summary: "s", provenance: nil, unit: .count, stacks: []).isEmpty)
  }
}
