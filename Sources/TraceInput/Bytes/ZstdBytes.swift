import CZstd
import TraceEvents

/// Decodes a zstd stream of one or more frames.
///
/// An input that ends inside a frame is not an error: what was decoded stays, and `truncatedAt` says where it ended.
/// Damage inside a frame throws `.damagedCompression`.
final class ZstdBytes: ByteSource {
  private let stored: any ByteSource
  private let name: String
  private let decoder: OpaquePointer
  private let input: UnsafeMutableRawBufferPointer
  private var pending = 0..<0
  private var isInsideFrame = false
  private(set) var truncatedAt: UInt64?

  init(_ stored: any ByteSource, name: String) throws(TraceError) {
    guard let decoder = ZSTD_createDCtx() else {
      throw TraceError(.cannotRead, input: name, found: "no memory for the zstd decoder")
    }
    self.stored = stored
    self.name = name
    self.decoder = decoder
    input = .allocate(byteCount: max(ZSTD_DStreamInSize(), 1 << 16), alignment: 8)
  }

  deinit {
    ZSTD_freeDCtx(decoder)
    input.deallocate()
  }

  var progress: InputProgress { stored.progress }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    if truncatedAt != nil { return 0 }
    var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
    while output.pos == 0 {
      // A decoder may hold output back, so an empty input is no reason not to ask it while a frame is open.
      if pending.isEmpty {
        let count = try stored.read(into: input)
        if count == 0 {
          if isInsideFrame { truncatedAt = stored.progress.bytesRead }
          return 0
        }
        pending = 0..<count
      }
      var source = ZSTD_inBuffer(
        src: UnsafeRawPointer(input.baseAddress), size: pending.upperBound, pos: pending.lowerBound)
      let result = ZSTD_decompressStream(decoder, &output, &source)
      if ZSTD_isError(result) != 0 { throw error(result) }
      pending = source.pos..<source.size
      isInsideFrame = result != 0
    }
    return output.pos
  }

  private func error(_ result: Int) -> TraceError {
    let reason = ZSTD_getErrorName(result).map { String(cString: $0) } ?? "error"
    let offset = stored.progress.bytesRead - UInt64(pending.upperBound - pending.lowerBound)
    // zstd.h: a decoder refuses windows above 128 MiB unless told otherwise, and so bounds its memory.
    if reason.hasPrefix("Frame requires too much memory") {
      return TraceError(
        .unsupportedFormat, input: name, at: .byteOffset(offset), found: "zstd data with a window above 128 MiB",
        expected: "data packed without --long or --ultra -22",
        remedy: "Unpack it outside: zstd -dc --long=31 FILE | kmemreplay … -")
    }
    return TraceError(
      .damagedCompression, input: name, at: .byteOffset(offset), found: "damaged zstd data (\(reason))",
      expected: "an intact zstd stream", remedy: "Copy the file again; events before the damage were read.")
  }
}
