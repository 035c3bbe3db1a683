/// Texts of eight (or four, or two) ASCII characters as the machine word that loading them from memory gives.
///
/// The optimiser folds these calls to constants, so comparing eight characters is one instruction.
@inline(__always)
func word8(_ text: StaticString) -> UInt64 {
  UnsafeRawPointer(text.utf8Start).loadUnaligned(as: UInt64.self)
}

@inline(__always)
func word4(_ text: StaticString) -> UInt32 {
  UnsafeRawPointer(text.utf8Start).loadUnaligned(as: UInt32.self)
}

@inline(__always)
func word2(_ text: StaticString) -> UInt16 {
  UnsafeRawPointer(text.utf8Start).loadUnaligned(as: UInt16.self)
}

/// Bytes of a line, with the loads that the parser needs. Eight bytes may be loaded anywhere: see `LineChunks`.
typealias Bytes = UnsafePointer<UInt8>

extension UnsafePointer<UInt8> {
  @inline(__always)
  func load8(_ offset: Int = 0) -> UInt64 {
    UnsafeRawPointer(self).loadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }

  @inline(__always)
  func load4(_ offset: Int = 0) -> UInt32 {
    UnsafeRawPointer(self).loadUnaligned(fromByteOffset: offset, as: UInt32.self)
  }

  @inline(__always)
  func load2(_ offset: Int = 0) -> UInt16 {
    UnsafeRawPointer(self).loadUnaligned(fromByteOffset: offset, as: UInt16.self)
  }

  /// The first space at or after this byte and before `end`, else `end`.
  @inline(__always)
  func space(before end: Bytes) -> Bytes { first(UInt8(ascii: " "), before: end) }

  /// The first `byte` at or after this one and before `end`, else `end`; eight bytes a step.
  @inline(__always)
  func first(_ byte: UInt8, before end: Bytes) -> Bytes {
    let pattern = UInt64(byte) &* 0x0101_0101_0101_0101
    var cursor = self
    while cursor < end {
      let difference = cursor.load8() ^ pattern
      let zeros = (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
      if zeros != 0 {
        let found = cursor + zeros.trailingZeroBitCount >> 3
        return found < end ? found : end
      }
      cursor += 8
    }
    return end
  }

  /// The first byte at or after this one that is no space, or `end`.
  @inline(__always)
  func skippingSpaces(before end: Bytes) -> Bytes {
    var cursor = self
    while cursor < end, cursor.pointee == UInt8(ascii: " ") { cursor += 1 }
    return cursor
  }

  @inline(__always)
  func skippingDigits(before end: Bytes) -> Bytes {
    var cursor = self
    while cursor < end, cursor.pointee &- UInt8(ascii: "0") < 10 { cursor += 1 }
    return cursor
  }
}

extension UInt8 {
  @inline(__always)
  var isDigit: Bool { self &- UInt8(ascii: "0") < 10 }

  @inline(__always)
  var isHexDigit: Bool { isDigit || (self | 0x20) &- UInt8(ascii: "a") < 6 }
}
