/// `/proc/pagetypeinfo`: free blocks by migrate type and order, and the migrate types of pageblocks.
///
/// Follows `pagetypeinfo_show` in mm/vmstat.c, Linux 6.1. Root reads it.
public struct PageTypeInfo: KernelFile {
  /// A number of blocks; the kernel stops counting a list at 100,000 and then prints `>100000`.
  public struct Count: Hashable, Sendable {
    public var blocks: UInt64
    /// Whether there may be more.
    public var isCapped: Bool

    public init(_ blocks: UInt64, isCapped: Bool = false) {
      self.blocks = blocks
      self.isCapped = isCapped
    }
  }

  /// The free blocks of one migrate type in a zone.
  public struct FreeList: Hashable, Sendable {
    public var id: ZoneID
    /// The kernel's name, such as `Unmovable`.
    public var type: String
    /// From order 0.
    public var freeBlocks: [Count]
  }

  /// Pageblocks by migrate type.
  public struct BlockTable: Hashable, Sendable {
    public struct Row: Hashable, Sendable {
      public var id: ZoneID
      /// In the order of the table's types.
      public var blocks: [UInt64]
    }

    public var types: [String]
    public var rows: [Row]
  }

  public var pageblockOrder: Int
  public var pagesPerBlock: UInt64
  public var freeLists: [FreeList]
  /// Pageblocks by their own type.
  public var blocks: BlockTable?
  /// Pageblocks that hold pages of other types, by the block's type; only with page_owner.
  public var mixedBlocks: BlockTable?
  public var damage = FileDamage()

  public init(parsing content: FileContent) throws(SnapshotError) {
    var text = try KernelText(content)
    guard var first = text.line(), first.take("Page block order:"), let order = first.paddedDecimal(), order < 64 else {
      throw text.wrongKind(text.peek(), expected: "`Page block order: 9` in the first line")
    }
    guard var second = text.line(), second.take("Pages per block:"), let pages = second.paddedDecimal() else {
      throw text.wrongKind(text.peek(), expected: "`Pages per block:  512` in the second line")
    }
    pageblockOrder = Int(order)
    pagesPerBlock = pages
    freeLists = []
    var lists: [(line: FieldCursor, list: FreeList)] = []
    while var cursor = text.line() {
      let line = cursor
      if cursor.isAtEnd || cursor.take("Free pages count") { continue }
      if cursor.take("Number of blocks type ") {
        blocks = BlockTable(types: cursor.words(), rows: [])
      } else if cursor.take("Number of mixed blocks ") {
        mixedBlocks = BlockTable(types: cursor.words(), rows: [])
      } else if blocks == nil {
        if let list = cursor.freeList() {
          lists.append((line, list))
        } else {
          text.leaveOut(line, expected: "Node    0, zone   Normal, type    Movable      1      2 …")
        }
      } else {
        let types = (mixedBlocks ?? blocks)?.types.count
        guard let id = cursor.zoneID(), let counts = cursor.counts(), counts.count == types else {
          text.leaveOut(line, expected: "Node 0, zone   Normal            1            2 …, one number a type")
          continue
        }
        let row = BlockTable.Row(id: id, blocks: counts)
        if mixedBlocks != nil { mixedBlocks?.rows.append(row) } else { blocks?.rows.append(row) }
      }
    }
    // All lists have the same orders: a line with more or fewer columns is damaged.
    let orders = commonLength(lists.map(\.list.freeBlocks.count)) ?? 0
    for (line, list) in lists {
      if list.freeBlocks.count == orders {
        freeLists.append(list)
      } else {
        text.leaveOut(line, expected: "\(orders) columns, as in the other lines")
      }
    }
    try text.require(freeLists.count, of: "Node    0, zone   Normal, type    Movable      1      2 …")
    damage = text.damageSoFar
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.put("Page block order: \(pageblockOrder)\nPages per block:  \(pagesPerBlock)\n\n")
    writer.left("Free pages count per migrate type at order", 43)
    writer.put(" ")
    for order in 0..<(freeLists.first?.freeBlocks.count ?? 0) {
      writer.decimal(order, 6)
      writer.put(" ")
    }
    writer.newline()
    for list in freeLists {
      writer.zoneID(list.id, nodeWidth: 4)
      writer.put(", type ")
      writer.right(list.type, 12)
      writer.put(" ")
      for count in list.freeBlocks {
        if count.isCapped { writer.put(">") }
        writer.decimal(count.blocks, 6)
        writer.put(" ")
      }
      writer.newline()
    }
    if let blocks { writer.blockTable("Number of blocks type ", blocks) }
    if let mixedBlocks { writer.blockTable("Number of mixed blocks ", mixedBlocks) }
    return writer.bytes
  }
}

extension ByteWriter {
  fileprivate mutating func blockTable(_ title: String, _ table: PageTypeInfo.BlockTable) {
    newline()
    left(title, 23)
    for type in table.types {
      right(type, 12)
      put(" ")
    }
    newline()
    for row in table.rows {
      zoneID(row.id)
      put(" ")
      for count in row.blocks {
        decimal(count, 12)
        put(" ")
      }
      newline()
    }
  }
}

extension FieldCursor {
  /// Takes all words up to the line's end.
  mutating func words() -> [String] {
    var words: [String] = []
    skipBlanks()
    while let word = word() {
      words.append(word)
      skipBlanks()
    }
    return words
  }

  fileprivate mutating func freeList() -> PageTypeInfo.FreeList? {
    guard let id = zoneID(), take(", type ") else { return nil }
    skipBlanks()
    guard let type = word() else { return nil }
    var counts: [PageTypeInfo.Count] = []
    while true {
      skipBlanks()
      if isAtEnd { break }
      let isCapped = take(">")
      guard let count = decimal(), count <= countLimit else { return nil }
      counts.append(.init(count, isCapped: isCapped))
    }
    guard (1...orderLimit).contains(counts.count) else { return nil }
    return .init(id: id, type: type, freeBlocks: counts)
  }
}
