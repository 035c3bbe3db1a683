/// What a `print fmt` prints behind each `key=`.
struct PrintFormat {
  /// The conversion of a key, without `%`: `pS`, `lx`; and its argument.
  struct Item: Equatable {
    var key: String
    var conversion: String
    /// Whether `0x` stands before the conversion.
    var isPrefixed: Bool
    var argument: FormatExpression
  }

  var items: [Item] = []

  /// Reads `"call_site=%pS ptr=%p", (void *)REC->call_site, REC->ptr`. Texts it can't follow have no items.
  init(parsing source: String) {
    var parser = FormatExpressionParser(FormatTokenizer.tokens(source))
    guard let format = parser.literal() else { return }
    var arguments: [FormatExpression] = []
    while parser.take(",") { arguments.append(parser.argument()) }
    let bytes = Array(format.utf8)
    var index = 0
    var wordStart = 0
    var next = 0
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == UInt8(ascii: " ") { wordStart = index }
      guard byte == UInt8(ascii: "%") else { continue }
      let conversion = Self.conversion(bytes, &index)
      if conversion == "%" { continue }
      let argument = next < arguments.count ? arguments[next] : .unknown
      next += 1
      let word = bytes[wordStart..<index]
      guard let sign = word.firstIndex(of: UInt8(ascii: "=")) else { continue }
      let key = String(decoding: word[..<sign], as: UTF8.self)
      let isPrefixed = word[(sign + 1)...].starts(with: "0x%".utf8)
      items.append(Item(key: key, conversion: conversion, isPrefixed: isPrefixed, argument: argument))
    }
  }

  /// What is printed behind a key.
  func item(_ key: String) -> Item? { items.first { $0.key == key } }

  // Flags, width and length modifiers, one letter, and the letters that Linux puts behind %p.
  private static func conversion(_ bytes: [UInt8], _ index: inout Int) -> String {
    let start = index
    while index < bytes.count, "0123456789.-+# lhzt".utf8.contains(bytes[index]) { index += 1 }
    guard index < bytes.count else { return "" }
    let letter = bytes[index]
    index += 1
    if letter == UInt8(ascii: "p") {
      while index < bytes.count, (bytes[index] | 0x20) &- UInt8(ascii: "a") < 26 { index += 1 }
    }
    return String(decoding: bytes[start..<index].filter { !$0.isDigit && $0 != UInt8(ascii: "-") }, as: UTF8.self)
  }
}
