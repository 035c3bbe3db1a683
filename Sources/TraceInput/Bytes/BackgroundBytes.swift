import Glibc
import TraceEvents

/// Reads another source on a thread of its own, a few buffers ahead.
///
/// For decoders: decoding zstd takes longer than parsing what comes out, so the two share the work of two processors.
/// The bytes, the errors and the end are the same as without it.
final class BackgroundBytes: ByteSource {
  private let ring: ReadAheadRing
  private let thread: pthread_t
  private var current: ReadAheadRing.Piece?
  private var offset = 0

  /// Takes `source` over. `nil` if no thread can be started: then the source is as it was.
  init?(_ source: any ByteSource) {
    // Asked before the thread starts: from then on the source is the thread's alone.
    progress = source.progress
    ring = ReadAheadRing(source)
    var thread = pthread_t()
    // The ring reaches its thread as a counted pointer; all it shares is guarded by its mutex.
    let handle = Unmanaged.passRetained(ring)
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<ReadAheadRing>.fromOpaque(argument).takeRetainedValue().fillAll()
        return nil
      }, handle.toOpaque())
    guard status == 0 else {
      handle.release()
      return nil
    }
    self.thread = thread
  }

  deinit {
    ring.stop()
    pthread_join(thread, nil)
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
private final class ReadAheadRing {
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
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let change = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init(_ source: any ByteSource) {
    self.source = source
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(change, nil)
    for _ in 0..<Self.pieceCount {
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceBytes, alignment: 64)
      pieces.append(Piece(memory: memory, count: 0, progress: source.progress, truncatedAt: nil))
    }
  }

  deinit {
    for piece in pieces { piece.memory.deallocate() }
    pthread_cond_destroy(change)
    pthread_mutex_destroy(mutex)
    change.deallocate()
    mutex.deallocate()
  }

  private func locked<Value>(_ body: () -> Value) -> Value {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  /// The filling thread's work: until the end, an error, or `stop()`.
  func fillAll() {
    while let memory = waitForRoom() {
      do throws(TraceError) {
        let count = try source.read(into: memory)
        publish(count)
        if count == 0 { return }
      } catch {
        locked {
          trouble = error
          isFinished = true
          pthread_cond_signal(change)
        }
        return
      }
    }
  }

  private func waitForRoom() -> UnsafeMutableRawBufferPointer? {
    locked {
      while filled - taken == Self.pieceCount, !isStopped { pthread_cond_wait(change, mutex) }
      return isStopped ? nil : pieces[filled % Self.pieceCount].memory
    }
  }

  private func publish(_ count: Int) {
    let (progress, truncatedAt) = (source.progress, source.truncatedAt)
    locked {
      let index = filled % Self.pieceCount
      pieces[index].count = count
      pieces[index].progress = progress
      pieces[index].truncatedAt = truncatedAt
      filled += 1
      if count == 0 { isFinished = true }
      pthread_cond_signal(change)
    }
  }

  /// The next piece, which stays the caller's until `giveBack()`; at the end one without bytes, again and again.
  func take() throws(TraceError) -> Piece {
    let (piece, trouble) = locked { () -> (Piece, TraceError?) in
      while filled == taken, !isFinished { pthread_cond_wait(change, mutex) }
      if filled == taken { return (pieces[taken % Self.pieceCount], self.trouble) }
      return (pieces[taken % Self.pieceCount], nil)
    }
    if let trouble { throw trouble }
    return piece
  }

  func giveBack() {
    locked {
      taken += 1
      pthread_cond_signal(change)
    }
  }

  func stop() {
    locked {
      isStopped = true
      pthread_cond_signal(change)
    }
  }
}
