import Glibc

/// The few questions to the file system that reading a snapshot needs.
enum FileSystem {
  static func isRegularFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The names in a directory, sorted.
  static func entries(of path: String) throws(SnapshotError) -> [String] {
    guard let directory = opendir(path) else { throw failure(.cannotOpen, path) }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// All bytes of a file; files of /proc say that they are empty, so it is read to its end.
  static func contents(of path: String, limit: Int) throws(SnapshotError) -> [UInt8] {
    let file = try DescriptorBytes(path: path)
    var bytes: [UInt8] = []
    while let part = try file.read() {
      bytes.append(contentsOf: part)
      if bytes.count > limit {
        throw SnapshotError(.tooLarge, file: path, found: "more than \(limit >> 20) MiB")
      }
    }
    return bytes
  }

  static func failure(_ code: SnapshotError.Code, _ path: String) -> SnapshotError {
    let reason = strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
    return SnapshotError(code, file: path, found: reason, remedy: "Check the path and its permissions.")
  }
}

/// An open file that is read from its beginning to its end.
final class DescriptorBytes {
  private let descriptor: Int32
  private let path: String

  init(path: String) throws(SnapshotError) {
    // Without O_NONBLOCK, opening a FIFO in a directory would wait for its writer.
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    self.path = path
    if descriptor < 0 { throw FileSystem.failure(.cannotOpen, path) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The next bytes; `nil` at the end.
  func read() throws(SnapshotError) -> [UInt8]? {
    var count = 0
    var trouble: Int32 = 0
    let part = [UInt8](unsafeUninitializedCapacity: 1 << 17) { buffer, initialized in
      repeat { count = Glibc.read(descriptor, buffer.baseAddress, buffer.count) } while count < 0 && errno == EINTR
      trouble = errno
      initialized = max(count, 0)
    }
    if count < 0 {
      errno = trouble
      throw FileSystem.failure(.cannotRead, path)
    }
    return part.isEmpty ? nil : part
  }
}
