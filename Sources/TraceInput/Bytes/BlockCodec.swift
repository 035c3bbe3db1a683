import CZlib
import CZstd
import Glibc

/// Unpacks blocks that were packed as a whole and whose unpacked size is known, as trace.dat has them.
enum BlockCodec: Sendable, Equatable {
  case zstd
  case zlib

  /// Unpacks `stored` into the beginning of `target` and returns how many bytes came out; `nil` if the block is damaged.
  func unpack(_ stored: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int? {
    switch self {
    case .zstd:
      let count = ZSTD_decompress(target.baseAddress, target.count, stored.baseAddress, stored.count)
      return ZSTD_isError(count) == 0 ? count : nil
    case .zlib:
      var count = uLong(target.count)
      let status = uncompress(
        target.baseAddress?.assumingMemoryBound(to: UInt8.self), &count,
        stored.baseAddress?.assumingMemoryBound(to: UInt8.self), uLong(stored.count))
      return status == Z_OK ? Int(count) : nil
    }
  }
}
