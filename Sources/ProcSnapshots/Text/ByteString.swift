/// Bytes that the kernel passes on without knowing their encoding, such as a path or a task's name.
public struct ByteString: Hashable, Sendable {
  public var bytes: [UInt8]

  public init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  public var isEmpty: Bool { bytes.isEmpty }
}

extension ByteString: ExpressibleByStringLiteral {
  public init(stringLiteral value: String) { bytes = Array(value.utf8) }
}

extension ByteString: CustomStringConvertible {
  /// The bytes as text; what is no UTF-8 becomes U+FFFD.
  public var description: String { String(decoding: bytes, as: UTF8.self) }
}
