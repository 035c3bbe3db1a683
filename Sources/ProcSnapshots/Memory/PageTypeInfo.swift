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
    var part = Part.freeLists
    while var cursor = text.line() {
      let line = cursor
      // Each node's text begins with the first two lines again.
      if cursor.isAtEnd || cursor.take("Page block order:") || cursor.take("Pages per block:") { continue }
      if cursor.take("Free pages count") {
        part = .freeLists
      } else if cursor.take("Number of blocks type ") {
        part = .blocks
        blocks = BlockTable(types: cursor.words(), rows: blocks?.rows ?? [])
      } else if cursor.take("Number of mixed blocks ") {
        part = .mixedBlocks
        mixedBlocks = BlockTable(types: cursor.words(), rows: mixedBlocks?.rows ?? [])
      } else if part == .freeLists {
        if let list = cursor.freeList() {
          lists.append((line, list))
        } else {
          text.leaveOut(line, expected: "Node    0, zone   Normal, type    Movable      1      2 …")
        }
      } else {
        let types = (part == .blocks ? blocks : mixedBlocks)?.types.count
        guard let id = cursor.zoneID(), let counts = cursor.counts(), counts.count == types else {
          text.leaveOut(line, expected: "Node 0, zone   Normal            1            2 …, one number a type")
          continue
        }
        let row = BlockTable.Row(id: id, blocks: counts)
        if part == .blocks { blocks?.rows.append(row) } else { mixedBlocks?.rows.append(row) }
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

  private enum Part {
    case freeLists, blocks, mixedBlocks
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    var nodes: [Int] = []
    for list in freeLists where !nodes.contains(list.id.node) { nodes.append(list.id.node) }
    for node in nodes { write(node, to: &writer) }
    return writer.bytes
  }

  /// Follows `pagetypeinfo_show` in mm/vmstat.c, which is called for each node.
  private func write(_ node: Int, to writer: inout ByteWriter) {
    writer.put("Page block order: \(pageblockOrder)\nPages per block:  \(pagesPerBlock)\n\n")
    writer.left("Free pages count per migrate type at order", 43)
    writer.put(" ")
    for order in 0..<(freeLists.first?.freeBlocks.count ?? 0) {
      writer.decimal(order, 6)
      writer.put(" ")
    }
    writer.newline()
    for list in freeLists where list.id.node == node {
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
    if let blocks { writer.blockTable("Number of blocks type ", blocks, node) }
    if let mixedBlocks { writer.blockTable("Number of mixed blocks ", mixedBlocks, node) }
  }
}

extension ByteWriter {
  fileprivate mutating func blockTable(_ title: String, _ table: PageTypeInfo.BlockTable, _ node: Int) {
    newline()
    left(title, 23)
    for type in table.types {
      right(type, 12)
      put(" ")
    }
    newline()
    for row in table.rows where row.id.node == node {
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
