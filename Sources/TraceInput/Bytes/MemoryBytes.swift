import TraceEvents

/// Bytes that are in memory already: what was read ahead to recognise a format, or a test's input.
final class MemoryBytes: ByteSource {
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var progress: InputProgress { InputProgress(bytesRead: UInt64(offset), totalBytes: UInt64(bytes.count)) }

  var truncatedAt: UInt64? { nil }

  var seekable: SeekableBytes? { SeekableBytes(memory: offset == 0 ? bytes : Array(bytes[offset...]), name: "memory") }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    let count = min(buffer.count, bytes.count - offset)
    bytes.withUnsafeBytes { all in
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[offset..<offset + count]))
    }
    offset += count
    return count
  }
}

/// A source whose first bytes were read ahead to recognise its format: they come first, then the rest.
final class PeekedBytes: ByteSource {
  /// The bytes read ahead; fewer than asked for only if the input is that short.
  let head: [UInt8]
  private let rest: any ByteSource
  private var offset = 0

  init(_ source: any ByteSource, count: Int) throws(TraceError) {
    var head = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      var scratch = [UInt8](repeating: 0, count: count - filled)
      let got = try Self.read(source, into: &scratch)
      if got == 0 { break }
      head.replaceSubrange(filled..<filled + got, with: scratch[..<got])
      filled += got
    }
    head.removeSubrange(filled...)
    self.head = head
    rest = source
  }

  /// Leaves out the first `count` bytes, before anything was read.
  func skip(_ count: Int) { offset = min(count, head.count) }

  // withUnsafeMutableBytes can't pass a typed error on, so the outcome leaves the closure as a value.
  private static func read(_ source: any ByteSource, into scratch: inout [UInt8]) throws(TraceError) -> Int {
    let outcome = scratch.withUnsafeMutableBytes { buffer in
      Result { () throws(TraceError) in try source.read(into: buffer) }
    }
    return try outcome.get()
  }

  var progress: InputProgress { rest.progress }

  var truncatedAt: UInt64? { rest.truncatedAt }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    guard offset < head.count else { return try rest.read(into: buffer) }
    let count = min(buffer.count, head.count - offset)
    head.withUnsafeBytes { all in
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[offset..<offset + count]))
    }
    offset += count
    return count
  }
}
