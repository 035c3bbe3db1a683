import KernelTypes
import TraceEvents

/// What one worker needs to parse text: a parser with texts of its own.
final class TextWorker {
  let strings = StringInterner()
  let stacks = StackTable()
  var parser: FtraceTextParser
  /// Shared under the pool's lock.
  var published: [[UInt8]] = [[]]

  init(usesFastPath: Bool) {
    parser = FtraceTextParser(strings: strings, stacks: stacks, usesFastPath: usesFastPath)
  }
}

/// Some whole lines of a text, to be parsed by any worker; used again and again.
final class TextChunk: Job {
  /// Lines of events are longer than 64 bytes, so that a batch of the usual size has room for most chunks.
  static let capacity = 3 << 16
  // As LineChunks has it: the parser loads eight bytes anywhere in a line.
  private static let padding = 128

  private let workers: [TextWorker]
  private let pool: WorkerPool
  private let allocation: UnsafeMutablePointer<UInt8>
  let memory: UnsafeMutablePointer<UInt8>
  private var cursor: Bytes
  private var end: Bytes

  // The outcome.
  var batch = EventBatch()
  private(set) var worker = 0
  private(set) var bytes = 0
  private(set) var findings = FtraceTextParser.Findings()

  init(workers: [TextWorker], pool: WorkerPool) {
    self.workers = workers
    self.pool = pool
    allocation = .allocate(capacity: Self.capacity + 2 * Self.padding)
    allocation.initialize(repeating: 0, count: Self.capacity + 2 * Self.padding)
    memory = allocation + Self.padding
    cursor = Bytes(memory)
    end = Bytes(memory)
  }

  deinit { allocation.deallocate() }

  func setContent(_ count: Int) {
    cursor = Bytes(memory)
    end = cursor + count
    bytes = 0
  }

  /// Whether lines are left that the batch had no room for.
  var hasMore: Bool { cursor < end }

  /// The lines whose events have not been taken.
  var unread: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: cursor - bytes, count: end - cursor + bytes) }

  override func run(worker number: Int) {
    let worker = workers[number]
    self.worker = number
    batch.removeAll()
    worker.parser.beginPart()
    let next = worker.parser.parse(from: cursor, to: end, into: &batch)
    bytes = next - cursor
    cursor = next
    findings = worker.parser.takeFindings()
    let known = worker.published.count
    let fresh = (known..<max(worker.strings.count, known)).map { id in
      worker.strings.withBytes(of: StringID(rawValue: UInt32(id))) { Array($0) }
    }
    pool.locked { worker.published.append(contentsOf: fresh) }
  }
}

extension FtraceTextParser {
  /// What a stretch of lines told beside its events.
  struct Findings {
    var statistics = ImportStatistics()
    var context = TraceContext()
    var features: EraFeatures = []
    var lines: UInt64 = 0
    var forms = LineForms()
    var hasTraceLines = false
    var firstStrangeLine: String?
    var otherEvents: [(name: StringID, count: UInt64)] = []
    /// Whether there were lines whose meaning depends on those far before them: stack traces, kernel logs.
    var spansLines = false
  }

  /// Makes the parser ready for lines somewhere in a text. Line numbers begin anew; what was learnt stays.
  mutating func beginPart() {
    statistics = ImportStatistics()
    context = TraceContext()
    lineNumber = 0
    forms = LineForms()
    hasTraceLines = false
    firstStrangeLine = nil
    spanningLines = 0
  }

  /// What the lines since `beginPart()` told.
  mutating func takeFindings() -> Findings {
    Findings(
      statistics: statistics, context: context, features: features, lines: lineNumber, forms: forms,
      hasTraceLines: hasTraceLines, firstStrangeLine: firstStrangeLine, otherEvents: otherEvents.takeAll(),
      spansLines: spanningLines > 0)
  }

  /// Adds what another parser found in the lines behind those read so far; `name` translates its identifiers.
  mutating func add(_ part: Findings, _ name: (StringID) -> StringID) {
    var shifted = ImportStatistics()
    for counter in ImportStatistics.Counter.allCases { shifted[counter] = part.statistics[counter] }
    statistics.merge(shifted)
    for var sample in part.statistics.samples {
      if case .line(let line) = sample.location { sample.location = .line(line + lineNumber) }
      statistics.count(sample.counter, 0, at: sample.location, text: sample.text)
    }
    lineNumber += part.lines
    features.formUnion(part.features)
    forms.add(part.forms)
    hasTraceLines = hasTraceLines || part.hasTraceLines
    firstStrangeLine = firstStrangeLine ?? part.firstStrangeLine
    for (id, count) in part.otherEvents { otherEvents.add(name(id), count) }
    add(part.context)
  }

  private mutating func add(_ part: TraceContext) {
    if let tracer = part.tracer { context.tracer = tracer }
    if let cpus = part.headerCPUCount { context.headerCPUCount = cpus }
    if part.container != .ftraceText { context.container = part.container }
    if let held = part.entriesInBuffer { context.entriesInBuffer = (context.entriesInBuffer ?? 0) &+ held }
    if let written = part.entriesWritten { context.entriesWritten = (context.entriesWritten ?? 0) &+ written }
    if part.pointerBytes == 8 || context.pointerBytes == nil {
      context.pointerBytes = part.pointerBytes ?? context.pointerBytes
    }
  }
}

/// How many lines had an event, how many of them no point in the time, and how many perf's form.
struct LineForms {
  var events = 0
  var ticks = 0
  var perf = 0

  mutating func add(_ other: LineForms) {
    events += other.events
    ticks += other.ticks
    perf += other.perf
  }
}
