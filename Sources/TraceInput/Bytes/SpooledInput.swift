import Glibc
public import TraceEvents

/// Standard input, kept so that it can be read more than once.
///
/// A regular file on standard input is read in place. Anything else is copied, as it comes (packed data stays packed),
/// into a temporary file without a name, which vanishes with this value; memory does not grow.
public final class SpooledInput: Sendable {
  /// What messages call the input.
  public let name: String
  private let descriptor: Int32

  /// Takes over all of standard input. Throws `.cannotRead`, or `.cannotOpen` if no temporary file can be made.
  public convenience init() throws(TraceError) {
    try self.init(descriptor: STDIN_FILENO, name: "standard input")
  }

  init(descriptor: Int32, name: String) throws(TraceError) {
    let source = try FileBytes(descriptor: descriptor, owned: false, name: name)
    self.name = name
    if source.progress.totalBytes != nil {
      self.descriptor = dup(descriptor)
      return
    }
    let file = try TemporaryFile.create(for: name)
    do throws(TraceError) {
      try Self.copy(source, to: file, name)
    } catch {
      close(file)
      throw error
    }
    self.descriptor = file
  }

  deinit { close(descriptor) }

  /// The bytes from the beginning.
  func bytes() throws(TraceError) -> any ByteSource {
    try FileBytes(descriptor: descriptor, owned: false, name: name, keeping: self)
  }

  private static func copy(_ source: FileBytes, to file: Int32, _ name: String) throws(TraceError) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 8)
    defer { buffer.deallocate() }
    while true {
      let count = try source.read(into: buffer)
      if count == 0 {
        lseek(file, 0, SEEK_SET)
        return
      }
      try TemporaryFile.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: file, for: name)
    }
  }
}
