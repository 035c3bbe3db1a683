/// The bytes of a file, and the name that messages call it by.
public struct FileContent: Sendable, Hashable {
  public var name: String
  public var bytes: [UInt8]

  public init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
  }

  public init(name: String, text: String) { self.init(name: name, bytes: Array(text.utf8)) }
}

/// A file that the kernel prints, as a value.
///
/// Reading is lenient about blanks, so that files which went through a mail or a web page can be used. Printing follows
/// the kernel's own formats exactly, so an undamaged file prints as the same bytes.
public protocol KernelFile: Sendable, Hashable {
  /// Reads the file. Throws if it is none of this kind; single bad lines are left out and counted in `damage`.
  init(parsing content: FileContent) throws(SnapshotError)

  /// The file as the kernel prints it.
  var bytes: [UInt8] { get }

  /// What of the file could not be used.
  var damage: FileDamage { get }
}

extension KernelFile {
  /// The file as text; only a file with names that are no UTF-8 differs from `bytes`.
  public var text: String { String(decoding: bytes, as: UTF8.self) }
}
