/// Stacks of callers with weights, drawn from the outermost caller down: as wide as what was asked for through them.
struct FlameGraph: Chart {
  /// A caller, and those it called, by name.
  final class Node {
    var weight: Double = 0
    var children: [String: Node] = [:]
  }

  private struct Box: Sendable {
    var name: String
    var depth: Int
    var x: Double
    var width: Double
    var weight: Double
  }

  var title: String
  var summary: String
  var provenance: Provenance?
  private let boxes: [Box]
  private let total: Double
  private let depth: Int
  private let unit: ChartScale.Unit

  private static let rowHeight = 18.0
  private static let deepest = 40
  private static let limit = 1200
  private static let wide = 1000.0

  var size: ChartSize { ChartSize(width: Self.wide, height: Double(depth + 1) * Self.rowHeight + 2) }
  var isEmpty: Bool { boxes.count < 2 }

  /// Draws stacks, outermost caller first. What is narrower than a pixel is left out.
  init(
    title: String, summary: String, provenance: Provenance?, unit: ChartScale.Unit,
    stacks: [(frames: [String], weight: Double)]
  ) {
    self.title = title
    self.summary = summary
    self.provenance = provenance
    self.unit = unit
    let root = Node()
    for stack in stacks where stack.weight > 0 {
      root.weight += stack.weight
      var node = root
      for frame in stack.frames.prefix(Self.deepest) {
        let next = node.children[frame] ?? Node()
        next.weight += stack.weight
        node.children[frame] = next
        node = next
      }
    }
    total = root.weight
    var boxes: [Box] = []
    // The outermost first, so that the limit cuts off the innermost.
    var queue: [(node: Node, name: String, depth: Int, x: Double)] = [(root, "all", 0, 0)]
    var next = 0
    let scale = root.weight > 0 ? Self.wide / root.weight : 0
    while next < queue.count, boxes.count < Self.limit {
      let (node, name, depth, x) = queue[next]
      next += 1
      let width = node.weight * scale
      if width < 1 { continue }
      boxes.append(Box(name: name, depth: depth, x: x, width: width, weight: node.weight))
      var place = x
      for (name, child) in node.children.sorted(by: { ($1.value.weight, $0.key) < ($0.value.weight, $1.key) }) {
        queue.append((child, name, depth + 1, place))
        place += child.weight * scale
      }
    }
    self.boxes = boxes
    depth = boxes.map(\.depth).max() ?? 0
  }

  func drawing() -> HTML {
    var svg = HTML()
    let scale = ChartScale(largest: max(total, 1), unit: unit)
    for box in boxes {
      let top = Double(box.depth) * Self.rowHeight
      let share = total > 0 ? box.weight / total * 100 : 0
      svg +=
        "<g><title>\(SafeText.shortened(box.name, to: 120)): \(scale.text(box.weight)), \(Units.percent(share))</title>"
      svg +=
        "<rect class=\"f\(Self.colour(box.name))\" x=\"\(box.x)\" y=\"\(top)\" width=\"\(max(box.width - 0.6, 0.4))\" height=\"\(Self.rowHeight - 1)\"/>"
      let letters = Int((box.width - 6) / 7.4)
      if letters >= 4 {
        let name = SafeText.shortened(SafeText.printable(box.name), to: letters)
        svg += "<text class=\"on\" x=\"\(box.x + 3)\" y=\"\(top + 13)\">\(name)</text>"
      }
      svg += "</g>"
    }
    return svg
  }

  /// The same name has the same colour, wherever it is.
  private static func colour(_ name: String) -> Int {
    let hash = name.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
    return [0, 1, 2, 3, 5, 6][Int(hash >> 8) % 6]
  }
}
