import Glibc

/// A large output file, written beside its place and moved there when it is whole.
///
/// A run that fails leaves an old file as it was and a new one not at all. What is no regular file, such as a pipe, is
/// written as it comes.
final class ReplacedFile {
  let descriptor: Int32
  private let path: String
  private let temporary: String?
  private var isDone = false

  /// Opens the output at `path`, which may not be the file at `input`.
  init(path: String, input: String) throws {
    var status = stat()
    var other = stat()
    let exists = stat(path, &status) == 0
    self.path = path
    if exists, input != "-", stat(input, &other) == 0, status.st_dev == other.st_dev, status.st_ino == other.st_ino {
      throw CommandFailure("\(path): is the input itself. Choose another output")
    }
    if exists, status.st_mode & S_IFMT == S_IFDIR { throw CommandFailure("\(path): is a directory") }
    if exists, status.st_mode & S_IFMT != S_IFREG {
      temporary = nil
      descriptor = open(path, O_WRONLY | O_CLOEXEC)
    } else {
      let name = path + ".partial-\(getpid())"
      temporary = name
      descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    }
    if descriptor < 0 { throw CommandFailure("\(path): can't be written: \(SystemMessage.text(errno))") }
  }

  deinit {
    close(descriptor)
    if let temporary, !isDone { unlink(temporary) }
  }

  /// Puts the file, which is whole now, in its place.
  func finish() throws {
    isDone = true
    guard let temporary else { return }
    if rename(temporary, path) != 0 {
      let reason = SystemMessage.text(errno)
      unlink(temporary)
      throw CommandFailure("\(path): can't be written: \(reason)")
    }
  }
}
