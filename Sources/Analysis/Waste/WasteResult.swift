public import KernelTypes

/// The answer to "where do requested and allocated bytes differ": exact sums read from a trace.
public struct WasteResult: Sendable {
  /// The sums of one call site, cache, task, ….
  public struct Group: Sendable {
    public var key: String
    /// What `key`, a raw address, stands for, if symbols were given.
    public var symbol: String?
    /// Everything allocated inside the window.
    public var total: Amount
    /// The frees inside the window.
    public var frees: UInt64
    /// What is there at the window's end.
    public var live: Amount
    /// What was there when all live allocated bytes were highest.
    public var peak: Amount
    /// Whether the call site is a helper that allocates for its caller, and the caller isn't known.
    public var isWrapper = false
  }

  /// A state and its moment.
  public struct Moment: Sendable {
    public var amount: Amount
    /// Nanoseconds (ticks with counter clocks) after the first event of the trace.
    public var time: UInt64
  }

  /// The state at a trace marker.
  public struct Mark: Sendable {
    public var text: String
    /// Nanoseconds (ticks with counter clocks) after the first event of the trace.
    public var time: UInt64
    public var live: Amount
  }

  public var grouping: WasteGrouping
  public var family: EventFamily
  /// Everything allocated inside the window.
  public var total: Amount
  /// The frees inside the window of objects whose allocation was seen.
  public var frees: UInt64
  /// What is there at the window's end, objects from before the window included.
  public var live: Amount
  /// The moment at which live allocated bytes were highest; the first of several.
  public var peak: Moment
  /// The moment at which live wasted bytes were highest; the first of several.
  public var peakWaste: Moment
  /// By live wasted bytes, most first, then by key.
  public var groups: [Group]
  public var marks: [Mark]
  /// Markers beyond `WasteAnalysis.markLimit`.
  public var marksOmitted: UInt64
  public var pairing: PairingCounts
  /// The time of the first event of the trace on its own clock.
  public var clockAtFirstEvent: UInt64
  /// The window's end: nanoseconds after the first event of the trace.
  public var endTime: UInt64
}
