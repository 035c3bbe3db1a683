public import KernelTypes
public import TraceEvents
import TraceInput

/// Everything that came out of a trace, for tests to look at.
public struct ReadTrace {
  public var events: [Event]
  public var strings: StringInterner
  public var stacks: StackTable
  public var statistics: ImportStatistics
  public var context: TraceContext

  /// The text behind an identifier.
  public func text(_ id: StringID) -> String { strings.string(id) }

  /// The frames of an event's stack trace, innermost first.
  public func frames(_ event: Event) -> [String] { stacks[event.stack].map(strings.string) }
}

/// Reads a source to its end, `capacity` rows at a time.
public func readAll(_ source: some EventSource, capacity: Int = EventBatch.standardCapacity) throws(TraceError)
  -> ReadTrace
{
  var batch = EventBatch(capacity: capacity)
  var events: [Event] = []
  while try source.read(into: &batch) {
    for row in 0..<batch.count { events.append(batch[row]) }
  }
  return ReadTrace(
    events: events, strings: source.strings, stacks: source.stacks, statistics: source.statistics,
    context: source.context)
}

/// Reads a trace from text.
public func readTrace(
  _ text: String, usesFastPath: Bool = true, capacity: Int = EventBatch.standardCapacity
) throws(TraceError) -> ReadTrace {
  try readTrace(Array(text.utf8), usesFastPath: usesFastPath, capacity: capacity)
}

/// Reads a trace from bytes.
public func readTrace(
  _ bytes: [UInt8], usesFastPath: Bool = true, capacity: Int = EventBatch.standardCapacity
) throws(TraceError) -> ReadTrace {
  let options = InputOptions(usesFastPath: usesFastPath)
  return try readAll(TraceInput.open(bytes: bytes, name: "test", options: options), capacity: capacity)
}
