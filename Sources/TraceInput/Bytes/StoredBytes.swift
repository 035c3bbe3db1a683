import Glibc
import TraceEvents

/// An input that is read at any place: an open file or memory.
///
/// Several threads may read at once.
final class StoredBytes: Sendable {
  private enum Storage: Sendable {
    case file(descriptor: Int32, isOwned: Bool)
    case memory([UInt8])
  }

  /// What messages call the input.
  let name: String
  /// The size in bytes.
  let size: UInt64
  private let storage: Storage
  // Whoever owns the descriptor must live as long as it is read.
  private let owner: (any Sendable)?

  init(_ bytes: [UInt8], name: String) {
    self.name = name
    size = UInt64(bytes.count)
    storage = .memory(bytes)
    owner = nil
  }

  /// Takes an open regular file; an owned descriptor is closed in the end. `nil` if it is no regular file.
  init?(descriptor: Int32, isOwned: Bool, name: String, keeping owner: (any Sendable)? = nil) {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    self.name = name
    self.owner = owner
    size = UInt64(max(status.st_size, 0))
    storage = .file(descriptor: descriptor, isOwned: isOwned)
  }

  /// Opens a regular file; `nil` if it can't be opened or is none.
  convenience init?(path: String, name: String? = nil) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      return nil
    }
    self.init(descriptor: descriptor, isOwned: true, name: name ?? path)
  }

  deinit {
    if case .file(let descriptor, true) = storage { close(descriptor) }
  }

  /// Fills `buffer` from `offset` on and returns how many bytes there were: fewer only at the end of the input.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    if offset >= size { return 0 }
    switch storage {
    case .memory(let bytes):
      let count = min(buffer.count, Int(size - offset))
      bytes.withUnsafeBytes { all in
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[Int(offset)..<Int(offset) + count]))
      }
      return count
    case .file(let descriptor, _):
      var filled = 0
      while filled < buffer.count {
        let count = pread(
          descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled, off_t(offset) + off_t(filled))
        if count == 0 { break }
        if count < 0 {
          if errno == EINTR { continue }
          throw TraceError(
            .cannotRead, input: name, at: .byteOffset(offset + UInt64(filled)), found: SystemMessage.text(errno))
        }
        filled += count
      }
      return filled
    }
  }

  /// Up to `count` bytes from `offset` on.
  func bytes(at offset: UInt64, count: Int) throws(TraceError) -> [UInt8] {
    let room = offset < size ? min(UInt64(max(count, 0)), size - offset) : 0
    var bytes = [UInt8](repeating: 0, count: Int(room))
    // withUnsafeMutableBytes can't pass a typed error on, so the outcome leaves the closure as a value.
    let outcome = bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(TraceError) in try read(at: offset, into: buffer) }
    }
    let filled = try outcome.get()
    bytes.removeSubrange(filled...)
    return bytes
  }
}
