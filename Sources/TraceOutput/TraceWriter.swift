public import KernelTypes
public import TraceEvents

/// What a writer may ask about the trace that it writes: the tables behind the events, and what is known so far.
public struct TraceTables {
  public var strings: StringInterner
  public var stacks: StackTable
  public var context: TraceContext
  public var statistics: ImportStatistics

  public init(
    strings: StringInterner, stacks: StackTable, context: TraceContext, statistics: ImportStatistics
  ) {
    self.strings = strings
    self.stacks = stacks
    self.context = context
    self.statistics = statistics
  }

  /// The tables of a source, as they are now.
  public init(of source: any EventSource) {
    self.init(
      strings: source.strings, stacks: source.stacks, context: source.context, statistics: source.statistics)
  }
}

/// Writes the events of a trace in the form of one container.
public protocol TraceWriter: AnyObject {
  /// Writes some rows of a batch. Throws `OutputError` if the bytes can't be written.
  func write(_ batch: borrowing EventBatch, rows: Range<Int>, of trace: TraceTables) throws(OutputError)

  /// Writes what comes after the last event.
  func finish(_ trace: TraceTables) throws(OutputError)
}
