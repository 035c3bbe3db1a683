import Glibc
import KernelTypes
import TraceEvents

/// Turns lines of ftrace text (the kernel's own, `trace-cmd report`'s or `perf script`'s) into rows of a batch.
///
/// It keeps what must outlive a chunk of bytes: the line number, the stack trace being read, counters. What happens
/// once a line in the ordinary case is in this file; headers, stacks and the fast path are in their own.
struct FtraceTextParser: ~Copyable {
  /// A line longer than this is skipped and counted: kernel lines are below 1 KiB, marks below 4 KiB.
  static let lineLimit = 1 << 16

  let strings: Texts
  let stacks: StackTable
  let usesFastPath: Bool
  var statistics = ImportStatistics()
  var context = TraceContext()
  var features: EraFeatures = []
  /// The number of the line last read.
  var lineNumber: UInt64 = 0
  // Lines with an event, those of them without a point in the time, and those in perf's form. One damaged line must not
  // decide what a trace is, so that the majority does.
  var forms = LineForms()
  /// Lines whose meaning depends on those far before them: stack traces, and lines of the kernel's log.
  var spanningLines = 0
  /// Whether anything was seen that only a trace has.
  var hasTraceLines = false
  var stack = StackCollector()
  var slub = SlubTraceCollector()
  // When the kernel's log says that the line being read was printed.
  var logTime: UInt64 = 0
  var otherEvents = OtherEvents()
  var fastPath = FastPath()
  private var lastComm = (low: UInt64(0), high: UInt64(0), id: StringID.none)
  private var classifiedGFP = IdentifierSet()
  /// The first line that could not be understood, for the message about inputs that are no trace.
  var firstStrangeLine: String?

  init(strings: StringInterner, stacks: StackTable, usesFastPath: Bool) {
    self.strings = Texts(strings)
    self.stacks = stacks
    self.usesFastPath = usesFastPath
  }

  /// Reads lines from `start` until `end` or until the batch is full; returns where the next line begins.
  ///
  /// Every line must end with a line feed, the last one at `end - 1`.
  mutating func parse(from start: Bytes, to end: Bytes, into batch: inout EventBatch) -> Bytes {
    var line = start
    while line < end, !batch.isFull {
      guard let found = memchr(line, 10, end - line) else { break }
      let lineEnd = UnsafePointer(found.assumingMemoryBound(to: UInt8.self))
      lineNumber &+= 1
      if usesFastPath, parseFast(line, lineEnd, into: &batch) {
        forms.events &+= 1
        forms.perf &+= fastPath.tasks[fastPath.lastTask].perfLines
      } else {
        parseLine(line, lineEnd, into: &batch)
      }
      line = lineEnd + 1
    }
    return line
  }

  /// Reads one line of any kind, by the general rules; `lineEnd` is its line feed.
  @inline(never)
  mutating func parseLine(_ lineStart: Bytes, _ lineEnd: Bytes, into batch: inout EventBatch) {
    var end = lineEnd
    if end > lineStart, end[-1] == UInt8(ascii: "\r") { end -= 1 }
    if end - lineStart > Self.lineLimit { return countOverlong(lineStart, end) }
    guard lineStart < end else { return closeStack(in: &batch) }
    var line = lineStart
    switch line.pointee {
    case UInt8(ascii: "#"):
      closeStack(in: &batch)
      return parseComment(line, end)
    case UInt8(ascii: "["), UInt8(ascii: "<"):
      spanningLines &+= 1
      line = LogPrefix.skip(line, end)
      logTime = LogPrefix.time(lineStart, end) ?? logTime
    case UInt8(ascii: "\t"):
      return collectCallChain(line, end, in: &batch)
    default:
      break
    }
    if StackFrames.isArrow(line, end) { return collectFrame(line, end) }
    if stack.isOpen, stack.isCallChain, StackFrames.isCallChain(line, end) {
      return collectCallChain(line, end, in: &batch)
    }
    closeStack(in: &batch)
    var prefix = LinePrefix(at: line)
    guard prefix.parse(line, end) else {
      return parseSpecial(line, end, isLogged: line != lineStart, prefix, into: &batch)
    }
    parseEvent(&prefix, line, end, into: &batch)
  }

  @inline(__always)
  private mutating func parseEvent(
    _ prefix: inout LinePrefix, _ line: Bytes, _ end: Bytes, into batch: inout EventBatch
  ) {
    hasTraceLines = true
    if prefix.flagColumns == 5 { features.insert(.fiveFlagColumns) }
    if prefix.isTicks { forms.ticks &+= 1 }
    if prefix.style == .perf, prefix.hasTask { forms.perf &+= 1 }
    forms.events &+= 1
    var cursor = prefix.event
    let topic = EventNames.recognise(&cursor, end)
    switch topic {
    case .event(let kind):
      append(kind, prefix, cursor, line, end, into: &batch)
    case .kernelStack:
      openStack(cpu: prefix.cpu, in: batch)
    case .userStack:
      spanningLines &+= 1
      stack.ignore()
    case .other:
      countOther(prefix, end)
    }
  }

  @inline(__always)
  private mutating func append(
    _ kind: EventKind, _ prefix: LinePrefix, _ arguments: Bytes, _ line: Bytes, _ end: Bytes,
    into batch: inout EventBatch
  ) {
    var event = Event(kind: kind, time: prefix.time, cpu: prefix.cpu)
    event.position = lineNumber
    if prefix.hasTask {
      event.flags = .hasTask
      event.pid = prefix.pid
      event.comm = comm(prefix, line)
    }
    if kind == .mark {
      let text = MarkText.strip(arguments, end)
      event.name = strings.intern(text, count: end - text)
      return batch.append(event)
    }
    if kind.isProcessEvent {
      var parser = ProcessEventParser(event, strings: strings, from: arguments, to: end)
      guard parser.parse() else { return countMalformedEvent(prefix.cpu, parser.trouble, line, end) }
      return batch.append(parser.event)
    }
    if kind.isReclaimEvent {
      var parser = ReclaimEventParser(event, strings: strings, from: arguments, to: end)
      guard parser.parse() else { return countMalformedEvent(prefix.cpu, parser.trouble, line, end) }
      return batch.append(parser.event)
    }
    var fields = FieldParser(event, strings: strings, from: arguments, to: end)
    guard fields.parse() else { return countMalformedEvent(prefix.cpu, fields.trouble, line, end) }
    note(fields)
    if fields.spelling != .unknown { note(fields.spelling, fields.event) }
    if usesFastPath { fastPath.learn(prefix, line, fields.event) }
    batch.append(fields.event)
  }

  /// The task's name; lines of one task come in runs, so the kernel's sixteen columns are compared with the last ones.
  @inline(__always)
  private mutating func comm(_ prefix: LinePrefix, _ line: Bytes) -> StringID {
    let count = prefix.commEnd - prefix.commStart
    guard prefix.style == .ftrace, prefix.commEnd == line + 16 else {
      return strings.intern(prefix.commStart, count: count)
    }
    let (low, high) = (line.load8(), line.load8(8))
    if low == lastComm.low, high == lastComm.high { return lastComm.id }
    lastComm = (low, high, strings.intern(prefix.commStart, count: count))
    return lastComm.id
  }

  /// What the form of most lines tells about the trace.
  func describeForm(in context: inout TraceContext) {
    if forms.ticks * 2 > forms.events { context.clock = .ticks }
    if forms.perf * 2 > forms.events { context.container = .perfScript }
    if slub.count > forms.events { context.container = .slubDebugLog }
    if context.kernelRelease == nil { context.kernelRelease = slub.kernelRelease }
  }

  /// Remembers what an event's fields tell about the kernel.
  @inline(__always)
  mutating func note(_ fields: borrowing FieldParser) {
    features.formUnion(fields.features)
    switch fields.event.kind {
    case .kmallocNode, .kmemCacheAllocNode: features.insert(.nodeEvents)
    case .mmPageFreeDirect: features.insert(.directPageFrees)
    default: break
    }
    if fields.event.gfp != .none, classifiedGFP.insert(fields.event.gfp) { classifyGFP(fields.event.gfp) }
  }

  @inline(__always)
  private mutating func note(_ spelling: PointerSpelling, _ event: Event) {
    switch spelling {
    case .sixteenDigits: context.pointerBytes = 8
    case .eightDigits: if context.pointerBytes == nil { context.pointerBytes = 4 }
    case .prefixed: if event.address >> 32 != 0, !event.kind.isPageEvent { context.pointerBytes = 8 }
    case .unknown: break
    }
  }

  private mutating func classifyGFP(_ id: StringID) {
    let (hasPlain, hasUnderscored) = strings.withBytes(of: id) { GFPSpelling.modifiers(in: $0) }
    if hasPlain { features.insert(.plainModifierNames) }
    if hasUnderscored { features.insert(.underscoreModifierNames) }
  }
}

extension EventKind {
  /// Whether the event's address is a page frame or something else that is no pointer.
  var isPageEvent: Bool { !isObjectAllocation && !isObjectFree }
}

/// The identifiers that have been looked at already.
struct IdentifierSet: ~Copyable {
  private var words: [UInt64] = []
  private var last = StringID.none

  /// Adds an identifier; `false` if it was there.
  @inline(__always)
  mutating func insert(_ id: StringID) -> Bool {
    if id == last { return false }
    last = id
    let word = id.index >> 6
    if word >= words.count { words.append(contentsOf: repeatElement(0, count: word + 1 - words.count)) }
    let bit: UInt64 = 1 << UInt64(id.rawValue & 63)
    if words[word] & bit != 0 { return false }
    words[word] |= bit
    return true
  }
}
