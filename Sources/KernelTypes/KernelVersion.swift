/// The version of a Linux kernel, as far as its memory management depends on it.
public struct KernelVersion: Hashable, Comparable, Sendable {
  public let major: Int
  public let minor: Int

  public init(_ major: Int, _ minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// Reads `6.1`, `v5.10.226-generic` or `Linux version 4.19.0-18-amd64 (…)`; `nil` if there is no version in `text`.
  public init?(parsing text: String) {
    var rest = Substring(text)
    let preamble = "Linux version "
    if rest.hasPrefix(preamble) { rest = rest.dropFirst(preamble.count) }
    if rest.first == "v" { rest = rest.dropFirst() }
    let majorDigits = rest.prefix { $0.isASCII && $0.isNumber }
    rest = rest.dropFirst(majorDigits.count)
    guard let major = Int(majorDigits), rest.first == "." else { return nil }
    let minorDigits = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
    guard let minor = Int(minorDigits) else { return nil }
    self.init(major, minor)
  }

  public static func < (left: KernelVersion, right: KernelVersion) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }
}

extension KernelVersion: CustomStringConvertible {
  public var description: String { "\(major).\(minor)" }
}

extension KernelVersion: Codable {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let version = KernelVersion(parsing: text) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "\"\(text)\" is no kernel version such as 6.1"))
    }
    self = version
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
