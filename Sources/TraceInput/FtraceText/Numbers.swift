/// Why a number could not be read.
enum NumberTrouble {
  case none
  case malformed
  case overflow
}

/// Reads numbers out of a line; leaf functions of the hot loops.
enum Numbers {
  /// Eight hexadecimal digits as a number; `nil` if one of them is none.
  ///
  /// Works on all eight at once: each byte becomes its digit's value, then neighbours are put together.
  @inline(__always)
  static func hex8(_ start: Bytes) -> UInt64? {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let word = start.load8()
    let high = ones &* 0x80
    let lowDigits = ones &* 0x0F
    if word & high != 0 { return nil }
    // A byte's top bit tells whether the addition passed the bound; no carry leaves a byte because all are below 0x80.
    let isAtLeast0 = word &+ ones &* (0x80 - 0x30)
    let isAbove9 = word &+ ones &* (0x80 - 0x3A)
    let lower = word | ones &* 0x20
    let isAtLeastA = lower &+ ones &* (0x80 - 0x61)
    let isAboveF = lower &+ ones &* (0x80 - 0x67)
    let isDigit = isAtLeast0 & ~isAbove9
    let isLetter = isAtLeastA & ~isAboveF
    if (isDigit | isLetter) & high != high { return nil }
    var value = (word & lowDigits) &+ ((isLetter & high) >> 7) &* 9
    value = (value << 4 | value >> 8) & 0x00FF_00FF_00FF_00FF
    value = (value << 8 | value >> 16) & 0x0000_FFFF_0000_FFFF
    value = (value << 16 | value >> 32) & 0x0000_0000_FFFF_FFFF
    return value
  }

  /// Hexadecimal digits from `cursor` on, at least one, at most what 64 bits hold; moves `cursor` behind them.
  @inline(__always)
  static func hex(_ cursor: inout Bytes, _ end: Bytes, _ trouble: inout NumberTrouble) -> UInt64 {
    var value: UInt64 = 0
    let start = cursor
    while cursor < end {
      let byte = cursor.pointee
      var digit = byte &- UInt8(ascii: "0")
      if digit > 9 {
        digit = (byte | 0x20) &- UInt8(ascii: "a")
        if digit > 5 { break }
        digit &+= 10
      }
      if value >> 60 != 0 { trouble = .overflow }
      value = value << 4 | UInt64(digit)
      cursor += 1
    }
    if cursor == start { trouble = .malformed }
    return value
  }

  /// Decimal digits from `cursor` on, at least one, at most what 64 bits hold; moves `cursor` behind them.
  @inline(__always)
  static func decimal(_ cursor: inout Bytes, _ end: Bytes, _ trouble: inout NumberTrouble) -> UInt64 {
    var value: UInt64 = 0
    let start = cursor
    while cursor < end {
      let digit = cursor.pointee &- UInt8(ascii: "0")
      if digit > 9 { break }
      value = value &* 10 &+ UInt64(digit)
      cursor += 1
    }
    let length = cursor - start
    if length == 0 { trouble = .malformed }
    if length > 19 { return long(start, cursor, &trouble) }
    return value
  }

  // Twenty digits and more: rare enough to count exactly.
  @inline(never)
  private static func long(_ start: Bytes, _ end: Bytes, _ trouble: inout NumberTrouble) -> UInt64 {
    var value: UInt64 = 0
    var cursor = start
    while cursor < end {
      let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, isStillTooLarge) = product.addingReportingOverflow(UInt64(cursor.pointee &- UInt8(ascii: "0")))
      if isTooLarge || isStillTooLarge {
        trouble = .overflow
        return 0
      }
      value = sum
      cursor += 1
    }
    return value
  }

  /// Exactly six decimal digits; `nil` if one of them is none. Loads eight bytes.
  @inline(__always)
  static func decimal6(_ start: Bytes) -> UInt64? {
    // The two bytes behind the digits are replaced by zeros in front of them.
    let word = (start.load8() << 16) | 0x3030
    let ones: UInt64 = 0x0101_0101_0101_0101
    let digits = word ^ (ones &* 0x30)
    let tops = digits | (digits &+ ones &* 0x76)
    if tops & (ones &* 0x80) != 0 { return nil }
    let pairs = (digits &* 10 &+ digits >> 8) & 0x00FF_00FF_00FF_00FF
    let low = (pairs & 0x0000_00FF_0000_00FF) &* (100 + (1_000_000 << 32))
    let high = (pairs >> 16 & 0x0000_00FF_0000_00FF) &* (1 + (10_000 << 32))
    return (low &+ high) >> 32
  }
}
