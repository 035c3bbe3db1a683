public import KernelTypes

/// What happened while a trace was read: counters, each with a severity, and the first few bad places.
public struct ImportStatistics: Sendable {
  /// How much a counter that is not zero should worry the reader.
  public enum Severity: String, Sendable {
    case information
    case dataLoss
    case error
  }

  /// The things that are counted.
  public enum Counter: String, CaseIterable, Sendable {
    /// Events said to be lost by the tracer (`LOST n EVENTS`); a report without a number counts as one.
    case lostEvents
    /// Entries that were overwritten in the ring buffer before the trace was read (written − in buffer).
    case overwrittenEntries
    /// Lines (or records) that could not be understood.
    case malformedLines
    /// Lines longer than the reader's limit, skipped to their end.
    case overlongLines
    /// Events whose time lies before that of the event above them.
    case outOfOrder
    /// Events of kinds this tool does not interpret.
    case unknownEvents
    /// Numbers too large for their field; the line counts as malformed too.
    case numberOverflows
    /// Stack traces whose event could not be found.
    case orphanStacks
    /// Events whose pointer is a hash instead of an address.
    case hashedPointers
    /// Events whose pointer was printed as a placeholder (`(ptrval)`): they can't be paired.
    case unknownPointers
    /// Distinct strings that were not kept because the limit was reached.
    case internedOverflow
    /// The input ends inside a line or a compressed frame.
    case truncatedEnd
    /// Allocations of which the trace has no requested size: it is taken to be that of the object.
    case assumedRequests

    public var severity: Severity {
      switch self {
      case .lostEvents, .overwrittenEntries, .truncatedEnd, .internedOverflow: .dataLoss
      case .malformedLines, .overlongLines, .numberOverflows: .error
      case .outOfOrder, .unknownEvents, .orphanStacks, .hashedPointers, .unknownPointers, .assumedRequests:
        .information
      }
    }
  }

  /// What a container consists of.
  public enum Unit: String, Sendable {
    case line
    case record
  }

  /// One bad place, kept as an example.
  public struct Sample: Sendable, Equatable {
    public var counter: Counter
    public var location: TraceError.Location
    /// The first bytes of what was found, with control characters and bad UTF-8 replaced.
    public var text: String

    public init(counter: Counter, location: TraceError.Location, text: String) {
      self.counter = counter
      self.location = location
      self.text = text
    }
  }

  /// How many samples are kept of each counter.
  public static let samplesPerCounter = 3

  /// Whether `lines` and `malformedLines` count lines of text or records of a binary container.
  public var unit = Unit.line
  /// Lines (or records) read, headers and stack lines included.
  public var lines: UInt64 = 0
  /// Bytes read after decompression.
  public var bytes: UInt64 = 0
  /// Events put into batches.
  public var events: UInt64 = 0
  /// Events by kind, indexed by `EventKind.rawValue`.
  public var eventsByKind = [UInt64](repeating: 0, count: EventKind.allCases.count)
  /// Events of other kinds, by name.
  public var otherEvents: [StringID: UInt64] = [:]
  private var counters = [UInt64](repeating: 0, count: Counter.allCases.count)
  public private(set) var samples: [Sample] = []

  public init() {}

  /// Adds the counters and samples of another part of the reader; what `lines` to `otherEvents` say is left alone.
  public mutating func merge(_ other: ImportStatistics) {
    for counter in Counter.allCases { counters[Self.index(counter)] += other[counter] }
    for sample in other.samples where samples.count(where: { $0.counter == sample.counter }) < Self.samplesPerCounter {
      samples.append(sample)
    }
  }

  private static func index(_ counter: Counter) -> Int { Counter.allCases.firstIndex(of: counter) ?? 0 }

  public subscript(counter: Counter) -> UInt64 {
    get { counters[Self.index(counter)] }
    set { counters[Self.index(counter)] = newValue }
  }

  /// Adds `amount` to a counter and keeps `text` as a sample if there are few so far.
  public mutating func count(
    _ counter: Counter, _ amount: UInt64 = 1, at location: TraceError.Location? = nil,
    text: @autoclosure () -> String = ""
  ) {
    counters[Self.index(counter)] += amount
    guard let location else { return }
    if samples.count(where: { $0.counter == counter }) < Self.samplesPerCounter {
      samples.append(Sample(counter: counter, location: location, text: text()))
    }
  }
}
