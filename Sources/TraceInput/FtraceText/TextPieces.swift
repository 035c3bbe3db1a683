import Glibc
import TraceEvents

/// Cuts a stream of bytes at line ends into pieces with memory of their own, which other threads may read.
struct TextPieces: ~Copyable {
  private let source: any ByteSource
  // The beginning of a line whose end is not read yet.
  private var carried: [UInt8] = []
  /// What ended the reading early, if anything did.
  private(set) var trouble: TraceError?
  private(set) var isAtEnd = false

  init(_ source: any ByteSource) { self.source = source }

  var progress: InputProgress { source.progress }

  /// Fills `chunk` with the next whole lines; `false` if there are none, or one is longer than the chunk.
  mutating func fill(_ chunk: TextChunk) -> Bool {
    if isAtEnd { return false }
    let room = UnsafeMutableRawBufferPointer(start: chunk.memory, count: TextChunk.capacity)
    var filled = carried.count
    room.copyBytes(from: carried)
    while filled < room.count {
      var count = 0
      do throws(TraceError) {
        count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: room[filled...]))
      } catch {
        trouble = error
      }
      if count == 0 {
        isAtEnd = true
        break
      }
      filled += count
    }
    var lines = filled
    while lines > 0, chunk.memory[lines - 1] != UInt8(ascii: "\n") { lines -= 1 }
    carried = Array(UnsafeBufferPointer(start: chunk.memory + lines, count: filled - lines))
    // A line that doesn't fit is for LineChunks, which skips such lines.
    if lines == 0 { isAtEnd = true }
    chunk.setContent(lines)
    return lines > 0
  }

  /// The bytes of chunks that were filled and not used, what is carried, and then the rest of the stream.
  func rest(after chunks: [TextChunk]) -> any ByteSource {
    var bytes: [UInt8] = []
    for chunk in chunks { bytes.append(contentsOf: chunk.unread) }
    return ResumedBytes(bytes + carried, then: source, trouble: trouble)
  }
}

/// Bytes that were taken from a source too early, and then the source itself.
final class ResumedBytes: ByteSource {
  private let bytes: [UInt8]
  private let source: any ByteSource
  private let trouble: TraceError?
  private var offset = 0

  init(_ bytes: [UInt8], then source: any ByteSource, trouble: TraceError?) {
    self.bytes = bytes
    self.source = source
    self.trouble = trouble
  }

  var progress: InputProgress { source.progress }

  var truncatedAt: UInt64? { source.truncatedAt }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    if offset < bytes.count {
      let count = min(buffer.count, bytes.count - offset)
      bytes.withUnsafeBytes { all in
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[offset..<offset + count]))
      }
      offset += count
      return count
    }
    if let trouble { throw trouble }
    return try source.read(into: buffer)
  }
}
