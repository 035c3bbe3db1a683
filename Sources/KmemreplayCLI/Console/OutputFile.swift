import Glibc

/// The file of `--output`: opened before the long work starts, changed only when the work is done.
///
/// A run that fails leaves an old file as it was and a new one not at all.
final class OutputFile {
  private let descriptor: Int32
  private let path: String
  private let isNew: Bool
  private var isWritten = false

  /// Opens or creates the file; it may not be the file at `input`.
  init(path: String, input: String) throws {
    let created = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    isNew = created >= 0
    let descriptor = isNew ? created : Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    if descriptor < 0 { throw CommandFailure("\(path): can't be written: \(SystemMessage.text(errno))") }
    self.descriptor = descriptor
    self.path = path
    if Self.isSameFile(descriptor, input) {
      isWritten = true
      throw CommandFailure("\(path): is the input itself. Choose another --output")
    }
  }

  deinit {
    close(descriptor)
    if isNew, !isWritten { unlink(path) }
  }

  private static func isSameFile(_ descriptor: Int32, _ input: String) -> Bool {
    var output = stat()
    var other = stat()
    let found = input == "-" ? fstat(STDIN_FILENO, &other) : stat(input, &other)
    guard fstat(descriptor, &output) == 0, found == 0 else { return false }
    return output.st_mode & S_IFMT == S_IFREG && output.st_dev == other.st_dev && output.st_ino == other.st_ino
  }

  /// Replaces the file's contents.
  func replace(with text: String) throws {
    isWritten = true
    var status = stat()
    if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG { ftruncate(descriptor, 0) }
    do throws(SinkError) {
      try DescriptorSink(descriptor).write(text)
    } catch {
      switch error {
      case .brokenPipe: return
      case .failed(let reason): throw CommandFailure("\(path): can't be written: \(reason)")
      }
    }
  }
}
