import Glibc

/// A small text file as a whole.
enum TextFile {
  /// Files beyond it are refused.
  static let byteLimit = 64 << 20

  /// The bytes of a file; `-` is standard input.
  static func read(_ path: String) throws -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw CommandFailure("\(path): can't be read: \(SystemMessage.text(errno))") }
    defer { if path != "-" { close(descriptor) } }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count == 0 { return bytes }
      if count < 0 {
        if errno == EINTR { continue }
        throw CommandFailure("\(path): can't be read: \(SystemMessage.text(errno))")
      }
      if bytes.count + count > byteLimit {
        throw CommandFailure("\(path): has more than \(byteLimit) bytes; expected a dump of the tables that matter")
      }
      bytes += buffer[..<count]
    }
  }
}
