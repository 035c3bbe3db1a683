/// Puts a kernel file's bytes together again: the few conversions of `printf` that these files use.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }
  mutating func put(_ text: ByteString) { bytes.append(contentsOf: text.bytes) }
  mutating func newline() { bytes.append(UInt8(ascii: "\n")) }
  mutating func spaces(_ count: Int) {
    if count > 0 { bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: count)) }
  }

  /// `%*s`
  mutating func right(_ text: String, _ width: Int) {
    spaces(width - text.utf8.count)
    put(text)
  }

  /// `%-*s`
  mutating func left(_ text: String, _ width: Int) {
    put(text)
    spaces(width - text.utf8.count)
  }

  /// `%*llu` or `%*lld`
  mutating func decimal(_ value: some BinaryInteger, _ width: Int = 0) { right(String(value), width) }

  /// `%0*llx`
  mutating func hexadecimal(_ value: UInt64, digits: Int) {
    let text = String(value, radix: 16)
    bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: max(digits - text.utf8.count, 0)))
    put(text)
  }

  mutating func hexadecimal(_ number: HexNumber) { hexadecimal(number.value, digits: number.digits) }
}
