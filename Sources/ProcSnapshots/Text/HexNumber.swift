/// A hexadecimal number and how many digits it was printed with.
///
/// The digits tell the width of a pointer, and leading zeros have to be printed again.
public struct HexNumber: Hashable, Sendable {
  public var value: UInt64
  public var digits: Int

  public init(_ value: UInt64, digits: Int) {
    self.value = value
    self.digits = digits
  }
}
