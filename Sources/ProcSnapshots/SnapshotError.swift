/// Why a snapshot or one of its files can't be used: where, what was found, what was expected, and what to do.
public struct SnapshotError: Error, Sendable, Hashable {
  /// The kind of trouble; new kinds may be added.
  public enum Code: String, Sendable {
    case cannotOpen
    case cannotRead
    case empty
    /// The file is not what its name says.
    case wrongKind
    case unsupportedVersion
    case damagedArchive
    case tooLarge
    /// There are several snapshots to choose from.
    case ambiguous
    /// There is nothing of a snapshot.
    case nothingFound
  }

  public var code: Code
  /// The file's name as the user knows it.
  public var file: String
  /// Counted from 1.
  public var line: Int?
  /// What is there.
  public var found: String
  /// What should be there instead, if that is not obvious.
  public var expected: String?
  /// What the user can do.
  public var remedy: String?

  public init(
    _ code: Code, file: String, line: Int? = nil, found: String, expected: String? = nil, remedy: String? = nil
  ) {
    self.code = code
    self.file = file
    self.line = line
    self.found = found
    self.expected = expected
    self.remedy = remedy
  }
}

extension SnapshotError: CustomStringConvertible {
  public var description: String {
    (line.map { "\(file), line \($0)" } ?? file) + ": " + reason
  }

  /// The description without the place.
  public var reason: String {
    found + (expected.map { "; expected " + $0 } ?? "") + (remedy.map { ". " + $0 } ?? "")
  }
}
