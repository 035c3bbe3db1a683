import Glibc

/// Adds text to a file's end, as a CI job's summary wants it.
enum FileAppender {
  static func append(_ text: String, to path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    if descriptor < 0 { throw CommandFailure("\(path): can't be written: \(SystemMessage.text(errno))") }
    defer { close(descriptor) }
    do throws(SinkError) {
      try DescriptorSink(descriptor).write(text)
    } catch {
      throw CommandFailure("\(path): can't be written")
    }
  }
}
