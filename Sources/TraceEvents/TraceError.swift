/// Why an input can't be read: where, what was found, what was expected, and what to do about it.
public struct TraceError: Error, Sendable, Equatable {
  /// The kind of trouble; new kinds may be added.
  public enum Code: String, Sendable {
    case cannotOpen
    case cannotRead
    case isDirectory
    case empty
    case unknownFormat
    case unsupportedFormat
    case damagedCompression
    case damagedStructure
    case noKmemEvents
    case invalidOption
  }

  /// A place in the input.
  public enum Location: Sendable, Equatable {
    case line(UInt64)
    case byteOffset(UInt64)
  }

  public var code: Code
  /// The input's name as the user gave it.
  public var input: String
  public var location: Location?
  /// What is there.
  public var found: String
  /// What should be there instead, if that is not obvious.
  public var expected: String?
  /// What the user can do.
  public var remedy: String?

  public init(
    _ code: Code, input: String, at location: Location? = nil, found: String, expected: String? = nil,
    remedy: String? = nil
  ) {
    self.code = code
    self.input = input
    self.location = location
    self.found = found
    self.expected = expected
    self.remedy = remedy
  }
}

extension TraceError: CustomStringConvertible {
  public var description: String {
    var text = input
    switch location {
    case .line(let number): text += ", line \(number)"
    case .byteOffset(let offset): text += ", byte \(offset)"
    case nil: break
    }
    text += ": " + found
    if let expected { text += "; expected " + expected }
    if let remedy { text += ". " + remedy }
    return text
  }
}
