import KernelTypes

/// Lays out numbers and texts in a buffer of bytes, without a `String` for each.
struct LineBuilder {
  private(set) var bytes: [UInt8] = []
  private let strings: StringInterner

  init(_ strings: StringInterner) {
    self.strings = strings
    bytes.reserveCapacity(1 << 12)
  }

  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  mutating func text(_ value: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
  }

  mutating func text(_ value: String) { bytes.append(contentsOf: value.utf8) }

  /// The text of an identifier; line ends in it become spaces.
  mutating func string(_ id: StringID) {
    strings.withBytes(of: id) { value in
      for byte in value { bytes.append(byte == 10 || byte == 13 ? 0x20 : byte) }
    }
  }

  func length(of id: StringID) -> Int { strings.withBytes(of: id) { $0.count } }

  mutating func spaces(_ count: Int) {
    if count > 0 { bytes.append(contentsOf: repeatElement(0x20, count: count)) }
  }

  /// A decimal number, filled up to `width` with `fill`.
  mutating func decimal(_ value: UInt64, width: Int = 0, fill: UInt8 = 0x20) {
    var digits: (UInt64, Int) = (value, 1)
    while digits.0 >= 10 { digits = (digits.0 / 10, digits.1 + 1) }
    if width > digits.1 { bytes.append(contentsOf: repeatElement(fill, count: width - digits.1)) }
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0x30, count: digits.1))
    var rest = value
    var place = start + digits.1 - 1
    while rest > 0 {
      bytes[place] = 0x30 + UInt8(rest % 10)
      rest /= 10
      place -= 1
    }
  }

  mutating func signed(_ value: Int64) {
    if value < 0 { byte(0x2D) }
    decimal(value.magnitude)
  }

  /// A hexadecimal number of at least `width` digits.
  mutating func hexadecimal(_ value: UInt64, width: Int = 1) {
    let needed = max(width, (64 - value.leadingZeroBitCount + 3) / 4)
    for index in stride(from: needed - 1, through: 0, by: -1) {
      let digit = index < 16 ? UInt8(truncatingIfNeeded: value >> UInt64(4 * index)) & 0xF : 0
      bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
    }
  }
}
