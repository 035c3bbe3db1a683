/// Reads one line of a kernel file field by field.
///
/// Every method either takes what it names and returns it, or leaves the cursor where it is and returns `nil` or
/// `false`.
struct FieldCursor {
  private let bytes: [UInt8]
  private(set) var position: Int
  private let start: Int
  let end: Int
  /// Counted from 1.
  let lineNumber: Int
  /// Whether a newline follows the line.
  let isTerminated: Bool

  init(_ bytes: [UInt8], _ range: Range<Int>, lineNumber: Int, isTerminated: Bool) {
    self.bytes = bytes
    start = range.lowerBound
    position = range.lowerBound
    end = range.upperBound
    self.lineNumber = lineNumber
    self.isTerminated = isTerminated
  }

  var isAtEnd: Bool { position == end }
  /// Bytes between the line's start and the cursor.
  var column: Int { position - start }
  var length: Int { end - start }
  var peek: UInt8? { position < end ? bytes[position] : nil }
  var last: UInt8? { start < end ? bytes[end - 1] : nil }
  /// The whole line.
  var line: ArraySlice<UInt8> { bytes[start..<end] }
  /// What the cursor has not passed.
  var remainder: ArraySlice<UInt8> { bytes[position..<end] }

  mutating func rewind() { position = start }
  mutating func move(to column: Int) { position = min(start + max(column, 0), end) }

  /// Takes blanks and returns how many there were.
  @discardableResult
  mutating func skipBlanks() -> Int {
    let from = position
    while position < end, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
    return position - from
  }

  /// Takes exactly this text.
  mutating func take(_ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard end - position >= count else { return false }
    let isEqual = text.withUTF8Buffer { wanted in
      for index in 0..<count where bytes[position + index] != wanted[index] { return false }
      return true
    }
    if isEqual { position += count }
    return isEqual
  }

  /// Takes a text of this line's own file, such as a prefix that all its rows share.
  mutating func take(_ text: some Collection<UInt8>) -> Bool {
    guard remainder.starts(with: text) else { return false }
    position += text.count
    return true
  }

  /// Takes decimal digits; `nil` if there are none or the number needs more than 64 bits.
  mutating func decimal() -> UInt64? {
    var index = position
    var value: UInt64 = 0
    while index < end, case let digit = bytes[index] &- 0x30, digit < 10 {
      let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, isStillTooLarge) = product.addingReportingOverflow(UInt64(digit))
      if isTooLarge || isStillTooLarge { return nil }
      value = sum
      index += 1
    }
    if index == position { return nil }
    position = index
    return value
  }

  /// Takes blanks, then decimal digits.
  mutating func paddedDecimal() -> UInt64? {
    let from = position
    skipBlanks()
    if let value = decimal() { return value }
    position = from
    return nil
  }

  /// Takes an optional minus sign and decimal digits.
  mutating func signedDecimal() -> Int? {
    let from = position
    let isNegative = take("-")
    if let magnitude = decimal(), let value = Int(exactly: magnitude) { return isNegative ? -value : value }
    position = from
    return nil
  }

  /// Takes hexadecimal digits without `0x`.
  mutating func hexadecimal() -> HexNumber? {
    var index = position
    var value: UInt64 = 0
    while index < end, let digit = Self.digit(bytes[index]) {
      if value >> 60 != 0 { return nil }
      value = value << 4 | digit
      index += 1
    }
    if index == position { return nil }
    defer { position = index }
    return HexNumber(value, digits: index - position)
  }

  private static func digit(_ byte: UInt8) -> UInt64? {
    switch byte {
    case 0x30...0x39: UInt64(byte - 0x30)
    case 0x61...0x66: UInt64(byte - 0x61 + 10)
    case 0x41...0x46: UInt64(byte - 0x41 + 10)
    default: nil
    }
  }

  /// Takes visible ASCII up to a blank, one of `stops`, or the line's end.
  mutating func word(until stops: StaticString = "") -> String? {
    var index = position
    while index < end, 0x21...0x7E ~= bytes[index] {
      let byte = bytes[index]
      if stops.withUTF8Buffer({ $0.contains(byte) }) { break }
      index += 1
    }
    // A control character or a byte beyond ASCII inside a name is damage.
    if index == position || index < end && !(0x20...0x7E ~= bytes[index] || bytes[index] == 0x09) { return nil }
    defer { position = index }
    return String(decoding: bytes[position..<index], as: UTF8.self)
  }

  /// Takes bytes up to the next `stop`, which stays; `nil` if there is none.
  mutating func bytes(until stop: UInt8) -> ByteString? {
    guard let index = remainder.firstIndex(of: stop) else { return nil }
    defer { position = index }
    return ByteString(bytes[position..<index])
  }

  /// Takes all that is left.
  mutating func rest() -> ByteString {
    defer { position = end }
    return ByteString(bytes[position..<end])
  }

  /// Takes all that is left, if it is printable ASCII (tabs included).
  mutating func plainRest() -> String? {
    guard remainder.allSatisfy({ 0x20...0x7E ~= $0 || $0 == 0x09 }) else { return nil }
    defer { position = end }
    return String(decoding: bytes[position..<end], as: UTF8.self)
  }
}
