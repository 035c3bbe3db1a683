public import TraceEvents

/// The events of an input, and what is known about the input itself: what `TraceInput.open` makes of any container.
public protocol TraceSource: EventSource {
  /// What the input is called, how it was packed and how large it is.
  var summary: InputSummary { get }
  /// How far the input has been read, in bytes as stored.
  var progress: InputProgress { get }
}
