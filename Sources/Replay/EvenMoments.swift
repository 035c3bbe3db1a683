/// Something that happened at a moment of a trace.
public protocol TimedMoment: Sendable {
  /// Nanoseconds since the trace's first event.
  var atNanoseconds: UInt64 { get }
}

extension ReplayMoment: TimedMoment {}

/// Moments of a trace at even distances, few enough to draw, however long the trace is.
public struct EvenMoments<Moment: TimedMoment> {
  /// At most so many moments are kept; when there are more, every other one is dropped and the distance doubles.
  public static var limit: Int { 512 }

  public private(set) var moments: [Moment] = []
  private var step: UInt64 = 1_000_000
  /// When the next moment shall be kept, in nanoseconds after the first event.
  public private(set) var next: UInt64 = 0

  public init() {}

  /// Whether a moment so many nanoseconds after the first event shall be kept.
  public func isDue(_ elapsed: UInt64) -> Bool { elapsed >= next }

  /// Keeps a moment.
  public mutating func add(_ moment: Moment) {
    if moments.count == Self.limit {
      moments = moments.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
      step *= 2
    }
    moments.append(moment)
    next = moment.atNanoseconds &+ step
  }
}
