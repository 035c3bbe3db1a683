import TraceEvents

/// A stream of bytes: a file, standard input, memory, or a decoder on top of another one.
///
/// A class, because a stream has one position that its readers share.
protocol ByteSource: AnyObject {
  /// Puts the next bytes into `buffer`, which is not empty, and returns how many; 0 means the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int

  /// How far the stored (still compressed) bytes have been read.
  var progress: InputProgress { get }

  /// The stored offset at which the input ended inside a compressed frame, if it did.
  var truncatedAt: UInt64? { get }

  /// What has not been read yet, to be read at any offset, if that needs no copy of it.
  var seekable: SeekableBytes? { get }
}

extension ByteSource {
  var seekable: SeekableBytes? { nil }
}

/// How far an input has been read, for progress displays.
public struct InputProgress: Sendable, Equatable {
  /// Bytes taken from the file or pipe, before decompression.
  public var bytesRead: UInt64
  /// The size of the file in bytes; `nil` for a pipe.
  public var totalBytes: UInt64?

  public init(bytesRead: UInt64, totalBytes: UInt64?) {
    self.bytesRead = bytesRead
    self.totalBytes = totalBytes
  }
}
