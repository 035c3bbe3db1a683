import KernelTypes

/// The page tables of one address space, in frames that a supplier gives, with the bytes the machine would have in them.
///
/// Tables exist where something is mapped, as on the machine: an address space that is touched sparsely costs as many
/// table pages as there. Addresses and sizes are in bytes, ranges are multiples of the smallest page.
///
/// ```swift
/// var frames = FrameSequence(from: PageFrame(1))         // or a `Machine`
/// let table = PageTable(.x86_64, frames: &frames)
/// try table.map(0x7f00_0000_0000, to: 0x1234_5000, PageAttributes([.read, .write, .user]), frames: &frames)
/// table.translate(0x7f00_0000_0123, .userRead).page?.physicalAddress   // 0x1234_5123
/// ```
public final class PageTable {
  public let scheme: TranslationScheme
  public let controls: TranslationControls
  /// Table pages by level; the first table counts as its number of frames.
  // See `VirtualMemory` on unchecked exclusivity.
  @exclusivity(unchecked) public internal(set) var tablePages: [Int]

  let walker: TableWalker
  let root: TableNode
  let isWide: Bool
  var isReleased = false
  @exclusivity(unchecked) var lastTables = LastTableCache()
  @exclusivity(unchecked) var arena: TableArena
  private let rootOrder: Int

  /// Takes the frames of the first table; `nil` if there are none.
  ///
  /// `rootOrder` is log₂ of its frames where a kernel takes more than the table needs: 1 for x86-64 with page-table
  /// isolation (`PGD_ALLOCATION_ORDER`).
  public init?(
    _ scheme: TranslationScheme, controls: TranslationControls = TranslationControls(), rootOrder: Int? = nil,
    frames: inout some FrameSupplier & ~Copyable
  ) {
    let order = max(rootOrder ?? 0, scheme.rootOrder)
    guard let frame = frames.takeTableFrames(order: order) else { return nil }
    self.scheme = scheme
    self.controls = controls
    self.rootOrder = order
    walker = TableWalker(scheme, controls)
    isWide = scheme.entryBytes == 8
    tablePages = Array(repeating: 0, count: scheme.levelCount)
    tablePages[0] = 1 << order
    var arena = TableArena()
    root = Self.makeNode(scheme, level: 0, frame: frame, order: order, &arena)
    self.arena = arena
  }

  /// The physical address of the first table: CR3, TTBR0, TTBR1.
  public var rootAddress: UInt64 { root.header.pointee.address }

  /// Pages of all tables, the first one among them.
  public var tablePageCount: Int { tablePages.reduce(0, +) }

  /// Bytes that Linux counts as `VmPTE`: without the first table.
  public var countedBytes: UInt64 {
    (1..<scheme.levelCount).reduce(0) { $0 + UInt64(tablePages[$1]) * scheme.countedBytes($1) }
  }

  // MARK: - Tables

  private static func makeNode(
    _ scheme: TranslationScheme, level: Int, frame: PageFrame, order: Int, _ arena: inout TableArena
  ) -> TableNode {
    let entries = scheme.entryCount(level)
    let isLast = level == scheme.levelCount - 1
    // A page of paired tables has two of the processor's, and the copies.
    let bytes = isLast && scheme.isPaired ? 4096 : entries * scheme.entryBytes
    let links = isLast ? 0 : scheme.isPaired ? entries / 2 : entries
    return TableNode(
      frame: frame, address: frame.rawValue << UInt64(scheme.pageShift), level: level, order: order, bytes: bytes,
      linkCount: links, arena: &arena)
  }

  static func forEachNode(_ node: TableNode, _ body: (TableNode) -> Void) {
    for link in 0..<node.header.pointee.linkCount {
      if let child = node.child(link) { forEachNode(child, body) }
    }
    body(node)
  }

  /// The index of an address in a table page; the last level of paired tables has both halves behind each other.
  @inline(__always)
  func index(_ address: UInt64, _ level: Int) -> Int {
    if scheme.isPaired, level == 1 { return Int(truncatingIfNeeded: address &>> 12 & 511) }
    return walker.index(address, level)
  }

  @inline(__always)
  func link(_ index: Int) -> Int { scheme.isPaired ? index &>> 1 : index }

  /// Entries of a table page, counted as `index` does.
  @inline(__always)
  func entryCount(_ level: Int) -> Int { scheme.isPaired && level == 1 ? 512 : scheme.entryCount(level) }

  /// The processor's entry.
  @inline(__always)
  func entry(_ node: TableNode, _ level: Int, _ index: Int) -> UInt64 {
    if scheme.isPaired, level == 1 { return node.word(at: 2048 &+ index &<< 2, isWide: false) }
    return node.word(at: isWide ? index &<< 3 : index &<< 2, isWide: isWide)
  }

  func setEntry(_ node: TableNode, _ level: Int, _ index: Int, _ raw: UInt64) {
    if scheme.isPaired, level == 1 { return node.setWord(at: 2048 + index << 2, raw, isWide: false) }
    node.setWord(at: isWide ? index << 3 : index << 2, raw, isWide: isWide)
  }

  /// What Linux finds in an entry: its own copy where it keeps one.
  @inline(__always)
  func software(_ node: TableNode, _ level: Int, _ index: Int) -> UInt64 {
    if scheme.isPaired, level == 1 {
      let copy = node.word(at: index &<< 2, isWide: false)
      if copy != 0 { return copy }
    }
    return entry(node, level, index)
  }

  /// Whether an entry is a small page's, of which Linux keeps a copy.
  func hasCopy(_ node: TableNode, _ level: Int, _ index: Int) -> Bool {
    scheme.isPaired && level == 1 && node.word(at: index << 2, isWide: false) != 0
  }

  /// Makes the tables down to a level, where they are missing, from the top as Linux does.
  ///
  /// What is made stays when a later table gets no frame. Follows `__handle_mm_fault` in mm/memory.c, Linux 6.1.
  @discardableResult
  func makeTables(_ address: UInt64, level: Int, _ frames: inout some FrameSupplier & ~Copyable)
    throws(MappingError) -> TableNode
  {
    var node = root
    for current in 0..<level {
      let index = index(address, current)
      if let child = node.child(link(index)) {
        node = child
        continue
      }
      if entry(node, current, index) != 0 || (scheme.isPaired && entry(node, current, index ^ 1) != 0) {
        throw MappingError(.occupied, at: address)
      }
      guard let frame = frames.takeTableFrames(order: 0) else { throw MappingError(.outOfFrames, at: address) }
      let child = Self.makeNode(scheme, level: current + 1, frame: frame, order: 0, &arena)
      node.setChild(link(index), child)
      setTableEntry(node, current, index, child.header.pointee.address, address)
      node.header.pointee.used += 1
      tablePages[current + 1] += 1
      node = child
    }
    return node
  }

  /// Writes the entry of a table as Linux does.
  private func setTableEntry(
    _ node: TableNode, _ level: Int, _ index: Int, _ physical: UInt64, _ address: UInt64
  ) {
    switch scheme.format {
    case .ia32, .x86_64: setEntry(node, level, index, physical | X86Entry.table)
    case .pae: setEntry(node, level, index, physical | (level == 0 ? X86Entry.present : X86Entry.table))
    case .armShort:
      setEntry(node, level, index & ~1, physical + 2048 | ARMShortEntry.table)
      setEntry(node, level, index | 1, physical + 3072 | ARMShortEntry.table)
    case .arm64:
      let restriction =
        scheme.half == .high ? ARM64Entry.userNoExecuteTable : ARM64Entry.privilegedNoExecuteTable
      setEntry(node, level, index, physical | 3 | restriction)
    }
  }
}
