/// A dump of the page allocator's lists *in list order*: free blocks, per-CPU lists and pageblock types.
///
/// No kernel prints this by itself; a module or a debugger script walks the lists under their locks. It is an exact
/// start, and an exact end, for a model that chooses page frames. The lines:
///
/// ```
/// version 1 pageblock_order 9 last_order 10 migratetypes 4 pcp_lists 14 pcptypes 3 …
/// zone DMA32 start_pfn 4096 spanned 61405 present 61405 managed 56390 wm_min 452 wm_low 565 wm_high 678 boost 0 lowmem_reserve 0 0 0 0
/// pcp DMA32 cpu 0 count 31 high 565 batch 15
/// pcplist DMA32 cpu 0 idx 2: 5e23 5e24
/// nr_free DMA32 order 0: 2
/// free DMA32 order 0 mt 1: 2ce9
/// blocks DMA32: 1000=1 1200=1
/// slobfree small 5a70 960: 208+32 336+16
/// ```
///
/// Frames are hexadecimal, the next to be handed out first; migrate types and list indices are the kernel's numbers. The last
/// kind of line is SLOB's: a page of one of its lists, its free units, and where they are.
public struct FreeListDump: KernelFile {
  /// A line of names and numbers.
  public struct Fields: Hashable, Sendable {
    /// In the order of the line; `digits` is not 0 for numbers with `0x`.
    public var values: [(name: String, value: UInt64, digits: Int)]

    public subscript(name: String) -> UInt64? { values.first { $0.name == name }?.value }

    public static func == (left: Fields, right: Fields) -> Bool {
      left.values.elementsEqual(right.values) { $0 == $1 }
    }

    public func hash(into hasher: inout Hasher) {
      for value in values { hasher.combine(value.name + String(value.value)) }
    }
  }

  /// A list of blocks by their first frames.
  public struct List: Hashable, Sendable {
    /// The migrate type of a free list, the kernel's index of a per-CPU list.
    public var number: Int
    public var frames: [UInt64]
  }

  /// What a CPU keeps in front of a zone. All in pages.
  public struct PerCPU: Hashable, Sendable {
    public var cpu: Int
    public var count: Int
    public var high: Int
    public var batch: Int
    public var lists: [List]
  }

  public struct Zone: Hashable, Sendable {
    public var name: String
    /// `start_pfn`, `spanned`, `present`, `managed`, `wm_min`, `wm_low`, `wm_high`, `boost`.
    public var fields: Fields
    /// Pages kept from requests that could use a higher zone, by that zone's number.
    public var lowMemoryReserve: [UInt64]
    public var perCPU: [PerCPU] = []
    /// Free blocks by order, as the kernel counts them.
    public var freeCounts: [UInt64] = []
    /// The lists that are not empty, by order.
    public var freeLists: [[List]] = []
    /// First frame and migrate type of every pageblock.
    public var pageblocks: [(frame: UInt64, type: Int)] = []

    /// The number of its node; 0 where the dump doesn't say (`zone DMA32 node 1 start_pfn …`).
    public var node: Int { Int(min(fields["node"] ?? 0, 1 << 20)) }

    /// Frames from the first to the one after the last.
    public var span: Range<UInt64> {
      let start = min(fields["start_pfn"] ?? 0, countLimit)
      return start..<start + min(fields["spanned"] ?? 0, countLimit)
    }

    public static func == (left: Zone, right: Zone) -> Bool {
      left.name == right.name && left.fields == right.fields && left.lowMemoryReserve == right.lowMemoryReserve
        && left.perCPU == right.perCPU && left.freeCounts == right.freeCounts && left.freeLists == right.freeLists
        && left.pageblocks.elementsEqual(right.pageblocks) { $0 == $1 }
    }

    public func hash(into hasher: inout Hasher) {
      hasher.combine(name)
      hasher.combine(freeLists)
    }
  }

  public var header: Fields
  public var zones: [Zone] = []
  /// SLOB's pages with free units: its three lists one after the other, each in list order.
  public var slobPages: [SLOBPage] = []
  public var damage = FileDamage()

  public var pageblockOrder: Int { Int(min(header["pageblock_order"] ?? 0, 63)) }

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    guard var first = text.line(), first.take("version "), let version = first.decimal(),
      let rest = first.fields(until: nil), first.isAtEnd
    else {
      throw text.wrongKind(text.peek(), expected: "`version 1 pageblock_order 9 last_order 10 …` in the first line")
    }
    header = Fields(values: [("version", version, 0)] + rest.values)
    while var cursor = text.line() {
      let line = cursor
      if !read(&cursor) { text.leaveOut(line, expected: "free DMA32 order 0 mt 1: 2ce9 2cea …") }
    }
    try text.require(zones.count, of: "zone DMA32 start_pfn 4096 spanned 61405 …")
    damage = text.damageSoFar
  }

  private mutating func read(_ cursor: inout FieldCursor) -> Bool {
    if cursor.take("zone ") {
      guard let zone = cursor.dumpedZone() else { return false }
      zones.append(zone)
      return true
    }
    guard let zone = zones.indices.last else { return false }
    if cursor.take("slobfree ") {
      guard let page = cursor.slobPage() else { return false }
      slobPages.append(page)
      return true
    }
    if cursor.take("pcp ") { return cursor.takeName(zones[zone].name) && cursor.perCPU(into: &zones[zone]) }
    if cursor.take("pcplist ") { return cursor.takeName(zones[zone].name) && cursor.perCPUList(into: &zones[zone]) }
    if cursor.take("nr_free ") { return cursor.takeName(zones[zone].name) && cursor.freeCount(into: &zones[zone]) }
    if cursor.take("free ") { return cursor.takeName(zones[zone].name) && cursor.freeList(into: &zones[zone]) }
    if cursor.take("blocks ") { return cursor.take(zones[zone].name.utf8) && cursor.pageblocks(into: &zones[zone]) }
    return false
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.fields(header)
    writer.newline()
    for zone in zones { writer.zone(zone) }
    for page in slobPages { writer.slobPage(page) }
    return writer.bytes
  }
}

extension FieldCursor {
  fileprivate mutating func takeName(_ name: String) -> Bool { take(name.utf8) && take(" ") }

  /// Takes words and numbers in turns, up to a word that is left where it is.
  fileprivate mutating func fields(until stop: StaticString?) -> FreeListDump.Fields? {
    var values: [(name: String, value: UInt64, digits: Int)] = []
    while !isAtEnd, values.count < 100 {
      skipBlanks()
      if let stop {
        let before = self
        if take(stop) { return FreeListDump.Fields(values: values) }
        self = before
      }
      guard let name = word(), skipBlanks() == 1 else { return nil }
      if take("0x") {
        guard let number = hexadecimal() else { return nil }
        values.append((name, number.value, number.digits))
      } else {
        guard let number = decimal() else { return nil }
        values.append((name, number, 0))
      }
    }
    return FreeListDump.Fields(values: values)
  }

  fileprivate mutating func dumpedZone() -> FreeListDump.Zone? {
    guard let name = word(), let fields = fields(until: "lowmem_reserve") else { return nil }
    var reserve: [UInt64] = []
    while !isAtEnd {
      guard let pages = paddedDecimal() else { return nil }
      reserve.append(pages)
    }
    return FreeListDump.Zone(name: name, fields: fields, lowMemoryReserve: reserve)
  }

  mutating func number(_ name: StaticString, _ limit: UInt64) -> Int? {
    guard take(name), let number = decimal(), number < limit else { return nil }
    return Int(number)
  }

  fileprivate mutating func perCPU(into zone: inout FreeListDump.Zone) -> Bool {
    guard let cpu = number("cpu ", 1 << 16), let count = number(" count ", countLimit),
      let high = number(" high ", countLimit), let batch = number(" batch ", countLimit), isAtEnd
    else { return false }
    zone.perCPU.append(.init(cpu: cpu, count: count, high: high, batch: batch, lists: []))
    return true
  }

  fileprivate mutating func perCPUList(into zone: inout FreeListDump.Zone) -> Bool {
    guard let cpu = number("cpu ", 1 << 16), let index = number(" idx ", 256), take(":"), let frames = frameList(),
      let last = zone.perCPU.indices.last, zone.perCPU[last].cpu == cpu
    else { return false }
    zone.perCPU[last].lists.append(.init(number: index, frames: frames))
    return true
  }

  fileprivate mutating func freeCount(into zone: inout FreeListDump.Zone) -> Bool {
    guard let order = number("order ", UInt64(orderLimit)), order == zone.freeCounts.count, take(":"),
      let count = paddedDecimal(), isAtEnd
    else { return false }
    zone.freeCounts.append(count)
    zone.freeLists.append([])
    return true
  }

  fileprivate mutating func freeList(into zone: inout FreeListDump.Zone) -> Bool {
    guard let order = number("order ", UInt64(orderLimit)), order < zone.freeLists.count,
      let type = number(" mt ", 16), take(":"), let frames = frameList()
    else { return false }
    zone.freeLists[order].append(.init(number: type, frames: frames))
    return true
  }

  /// Takes hexadecimal numbers up to the line's end.
  private mutating func frameList() -> [UInt64]? {
    var frames: [UInt64] = []
    while !isAtEnd {
      guard skipBlanks() == 1, let frame = hexadecimal(), frame.value < countLimit else { return nil }
      frames.append(frame.value)
    }
    return frames
  }

  fileprivate mutating func pageblocks(into zone: inout FreeListDump.Zone) -> Bool {
    guard take(":") else { return false }
    while !isAtEnd {
      guard skipBlanks() == 1, let frame = hexadecimal(), frame.value < countLimit, take("="), let type = decimal(),
        type < 16
      else { return false }
      zone.pageblocks.append((frame.value, Int(type)))
    }
    return true
  }
}

extension ByteWriter {
  fileprivate mutating func fields(_ fields: FreeListDump.Fields) {
    for (index, field) in fields.values.enumerated() {
      put((index == 0 ? "" : " ") + field.name + " ")
      if field.digits > 0 {
        put("0x")
        hexadecimal(field.value, digits: field.digits)
      } else {
        decimal(field.value)
      }
    }
  }

  private mutating func frames(_ frames: [UInt64]) {
    for frame in frames {
      put(" ")
      hexadecimal(frame, digits: 1)
    }
    newline()
  }

  fileprivate mutating func zone(_ zone: FreeListDump.Zone) {
    put("zone \(zone.name) ")
    fields(zone.fields)
    put(" lowmem_reserve")
    for pages in zone.lowMemoryReserve { put(" \(pages)") }
    newline()
    for cpu in zone.perCPU {
      put("pcp \(zone.name) cpu \(cpu.cpu) count \(cpu.count) high \(cpu.high) batch \(cpu.batch)\n")
      for list in cpu.lists {
        put("pcplist \(zone.name) cpu \(cpu.cpu) idx \(list.number):")
        frames(list.frames)
      }
    }
    for (order, count) in zone.freeCounts.enumerated() {
      put("nr_free \(zone.name) order \(order): \(count)\n")
      for list in zone.freeLists[order] {
        put("free \(zone.name) order \(order) mt \(list.number):")
        frames(list.frames)
      }
    }
    if zone.pageblocks.isEmpty { return }
    put("blocks \(zone.name):")
    for block in zone.pageblocks {
      put(" ")
      hexadecimal(block.frame, digits: 1)
      put("=\(block.type)")
    }
    newline()
  }
}
