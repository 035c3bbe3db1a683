/// A line such as `MemFree:          171748 kB`.
public struct NumberField: Hashable, Sendable {
  public var name: String
  public var value: UInt64
  /// Characters between the colon and the last digit, blanks included.
  public var width: Int
  public var hasKilobytes: Bool

  public init(name: String, value: UInt64, width: Int, hasKilobytes: Bool) {
    self.name = name
    self.value = value
    self.width = width
    self.hasKilobytes = hasKilobytes
  }
}

extension FieldCursor {
  mutating func numberField() -> NumberField? {
    guard let name = word(until: ":"), take(":") else { return nil }
    let start = column
    guard let value = paddedDecimal() else { return nil }
    let width = column - start
    return NumberField(name: name, value: value, width: width, hasKilobytes: take(" kB"))
  }
}

extension ByteWriter {
  mutating func numberField(_ field: NumberField) {
    put(field.name + ":")
    decimal(field.value, field.width)
    if field.hasKilobytes { put(" kB") }
    newline()
  }
}
