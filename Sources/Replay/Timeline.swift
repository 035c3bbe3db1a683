/// Moments of a replay at even distances, few enough to draw, however long the trace is.
struct Timeline {
  /// At most so many moments are kept; when there are more, every other one is dropped and the distance doubles.
  static let limit = 512

  private(set) var moments: [ReplayMoment] = []
  private var step: UInt64 = 1_000_000
  private var next: UInt64 = 0

  func isDue(_ elapsed: UInt64) -> Bool { elapsed >= next }

  mutating func add(_ moment: ReplayMoment) {
    if moments.count == Self.limit {
      moments = moments.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
      step *= 2
    }
    moments.append(moment)
    next = moment.atNanoseconds &+ step
  }
}
