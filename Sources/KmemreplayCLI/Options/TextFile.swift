import Glibc
import Reports

/// A text file that the user names, other than a trace.
enum TextFile {
  /// Files beyond it are refused by `read(_:)`.
  static let byteLimit = 64 << 20

  /// The bytes of a small file; `-` is standard input.
  static func read(_ path: String) throws -> [UInt8] {
    let bytes = try read(path, upTo: byteLimit)
    if bytes.count > byteLimit {
      throw CommandFailure("\(path): has more than \(byteLimit) bytes; expected a dump of the tables that matter")
    }
    return bytes
  }

  /// The bytes of a file; `-` is standard input. Of a file that is longer than `limit`, something more than `limit`.
  static func read(_ path: String, upTo limit: Int) throws -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : try opened(path)
    defer { if path != "-" { close(descriptor) } }
    var bytes: [UInt8] = []
    try readPieces(of: descriptor, path) { piece in
      bytes += piece
      return bytes.count <= limit
    }
    return bytes
  }

  /// Gives the bytes of a file piece by piece, however long it is.
  static func readPieces(_ path: String, _ body: (ArraySlice<UInt8>) -> Void) throws {
    let descriptor = try opened(path)
    defer { close(descriptor) }
    try readPieces(of: descriptor, path) { piece in
      body(piece)
      return true
    }
  }

  private static func opened(_ path: String) throws -> Int32 {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw unreadable(path) }
    return descriptor
  }

  /// Goes on until the end, or until `body` says that it has enough.
  private static func readPieces(
    of descriptor: Int32, _ path: String, _ body: (ArraySlice<UInt8>) -> Bool
  ) throws {
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count == 0 { return }
      if count < 0 {
        if errno == EINTR { continue }
        throw unreadable(path)
      }
      if !body(buffer[..<count]) { return }
    }
  }

  private static func unreadable(_ path: String) -> CommandFailure {
    CommandFailure("\(SafeText.printable(path)): can't be read: \(SystemMessage.text(errno))")
  }
}
