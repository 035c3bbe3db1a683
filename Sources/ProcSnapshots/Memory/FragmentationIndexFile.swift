/// `/sys/kernel/debug/extfrag/extfrag_index` and `unusable_index`: an index by zone and order, in thousandths.
///
/// Follows `extfrag_show_print` and `unusable_show_print` in mm/vmstat.c, Linux 6.1. C divides towards zero and keeps the
/// sign of the remainder, so −500 is printed as ` 0.-500`.
public struct FragmentationIndexFile: KernelFile {
  public struct Zone: Hashable, Sendable {
    public var id: ZoneID
    /// Thousandths, from order 0.
    public var index: [Int]
  }

  public var zones: [Zone]
  /// How wide the whole part is: 2 in extfrag_index since 6.1, otherwise 1.
  public var wholeWidth: Int
  public var damage = FileDamage()

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    var orders: Int?
    zones = try text.rows("Node 0, zone   Normal -1.000 0.813 …") { cursor in
      guard let id = cursor.zoneID() else { return nil }
      var values: [Int] = []
      while cursor.skipBlanks() > 0, !cursor.isAtEnd {
        guard let value = cursor.thousandths() else { return nil }
        values.append(value)
      }
      guard (1...orderLimit).contains(values.count), values.count == orders ?? values.count else { return nil }
      orders = values.count
      return Zone(id: id, index: values)
    }
    wholeWidth = Self.hasPaddedNumber(content.bytes) ? 2 : 1
    damage = text.damageSoFar
  }

  /// Whether two blanks stand before a digit: where all numbers are negative, both widths look the same.
  private static func hasPaddedNumber(_ bytes: [UInt8]) -> Bool {
    bytes.indices.dropFirst(2).contains { index in
      0x30...0x39 ~= bytes[index] && bytes[index - 1] == 0x20 && bytes[index - 2] == 0x20
    }
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for zone in zones {
      writer.zoneID(zone.id)
      writer.put(" ")
      for value in zone.index {
        writer.put(Self.text(value, wholeWidth: wholeWidth))
        writer.put(" ")
      }
      writer.newline()
    }
    return writer.bytes
  }

  /// An index as the kernel prints it (`%2d.%03d` or `%d.%03d`), such as `-1.000` or ` 0.-500`.
  public static func text(_ thousandths: Int, wholeWidth: Int) -> String {
    let whole = String(thousandths / 1000)
    let fraction = thousandths % 1000
    let digits = String(fraction.magnitude)
    let isNegative = fraction < 0
    let zeros = String(repeating: "0", count: max(3 - digits.utf8.count - (isNegative ? 1 : 0), 0))
    return String(repeating: " ", count: max(wholeWidth - whole.utf8.count, 0)) + whole + "."
      + (isNegative ? "-" : "") + zeros + digits
  }
}

extension FieldCursor {
  /// Takes `-1.000`, `0.813` or `0.-500`.
  fileprivate mutating func thousandths() -> Int? {
    guard let whole = signedDecimal(), take("."), whole.magnitude < 1_000_000 else { return nil }
    let start = column
    guard let fraction = signedDecimal(), fraction.magnitude < 1000, (3...4).contains(column - start) else {
      return nil
    }
    return whole * 1000 + (whole < 0 ? -Int(fraction.magnitude) : fraction)
  }
}
