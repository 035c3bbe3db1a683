import TraceEvents

/// A piece of `SeekableBytes` in memory, moved along as it is read, as `ByteWindow`; if wished, a thread of its own reads
/// the bytes that come next.
///
/// The bytes are the same either way. Going anywhere but forward makes the thread begin anew there.
struct ReadAheadWindow: ~Copyable {
  /// More than this can't be asked for.
  static let wantedLimit = PieceRing.headBytes

  private var window: ByteWindow
  private let ring: PieceRing?
  private let thread: BackgroundThread?
  private var held = UnsafeRawBufferPointer(start: nil, count: 0)
  private var start: UInt64
  private var hasPiece = false
  private var isLast = false

  /// A window on `bytes` that begins at `offset`.
  init(_ bytes: SeekableBytes, from offset: UInt64, capacity: Int, readsAhead: Bool) {
    window = ByteWindow(bytes, capacity: capacity)
    start = offset
    let ring = readsAhead ? PieceRing(bytes, from: offset) : nil
    let thread = ring.flatMap { BackgroundThread($0) }
    self.ring = thread == nil ? nil : ring
    self.thread = thread
  }

  deinit {
    ring?.stop()
    thread?.join()
  }

  /// The bytes from `offset` on: at least `wanted` unless the input ends before. They stay until the next call.
  ///
  /// Throws `.cannotRead`.
  mutating func view(at offset: UInt64, wanted: Int) throws(TraceError) -> UnsafeRawBufferPointer {
    guard let ring else { return try window.view(at: offset, wanted: wanted) }
    var rest = UnsafeRawBufferPointer(start: nil, count: 0)
    if offset >= start, offset - start <= UInt64(held.count) {
      rest = UnsafeRawBufferPointer(rebasing: held[Int(offset - start)...])
      if rest.count >= wanted || isLast { return rest }
    } else {
      ring.restart(at: offset)
      hasPiece = false
    }
    let piece = ring.next(holdingOne: hasPiece)
    if let trouble = piece.trouble { throw trouble }
    let memory = piece.bytes - rest.count
    UnsafeMutableRawBufferPointer(start: memory, count: rest.count).copyMemory(from: rest)
    if hasPiece { ring.giveBack() }
    hasPiece = true
    isLast = piece.isLast
    start = offset
    held = UnsafeRawBufferPointer(start: memory, count: rest.count + piece.count)
    return held
  }
}

/// The pieces between the thread that reads them and the one that looks at them, in order.
private final class PieceRing: BackgroundWork {
  struct Piece {
    /// In front of these is room for what is left of the piece before.
    var bytes: UnsafeMutableRawPointer
    var count = 0
    var isLast = false
    var trouble: TraceError?
  }

  static let headBytes = 1 << 16
  private static let pieceBytes = 1 << 18
  private static let pieceCount = 4

  private let source: SeekableBytes
  private let memory: UnsafeMutableRawPointer
  private var pieces: [Piece] = []
  private var offset: UInt64
  // Rises when reading begins anew: what was read before that does not count.
  private var generation = 0
  private var taken = 0
  private var filled = 0
  private var isFinished = false
  private var isStopped = false
  private let monitor = Monitor()

  init(_ source: SeekableBytes, from offset: UInt64) {
    self.source = source
    self.offset = offset
    let size = Self.headBytes + Self.pieceBytes
    memory = .allocate(byteCount: size * Self.pieceCount, alignment: 64)
    for index in 0..<Self.pieceCount { pieces.append(Piece(bytes: memory + index * size + Self.headBytes)) }
  }

  deinit { memory.deallocate() }

  /// The reading thread's work: until `stop()`.
  func work() {
    while let (number, start, bytes) = waitForRoom() {
      var piece = Piece(bytes: bytes)
      do throws(TraceError) {
        piece.count = try source.read(
          at: start, into: UnsafeMutableRawBufferPointer(start: bytes, count: Self.pieceBytes))
        piece.isLast = piece.count < Self.pieceBytes
      } catch {
        piece.trouble = error
        piece.isLast = true
      }
      publish(piece, number)
    }
  }

  private func waitForRoom() -> (generation: Int, offset: UInt64, bytes: UnsafeMutableRawPointer)? {
    monitor.locked {
      while filled - taken == Self.pieceCount || isFinished, !isStopped { monitor.wait() }
      return isStopped ? nil : (generation, offset, pieces[filled % Self.pieceCount].bytes)
    }
  }

  private func publish(_ piece: Piece, _ generation: Int) {
    monitor.locked {
      guard generation == self.generation else { return }
      pieces[filled % Self.pieceCount] = piece
      offset += UInt64(piece.count)
      filled += 1
      isFinished = piece.isLast
      monitor.signal()
    }
  }

  /// The piece behind the one that the caller still looks at, if it does; it stays the caller's until `giveBack()`.
  ///
  /// Not to be asked for behind the last one.
  func next(holdingOne: Bool) -> Piece {
    monitor.locked {
      let number = taken + (holdingOne ? 1 : 0)
      while filled <= number { monitor.wait() }
      return pieces[number % Self.pieceCount]
    }
  }

  func giveBack() {
    monitor.locked {
      taken += 1
      monitor.signal()
    }
  }

  /// Forgets all pieces, the one that the caller looked at too, and reads from `offset` on.
  func restart(at offset: UInt64) {
    monitor.locked {
      self.offset = offset
      generation += 1
      taken = filled
      isFinished = false
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
