/// `/proc/swaps`: swap areas, in kilobytes.
///
/// Follows `swap_show` in mm/swapfile.c, Linux 6.1 (wide columns since 5.9).
public struct Swaps: KernelFile {
  public struct Area: Hashable, Sendable {
    public var path: ByteString
    /// `partition` or `file`.
    public var type: String
    /// Without the header page.
    public var sizeKilobytes: UInt64
    public var usedKilobytes: UInt64
    public var priority: Int
  }

  public var areas: [Area]
  /// Whether numbers below ten million are followed by two tabs.
  public var hasWideColumns: Bool
  public var damage = FileDamage()

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    guard var first = text.line(), first.take("Filename\t\t\t\tType\t\tSize\t"), case let rest = first.rest(),
      rest == "\tUsed\t\tPriority" || rest == "Used\tPriority"
    else { throw text.wrongKind(nil, expected: "`Filename  Type  Size  Used  Priority` in the first line") }
    hasWideColumns = rest == "\tUsed\t\tPriority"
    areas = try text.rows("/dev/sda2    partition  8388604  0  -2", atLeast: 0) { cursor in
      guard let path = cursor.bytes(until: UInt8(ascii: " ")), cursor.skipBlanks() > 0, let type = cursor.word(),
        let size = cursor.paddedDecimal(), let used = cursor.paddedDecimal(), cursor.skipBlanks() > 0,
        let priority = cursor.signedDecimal()
      else { return nil }
      return Area(path: path, type: type, sizeKilobytes: size, usedKilobytes: used, priority: priority)
    }
    damage = text.damageSoFar
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.put("Filename\t\t\t\tType\t\tSize\t" + (hasWideColumns ? "\tUsed\t\tPriority\n" : "Used\tPriority\n"))
    for area in areas {
      writer.put(area.path)
      writer.spaces(max(40 - area.path.bytes.count, 1))
      writer.put(area.type + (area.type == "file" ? "\t\t" : "\t"))
      for kilobytes in [area.sizeKilobytes, area.usedKilobytes] {
        writer.put("\(kilobytes)\t" + (hasWideColumns && kilobytes < 10_000_000 ? "\t" : ""))
      }
      writer.put("\(area.priority)\n")
    }
    return writer.bytes
  }
}
