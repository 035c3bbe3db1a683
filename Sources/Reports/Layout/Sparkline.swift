/// Small drawings of characters, beside the figures that they show.
enum Sparkline {
  private static let steps = Array("▁▂▃▄▅▆▇█")
  private static let eighths = Array("▏▎▍▌▋▊▉")

  /// A character for each value, as high as it is between the lowest and the highest of all; a blank for none.
  static func line(_ values: [Double?]) -> String {
    let known = values.compactMap { $0 }
    guard let least = known.min(), let most = known.max() else { return "" }
    return line(values, from: least, to: most)
  }

  /// The same between given ends.
  static func line(_ values: [Double?], from least: Double, to most: Double) -> String {
    String(
      values.map { value -> Character in
        guard let value else { return " " }
        if most <= least { return steps[3] }
        return steps[min(max(Int((value - least) / (most - least) * 8), 0), 7)]
      })
  }

  /// At most `width` values in the place of many: of each equal part the largest.
  static func thinned(_ values: [Double], to width: Int) -> [Double] {
    if values.count <= width || width < 1 { return values }
    return (0..<width).map { part in
      values[(part * values.count / width)..<((part + 1) * values.count / width)].max() ?? 0
    }
  }

  /// A bar as long as `share` (0 to 1) of `width` characters, to an eighth of one.
  static func bar(_ share: Double, width: Int) -> String {
    guard share.isFinite, share > 0 else { return "" }
    let units = max(Int((min(share, 1) * Double(width) * 8).rounded()), 1)
    return String(repeating: "█", count: units / 8) + (units % 8 == 0 ? "" : String(eighths[units % 8 - 1]))
  }

  /// How many of `width` characters each part of a bar gets; rounding never makes the bar longer than its whole.
  static func lengths(_ parts: [Double], whole: Double, width: Int) -> [Int] {
    guard whole > 0 else { return parts.map { _ in 0 } }
    var sum = 0.0
    var drawn = 0
    return parts.map { part in
      sum += max(part, 0)
      let end = min(Int((sum / whole * Double(width)).rounded()), width)
      defer { drawn = max(end, drawn) }
      return max(end - drawn, 0)
    }
  }
}
