import KernelTypes
import TraceEvents

/// Parses the chunks of a text on several threads and hands them out in the text's order.
///
/// It ends where lines begin to depend on those far before them (stack traces, kernel logs), at a line longer than a
/// chunk, and at the last line without a line end: from there on one parser reads the text, which `rest` gives it.
final class ParallelText {
  private static let depth = 4

  private let pool: WorkerPool
  private let workers: [TextWorker]
  private let maps: UnsafeMutablePointer<IdentifierMap>
  private var pieces: TextPieces
  private var idle: [TextChunk]
  private var ahead: [TextChunk] = []

  init(_ source: any ByteSource, usesFastPath: Bool, threads: Int) {
    let pool = WorkerPool(threads: threads)
    let workers = (0..<pool.workerCount).map { _ in TextWorker(usesFastPath: usesFastPath) }
    self.pool = pool
    self.workers = workers
    maps = .allocate(capacity: workers.count)
    for worker in 0..<workers.count { (maps + worker).initialize(to: IdentifierMap()) }
    pieces = TextPieces(source)
    idle = (0..<max(Self.depth, workers.count * 2)).map { _ in TextChunk(workers: workers, pool: pool) }
  }

  deinit {
    maps.deinitialize(count: workers.count)
    maps.deallocate()
  }

  var progress: InputProgress { pieces.progress }

  /// Puts the events of the next chunk into `batch`, which has a chunk's capacity, and tells `parser` what else there
  /// was; `false` where this way of reading ends.
  func read(into batch: inout EventBatch, _ parser: inout FtraceTextParser, _ strings: StringInterner) -> Bool {
    lookAhead()
    guard let chunk = ahead.first else { return false }
    pool.finish(chunk)
    if chunk.findings.spansLines { return false }
    // A stack trace at the beginning of the next chunk belongs to an event of this one.
    if !chunk.hasMore, ahead.count > 1 {
      pool.finish(ahead[1])
      if ahead[1].findings.spansLines { return false }
    }
    take(chunk, &batch, &parser, strings)
    if chunk.hasMore {
      pool.submit(chunk)
    } else {
      ahead.removeFirst()
      idle.append(chunk)
    }
    return true
  }

  private func lookAhead() {
    while let chunk = idle.last, pieces.fill(chunk) {
      idle.removeLast()
      ahead.append(chunk)
      pool.submit(chunk)
    }
  }

  private func take(
    _ chunk: TextChunk, _ batch: inout EventBatch, _ parser: inout FtraceTextParser, _ strings: StringInterner
  ) {
    let worker = chunk.worker
    pool.locked {
      maps[worker].update(strings: workers[worker].published)
    }
    swap(&batch, &chunk.batch)
    let rows = 0..<batch.count
    maps[worker].translate(batch, rows, strings)
    let base = parser.lineNumber
    for row in rows { batch.position[row] &+= base }
    parser.add(chunk.findings) { maps[worker].string($0, strings) }
    parser.statistics.bytes += UInt64(chunk.bytes)
  }

  /// The text that was not handed out.
  func rest() -> any ByteSource {
    for chunk in ahead { pool.finish(chunk) }
    return pieces.rest(after: ahead)
  }
}
