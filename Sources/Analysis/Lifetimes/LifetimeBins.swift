/// The ranges that lifetimes are counted in: a power of ten each, from below a microsecond to 100 seconds and more.
public enum LifetimeBins {
  /// The upper bounds of all ranges but the last, in nanoseconds.
  public static let bounds: [UInt64] = [
    1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000, 100_000_000_000,
  ]
  /// The number of ranges.
  public static let count = 10

  /// The range that a lifetime falls into.
  @inline(__always)
  static func index(_ lifetime: UInt64) -> Int {
    if lifetime < 1_000_000 { return lifetime < 10_000 ? (lifetime < 1_000 ? 0 : 1) : (lifetime < 100_000 ? 2 : 3) }
    if lifetime < 1_000_000_000 { return lifetime < 10_000_000 ? 4 : (lifetime < 100_000_000 ? 5 : 6) }
    return lifetime < 10_000_000_000 ? 7 : (lifetime < 100_000_000_000 ? 8 : 9)
  }

  /// The range that holds the median of counts by range; `nil` without counts.
  public static func median(_ counts: [UInt64]) -> Int? {
    let all = counts.reduce(0, &+)
    if all == 0 { return nil }
    var sum: UInt64 = 0
    for (bin, count) in counts.enumerated() {
      sum &+= count
      if sum * 2 >= all { return bin }
    }
    return nil
  }
}
