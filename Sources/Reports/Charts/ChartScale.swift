/// A linear scale with round ticks, and how its numbers are written.
struct ChartScale: Sendable {
  /// What the numbers are.
  enum Unit: Sendable {
    case bytes, count, index
    case time(isTicks: Bool)
  }

  var unit: Unit
  /// From 0 or the lowest value to the highest tick.
  let range: ClosedRange<Double>
  let ticks: [Double]

  /// A scale that holds 0 and `largest`, with about `count` ticks.
  init(largest: Double, unit: Unit, count: Int = 5, stopsAtLargest: Bool = false) {
    self.unit = unit
    let top = max(largest, unit.isWhole ? 1 : 0.1)
    let step = Self.step(top / Double(max(count, 1)), unit)
    var ticks: [Double] = []
    var tick = 0.0
    while tick <= top * 1.000_001, ticks.count < 50 {
      ticks.append(tick)
      tick += step
    }
    if !stopsAtLargest, let last = ticks.last, last < top { ticks.append(tick) }
    self.ticks = ticks
    range = 0...max(stopsAtLargest ? top : (ticks.last ?? top), 1e-9)
  }

  /// A round step of at least `least`: 1, 2 or 5 times a power of ten, and a power of two for bytes.
  private static func step(_ least: Double, _ unit: Unit) -> Double {
    if case .bytes = unit {
      var step = 1.0
      while step < least * 0.75 { step *= 2 }
      return step
    }
    return unit.isWhole ? max(rounded(least), 1) : rounded(least)
  }

  private static func rounded(_ least: Double) -> Double {
    if least <= 0 { return 1 }
    var power = 1.0
    while power * 10 <= least { power *= 10 }
    while power > least { power /= 10 }
    for factor in [1.0, 2, 5, 10] where factor * power >= least * 0.999_999 { return factor * power }
    return power * 10
  }

  /// The part of the scale below a value, from 0 to 1.
  func position(_ value: Double) -> Double { min(max(value / range.upperBound, 0), 1) }

  func text(_ value: Double) -> String {
    let whole = UInt64(clampingDouble: value)
    switch unit {
    case .bytes:
      let text = Units.bytes(whole)
      return text.replacing(".0 ", with: " ")
    case .count: return Units.count(whole)
    case .index: return Units.fixed(value, places: 2)
    case .time(let isTicks):
      if isTicks { return Units.count(whole) }
      return Self.time(value, step: ticks.count > 1 ? ticks[1] : value)
    }
  }

  /// A time on an axis: all ticks in the unit that the step between them has.
  private static func time(_ value: Double, step: Double) -> String {
    if value == 0 { return "0" }
    let (scale, unit) = step >= 1e8 ? (1e9, "s") : step >= 1e5 ? (1e6, "ms") : (1e3, "µs")
    var text = Units.fixed(value / scale, places: 3)
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text + " " + unit
  }
}

extension ChartScale.Unit {
  var isWhole: Bool {
    switch self {
    case .bytes, .count, .time: true
    case .index: false
    }
  }
}

extension UInt64 {
  /// The nearest whole number, whatever the value.
  init(clampingDouble value: Double) {
    if !(value > 0) {
      self = 0
    } else {
      self = value >= 1.8e19 ? .max : UInt64(value.rounded())
    }
  }
}
