import KernelTypes
import TraceEvents

/// A line such as `TRACE kmalloc-128 alloc 0x83df8300 inuse=16 fp=0x  (null)`.
///
/// Follows `trace` in mm/slub.c, Linux 2.6.22 to 6.12: `"TRACE %s %s 0x%p inuse=%d fp=0x%p"`.
struct SlubTraceLine {
  /// The cache's name.
  var nameStart: Bytes
  var nameEnd: Bytes
  var isAllocation = false
  var address: UInt64 = 0
  /// How many hexadecimal digits the address has.
  var digits = 0

  private static let mark = Array("TRACE ".utf8)
  private static let allocation = Array(" alloc 0x".utf8)
  private static let free = Array(" free 0x".utf8)
  private static let inUse = Array(" inuse=".utf8)

  /// Whether a line claims to be one.
  static func isOne(_ line: Bytes, _ end: Bytes) -> Bool { EventNames.starts(line, end, with: mark) }

  /// Reads a line that `isOne`; `nil` if it is not whole.
  init?(_ line: Bytes, _ end: Bytes) {
    nameStart = line + Self.mark.count
    nameEnd = nameStart
    var cursor = nameStart
    while cursor < end {
      if cursor.pointee == UInt8(ascii: " ") {
        isAllocation = EventNames.starts(cursor, end, with: Self.allocation)
        if isAllocation || EventNames.starts(cursor, end, with: Self.free) { break }
      }
      cursor += 1
    }
    guard cursor < end, cursor > nameStart else { return nil }
    nameEnd = cursor
    cursor += isAllocation ? Self.allocation.count : Self.free.count
    let start = cursor
    var trouble = NumberTrouble.none
    address = Numbers.hex(&cursor, end, &trouble)
    digits = cursor - start
    guard trouble == .none, EventNames.starts(cursor, end, with: Self.inUse) else { return nil }
    cursor += Self.inUse.count
    _ = Numbers.decimal(&cursor, end, &trouble)
    guard trouble == .none, EventNames.starts(cursor, end, with: Array(" fp=".utf8)) else { return nil }
  }

  /// Whether the address is a hash: `%p` prints those of 64-bit kernels since 4.15 with the upper half zero.
  var isHashed: Bool { digits == 16 && address >> 32 == 0 && address > 0x10 }
}

/// What the name of a cache tells about its objects.
enum SlubCacheName {
  /// The size of a kmalloc cache's objects: `kmalloc-128`, `kmalloc-rcl-1k`, `dma-kmalloc-64`, `kmalloc-rnd-03-2k`.
  static func kmallocSize(_ name: UnsafeRawBufferPointer) -> UInt64? {
    let text = String(decoding: name.prefix(64), as: UTF8.self)
    guard text.hasPrefix("kmalloc-") || text.hasPrefix("dma-kmalloc-"), let last = text.split(separator: "-").last
    else { return nil }
    var digits = last
    var unit: UInt64 = 1
    switch digits.last {
    case "k": unit = 1 << 10
    case "M": unit = 1 << 20
    default: break
    }
    if unit > 1 { digits = digits.dropLast() }
    guard let number = UInt64(digits), number > 0, number <= 1 << 32 else { return nil }
    return number * unit
  }
}
