import CZstd
import Glibc
import TraceEvents

/// Finds the blocks of a `.kmr` in a stream of bytes and unpacks them; passes over what is damaged.
struct ColumnarBlockStream: ~Copyable {
  /// What comes next in the file.
  enum Outcome {
    /// A block's plain bytes, which are there until the next call.
    case block(ColumnarBlockHeader, offset: UInt64, UnsafePointer<UInt8>)
    /// Something that is no intact block, and why.
    case damage(offset: UInt64, reason: String)
    /// The file's end. Without an end block before it, something is missing.
    case end(offset: UInt64)
  }

  private let source: any ByteSource
  private var buffer: UnsafeMutableRawPointer
  private var capacity = 1 << 18
  private var start = 0
  private var filled = 0
  private var isAtEnd = false
  private var isSearching = false
  private let decoder: OpaquePointer
  // One for all blocks: fresh memory costs more than unpacking into it.
  private var plain: UnsafeMutablePointer<UInt8>
  private var plainCapacity = 1 << 16
  /// Where the first byte of the buffer's used part stands in the file.
  private(set) var offset: UInt64 = 0

  init(_ source: any ByteSource, name: String) throws(TraceError) {
    guard let decoder = ZSTD_createDCtx() else {
      throw TraceError(.cannotRead, input: name, found: "no memory for the zstd decoder")
    }
    self.source = source
    self.decoder = decoder
    buffer = .allocate(byteCount: capacity, alignment: 16)
    plain = .allocate(capacity: plainCapacity)
  }

  deinit {
    ZSTD_freeDCtx(decoder)
    buffer.deallocate()
    plain.deallocate()
  }

  var progress: InputProgress { source.progress }
  private var available: Int { filled - start }

  /// Has `count` bytes in the buffer, or all that are left; memory grows with what is really there.
  private mutating func want(_ count: Int) throws(TraceError) {
    while available < count, !isAtEnd {
      if filled == capacity { makeRoom() }
      let got = try source.read(into: UnsafeMutableRawBufferPointer(start: buffer + filled, count: capacity - filled))
      if got == 0 { isAtEnd = true }
      filled += got
    }
  }

  private mutating func makeRoom() {
    if start > 0 {
      memmove(buffer, buffer + start, available)
      filled -= start
      start = 0
      if filled * 2 <= capacity { return }
    }
    let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity * 2, alignment: 16)
    larger.copyMemory(from: buffer, byteCount: filled)
    buffer.deallocate()
    buffer = larger
    capacity *= 2
  }

  private mutating func drop(_ count: Int) {
    start += count
    offset += UInt64(count)
  }

  private func bytes(_ count: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: buffer + start, count: count)
  }

  /// Reads the file's own header. Throws `.damagedStructure`, or `.unsupportedFormat` for a later version.
  mutating func readFileHeader(_ name: String) throws(TraceError) {
    let length = ColumnarFormat.fileHeaderBytes
    try want(length)
    let head = Array(bytes(min(available, length)))
    guard head.count == length, head.starts(with: ColumnarFormat.magic) else {
      throw TraceError(
        .damagedStructure, input: name, at: .byteOffset(0), found: "a .kmr header that is cut off",
        expected: "\(length) bytes", remedy: "Copy the file again.")
    }
    let checksum = head.withUnsafeBytes { all in
      let stored = UInt32(littleEndian: all.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
      return stored == ColumnarFormat.checksum(UnsafeRawBufferPointer(rebasing: all[..<12]))
    }
    let version = UInt16(head[8]) | UInt16(head[9]) << 8
    if checksum, version != ColumnarFormat.version {
      throw TraceError(
        .unsupportedFormat, input: name, at: .byteOffset(8), found: "a .kmr of version \(version)",
        expected: "version \(ColumnarFormat.version)", remedy: "Read it with the kmemreplay that wrote it.")
    }
    // A damaged header says nothing that the blocks don't: they are looked for.
    isSearching = !checksum
    drop(length)
  }

  /// The next block, or what stands in its place.
  mutating func next() throws(TraceError) -> Outcome {
    let length = ColumnarFormat.blockHeaderBytes
    try want(length)
    if available == 0 { return .end(offset: offset) }
    if isSearching {
      isSearching = false
      let place = offset
      try search()
      return .damage(offset: place, reason: "no intact block header")
    }
    guard available >= length, let header = ColumnarBlockHeader(bytes(length)) else {
      if available < length {
        drop(available)
        return .end(offset: offset)
      }
      let place = offset
      drop(1)
      try search()
      return .damage(offset: place, reason: "no intact block header")
    }
    let place = offset
    try want(length + header.storedBytes)
    guard available >= length + header.storedBytes else {
      drop(available)
      return .end(offset: place)
    }
    drop(length)
    if header.plainBytes > plainCapacity {
      plain.deallocate()
      plainCapacity = header.plainBytes
      plain = .allocate(capacity: plainCapacity)
    }
    let result = ZSTD_decompressDCtx(decoder, plain, header.plainBytes, buffer + start, header.storedBytes)
    drop(header.storedBytes)
    if ZSTD_isError(result) == 0, result == header.plainBytes {
      return .block(header, offset: place, UnsafePointer(plain))
    }
    let reason = ZSTD_isError(result) != 0 ? ZSTD_getErrorName(result).map { String(cString: $0) } : nil
    return .damage(offset: place, reason: "zstd: " + (reason ?? "a block of another size"))
  }

  /// Goes to the next intact block header, or to the end.
  private mutating func search() throws(TraceError) {
    let length = ColumnarFormat.blockHeaderBytes
    while true {
      try want(1 << 16)
      if available < length {
        drop(available)
        return
      }
      let window = bytes(available)
      var position = 0
      while position + length <= window.count {
        if window.loadUnaligned(fromByteOffset: position, as: UInt32.self).littleEndian == ColumnarFormat.blockMagic,
          ColumnarBlockHeader(UnsafeRawBufferPointer(rebasing: window[position...])) != nil
        {
          return drop(position)
        }
        position += 1
      }
      drop(position)
    }
  }
}
