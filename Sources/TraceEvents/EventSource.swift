public import KernelTypes

/// Something that delivers the events of one trace, a batch at a time, in the trace's order.
public protocol EventSource: AnyObject {
  /// Fills `batch` (whose old rows are dropped) with the next events; returns `false` when there are no more.
  ///
  /// A `true` with an empty batch is allowed: call again. Events read before an error are delivered before it is thrown.
  func read(into batch: inout EventBatch) throws(TraceError) -> Bool

  /// The texts behind the identifiers in the events.
  var strings: StringInterner { get }
  /// The stack traces behind the identifiers in the events.
  var stacks: StackTable { get }
  /// What the trace says about its machine so far; complete at the end.
  var context: TraceContext { get }
  /// What happened while reading so far; complete at the end.
  var statistics: ImportStatistics { get }
}
