import CZstd

/// The records inside `PERF_RECORD_COMPRESSED`: pieces of one zstd stream that goes through the whole file.
///
/// A record may begin in one piece and end in the next, so what is not consumed stays.
struct PerfCompressedStream: ~Copyable {
  /// How much is unpacked at once.
  private static let step = 1 << 18

  private let decoder = ZSTD_createDCtx()
  private var input: [UInt8] = []
  private var inputPosition = 0
  private let buffer: UnsafeMutableRawBufferPointer
  private var start = 0
  private var end = 0
  /// Where the last piece lies in the file.
  private(set) var position: UInt64 = 0
  /// Whether there may be records that were not consumed yet.
  private(set) var hasWork = false
  /// Whether the stream can't be followed any more.
  private(set) var isBroken = false

  init() { buffer = .allocate(byteCount: Self.step + (1 << 17), alignment: 8) }

  deinit {
    ZSTD_freeDCtx(decoder)
    buffer.deallocate()
  }

  /// The bytes unpacked and not consumed.
  var pending: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[start..<end]) }

  mutating func add(_ piece: UnsafeRawBufferPointer, at position: UInt64) {
    if isBroken { return }
    input = Array(piece)
    inputPosition = 0
    self.position = position
    hasWork = true
  }

  mutating func consume(_ count: Int) { start += count }

  /// Gives the stream up.
  mutating func stop() {
    isBroken = true
    hasWork = false
    input = []
    (start, end) = (0, 0)
  }

  /// Unpacks more; returns what is wrong, if anything is.
  mutating func advance() -> String? {
    let rest = end - start
    if start > 0 {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
      (start, end) = (0, rest)
    }
    if buffer.count - end < 1 << 12 { return "a record that does not end" }
    var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: min(buffer.count, end + Self.step), pos: end)
    let count = input.count
    let result = input.withUnsafeBytes { bytes in
      var source = ZSTD_inBuffer(src: bytes.baseAddress, size: count, pos: inputPosition)
      let result = ZSTD_decompressStream(decoder, &output, &source)
      inputPosition = source.pos
      return result
    }
    if ZSTD_isError(result) != 0 {
      let reason = ZSTD_getErrorName(result).map { String(cString: $0) } ?? "error"
      return "damaged zstd data (\(reason)) in a compressed record"
    }
    let hasGrown = output.pos > end
    end = output.pos
    hasWork = hasGrown || inputPosition < count
    return nil
  }
}
