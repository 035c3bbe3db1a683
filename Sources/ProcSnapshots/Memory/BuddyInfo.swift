/// `/proc/buddyinfo`: free blocks by order of each populated zone.
///
/// Follows `frag_show_print` in mm/vmstat.c, Linux 6.1. Pages in per-CPU lists are not free blocks.
public struct BuddyInfo: KernelFile {
  public struct Zone: Hashable, Sendable {
    public var id: ZoneID
    /// Free blocks, from order 0.
    public var freeBlocks: [UInt64]

    public init(id: ZoneID, freeBlocks: [UInt64]) {
      self.id = id
      self.freeBlocks = freeBlocks
    }
  }

  public var zones: [Zone]
  public var damage = FileDamage()

  public init(zones: [Zone]) { self.zones = zones }

  public init(parsing content: FileContent) throws(SnapshotError) {
    let row = "Node 0, zone   Normal      1      2 …"
    var text = try KernelText(content)
    var lines: [(cursor: FieldCursor, zone: Zone)] = []
    while var cursor = text.line() {
      let line = cursor
      guard let id = cursor.zoneID(), let counts = cursor.counts(), !counts.isEmpty else {
        text.leaveOut(line, expected: row)
        continue
      }
      lines.append((line, Zone(id: id, freeBlocks: counts)))
    }
    // All zones of a kernel have the same orders: a line with more or fewer columns is damaged.
    let orders = commonLength(lines.map(\.zone.freeBlocks.count)) ?? 0
    zones = []
    for (cursor, zone) in lines {
      if zone.freeBlocks.count == orders {
        zones.append(zone)
      } else {
        text.leaveOut(cursor, expected: "\(orders) columns, as in the other lines")
      }
    }
    try text.require(zones.count, of: row)
    damage = text.damageSoFar
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for zone in zones {
      writer.zoneID(zone.id)
      writer.put(" ")
      for count in zone.freeBlocks {
        writer.decimal(count, 6)
        writer.put(" ")
      }
      writer.newline()
    }
    return writer.bytes
  }
}

extension FieldCursor {
  /// Takes decimal numbers with blanks around them up to the line's end.
  mutating func counts() -> [UInt64]? {
    var counts: [UInt64] = []
    while true {
      skipBlanks()
      if isAtEnd { return counts.count <= orderLimit ? counts : nil }
      guard let count = decimal(), count <= countLimit else { return nil }
      counts.append(count)
    }
  }
}
