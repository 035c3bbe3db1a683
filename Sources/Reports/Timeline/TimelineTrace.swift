public import Analysis

/// A timeline in the Trace Event Format (JSON) that ui.perfetto.dev, chrome://tracing and speedscope open.
///
/// Counters for live and wasted bytes, free pages and the largest caches, instant events for markers and failed allocations.
/// A counter is written where it changes; an interval whose peak is above its ends gets the peak in its middle.
public struct TimelineTrace: Sendable {
  private let timeline: Timeline
  private let isTicks: Bool
  private let name: String
  private var lines: [String] = []

  /// `name` is what the trace is called in the view; with `isTicks`, a tick is shown as a nanosecond.
  public init(_ timeline: Timeline, name: String, isTicks: Bool) {
    self.timeline = timeline
    self.isTicks = isTicks
    self.name = name
    build()
  }

  /// The document.
  public var text: String {
    "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"source\":\(Self.quoted(name)),\"tool\":\(Self.quoted("kmemreplay " + ToolVersion.current)),"
      + "\"markersOmitted\":\"\(timeline.marksOmitted)\",\"failuresOmitted\":\"\(timeline.failuresOmitted)\"},"
      + "\"traceEvents\":[\n" + lines.joined(separator: ",\n") + "\n]}\n"
  }

  private mutating func build() {
    nameProcess(1, "kernel memory (observed): " + name)
    nameProcess(2, "live bytes by slab cache (observed)")
    counter(1, timeline.allocatedBytes, unit: "bytes")
    counter(1, timeline.requestedBytes, unit: "bytes")
    counter(1, timeline.wastedBytes, unit: "bytes")
    counter(1, timeline.freePages, unit: "pages")
    for cache in timeline.caches { counter(2, cache, unit: "bytes") }
    for mark in timeline.marks { instant(mark, "marker") }
    for failure in timeline.failures { instant(failure, "failure") }
  }

  private mutating func nameProcess(_ process: Int, _ name: String) {
    lines.append("{\"ph\":\"M\",\"pid\":\(process),\"name\":\"process_name\",\"args\":{\"name\":\(Self.quoted(name))}}")
    lines.append(
      "{\"ph\":\"M\",\"pid\":\(process),\"name\":\"process_sort_index\",\"args\":{\"sort_index\":\(process)}}")
  }

  private mutating func counter(_ process: Int, _ series: Timeline.Series, unit: String) {
    var last: Int64?
    let head = "{\"ph\":\"C\",\"pid\":\(process),\"name\":\(Self.quoted(series.name)),\"ts\":"
    func line(_ time: UInt64, _ value: Int64) -> String {
      head + microseconds(time) + ",\"args\":{\"\(unit)\":\(value)}}"
    }
    for (index, value) in series.values.enumerated() {
      let begin = timeline.start &+ UInt64(index) &* timeline.interval
      let peak = series.peaks[index]
      if peak > value, peak > last ?? 0 {
        lines.append(line(begin &+ timeline.interval / 2, peak))
        last = peak
      }
      if value != last {
        lines.append(line(begin &+ timeline.interval, value))
        last = value
      }
    }
  }

  private mutating func instant(_ instant: Timeline.Instant, _ category: String) {
    lines.append(
      "{\"ph\":\"i\",\"s\":\"g\",\"pid\":1,\"tid\":1,\"cat\":\"\(category)\",\"name\":\(Self.quoted(instant.text)),\"ts\":"
        + microseconds(instant.time) + "}")
  }

  private func microseconds(_ time: UInt64) -> String {
    let fraction = String(time % 1000)
    return "\(time / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
  }

  /// A JSON string.
  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
