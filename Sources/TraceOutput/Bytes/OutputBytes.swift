import CZstd
import Glibc

/// Why bytes could not be written.
public enum OutputError: Error, Equatable {
  /// Nobody reads the other end of the pipe any more.
  case brokenPipe
  /// What could not be done, and the system's words for the trouble.
  case failed(String)
}

/// Where a writer's bytes go: a buffer in front of an open file descriptor, packed with zstd on the way if wanted.
public final class OutputBytes {
  private static let bufferBytes = 1 << 18

  private let descriptor: Int32
  private let encoder: OpaquePointer?
  private var buffer: [UInt8] = []
  /// Bytes that were written to the descriptor.
  public private(set) var storedBytes: UInt64 = 0

  /// Writes to `descriptor`, which stays the caller's. `level` packs with zstd; `nil` doesn't pack.
  public init(_ descriptor: Int32, zstdLevel level: Int32? = nil) throws(OutputError) {
    self.descriptor = descriptor
    buffer.reserveCapacity(Self.bufferBytes + (1 << 16))
    guard let level else {
      encoder = nil
      return
    }
    guard let encoder = ZSTD_createCCtx() else { throw .failed("no memory for the zstd encoder") }
    ZSTD_CCtx_setParameter(encoder, ZSTD_c_compressionLevel, level)
    ZSTD_CCtx_setParameter(encoder, ZSTD_c_checksumFlag, 1)
    self.encoder = encoder
  }

  deinit { if let encoder { ZSTD_freeCCtx(encoder) } }

  /// Adds bytes.
  public func write(_ bytes: some Sequence<UInt8>) throws(OutputError) {
    buffer.append(contentsOf: bytes)
    try flushIfFull()
  }

  /// Adds the UTF-8 of a text.
  public func write(_ text: String) throws(OutputError) { try write(text.utf8) }

  /// Adds bytes in place: `body` appends to the buffer, no more than some kilobytes at a time.
  func append(_ body: (inout [UInt8]) -> Void) throws(OutputError) {
    body(&buffer)
    try flushIfFull()
  }

  /// Writes everything that is still here, and ends the zstd frame.
  public func finish() throws(OutputError) { try flush(isLast: true) }

  private func flushIfFull() throws(OutputError) {
    if buffer.count >= Self.bufferBytes { try flush(isLast: false) }
  }

  private func flush(isLast: Bool) throws(OutputError) {
    if encoder != nil {
      try pack(isLast: isLast)
    } else {
      try store(buffer[...])
    }
    buffer.removeAll(keepingCapacity: true)
  }

  private func pack(isLast: Bool) throws(OutputError) {
    var position = 0
    while true {
      var result = 0
      let packed = [UInt8](unsafeUninitializedCapacity: 1 << 17) { output, initialized in
        buffer.withUnsafeBytes { bytes in
          var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: position)
          var destination = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
          result = ZSTD_compressStream2(encoder, &destination, &input, isLast ? ZSTD_e_end : ZSTD_e_continue)
          position = input.pos
          initialized = destination.pos
        }
      }
      if ZSTD_isError(result) != 0 {
        throw .failed("zstd: " + (ZSTD_getErrorName(result).map { String(cString: $0) } ?? "error"))
      }
      try store(packed[...])
      if isLast ? result == 0 : position == buffer.count { return }
    }
  }

  private func store(_ bytes: ArraySlice<UInt8>) throws(OutputError) {
    var trouble: OutputError?
    bytes.withUnsafeBytes { all in
      var rest = all
      while !rest.isEmpty, trouble == nil {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count >= 0 {
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        } else if errno == EPIPE {
          trouble = .brokenPipe
        } else if errno == EAGAIN {
          var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          poll(&state, 1, -1)
        } else if errno != EINTR {
          trouble = .failed(strerror(errno).map { String(cString: $0) } ?? "error \(errno)")
        }
      }
    }
    if let trouble { throw trouble }
    storedBytes += UInt64(bytes.count)
  }
}
