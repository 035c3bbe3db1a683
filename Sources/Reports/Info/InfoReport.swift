public import Analysis
public import KernelTypes
import TraceEvents

/// The answer of `info` with what its reports need to know.
public struct InfoReport: Sendable {
  public var subject: ReportSubject
  public var result: InfoResult
  /// Events of kinds that are not interpreted, by name.
  public var otherEvents: [String: UInt64]
  /// What the trace's slab objects come to, for a first look.
  public var waste: WasteResult
  /// The most tasks shown; `nil` shows ten in text and all in JSON.
  public var top: Int?

  public init(
    subject: ReportSubject, result: InfoResult, waste: WasteResult, strings: StringInterner, top: Int? = nil
  ) {
    self.subject = subject
    self.result = result
    self.waste = waste
    self.top = top
    otherEvents = [:]
    for (name, count) in subject.quality.statistics.otherEvents {
      otherEvents[strings.string(name), default: 0] += count
    }
  }

  /// Events by kind that the trace has, most first.
  var events: [(name: String, count: UInt64)] {
    let counts = result.eventsByKind
    return EventKind.allCases.map { ($0.name, counts[Int($0.rawValue)]) }.filter { $0.1 > 0 }
      .sorted { ($1.1, $0.0) < ($0.1, $1.0) }
  }

  /// How many events the window has.
  var eventCount: UInt64 { result.eventsByKind.reduce(0, +) }

  /// How long the window is: nanoseconds, or ticks with counter clocks.
  var duration: UInt64 { result.lastTime >= result.firstTime ? result.lastTime - result.firstTime : 0 }

  /// Events of other kinds in the whole trace, most first.
  var others: [(name: String, count: UInt64)] {
    otherEvents.map { ($0.key, $0.value) }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
  }
}
