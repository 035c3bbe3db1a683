import TraceEvents

/// Reads another source on a thread of its own, a few buffers ahead.
///
/// For decoders: decoding zstd takes longer than parsing what comes out, so the two share the work of two processors.
/// The bytes, the errors and the end are the same as without it.
final class BackgroundBytes: ByteSource {
  private let ring: ReadAheadRing
  private let thread: BackgroundThread
  private var current: ReadAheadRing.Piece?
  private var offset = 0

  /// Takes `source` over. `nil` if no thread can be started: then the source is as it was.
  init?(_ source: any ByteSource) {
    // Asked before the thread starts: from then on the source is the thread's alone.
    progress = source.progress
    ring = ReadAheadRing(source)
    guard let thread = BackgroundThread(ring) else { return nil }
    self.thread = thread
  }

  deinit {
    ring.stop()
    thread.join()
  }

  private(set) var progress: InputProgress

  private(set) var truncatedAt: UInt64?

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    if current == nil {
      let piece = try ring.take()
      progress = piece.progress
      truncatedAt = piece.truncatedAt
      if piece.count == 0 { return 0 }
      current = piece
      offset = 0
    }
    guard let piece = current else { return 0 }
    let count = min(buffer.count, piece.count - offset)
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: piece.memory[offset..<offset + count]))
    offset += count
    if offset == piece.count {
      current = nil
      ring.giveBack()
    }
    return count
  }
}

/// The buffers between the thread that fills them and the one that empties them, in order.
private final class ReadAheadRing: BackgroundWork {
  struct Piece {
    var memory: UnsafeMutableRawBufferPointer
    var count: Int
    var progress: InputProgress
    var truncatedAt: UInt64?
  }

  private static let pieceCount = 4
  private static let pieceBytes = 1 << 18

  private let source: any ByteSource
  private var pieces: [Piece] = []
  private var taken = 0
  private var filled = 0
  private var isStopped = false
  private var isFinished = false
  private var trouble: TraceError?
  private let monitor = Monitor()

  init(_ source: any ByteSource) {
    self.source = source
    for _ in 0..<Self.pieceCount {
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceBytes, alignment: 64)
      pieces.append(Piece(memory: memory, count: 0, progress: source.progress, truncatedAt: nil))
    }
  }

  deinit {
    for piece in pieces { piece.memory.deallocate() }
  }

  /// The filling thread's work: until the end, an error, or `stop()`.
  func work() {
    while let memory = waitForRoom() {
      do throws(TraceError) {
        let count = try source.read(into: memory)
        publish(count)
        if count == 0 { return }
      } catch {
        monitor.locked {
          trouble = error
          isFinished = true
          monitor.signal()
        }
        return
      }
    }
  }

  private func waitForRoom() -> UnsafeMutableRawBufferPointer? {
    monitor.locked {
      while filled - taken == Self.pieceCount, !isStopped { monitor.wait() }
      return isStopped ? nil : pieces[filled % Self.pieceCount].memory
    }
  }

  private func publish(_ count: Int) {
    let (progress, truncatedAt) = (source.progress, source.truncatedAt)
    monitor.locked {
      let index = filled % Self.pieceCount
      pieces[index].count = count
      pieces[index].progress = progress
      pieces[index].truncatedAt = truncatedAt
      filled += 1
      if count == 0 { isFinished = true }
      monitor.signal()
    }
  }

  /// The next piece, which stays the caller's until `giveBack()`; at the end one without bytes, again and again.
  func take() throws(TraceError) -> Piece {
    let (piece, trouble) = monitor.locked { () -> (Piece, TraceError?) in
      while filled == taken, !isFinished { monitor.wait() }
      if filled == taken { return (pieces[taken % Self.pieceCount], self.trouble) }
      return (pieces[taken % Self.pieceCount], nil)
    }
    if let trouble { throw trouble }
    return piece
  }

  func giveBack() {
    monitor.locked {
      taken += 1
      monitor.signal()
    }
  }

  func stop() {
    monitor.locked {
      isStopped = true
      monitor.signal()
    }
  }
}
