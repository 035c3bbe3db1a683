import TraceEvents

/// Everything in a line in front of the event's name: task, CPU, flags and time.
struct LinePrefix {
  /// How the line is laid out.
  enum Style {
    /// `comm-pid [cpu] flags seconds.fraction:`
    case ftrace
    /// `comm-pid cpu flags microseconds:`
    case latency
    /// `comm pid [cpu] seconds.fraction:`
    case perf
  }

  var style = Style.ftrace
  var commStart: Bytes
  var commEnd: Bytes
  var pid: Int32 = 0
  var hasTask = true
  var cpu: UInt16 = 0
  var flagColumns = 0
  var time: UInt64 = 0
  var isTicks = false
  /// The first character behind the time stamp's colon and the spaces after it.
  var event: Bytes
  var hasOverflow = false

  @inline(__always)
  init(at line: Bytes) {
    commStart = line
    commEnd = line
    event = line
  }

  /// Takes the line apart; `false` if it has no prefix. The kernel's aligned columns are tried first.
  @inline(__always)
  mutating func parse(_ line: Bytes, _ end: Bytes) -> Bool {
    if end - line > 32, line[16] == UInt8(ascii: "-"), parseAligned(line, end) { return true }
    return parseAnywhere(line, end)
  }

  // The kernel prints "%16s-%-7d " (trace_print_context, kernel/trace/trace_output.c), so that the dash in column 16
  // parts name and number whatever dashes the name has.
  @inline(__always)
  private mutating func parseAligned(_ line: Bytes, _ end: Bytes) -> Bool {
    var cursor = line + 17
    guard parsePid(&cursor, end), cursor < end, cursor.pointee == UInt8(ascii: " ") else { return false }
    cursor = cursor.skippingSpaces(before: end)
    if cursor < end, cursor.pointee == UInt8(ascii: "(") {
      cursor = cursor.first(UInt8(ascii: ")"), before: end)
      if cursor == end { return false }
      cursor = (cursor + 1).skippingSpaces(before: end)
    }
    guard parseCPU(&cursor, end), parseFlagsAndTime(cursor, end) else { return false }
    commEnd = line + 16
    commStart = line.skippingSpaces(before: commEnd)
    style = .ftrace
    return true
  }

  @inline(__always)
  private mutating func parsePid(_ cursor: inout Bytes, _ end: Bytes) -> Bool {
    var trouble = NumberTrouble.none
    let number = Numbers.decimal(&cursor, end, &trouble)
    guard trouble == .none, number <= UInt64(Int32.max) else { return false }
    pid = Int32(truncatingIfNeeded: number)
    return true
  }

  @inline(__always)
  private mutating func parseCPU(_ cursor: inout Bytes, _ end: Bytes) -> Bool {
    guard cursor < end, cursor.pointee == UInt8(ascii: "[") else { return false }
    cursor += 1
    var trouble = NumberTrouble.none
    let number = Numbers.decimal(&cursor, end, &trouble)
    guard trouble == .none, number <= UInt64(UInt16.max), cursor < end, cursor.pointee == UInt8(ascii: "]") else {
      return false
    }
    cursor += 1
    cpu = UInt16(truncatingIfNeeded: number)
    return true
  }

  @inline(__always)
  private mutating func parseFlagsAndTime(_ start: Bytes, _ end: Bytes) -> Bool {
    var cursor = start.skippingSpaces(before: end)
    guard cursor > start, cursor < end else { return false }
    flagColumns = 0
    if !cursor.pointee.isDigit {
      let flagsEnd = cursor.space(before: end)
      flagColumns = flagsEnd - cursor
      if flagColumns > 8 { return false }
      cursor = flagsEnd.skippingSpaces(before: end)
    }
    return parseTime(&cursor, end) && finish(cursor, end)
  }

  @inline(__always)
  private mutating func finish(_ cursor: Bytes, _ end: Bytes) -> Bool {
    guard cursor < end, cursor.pointee == UInt8(ascii: ":") else { return false }
    event = (cursor + 1).skippingSpaces(before: end)
    return event > cursor + 1 || event == end
  }

  /// Reads `seconds.fraction` (three to nine digits of it) as nanoseconds, or a whole number as ticks.
  @inline(__always)
  private mutating func parseTime(_ cursor: inout Bytes, _ end: Bytes) -> Bool {
    var trouble = NumberTrouble.none
    let whole = Numbers.decimal(&cursor, end, &trouble)
    isTicks = true
    time = whole
    if trouble == .none, cursor < end, cursor.pointee == UInt8(ascii: ".") {
      cursor += 1
      isTicks = false
      if end - cursor > 6, cursor[6] == UInt8(ascii: ":"), let micros = Numbers.decimal6(cursor), whole < 1 << 33 {
        cursor += 6
        time = whole &* 1_000_000_000 &+ micros &* 1000
        return true
      }
      let fractionStart = cursor
      var fraction = Numbers.decimal(&cursor, end, &trouble)
      let digits = cursor - fractionStart
      if digits == 6 {
        fraction &*= 1000
      } else if digits < 9 {
        for _ in digits..<9 { fraction &*= 10 }
      } else if digits > 9 {
        return false
      }
      let (nanoseconds, isTooLarge) = whole.multipliedReportingOverflow(by: 1_000_000_000)
      let (sum, isStillTooLarge) = nanoseconds.addingReportingOverflow(fraction)
      if isTooLarge || isStillTooLarge { trouble = .overflow }
      time = sum
    }
    if trouble == .overflow { hasOverflow = true }
    return trouble == .none
  }
}

// Layouts without the kernel's columns.
extension LinePrefix {
  // Names are at most 15 characters; the rest is room for numbers, a tgid column and generous padding.
  private static let searchedColumns = 128

  @inline(never)
  private mutating func parseAnywhere(_ line: Bytes, _ end: Bytes) -> Bool {
    let limit = min(end, line + Self.searchedColumns)
    var bracket = line
    while bracket < limit {
      if bracket.pointee == UInt8(ascii: "[") {
        var cursor = bracket
        if parseCPU(&cursor, end), parseFlagsAndTime(cursor, end), parseTask(line, before: bracket) { return true }
      }
      bracket += 1
    }
    return parseLatency(line, end)
  }

  private mutating func parseTask(_ line: Bytes, before bracket: Bytes) -> Bool {
    var cursor = Self.skippingSpacesBack(bracket, line)
    let first = line.skippingSpaces(before: bracket)
    if cursor == line || first == bracket {
      hasTask = false
      commStart = line
      commEnd = line
      style = .perf
      return true
    }
    if cursor[-1] == UInt8(ascii: ")") {
      repeat { cursor -= 1 } while cursor > line && cursor.pointee != UInt8(ascii: "(")
      cursor = Self.skippingSpacesBack(cursor, line)
    }
    let numberEnd = cursor
    while cursor > line, cursor[-1].isDigit { cursor -= 1 }
    var number = cursor
    guard cursor < numberEnd, parsePid(&number, numberEnd) else { return false }
    commStart = first
    commEnd = cursor
    style = .perf
    if cursor == line { return true }
    switch cursor[-1] {
    case UInt8(ascii: "-"):
      style = .ftrace
      commEnd = cursor - 1
    case UInt8(ascii: "/"):
      // perf's "pid/tid": the kernel's traces call the thread's number pid.
      cursor -= 1
      while cursor > line, cursor[-1].isDigit { cursor -= 1 }
      commEnd = Self.skippingSpacesBack(cursor, line)
    case UInt8(ascii: " "):
      commEnd = Self.skippingSpacesBack(cursor, line)
    default:
      return false
    }
    if commStart > commEnd { commStart = commEnd }
    return true
  }

  private static func skippingSpacesBack(_ start: Bytes, _ line: Bytes) -> Bytes {
    var cursor = start
    while cursor > line, cursor[-1] == UInt8(ascii: " ") { cursor -= 1 }
    return cursor
  }

  // "%8.8s-%-7d %3d" CPU, flags, " %4lldus%c: " (trace_print_lat_context); trace-cmd report -l has seconds instead.
  private mutating func parseLatency(_ line: Bytes, _ end: Bytes) -> Bool {
    let limit = min(end, line + 32)
    var dash = line
    while dash < limit {
      if dash.pointee == UInt8(ascii: "-"), parseLatency(line, dash: dash, end) { return true }
      dash += 1
    }
    return false
  }

  private mutating func parseLatency(_ line: Bytes, dash: Bytes, _ end: Bytes) -> Bool {
    var cursor = dash + 1
    guard parsePid(&cursor, end), cursor < end, cursor.pointee == UInt8(ascii: " ") else { return false }
    cursor = cursor.skippingSpaces(before: end)
    var trouble = NumberTrouble.none
    let number = Numbers.decimal(&cursor, end, &trouble)
    guard trouble == .none, number <= UInt64(UInt16.max) else { return false }
    let flags = cursor
    cursor = cursor.space(before: end)
    flagColumns = cursor - flags
    guard flagColumns > 2, flagColumns <= 8 else { return false }
    cursor = cursor.skippingSpaces(before: end)
    guard parseTime(&cursor, end) else { return false }
    if end - cursor > 2, cursor.load2() == word2("us") {
      cursor += 2
      let (nanoseconds, isTooLarge) = time.multipliedReportingOverflow(by: 1000)
      if isTooLarge { hasOverflow = true }
      if isTooLarge || !isTicks { return false }
      time = nanoseconds
      isTicks = false
    }
    if cursor < end, " $@*#!+".utf8.contains(cursor.pointee) { cursor += 1 }
    guard finish(cursor, end) else { return false }
    cpu = UInt16(truncatingIfNeeded: number)
    commEnd = dash
    commStart = line.skippingSpaces(before: dash)
    style = .latency
    return true
  }
}
