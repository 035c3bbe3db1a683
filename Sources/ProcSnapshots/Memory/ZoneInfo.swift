/// `/proc/zoneinfo`: marks, sizes, reserves and counters of every zone, in pages.
///
/// Follows `zoneinfo_show_print` in mm/vmstat.c, Linux 6.1. Kernels differ in which lines they print and in what order,
/// so the lines are kept as they come.
public struct ZoneInfo: KernelFile {
  /// A line of a zone.
  public enum Line: Hashable, Sendable {
    /// A line without a value, such as `  pagesets`.
    case heading(String)
    /// A value behind its name; `layout` is all that stands before the value.
    case value(layout: String, Int)
    /// `        protection: (0, 214, 214)`: pages of this zone that requests of higher zones leave alone.
    case protection(layout: String, [Int])
  }

  /// A CPU's list of single pages.
  public struct PageSet: Hashable, Sendable {
    public var cpu: Int
    /// Pages in the lists.
    public var count = 0
    /// From so many pages on some are given back.
    public var high = 0
    /// Pages moved at a time.
    public var batch = 0
  }

  public struct Zone: Hashable, Sendable {
    public var id: ZoneID
    public var lines: [Line] = []

    /// The first value of this name, such as `min`, `managed`, `nr_free_pages` or `start_pfn`.
    public subscript(name: String) -> Int? {
      for case .value(let layout, let value) in lines where ZoneInfo.name(layout) == name { return value }
      return nil
    }

    /// Pages that requests for a higher zone leave alone, by that zone's index.
    public var protection: [Int]? {
      for case .protection(_, let pages) in lines { return pages }
      return nil
    }

    /// Whether the zone has any pages.
    public var isPopulated: Bool { (self["present"] ?? 0) > 0 }

    /// The per-CPU lists, by CPU.
    public var pageSets: [PageSet] {
      var sets: [PageSet] = []
      for case .value(let layout, let value) in lines {
        if ZoneInfo.name(layout) == "cpu" {
          sets.append(PageSet(cpu: value))
        } else if let last = sets.indices.last {
          switch ZoneInfo.name(layout) {
          case "count": sets[last].count = value
          case "high": sets[last].high = value
          case "batch": sets[last].batch = value
          default: break
          }
        }
      }
      return sets
    }
  }

  public var zones: [Zone]
  public var damage = FileDamage()

  /// The name in a line's layout: without blanks, the colon, and the words that only group.
  static func name(_ layout: String) -> String {
    var words = layout.split(separator: " ")
    if words.count > 1, words[0] == "pages" { words.removeFirst() }
    let name = words.joined(separator: " ")
    return name.hasSuffix(":") ? String(name.dropLast()) : name
  }

  /// The counter of a node (not of a zone), such as `nr_slab_reclaimable`, in pages; `nil` before 4.8.
  public func nodeStatistic(_ name: String, node: Int) -> Int? {
    // They are printed once, with the node's first populated zone, ahead of its own lines.
    for zone in zones where zone.id.node == node && zone.lines.first == .heading("  per-node stats") {
      return zone[name]
    }
    return nil
  }

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    zones = []
    var good = 0
    while var cursor = text.line() {
      let line = cursor
      if let id = cursor.zoneID() {
        cursor.skipBlanks()
        if cursor.isAtEnd {
          zones.append(Zone(id: id))
          good += 1
          continue
        }
      }
      cursor.rewind()
      guard let last = zones.indices.last else {
        throw text.wrongKind(line, expected: "`Node 0, zone      DMA` in the first line")
      }
      if let parsed = cursor.zoneLine() {
        zones[last].lines.append(parsed)
        good += 1
      } else {
        text.leaveOut(line, expected: "a name and a number, such as `        min      452`")
      }
    }
    try text.require(good, of: "Node 0, zone   Normal")
    damage = text.damageSoFar
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for zone in zones {
      writer.zoneID(zone.id)
      writer.newline()
      for line in zone.lines {
        switch line {
        case .heading(let text): writer.put(text)
        case .value(let layout, let value): writer.put("\(layout)\(value)")
        case .protection(let layout, let pages):
          writer.put(layout + "(" + pages.map(String.init).joined(separator: ", ") + ")")
        }
        writer.newline()
      }
    }
    return writer.bytes
  }
}

extension FieldCursor {
  fileprivate mutating func zoneLine() -> ZoneInfo.Line? {
    guard let text = plainRest() else { return nil }
    if text == "  per-node stats" || text == "  pagesets" { return .heading(text) }
    guard peek == nil, let first = text.first, first == " " else { return nil }
    if let open = text.firstIndex(of: "("), text.hasSuffix(")") {
      let inside = text[text.index(after: open)...].dropLast()
      let pages = inside.split(separator: ", ", omittingEmptySubsequences: false).map { Int($0) }
      if pages.contains(where: { $0 == nil || $0.map { $0.magnitude >= 1 << 44 } == true })
        || !text[..<open].contains("protection:")
      {
        return nil
      }
      return .protection(layout: String(text[..<open]), pages.compactMap { $0 })
    }
    guard let blank = text.lastIndex(of: " ") else { return nil }
    let split = text.index(after: blank)
    guard let value = Int(text[split...]), value.magnitude < 1 << 44, String(value) == text[split...],
      text[..<split].contains(where: { $0 != " " })
    else { return nil }
    return .value(layout: String(text[..<split]), value)
  }
}
