import TraceInput

/// Builds the plain bytes of a block: the counterpart of the reader's cursor.
struct PlainBytes {
  private(set) var bytes: [UInt8] = []

  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  mutating func number(_ value: UInt64) {
    var rest = value
    while rest > 0x7F {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func signedNumber(_ value: Int64) { number(UInt64(bitPattern: value << 1 ^ value >> 63)) }

  mutating func text(_ value: String) {
    number(UInt64(value.utf8.count))
    bytes.append(contentsOf: value.utf8)
  }

  mutating func raw(_ values: some Sequence<UInt8>) { bytes.append(contentsOf: values) }

  /// A length, and so many bytes.
  mutating func record(_ record: PlainBytes) {
    number(UInt64(record.bytes.count))
    bytes.append(contentsOf: record.bytes)
  }

  /// A field of a record: tag, length, bytes.
  mutating func field(_ tag: UInt64, _ body: (inout PlainBytes) -> Void) {
    var value = PlainBytes()
    body(&value)
    number(tag)
    record(value)
  }

  /// A column of integers in the encoding that takes the fewest bytes before packing; of equal ones, differences.
  mutating func column(_ values: [UInt64]) {
    guard let first = values.first else { return }
    var least = UInt64.max
    var greatest = UInt64.min
    for value in values {
      least = min(least, value)
      greatest = max(greatest, value)
    }
    if least == greatest {
      byte(ColumnarFormat.Encoding.constant.rawValue)
      return number(first)
    }
    let differences = Differences(values)
    let plainWidth = Self.width(greatest - least)
    if differences.width <= plainWidth {
      byte(ColumnarFormat.Encoding.differences.rawValue)
      number(first)
      signedNumber(differences.least)
      number(differences.unit)
      byte(UInt8(differences.width))
      append(differences.stored, width: differences.width)
    } else {
      indices(values, base: least, width: plainWidth)
    }
  }

  /// A column of numbers that have nothing to do with their neighbours, such as places in a table.
  mutating func indexColumn(_ values: [UInt64]) {
    guard let first = values.first else { return }
    let greatest = values.reduce(0, max)
    if greatest == first, values.allSatisfy({ $0 == first }) {
      byte(ColumnarFormat.Encoding.constant.rawValue)
      return number(first)
    }
    indices(values, base: 0, width: Self.width(greatest))
  }

  private mutating func indices(_ values: [UInt64], base: UInt64, width: Int) {
    byte(ColumnarFormat.Encoding.offsets.rawValue)
    number(base)
    byte(UInt8(width))
    append(base == 0 ? values : values.map { $0 - base }, width: width)
  }

  private static func width(_ value: UInt64) -> Int {
    if value <= 0xFF { return 1 }
    if value <= 0xFFFF { return 2 }
    return value <= 0xFFFF_FFFF ? 4 : 8
  }

  private mutating func append(_ values: [UInt64], width: Int) {
    bytes.reserveCapacity(bytes.count + values.count * width)
    for value in values {
      for index in 0..<width { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
    }
  }

  /// The differences between neighbours as `least + unit × stored`, modulo 2⁶⁴.
  private struct Differences {
    var least: Int64
    var unit: UInt64
    var stored: [UInt64]
    var width: Int

    init(_ values: [UInt64]) {
      var differences: [Int64] = []
      differences.reserveCapacity(values.count)
      for index in values.indices.dropFirst() {
        differences.append(Int64(bitPattern: values[index] &- values[index - 1]))
      }
      let least = differences.reduce(Int64.max, min)
      self.least = least
      stored = differences.map { UInt64(bitPattern: $0 &- least) }
      let greatest = stored.reduce(0, max)
      if greatest == 0 {
        (unit, width) = (0, 0)
        stored = []
        return
      }
      // Clocks often tick in whole microseconds.
      var divisor: UInt64 = 0
      for value in stored where divisor != 1 { divisor = Self.greatestDivisor(divisor, value) }
      unit = divisor
      if divisor > 1 { for index in stored.indices { stored[index] /= divisor } }
      width = PlainBytes.width(greatest / divisor)
    }

    private static func greatestDivisor(_ left: UInt64, _ right: UInt64) -> UInt64 {
      var (left, right) = (left, right)
      while right != 0 { (left, right) = (right, left % right) }
      return left
    }
  }
}
