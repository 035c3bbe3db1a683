import KernelTypes
import TraceEvents

/// The events of one CPU, chunk by chunk: some chunks are decoded ahead while the rows of one are taken.
final class RingStream {
  /// Chunks in flight of each of many CPUs: the one whose rows are taken, one being decoded, one that waits.
  static let leastDepth = 3
  /// Chunks in flight of a single CPU, so that all workers find some.
  static let mostDepth = 8

  private var pieces: RingPieces
  private let chunkBytes: Int
  private let pool: WorkerPool
  private var idle: [RingChunk]
  private var ahead: [RingChunk] = []
  private(set) var current: RingChunk?
  /// The next row to take of the current chunk, and the end of its rows.
  var row = 0
  private(set) var end = 0
  /// The time of the next row.
  private(set) var headTime: UInt64 = 0
  // A row that waits for the chunk behind it, which may begin with its stack trace.
  private var carried: Event?
  private var isAtEnd = false

  init(_ section: RingSection, chunkBytes: Int, depth: Int, workers: [RingWorker], pool: WorkerPool) {
    pieces = RingPieces(section)
    self.chunkBytes = chunkBytes
    self.pool = pool
    idle = (0..<depth).map { _ in RingChunk(section, workers: workers, pool: pool) }
  }

  /// Damage in the structure around the pages, and where the input ends too early; known when the end is reached.
  var structuralDamage: (offset: UInt64, text: String)? { pieces.damage }
  var cutAt: UInt64? { pieces.cutAt }

  /// Lets chunks be decoded ahead. Throws `.cannotRead`.
  func lookAhead() throws(TraceError) {
    while !isAtEnd, let chunk = idle.last {
      var wanted: [RingPiece] = []
      var bytes = 0
      while bytes < chunkBytes {
        guard let piece = try pieces.next(chunkBytes - bytes) else {
          isAtEnd = true
          break
        }
        wanted.append(piece)
        bytes += piece.size
      }
      if wanted.isEmpty { return }
      idle.removeLast()
      chunk.pieces = wanted
      ahead.append(chunk)
      pool.submit(chunk)
    }
  }

  /// Makes the next chunk with rows current and hands each new one to `receive`; `false` after the last row.
  func advance(_ receive: (RingChunk) -> Void) throws(TraceError) -> Bool {
    while row == end {
      if let done = current { idle.append(done) }
      current = nil
      try lookAhead()
      guard !ahead.isEmpty else { return takeCarried() }
      let chunk = ahead.removeFirst()
      pool.finish(chunk)
      receive(chunk)
      isUntouched = false
      open(chunk)
    }
    return true
  }

  private func open(_ chunk: RingChunk) {
    current = chunk
    row = RingChunk.firstRow
    let isLast = ahead.isEmpty && isAtEnd
    var next: Event?
    chunk.withBatch { batch in
      end = batch.count
      if let event = carried {
        // The caller has translated the leading stack trace into row 0.
        let stack = chunk.leadingStack == nil ? event.stack : batch.stack[0]
        batch.put(event, row: 0)
        batch.stack[0] = stack
        row = 0
      }
      if !isLast, chunk.endsWithEvent, end > row {
        end -= 1
        next = batch[end]
      }
      if end > row { headTime = batch.time[row] }
    }
    carried = next
  }

  /// Whether no chunk was taken yet.
  private(set) var isUntouched = true

  private func takeCarried() -> Bool {
    guard let event = carried, let chunk = idle.last else { return false }
    idle.removeLast()
    carried = nil
    current = chunk
    chunk.withBatch { batch in
      batch.count = RingChunk.firstRow
      batch.put(event, row: 0)
    }
    row = 0
    end = RingChunk.firstRow
    headTime = event.time
    return true
  }

  /// Appends rows to `batch`, which is not full, as long as they come before `time` (or at it, if `isFirst`).
  func take(into batch: inout EventBatch, before time: UInt64, isFirst: Bool) {
    guard let chunk = current else { return }
    let limit = min(end, row + batch.capacity - batch.count)
    chunk.withBatch { rows in
      var stop = row + 1
      let times = rows.time
      if time == .max {
        stop = limit
      } else {
        while stop < limit, times[stop] < time || times[stop] == time && isFirst { stop += 1 }
      }
      batch.append(rows: row..<stop, of: rows)
      row = stop
      if row < end { headTime = times[row] }
    }
  }
}
