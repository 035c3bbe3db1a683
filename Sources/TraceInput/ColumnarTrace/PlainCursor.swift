/// Reads the plain bytes of a block. A read beyond the end gives zeros and is remembered, so that one question at the
/// end answers for all.
struct PlainCursor {
  private(set) var next: UnsafePointer<UInt8>
  private let end: UnsafePointer<UInt8>
  /// Whether something made no sense so far.
  private(set) var isBad = false

  init(_ start: UnsafePointer<UInt8>, count: Int) {
    next = start
    end = start + count
  }

  var isAtEnd: Bool { next == end }
  var remaining: Int { end - next }

  mutating func fail() { isBad = true }

  mutating func byte() -> UInt8 {
    guard next < end else {
      isBad = true
      return 0
    }
    let byte = next.pointee
    next += 1
    return byte
  }

  /// An unsigned LEB128 number.
  mutating func number() -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while shift < 64 {
      let byte = byte()
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
      shift += 7
    }
    isBad = true
    return 0
  }

  /// A number that counts things of which each takes at least a part of a byte: no more than `limit`.
  mutating func count(upTo limit: Int) -> Int {
    let value = number()
    if value > UInt64(limit) {
      isBad = true
      return 0
    }
    return Int(value)
  }

  /// A signed number: zigzag LEB128.
  mutating func signedNumber() -> Int64 {
    let value = number()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  /// Passes over `count` bytes and returns where they begin; `nil` if there are fewer.
  mutating func skip(_ count: Int) -> UnsafePointer<UInt8>? {
    guard count >= 0, count <= end - next else {
      isBad = true
      return nil
    }
    let start = next
    next += count
    return start
  }

  /// A length and so many bytes of UTF-8.
  mutating func text() -> String {
    let length = count(upTo: remaining)
    guard let start = skip(length) else { return "" }
    return String(decoding: UnsafeBufferPointer(start: start, count: length), as: UTF8.self)
  }

  /// A length and so many bytes, to be read on their own.
  mutating func record() -> PlainCursor {
    let length = count(upTo: remaining)
    guard let start = skip(length) else { return PlainCursor(next, count: 0) }
    return PlainCursor(start, count: length)
  }

  /// A column of `count` integers, to be read as needed.
  mutating func column(_ count: Int) -> IntegerColumn { IntegerColumn(&self, count: count) }

  /// A column of `count` integers.
  mutating func integers(_ count: Int) -> [UInt64] {
    var column = column(count)
    if isBad { return [] }
    return [UInt64](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress { column.take(count, into: base) }
      initialized = count
    }
  }
}

/// A column of integers in one of `ColumnarFormat.Encoding`, read from its first row on.
struct IntegerColumn {
  private enum Form {
    case constant, offsets, differences
  }

  private var form = Form.constant
  private var width = 0
  // The constant, the base, or the value of the row to come.
  private var value: UInt64 = 0
  private var least: UInt64 = 0
  private var unit: UInt64 = 0
  private var next: UnsafePointer<UInt8>
  private var remaining: Int
  private var isFirst = true

  /// Reads the column's head; what can't be is noted in `cursor`.
  init(_ cursor: inout PlainCursor, count: Int) {
    next = cursor.next
    remaining = count
    if count == 0 { return }
    switch ColumnarFormat.Encoding(rawValue: cursor.byte()) {
    case .constant:
      value = cursor.number()
    case .offsets:
      form = .offsets
      value = cursor.number()
      width = Self.width(&cursor)
      if width == 0 { cursor.fail() }
      setStart(cursor.skip(count * width))
    case .differences:
      form = .differences
      value = cursor.number()
      least = UInt64(bitPattern: cursor.signedNumber())
      unit = cursor.number()
      width = Self.width(&cursor)
      setStart(cursor.skip((count - 1) * width))
    case nil:
      cursor.fail()
    }
  }

  private mutating func setStart(_ start: UnsafePointer<UInt8>?) {
    if let start { next = start } else { form = .constant }
  }

  private static func width(_ cursor: inout PlainCursor) -> Int {
    let width = cursor.byte()
    guard [0, 1, 2, 4, 8].contains(width) else {
      cursor.fail()
      return 0
    }
    return Int(width)
  }

  /// Reads the next `count` rows, of which there must be as many, into `output`; values are cut to its type.
  @inline(__always)
  mutating func take<Value: FixedWidthInteger & UnsignedInteger>(
    _ count: Int, into output: UnsafeMutablePointer<Value>
  ) {
    precondition(count <= remaining, "column read beyond its end")
    remaining -= count
    switch form {
    case .constant:
      output.update(repeating: Value(truncatingIfNeeded: value), count: count)
    case .offsets:
      switch width {
      case 1: takeOffsets(UInt8.self, count, output)
      case 2: takeOffsets(UInt16.self, count, output)
      case 4: takeOffsets(UInt32.self, count, output)
      default: takeOffsets(UInt64.self, count, output)
      }
    case .differences:
      switch width {
      case 0: takeSteps(count, output)
      case 1: takeDifferences(UInt8.self, count, output)
      case 2: takeDifferences(UInt16.self, count, output)
      case 4: takeDifferences(UInt32.self, count, output)
      default: takeDifferences(UInt64.self, count, output)
      }
    }
  }

  /// The highest of the first `count` rows of a column of indices, without reading on; `.max` for differences, as which
  /// indices are never stored.
  func highestOffset(_ count: Int) -> UInt64 {
    switch form {
    case .constant: return value
    case .differences: return .max
    case .offsets:
      let highest =
        switch width {
        case 1: highest(UInt8.self, count)
        case 2: highest(UInt16.self, count)
        case 4: highest(UInt32.self, count)
        default: highest(UInt64.self, count)
        }
      let (sum, isTooLarge) = value.addingReportingOverflow(highest)
      return isTooLarge ? .max : sum
    }
  }

  private func highest<Stored: FixedWidthInteger & UnsignedInteger>(_ type: Stored.Type, _ count: Int) -> UInt64 {
    let start = UnsafeRawPointer(next)
    var highest: Stored = 0
    for row in 0..<count {
      highest = max(
        highest,
        Stored(littleEndian: start.loadUnaligned(fromByteOffset: row &* MemoryLayout<Stored>.size, as: Stored.self)))
    }
    return UInt64(truncatingIfNeeded: highest)
  }

  @inline(__always)
  private mutating func takeOffsets<Stored: FixedWidthInteger & UnsignedInteger, Value: FixedWidthInteger>(
    _ type: Stored.Type, _ count: Int, _ output: UnsafeMutablePointer<Value>
  ) {
    let start = UnsafeRawPointer(next)
    let base = value
    for row in 0..<count {
      let stored = Stored(
        littleEndian: start.loadUnaligned(fromByteOffset: row &* MemoryLayout<Stored>.size, as: Stored.self))
      output[row] = Value(truncatingIfNeeded: base &+ UInt64(truncatingIfNeeded: stored))
    }
    next += count * MemoryLayout<Stored>.size
  }

  @inline(__always)
  private mutating func takeSteps<Value: FixedWidthInteger>(_ count: Int, _ output: UnsafeMutablePointer<Value>) {
    if count == 0 { return }
    var current = value
    if !isFirst { current &+= least }
    for row in 0..<count {
      output[row] = Value(truncatingIfNeeded: current &+ least &* UInt64(truncatingIfNeeded: row))
    }
    value = current &+ least &* UInt64(truncatingIfNeeded: count - 1)
    isFirst = false
  }

  @inline(__always)
  private mutating func takeDifferences<Stored: FixedWidthInteger & UnsignedInteger, Value: FixedWidthInteger>(
    _ type: Stored.Type, _ count: Int, _ output: UnsafeMutablePointer<Value>
  ) {
    if count == 0 { return }
    var current = value
    var row = 0
    if isFirst {
      output[0] = Value(truncatingIfNeeded: current)
      row = 1
      isFirst = false
    }
    let (least, unit) = (least, unit)
    var start = UnsafeRawPointer(next)
    let size = MemoryLayout<Stored>.size
    while row < count {
      let stored = Stored(littleEndian: start.loadUnaligned(as: Stored.self))
      current = current &+ least &+ unit &* UInt64(truncatingIfNeeded: stored)
      output[row] = Value(truncatingIfNeeded: current)
      start += size
      row &+= 1
    }
    next = start.assumingMemoryBound(to: UInt8.self)
    value = current
  }
}
