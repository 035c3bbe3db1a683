/// A piece of the C text of a `print fmt`.
enum FormatToken: Equatable {
  case number(UInt64)
  case word(String)
  case text(String)
  case sign(String)
}

/// Cuts the C text of a `print fmt` into pieces.
enum FormatTokenizer {
  /// More than any kernel's formats have; longer texts are damaged.
  private static let tokenLimit = 1 << 16

  private static let twoByteSigns: Set<String> = ["->", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||"]

  /// The pieces of a text, up to the first byte that C does not have.
  static func tokens(_ source: String) -> [FormatToken] {
    let bytes = Array(source.utf8)
    var tokens: [FormatToken] = []
    var index = 0
    while index < bytes.count, tokens.count < tokenLimit {
      let byte = bytes[index]
      if byte <= UInt8(ascii: " ") {
        index += 1
      } else if byte == UInt8(ascii: "\"") {
        tokens.append(.text(text(bytes, &index)))
      } else if byte.isDigit {
        tokens.append(number(bytes, &index))
      } else if isWord(byte) {
        let start = index
        while index < bytes.count, isWord(bytes[index]) { index += 1 }
        tokens.append(.word(String(decoding: bytes[start..<index], as: UTF8.self)))
      } else {
        let two = index + 1 < bytes.count ? String(decoding: bytes[index...index + 1], as: UTF8.self) : ""
        let sign = twoByteSigns.contains(two) ? two : String(decoding: bytes[index...index], as: UTF8.self)
        tokens.append(.sign(sign))
        index += sign.utf8.count
        if byte >= 0x80 { return tokens }
      }
    }
    return tokens
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    byte.isDigit || (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte == UInt8(ascii: "_")
  }

  // 0x400u, 1UL, 21
  private static func number(_ bytes: [UInt8], _ index: inout Int) -> FormatToken {
    let start = index
    while index < bytes.count, isWord(bytes[index]) { index += 1 }
    var digits = String(decoding: bytes[start..<index], as: UTF8.self)
    while let last = digits.last, "uUlL".contains(last) { digits.removeLast() }
    if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
      return UInt64(digits.dropFirst(2), radix: 16).map { .number($0) } ?? .word(digits)
    }
    if digits.hasPrefix("0"), digits.utf8.count > 1, let octal = UInt64(digits, radix: 8) { return .number(octal) }
    return UInt64(digits).map { .number($0) } ?? .word(digits)
  }

  private static func text(_ bytes: [UInt8], _ index: inout Int) -> String {
    var content: [UInt8] = []
    index += 1
    while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
      if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count {
        index += 1
        switch bytes[index] {
        case UInt8(ascii: "n"): content.append(10)
        case UInt8(ascii: "t"): content.append(9)
        default: content.append(bytes[index])
        }
      } else {
        content.append(bytes[index])
      }
      index += 1
    }
    index += 1
    return String(decoding: content, as: UTF8.self)
  }
}
