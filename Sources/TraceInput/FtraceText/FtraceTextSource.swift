public import KernelTypes
public import TraceEvents

/// The events of one ftrace text: what the kernel's `trace` and `trace_pipe`, `trace-cmd report` or `perf script` print.
///
/// Made by `TraceInput.open`. Events come in the order of the input, each with its line number. Memory is a buffer of
/// 256 KiB, the decoder's window and the distinct strings and stacks, whatever the length of the input.
///
/// A stack trace stands behind its event, possibly behind lines of other CPUs. Therefore the last `heldRows` events of
/// a full batch wait for the next call.
///
/// Layouts: trace_print_context and trace_print_lat_context in kernel/trace/trace_output.c, include/trace/events/kmem.h.
public final class FtraceTextSource: TraceSource {
  /// Events that wait for a stack trace at the end of a full batch.
  static let heldRows = 64
  private static let chunkBytes = 1 << 18
  /// Stored texts below this size are not worth threads.
  private static let parallelBytes: UInt64 = 1 << 20

  public let strings: StringInterner
  public let stacks: StackTable
  /// What the input is called, how it was packed and how large it is.
  public let summary: InputSummary

  // Reads the text on several threads as long as that goes.
  private var parallel: ParallelText?
  private var chunks: LineChunks
  private var parser: FtraceTextParser
  private var survey = BatchSurvey()
  private var held = EventBatch(capacity: FtraceTextSource.heldRows)
  private var cursor: Bytes
  private var chunkEnd: Bytes
  private var isUnfinishedLine = false
  private var isAtEnd = false
  private var pendingError: TraceError?
  // Only for callers with batches too small to hold rows back.
  private var spool = EventBatch(capacity: 1)
  private var spoolNext = 0

  init(_ bytes: any ByteSource, summary: InputSummary, usesFastPath: Bool, threads: Int = 1) {
    strings = StringInterner()
    stacks = StackTable()
    self.summary = summary
    // A pipe may give its lines one by one, and they should come out as soon.
    if threads > 1, let size = bytes.progress.totalBytes, size >= Self.parallelBytes {
      parallel = ParallelText(bytes, usesFastPath: usesFastPath, threads: threads)
      chunks = LineChunks(MemoryBytes([]), capacity: 1)
    } else {
      chunks = LineChunks(bytes, capacity: Self.chunkBytes)
    }
    parser = FtraceTextParser(strings: strings, stacks: stacks, usesFastPath: usesFastPath)
    parser.context.compression = summary.compression
    cursor = chunks.start
    chunkEnd = chunks.end
  }

  /// How far the input has been read, in bytes as stored.
  public var progress: InputProgress { parallel?.progress ?? chunks.progress }

  public var context: TraceContext {
    var context = parser.context
    context.features = parser.features
    parser.describeForm(in: &context)
    context.observedCPUCount = survey.cpuCount
    return context
  }

  public var statistics: ImportStatistics {
    var statistics = parser.statistics
    survey.add(to: &statistics)
    statistics.lines = parser.lineNumber
    statistics.otherEvents = parser.otherEvents.snapshot()
    statistics[.unknownEvents] = parser.otherEvents.total
    statistics[.assumedRequests] = parser.slub.assumedRequests
    statistics[.internedOverflow] = UInt64(strings.overflowed + stacks.overflowed)
    return statistics
  }

  /// Fills `batch` with the next events; see `EventSource.read(into:)`.
  ///
  /// Throws `.cannotRead` or `.damagedCompression` after the events before the trouble were delivered, and
  /// `.unknownFormat` at the end of an input in which not one line belongs to a trace. A trace without kmem events is
  /// no error here: callers see `statistics.events == 0`.
  public func read(into batch: inout EventBatch) throws(TraceError) -> Bool {
    let isOdd = parallel != nil && batch.capacity != EventBatch.standardCapacity
    if isOdd || spool.capacity > 1 || batch.capacity < 4 * Self.heldRows { return try readSmall(into: &batch) }
    batch.removeAll()
    let isMore = try fill(&batch)
    survey.add(batch)
    return isMore
  }

  private func fill(_ batch: inout EventBatch) throws(TraceError) -> Bool {
    while let parallel {
      if parallel.read(into: &batch, &parser, strings) {
        if batch.count > 0 { return true }
        continue
      }
      chunks = LineChunks(parallel.rest(), capacity: Self.chunkBytes)
      cursor = chunks.start
      chunkEnd = chunks.end
      self.parallel = nil
    }
    for row in 0..<held.count { batch.append(held[row]) }
    held.removeAll()
    while !isAtEnd {
      if cursor < chunkEnd {
        let next = parser.parse(from: cursor, to: chunkEnd, into: &batch)
        parser.statistics.bytes += UInt64(next - cursor)
        cursor = next
      }
      if batch.isFull {
        hold(&batch)
        return true
      }
      do throws(TraceError) {
        try advance(&batch)
      } catch {
        pendingError = error
        isAtEnd = true
      }
    }
    parser.closeStack(in: &batch)
    parser.slub.close(in: &batch, stacks: stacks)
    if batch.count > 0 { return true }
    if let error = pendingError {
      pendingError = nil
      throw error
    }
    return false
  }

  private func hold(_ batch: inout EventBatch) {
    let first = batch.count - Self.heldRows
    for row in first..<batch.count { held.append(batch[row]) }
    batch.count = first
  }

  /// Makes the next chunk current, or notes the end.
  private func advance(_ batch: inout EventBatch) throws(TraceError) {
    switch try chunks.next() {
    case .lines:
      cursor = chunks.start
      chunkEnd = chunks.end
    case .overlongLine:
      parser.closeStack(in: &batch)
      parser.lineNumber += 1
      parser.countOverlong(chunks.start, chunks.end)
    case .unfinishedLine:
      finish(&batch)
    case .end:
      finishInput()
    }
  }

  /// Reads the last line, which has no line feed: an event if it is whole, else a cut end and not a malformed line.
  private func finish(_ batch: inout EventBatch) {
    parser.statistics.bytes += UInt64(chunks.end - chunks.start)
    if chunks.truncatedAt == nil { parser.parseLastLine(chunks.start, chunks.end, into: &batch) }
    finishInput()
  }

  private func finishInput() {
    isAtEnd = true
    parser.statistics.bytes += chunks.skippedBytes
    if let offset = chunks.truncatedAt {
      parser.statistics.count(
        .truncatedEnd, at: .byteOffset(offset), text: "the \(summary.compression.rawValue) stream ends inside a frame")
    }
    if !parser.hasTraceLines { pendingError = unknownFormat() }
  }

  private func unknownFormat() -> TraceError {
    let line = parser.firstStrangeLine.map { "text without a single trace line, beginning \"\($0)\"" }
    return TraceError(
      .unknownFormat, input: summary.name, found: line ?? "no text", expected: FormatDetector.expectation,
      remedy: FormatDetector.remedy)
  }
}

// Batches too small to hold rows back are copied out of a larger one.
extension FtraceTextSource {
  private func readSmall(into batch: inout EventBatch) throws(TraceError) -> Bool {
    batch.removeAll()
    if spoolNext == spool.count {
      if spool.capacity == 1 { spool = EventBatch(capacity: EventBatch.standardCapacity) }
      spool.removeAll()
      spoolNext = 0
      let isMore = try fill(&spool)
      if !isMore { return false }
    }
    while spoolNext < spool.count, !batch.isFull {
      batch.append(spool[spoolNext])
      spoolNext += 1
    }
    survey.add(batch)
    return true
  }
}

extension FtraceTextParser {
  /// Reads a last line without line feed. What can't be understood of it counts as a cut end.
  mutating func parseLastLine(_ start: Bytes, _ end: Bytes, into batch: inout EventBatch) {
    let malformed = statistics[.malformedLines]
    let overflows = statistics[.numberOverflows]
    let before = statistics
    lineNumber += 1
    parseLine(start, end, into: &batch)
    if statistics[.malformedLines] > malformed {
      statistics = before
      statistics[.numberOverflows] = overflows
      statistics.count(.truncatedEnd, at: .line(lineNumber), text: LineSample.text(start, end))
    }
  }
}
