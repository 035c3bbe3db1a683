import Glibc
import TraceEvents

/// The bytes of an open file descriptor: a regular file by offset, anything else in its own order.
final class FileBytes: ByteSource {
  private let descriptor: Int32
  private let ownsDescriptor: Bool
  private let isSeekable: Bool
  private let name: String
  private var offset: UInt64 = 0
  private let totalBytes: UInt64?
  // Whoever owns the descriptor must live as long as it is read.
  private let owner: AnyObject?

  /// Opens the file at `path`. Throws `.cannotOpen` or `.isDirectory`.
  convenience init(path: String) throws(TraceError) {
    // Without O_NONBLOCK, opening a FIFO waits for its writer, as every other tool does.
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw TraceError(
        .cannotOpen, input: path, found: SystemMessage.text(errno), remedy: "Check the path and its permissions.")
    }
    do throws(TraceError) {
      try self.init(descriptor: descriptor, owned: true, name: path)
    } catch {
      close(descriptor)
      throw error
    }
  }

  /// Reads an open descriptor from its present position on; the position of a regular file's descriptor stays.
  init(descriptor: Int32, owned: Bool, name: String, keeping owner: AnyObject? = nil) throws(TraceError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw TraceError(.cannotOpen, input: name, found: SystemMessage.text(errno))
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      throw TraceError(
        .isDirectory, input: name, found: "a directory", expected: "a trace file",
        remedy: "Name the trace file inside it.")
    }
    self.descriptor = descriptor
    ownsDescriptor = owned
    self.name = name
    self.owner = owner
    isSeekable = status.st_mode & S_IFMT == S_IFREG
    if isSeekable { offset = UInt64(max(lseek(descriptor, 0, SEEK_CUR), 0)) }
    // Files of /proc and of tracefs say they are empty, so a size of 0 means nothing.
    totalBytes = isSeekable && status.st_size > 0 ? UInt64(status.st_size) : nil
  }

  deinit {
    if ownsDescriptor { close(descriptor) }
  }

  var progress: InputProgress { InputProgress(bytesRead: offset, totalBytes: totalBytes) }

  var truncatedAt: UInt64? { nil }

  var seekable: SeekableBytes? {
    guard let totalBytes, totalBytes >= offset else { return nil }
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    if copy < 0 { return nil }
    return SeekableBytes(descriptor: copy, origin: offset, count: totalBytes - offset, name: name)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    while true {
      let count =
        totalBytes != nil
        ? pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
        : Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if count >= 0 {
        offset += UInt64(count)
        return count
      }
      if errno != EINTR {
        throw TraceError(.cannotRead, input: name, at: .byteOffset(offset), found: SystemMessage.text(errno))
      }
    }
  }
}

/// The system's own words for an error number.
enum SystemMessage {
  static func text(_ number: Int32) -> String {
    guard let message = strerror(number) else { return "error \(number)" }
    return String(cString: message)
  }
}
