import KernelTypes
import TraceEvents

/// The beginning of a bad line, fit to be printed.
enum LineSample {
  private static let byteLimit = 120

  static func text(_ line: Bytes, _ end: Bytes) -> String {
    let bytes = UnsafeBufferPointer(start: line, count: min(end - line, byteLimit))
    return String(decoding: bytes.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
  }
}

// Lines that are no events: headers, losses, other events, and everything that can't be understood.
extension FtraceTextParser {
  /// Reads a line that begins with `#`.
  mutating func parseComment(_ line: Bytes, _ end: Bytes) {
    let text = String(decoding: UnsafeBufferPointer(start: line, count: min(end - line, 512)), as: UTF8.self)
    if let tracer = HeaderText.value(of: "tracer:", in: text) {
      context.tracer = tracer
      hasTraceLines = true
    }
    if let cpus = HeaderText.number(after: "#P:", in: text) { context.headerCPUCount = cpus }
    if let (held, written) = HeaderText.entries(in: text) {
      hasTraceLines = true
      // Several traces in one file add up.
      context.entriesInBuffer = (context.entriesInBuffer ?? 0) &+ held
      context.entriesWritten = (context.entriesWritten ?? 0) &+ written
      if written > held {
        statistics.count(.overwrittenEntries, written - held, at: .line(lineNumber), text: LineSample.text(line, end))
      }
    }
  }

  /// Reads a line that has no event prefix: a report of lost events, a line of `trace-cmd report`, or nothing known.
  @inline(never)
  mutating func parseSpecial(
    _ line: Bytes, _ end: Bytes, isLogged: Bool, _ prefix: LinePrefix, into batch: inout EventBatch
  ) {
    if parseSlubTrace(line, end, into: &batch) { return }
    if HeaderText.mayBeSpecial(line, end), parseKnownSpecial(line, end) { return }
    if firstStrangeLine == nil { firstStrangeLine = LineSample.text(line, end) }
    // A kernel log has other lines too; only those that look like a kmem event are missed.
    if isLogged || slub.count > 0, !HeaderText.looksLikeKmem(line, end) { return }
    if prefix.hasOverflow {
      statistics.count(.numberOverflows, at: .line(lineNumber), text: LineSample.text(line, end))
    }
    statistics.count(.malformedLines, at: .line(lineNumber), text: LineSample.text(line, end))
  }

  /// Reads a line of a `slub_debug=T` log: an allocation or free, or something about the one above.
  private mutating func parseSlubTrace(_ line: Bytes, _ end: Bytes, into batch: inout EventBatch) -> Bool {
    if SlubTraceLine.isOne(line, end) {
      slub.close(in: &batch, stacks: stacks)
      guard let trace = SlubTraceLine(line, end) else {
        statistics.count(.malformedLines, at: .line(lineNumber), text: LineSample.text(line, end))
        return true
      }
      hasTraceLines = true
      if trace.digits > 8 { context.pointerBytes = 8 } else if context.pointerBytes == nil { context.pointerBytes = 4 }
      batch.append(slub.begin(trace, line: lineNumber, time: logTime, strings: strings))
      return true
    }
    if slub.isOpen {
      if slub.add(line, end, strings: strings) { return true }
      slub.close(in: &batch, stacks: stacks)
    }
    return LogPrefix.isLossReport(line, end) && slub.count > 0 && countLogLoss(line, end)
  }

  private mutating func countLogLoss(_ line: Bytes, _ end: Bytes) -> Bool {
    statistics.count(.lostEvents, at: .line(lineNumber), text: LineSample.text(line, end))
    return true
  }

  private mutating func parseKnownSpecial(_ line: Bytes, _ end: Bytes) -> Bool {
    let text = String(decoding: UnsafeBufferPointer(start: line, count: min(end - line, 512)), as: UTF8.self)
    if let lost = HeaderText.lostEvents(in: text) {
      hasTraceLines = true
      statistics.count(.lostEvents, lost, at: .line(lineNumber), text: LineSample.text(line, end))
      return true
    }
    if HeaderText.isTraceCmd(text) {
      hasTraceLines = true
      context.container = .traceCmdReport
      if let cpus = HeaderText.number(after: "cpus=", in: text) { context.headerCPUCount = cpus }
      return true
    }
    return HeaderText.isFrame(text)
  }

  mutating func countOverlong(_ line: Bytes, _ end: Bytes) {
    statistics.count(.overlongLines, at: .line(lineNumber), text: LineSample.text(line, end))
    if firstStrangeLine == nil { firstStrangeLine = LineSample.text(line, end) }
  }

  mutating func countMalformedEvent(_ cpu: UInt16, _ trouble: NumberTrouble, _ line: Bytes, _ end: Bytes) {
    stack.noteOther(cpu: cpu, line: lineNumber)
    if trouble == .overflow {
      statistics.count(.numberOverflows, at: .line(lineNumber), text: LineSample.text(line, end))
    }
    statistics.count(.malformedLines, at: .line(lineNumber), text: LineSample.text(line, end))
  }

  /// Counts an event that this tool doesn't interpret, by its name.
  mutating func countOther(_ prefix: LinePrefix, _ end: Bytes) {
    stack.noteOther(cpu: prefix.cpu, line: lineNumber)
    let nameEnd = prefix.event.space(before: end)
    var length = nameEnd - prefix.event
    if length > 0, prefix.event[length - 1] == UInt8(ascii: ":") {
      length -= 1
    } else {
      let text = String(
        decoding: UnsafeBufferPointer(start: prefix.event, count: min(end - prefix.event, 256)), as: UTF8.self)
      // "PERF_RECORD_LOST lost 12", from perf script --show-lost-events.
      if let lost = HeaderText.number(after: "PERF_RECORD_LOST lost ", in: text) {
        return statistics.count(.lostEvents, UInt64(lost), at: .line(lineNumber), text: text)
      }
    }
    otherEvents.count(strings.intern(prefix.event, count: length))
  }
}

/// Counts of other events by name; one entry a name, the last one at hand because events come in runs.
struct OtherEvents: ~Copyable {
  private var counts: [StringID: UInt64] = [:]
  private var last = StringID.none
  private var run: UInt64 = 0
  private(set) var total: UInt64 = 0

  mutating func count(_ name: StringID) {
    total &+= 1
    if name != last {
      flush()
      last = name
    }
    run &+= 1
  }

  /// The counts so far.
  mutating func snapshot() -> [StringID: UInt64] {
    flush()
    return counts
  }

  /// Adds counts that another parser made.
  mutating func add(_ name: StringID, _ count: UInt64) {
    total &+= count
    counts[name, default: 0] += count
  }

  /// The counts so far, which begin anew.
  mutating func takeAll() -> [(name: StringID, count: UInt64)] {
    if total == 0 { return [] }
    flush()
    let all = counts.map { (name: $0.key, count: $0.value) }
    counts.removeAll(keepingCapacity: true)
    total = 0
    return all
  }

  private mutating func flush() {
    if run > 0 { counts[last, default: 0] += run }
    run = 0
  }
}
