/// `/proc/iomem`: what physical addresses are used for. Readers other than root see zeros.
///
/// Follows `r_show` in kernel/resource.c, Linux 6.1.
public struct IOMemory: KernelFile {
  public struct Region: Hashable, Sendable {
    /// How many regions it lies in.
    public var depth: Int
    public var start: HexNumber
    /// The last address inside.
    public var end: HexNumber
    public var name: ByteString

    /// Bytes; at most what 64 bits hold.
    public var size: UInt64 {
      if end.value < start.value { return 0 }
      let (size, isTooLarge) = (end.value - start.value).addingReportingOverflow(1)
      return isTooLarge ? .max : size
    }
  }

  public var regions: [Region]
  public var damage = FileDamage()

  /// Whether the kernel showed zeros instead of addresses.
  public var isHidden: Bool { regions.allSatisfy { $0.start.value == 0 && $0.end.value == 0 } }

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    regions = try text.rows("00100000-0ffdbfff : System RAM") { cursor in
      let blanks = cursor.skipBlanks()
      guard blanks.isMultiple(of: 2), let start = cursor.hexadecimal(), cursor.take("-"),
        let end = cursor.hexadecimal(), cursor.take(" : ")
      else { return nil }
      return Region(depth: blanks / 2, start: start, end: end, name: cursor.rest())
    }
    damage = text.damageSoFar
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for region in regions {
      writer.spaces(2 * region.depth)
      writer.hexadecimal(region.start)
      writer.put("-")
      writer.hexadecimal(region.end)
      writer.put(" : ")
      writer.put(region.name)
      writer.newline()
    }
    return writer.bytes
  }
}
