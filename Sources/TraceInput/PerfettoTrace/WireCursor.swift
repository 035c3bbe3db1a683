/// Reads the wire format of Protocol Buffers: keys, variable-length integers, and lengths.
///
/// Trouble makes `isDamaged` true and ends the message; the values read then mean nothing. Follows the encoding that
/// protobuf.dev documents.
struct WireCursor {
  /// How the bytes of a field are told from the next field's.
  enum WireType {
    static var varint: UInt64 { 0 }
    static var fixed64: UInt64 { 1 }
    static var bytes: UInt64 { 2 }
    static var fixed32: UInt64 { 5 }
  }

  var next: UnsafePointer<UInt8>
  let end: UnsafePointer<UInt8>
  private(set) var isDamaged = false

  @inline(__always)
  init(_ next: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) {
    self.next = next
    self.end = end
  }

  @inline(__always)
  var isAtEnd: Bool { next >= end }

  @inline(__always)
  mutating func fail() {
    isDamaged = true
    next = end
  }

  /// The next integer; 0 if there is none.
  @inline(__always)
  mutating func varint() -> UInt64 {
    if next < end, next.pointee < 0x80 {
      let value = UInt64(next.pointee)
      next += 1
      return value
    }
    return longVarint()
  }

  @inline(__always)
  private mutating func longVarint() -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while next < end, shift < 70 {
      let byte = next.pointee
      next += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift &+= 7
    }
    fail()
    return 0
  }

  /// The bytes of a field with a length; empty if they don't fit into the message.
  @inline(__always)
  mutating func bytes() -> WireCursor {
    let length = varint()
    if length > UInt64(end - next) {
      fail()
      return WireCursor(end, end)
    }
    let start = next
    next += Int(truncatingIfNeeded: length)
    return WireCursor(start, next)
  }

  /// Passes over the value of a field.
  @inline(__always)
  mutating func skip(_ key: UInt64) {
    switch key & 7 {
    case WireType.varint: _ = varint()
    case WireType.bytes: _ = bytes()
    case WireType.fixed64: advance(8)
    case WireType.fixed32: advance(4)
    default: fail()
    }
  }

  private mutating func advance(_ count: Int) {
    if end - next < count { fail() } else { next += count }
  }

  /// The rest as text, with bytes that are no UTF-8 repaired.
  var text: String { String(decoding: UnsafeBufferPointer(start: next, count: end - next), as: UTF8.self) }
}

/// The key of a field: its number and how its value is written.
@inline(__always)
func fieldKey(_ number: UInt64, _ wireType: UInt64) -> UInt64 { number << 3 | wireType }
