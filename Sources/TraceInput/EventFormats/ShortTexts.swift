import KernelTypes

/// The identifiers of short texts that came lately: names of slab caches stand in most records, and there are few.
///
/// A text is its bytes in a field of known size, its NUL included. It is compared as two or three words.
struct ShortTexts: ~Copyable {
  /// Longer fields are not looked up here.
  static let byteLimit = 24
  private static let bits: UInt64 = 8

  private struct Entry {
    var first: UInt64 = 0
    var middle: UInt64 = 0
    var last: UInt64 = 0
    // 0 for none: no field has that size.
    var size = 0
    var id = StringID.none
  }

  private let entries: UnsafeMutablePointer<Entry>

  init() {
    entries = .allocate(capacity: 1 << Int(Self.bits))
    entries.initialize(repeating: Entry(), count: 1 << Int(Self.bits))
  }

  deinit { entries.deallocate() }

  /// The identifier of the field at `start`, of 8 to `byteLimit` bytes; `make` gives it if it did not come lately.
  @inline(__always)
  func id(_ start: UnsafeRawPointer, size: Int, make: () -> StringID) -> StringID {
    // The words overlap where the size is no multiple of theirs.
    let first = start.loadUnaligned(as: UInt64.self)
    let middle = size > 16 ? start.loadUnaligned(fromByteOffset: 8, as: UInt64.self) : 0
    let last = start.loadUnaligned(fromByteOffset: size &- 8, as: UInt64.self)
    let hash = (first ^ last &* 0x9E37_79B9_7F4A_7C15) &* 0xD6E8_FEB8_6659_FD93
    let entry = entries + Int(truncatingIfNeeded: hash >> (64 - Self.bits))
    if entry.pointee.last == last, entry.pointee.first == first, entry.pointee.middle == middle,
      entry.pointee.size == size
    {
      return entry.pointee.id
    }
    let id = make()
    entry.pointee = Entry(first: first, middle: middle, last: last, size: size, id: id)
    return id
  }
}
