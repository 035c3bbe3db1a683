public import KernelTypes

/// The part of a trace that counts: what comes before still builds up state, what comes after is only read.
///
/// The window opens at the first event at or after `from` and closes after the last event before the first one later
/// than `to`, in the trace's order. A marker belongs to the window that it opens or closes.
public struct TimeWindow: Sendable, Equatable {
  /// One edge of a window.
  public enum Bound: Sendable, Equatable {
    /// A time of the trace's own clock, as the log prints it.
    case clock(ClockTime)
    /// A time after the first event.
    case sinceFirstEvent(ClockTime)
    /// The first trace marker that contains this text.
    case mark(String)
  }

  /// Where the window opens; `nil` is the first event.
  public var from: Bound?
  /// Where the window closes; `nil` is the last event.
  public var to: Bound?

  /// The window that holds the whole trace.
  public static let wholeTrace = TimeWindow()

  public init(from: Bound? = nil, to: Bound? = nil) {
    self.from = from
    self.to = to
  }
}

/// Whole seconds (ticks with counter clocks) and a fraction of a second.
public struct ClockTime: Sendable, Equatable {
  public var seconds: UInt64
  /// 0 to 999,999,999.
  public var nanoseconds: UInt64

  public init(seconds: UInt64, nanoseconds: UInt64 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// Reads a decimal number such as `12` or `1.887278`; digits beyond nanoseconds are dropped. `nil` if it is none.
  public init?(parsing text: some StringProtocol) {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first, !text.isEmpty, text != ".", Self.areDigits(whole) else { return nil }
    guard let seconds = whole.isEmpty ? 0 : UInt64(whole) else { return nil }
    var nanoseconds: UInt64 = 0
    if parts.count == 2 {
      guard Self.areDigits(parts[1]) else { return nil }
      var digits = String(parts[1].prefix(9))
      while digits.utf8.count < 9 { digits += "0" }
      nanoseconds = UInt64(digits) ?? 0
    }
    self.init(seconds: seconds, nanoseconds: nanoseconds)
  }

  private static func areDigits(_ text: some StringProtocol) -> Bool {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  /// The time in the unit of an event's `time`; too large a time is the largest there is.
  func units(_ clock: TraceContext.Clock) -> UInt64 {
    if clock == .ticks { return seconds }
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow || product > .max - nanoseconds ? .max : product + nanoseconds
  }
}

extension TimeWindow.Bound {
  /// Reads `SECONDS` (the trace's clock), `+SECONDS` (after the first event) or `mark:TEXT`; `nil` if it is none.
  public init?(parsing text: String) {
    if text.hasPrefix("mark:") {
      let mark = String(text.dropFirst(5))
      if mark.isEmpty { return nil }
      self = .mark(mark)
    } else if text.hasPrefix("+") {
      guard let time = ClockTime(parsing: text.dropFirst()) else { return nil }
      self = .sinceFirstEvent(time)
    } else {
      guard let time = ClockTime(parsing: text) else { return nil }
      self = .clock(time)
    }
  }
}

/// Follows a trace batch by batch and says which rows lie before, inside and after a window.
public struct TimeWindowCursor {
  /// Where events lie.
  public enum Phase: Sendable, Equatable {
    case before, inside, after
  }

  /// Neighbouring rows of a batch in one phase.
  public struct Part: Sendable, Equatable {
    public var rows: Range<Int>
    public var phase: Phase

    public init(rows: Range<Int>, phase: Phase) {
      self.rows = rows
      self.phase = phase
    }
  }

  /// Where the next event will be judged from.
  public private(set) var phase: Phase
  /// The time of the first event of the trace, in the clock's unit.
  public private(set) var firstTime: UInt64?
  /// The time of the last event so far, in the clock's unit.
  public private(set) var lastTime: UInt64 = 0
  /// The time at which the window opened.
  public private(set) var openTime: UInt64?
  /// The time of the last event so far that lies in the window.
  public private(set) var lastInsideTime: UInt64?

  private let window: TimeWindow

  public init(_ window: TimeWindow) {
    self.window = window
    phase = window.from == nil ? .inside : .before
  }

  /// The parts of a batch, in order: at most three, and none of an empty batch.
  public mutating func parts(
    of batch: borrowing EventBatch, strings: StringInterner, clock: TraceContext.Clock
  ) -> [Part] {
    let count = batch.count
    if count == 0 { return [] }
    let origin = firstTime ?? batch.time[0]
    firstTime = origin
    lastTime = batch.time[count - 1]
    if phase == .inside, openTime == nil { openTime = origin }

    var parts: [Part] = []
    var row = 0
    if phase == .before {
      row = opening(batch, strings, clock, origin)
      if row > 0 { parts.append(Part(rows: 0..<row, phase: .before)) }
      if row == count { return parts }
      phase = .inside
      openTime = batch.time[row]
    }
    if phase == .inside {
      let end = closing(batch, strings, clock, origin, from: row)
      if end > row {
        parts.append(Part(rows: row..<end, phase: .inside))
        lastInsideTime = batch.time[end - 1]
      }
      row = end
    }
    if row < count { parts.append(Part(rows: row..<count, phase: .after)) }
    return parts
  }

  private func opening(
    _ batch: borrowing EventBatch, _ strings: StringInterner, _ clock: TraceContext.Clock, _ origin: UInt64
  ) -> Int {
    switch window.from {
    case nil: return 0
    case .mark(let text):
      return Self.firstMark(text, in: batch, strings, from: 0) ?? batch.count
    case .clock(let time):
      return Self.firstRow(batch, from: 0, notBefore: time.units(clock))
    case .sinceFirstEvent(let time):
      return Self.firstRow(batch, from: 0, notBefore: Self.sum(origin, time.units(clock)))
    }
  }

  /// The first row after the window; the window closes for good when it lies in this batch.
  private mutating func closing(
    _ batch: borrowing EventBatch, _ strings: StringInterner, _ clock: TraceContext.Clock, _ origin: UInt64,
    from row: Int
  ) -> Int {
    let limit: UInt64
    switch window.to {
    case nil: return batch.count
    case .mark(let text):
      guard let mark = Self.firstMark(text, in: batch, strings, from: row) else { return batch.count }
      phase = .after
      return mark + 1
    case .clock(let time): limit = time.units(clock)
    case .sinceFirstEvent(let time): limit = Self.sum(origin, time.units(clock))
    }
    if limit == .max { return batch.count }
    let end = Self.firstRow(batch, from: row, notBefore: limit + 1)
    if end < batch.count { phase = .after }
    return end
  }

  private static func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }

  private static func firstRow(_ batch: borrowing EventBatch, from start: Int, notBefore time: UInt64) -> Int {
    var row = start
    while row < batch.count, batch.time[row] < time { row += 1 }
    return row
  }

  private static func firstMark(
    _ text: String, in batch: borrowing EventBatch, _ strings: StringInterner, from start: Int
  ) -> Int? {
    for row in start..<batch.count where batch.kind[row] == .mark {
      if strings.string(batch.name[row]).contains(text) { return row }
    }
    return nil
  }
}
