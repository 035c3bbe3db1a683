import Glibc
import TraceEvents

/// A file without a name in `$TMPDIR` or `/tmp`, which vanishes when its descriptor is closed.
enum TemporaryFile {
  private static let remedy = "Set TMPDIR to a folder with room, or save the trace to a file first."

  /// A new, empty file's descriptor. Throws `.cannotOpen`; `name` is the input that messages are about.
  static func create(for name: String) throws(TraceError) -> Int32 {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array((folder + "/kmemreplay-XXXXXX").utf8CString)
    let file = mkstemp(&template)
    guard file >= 0 else {
      throw TraceError(
        .cannotOpen, input: name, found: "no temporary file in \(folder) (\(SystemMessage.text(errno)))",
        remedy: remedy)
    }
    unlink(template)
    _ = fcntl(file, F_SETFD, FD_CLOEXEC)
    return file
  }

  /// Appends `bytes` to a file. Throws `.cannotRead` if there is no room.
  static func append(_ bytes: UnsafeRawBufferPointer, to file: Int32, for name: String) throws(TraceError) {
    var written = 0
    while written < bytes.count {
      let step = write(file, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      if step < 0, errno != EINTR {
        throw TraceError(
          .cannotRead, input: name, found: "the temporary copy can't be written (\(SystemMessage.text(errno)))",
          remedy: remedy)
      }
      written += max(step, 0)
    }
  }
}
