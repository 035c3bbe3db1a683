/// The order of the bytes of a number in a file, and loads that follow it.
enum ByteOrder: Equatable {
  case little
  case big

  /// The order of the machine this runs on.
  static var host: ByteOrder { Int(littleEndian: 1) == 1 ? .little : .big }

  /// Whether numbers in this order must be turned round here.
  var isForeign: Bool { self != .host }
}

extension UnsafeRawPointer {
  @inline(__always)
  func load16(_ offset: Int, swapped: Bool) -> UInt16 {
    let value = loadUnaligned(fromByteOffset: offset, as: UInt16.self)
    return swapped ? value.byteSwapped : value
  }

  @inline(__always)
  func load32(_ offset: Int, swapped: Bool) -> UInt32 {
    let value = loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    return swapped ? value.byteSwapped : value
  }

  @inline(__always)
  func load64(_ offset: Int, swapped: Bool) -> UInt64 {
    let value = loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    return swapped ? value.byteSwapped : value
  }

  /// A number of 1, 2, 4 or 8 bytes, extended to 64 bits; 0 for any other size.
  @inline(__always)
  func loadNumber(_ offset: Int, size: Int, isSigned: Bool, swapped: Bool) -> UInt64 {
    switch size {
    case 8: return load64(offset, swapped: swapped)
    case 4:
      let value = load32(offset, swapped: swapped)
      return isSigned ? UInt64(bitPattern: Int64(Int32(bitPattern: value))) : UInt64(value)
    case 2:
      let value = load16(offset, swapped: swapped)
      return isSigned ? UInt64(bitPattern: Int64(Int16(bitPattern: value))) : UInt64(value)
    case 1:
      let value = load(fromByteOffset: offset, as: UInt8.self)
      return isSigned ? UInt64(bitPattern: Int64(Int8(bitPattern: value))) : UInt64(value)
    default: return 0
    }
  }
}
