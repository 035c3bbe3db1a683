import CZlib
import CZstd
import TraceEvents

/// The packets inside a compressed packet.
final class UnpackedPacket {
  /// What a compressed packet may hold at most, packed and unpacked: Perfetto keeps packed ones below 512 KiB.
  static let packedLimit = 4 << 20
  private static let limit = 64 << 20

  let bytes: UnsafeMutableRawBufferPointer
  /// How many of `bytes` are in use.
  private(set) var count = 0
  /// What was wrong, if anything was; what came before is kept.
  private(set) var trouble: String?

  /// Unpacks a deflate stream with zlib's wrapper, or a zstd one.
  init(_ packed: UnsafeRawBufferPointer, isZstd: Bool) {
    // A first guess at the size; most packets shrink to a fourth.
    var room = max(packed.count * 6, 1 << 14)
    var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 8)
    var decoder: any PacketDecoder = isZstd ? ZstdPacketDecoder(packed) : ZlibPacketDecoder(packed)
    while true {
      let step = decoder.step(into: UnsafeMutableRawBufferPointer(rebasing: memory[count...]))
      count += step.produced
      trouble = step.trouble
      if step.isDone { break }
      if count == room {
        if room >= Self.limit {
          trouble = "a compressed packet with more than \(Self.limit >> 20) MiB"
          break
        }
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: min(room * 2, Self.limit), alignment: 8)
        larger.copyMemory(from: UnsafeRawBufferPointer(memory))
        memory.deallocate()
        memory = larger
        room = larger.count
      } else if step.produced == 0 {
        trouble = "a compressed packet that ends early"
        break
      }
    }
    bytes = memory
  }

  deinit { bytes.deallocate() }

  /// The part from `offset` on.
  func view(at offset: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[min(offset, count)..<count])
  }
}

private struct DecoderStep {
  var produced: Int
  var isDone = false
  var trouble: String?
}

private protocol PacketDecoder {
  mutating func step(into buffer: UnsafeMutableRawBufferPointer) -> DecoderStep
}

private final class ZlibPacketDecoder: PacketDecoder {
  // zlib keeps a pointer back to the stream, so it must not move.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private let isReady: Bool

  init(_ packed: UnsafeRawBufferPointer) {
    stream.initialize(to: z_stream())
    isReady = inflateInit_(stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    stream.pointee.next_in = UnsafeMutablePointer(
      mutating: packed.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(packed.count)
  }

  deinit {
    if isReady { inflateEnd(stream) }
    stream.deallocate()
  }

  func step(into buffer: UnsafeMutableRawBufferPointer) -> DecoderStep {
    guard isReady else { return DecoderStep(produced: 0, isDone: true, trouble: "no memory for the zlib decoder") }
    stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(buffer.count)
    let status = inflate(stream, Z_NO_FLUSH)
    var step = DecoderStep(produced: buffer.count - Int(stream.pointee.avail_out))
    switch status {
    case Z_STREAM_END: step.isDone = true
    case Z_OK, Z_BUF_ERROR: break
    default:
      step.isDone = true
      step.trouble = "damaged zlib data in a compressed packet"
    }
    return step
  }
}

private final class ZstdPacketDecoder: PacketDecoder {
  private let decoder = ZSTD_createDCtx()
  private let packed: UnsafeRawBufferPointer
  private var consumed = 0

  init(_ packed: UnsafeRawBufferPointer) { self.packed = packed }

  deinit { ZSTD_freeDCtx(decoder) }

  func step(into buffer: UnsafeMutableRawBufferPointer) -> DecoderStep {
    var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
    var input = ZSTD_inBuffer(src: packed.baseAddress, size: packed.count, pos: consumed)
    let result = ZSTD_decompressStream(decoder, &output, &input)
    consumed = input.pos
    var step = DecoderStep(produced: output.pos)
    if ZSTD_isError(result) != 0 {
      step.isDone = true
      step.trouble = "damaged zstd data in a compressed packet"
    } else if result == 0, consumed == packed.count {
      step.isDone = true
    }
    return step
  }
}
