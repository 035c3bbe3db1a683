import Glibc
import TraceEvents

/// Cuts a stream of bytes into chunks that end at line ends.
///
/// A chunk lies in a buffer with room before and behind it, so that the parser may load eight bytes at any place of a
/// line without a check. Memory is one buffer, whatever the input: a line that doesn't fit is left out and reported.
struct LineChunks: ~Copyable {
  /// What `next()` found.
  enum Outcome {
    /// `start..<end` holds whole lines, the last byte is a line end.
    case lines
    /// `start..<end` holds the last line, which has no line end in the input (one was added behind `end`).
    case unfinishedLine
    /// A line longer than the buffer was skipped; `start..<end` holds its first bytes.
    case overlongLine
    case end
  }

  private static let padding = 128

  private let source: any ByteSource
  private let memory: UnsafeMutablePointer<UInt8>
  private let buffer: UnsafeMutablePointer<UInt8>
  private let capacity: Int
  private var filled = 0
  private var taken = 0
  private var isSkipping = false
  private var isAtEnd = false
  private(set) var start: UnsafePointer<UInt8>
  private(set) var end: UnsafePointer<UInt8>
  /// Bytes that were in skipped lines and are in no chunk.
  private(set) var skippedBytes: UInt64 = 0

  init(_ source: any ByteSource, capacity: Int) {
    self.source = source
    self.capacity = capacity
    memory = .allocate(capacity: capacity + 2 * Self.padding)
    memory.initialize(repeating: 0, count: capacity + 2 * Self.padding)
    buffer = memory + Self.padding
    start = UnsafePointer(buffer)
    end = UnsafePointer(buffer)
  }

  deinit { memory.deallocate() }

  var progress: InputProgress { source.progress }
  var truncatedAt: UInt64? { source.truncatedAt }

  /// Makes the next chunk current; the one before is gone.
  mutating func next() throws(TraceError) -> Outcome {
    dropTaken()
    while true {
      if filled == capacity { return skipOverlong() }
      if isAtEnd { return finish() }
      let room = UnsafeMutableRawBufferPointer(start: buffer + filled, count: capacity - filled)
      let count = try source.read(into: room)
      if count == 0 {
        isAtEnd = true
        continue
      }
      var fresh = filled
      filled += count
      if isSkipping {
        if !leaveSkippedLine() { continue }
        fresh = 0
      }
      if let count = lengthOfLines(from: fresh) {
        taken = count
        setChunk(count)
        return .lines
      }
    }
  }

  // The last line end is near the end of the buffer, or there is none: then each byte is looked at once.
  private func lengthOfLines(from fresh: Int) -> Int? {
    var count = filled
    while count > fresh {
      if buffer[count - 1] == 10 { return count }
      count -= 1
    }
    return nil
  }

  private mutating func setChunk(_ count: Int) {
    start = UnsafePointer(buffer)
    end = UnsafePointer(buffer + count)
  }

  private mutating func dropTaken() {
    if taken > 0 {
      filled -= taken
      memmove(buffer, buffer + taken, filled)
      taken = 0
    }
  }

  private mutating func skipOverlong() -> Outcome {
    skippedBytes += UInt64(filled)
    isSkipping = true
    setChunk(filled)
    filled = 0
    return .overlongLine
  }

  private mutating func leaveSkippedLine() -> Bool {
    guard let lineEnd = memchr(buffer, 10, filled) else {
      skippedBytes += UInt64(filled)
      filled = 0
      return false
    }
    let count = lineEnd.assumingMemoryBound(to: UInt8.self) - buffer + 1
    skippedBytes += UInt64(count)
    filled -= count
    memmove(buffer, buffer + count, filled)
    isSkipping = false
    return true
  }

  private mutating func finish() -> Outcome {
    setChunk(filled)
    guard filled > 0 else { return .end }
    buffer[filled] = 10
    filled = 0
    return .unfinishedLine
  }
}
