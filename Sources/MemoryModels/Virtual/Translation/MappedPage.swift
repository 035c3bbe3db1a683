public import KernelTypes

/// A page as a page table has it.
public struct MappedPage: Hashable, Sendable {
  /// The virtual address of its first byte.
  public var address: UInt64
  /// The physical address of its first byte.
  public var physicalAddress: UInt64
  public var size: TranslationScheme.PageSize
  public var attributes: PageAttributes
  /// The processor's entry; the first of several.
  public var entry: UInt64
}

/// What a page table has at an address.
public enum MappedEntry: Hashable, Sendable {
  case nothing
  case page(MappedPage)
  /// An entry that only software reads, such as the place of a page that is swapped out.
  case absent(UInt64)

  /// The page, if there is one.
  public var page: MappedPage? {
    if case .page(let page) = self { return page }
    return nil
  }
}

extension PageTable {
  /// Whether an entry is present to software: on ARM by Linux's copy, which may be so when the processor's entry is not.
  @inline(__always)
  func isPresent(_ node: TableNode, _ level: Int, _ index: Int) -> Bool {
    if scheme.isPaired {
      return software(node, level, index) & (hasCopy(node, level, index) ? 1 : 3) != 0
    }
    return entry(node, level, index) & 1 != 0
  }

  /// The page of a present entry that names no table.
  func page(_ node: TableNode, _ level: Int, _ index: Int, _ address: UInt64) -> MappedPage {
    let raw = entry(node, level, index)
    let shift = UInt64(scheme.shift(level))
    var bytes = UInt64(1) << shift
    var repeats = 1
    let attributes: PageAttributes
    var physical: UInt64
    switch scheme.format {
    case .ia32, .pae, .x86_64:
      attributes = X86Entry.decode(raw, format: scheme.format, isLarge: level < scheme.levelCount - 1)
      physical = X86Entry.physical(raw, format: scheme.format, shift: shift)
    case .arm64:
      attributes = ARM64Entry.decode(raw)
      physical = ARM64Entry.physical(raw, shift: shift)
      if raw & ARM64Entry.contiguous != 0 { repeats = scheme.contiguousEntries(level) }
      bytes *= UInt64(repeats)
      physical &= ~(bytes - 1)
    case .armShort:
      if hasCopy(node, level, index) {
        let copy = software(node, level, index)
        attributes = ARMShortEntry.attributes(linux: copy)
        physical = copy & 0xFFFF_F000
      } else if level == 1 {
        (bytes, repeats) = (1 << 16, 16)
        attributes = ARMShortEntry.attributes(large: raw, isSection: false)
        physical = raw & 0xFFFF_0000
      } else {
        if raw & 1 << 18 != 0 { (bytes, repeats) = (1 << 24, 16) }
        attributes = ARMShortEntry.attributes(large: raw, isSection: true)
        physical = ARMShortEntry.sectionAddress(raw)
      }
    }
    let first = index & ~(repeats - 1)
    return MappedPage(
      address: address & ~(bytes - 1), physicalAddress: physical,
      size: TranslationScheme.PageSize(bytes: bytes, level: level, repeats: repeats), attributes: attributes,
      entry: repeats == 1 ? raw : entry(node, level, first))
  }

  /// The table page that decides about an address: the deepest there is.
  @inline(__always)
  func deepest(_ address: UInt64) -> (node: TableNode, level: Int, index: Int) {
    var node = root
    var level = 0
    while true {
      let index = index(address, level)
      if level == scheme.levelCount - 1 { return (node, level, index) }
      guard let child = node.child(link(index)) else { return (node, level, index) }
      node = child
      level += 1
    }
  }

  /// What is stored for an address, whoever may use it.
  public func lookup(_ address: UInt64) -> MappedEntry {
    guard scheme.isCanonical(address) else { return .nothing }
    let (node, level, index) = deepest(address)
    let raw = software(node, level, index)
    if raw == 0 { return .nothing }
    return isPresent(node, level, index) ? .page(page(node, level, index, address)) : .absent(raw)
  }

  /// The level of the deepest table there is for an address; the last level if it has one of those.
  public func deepestLevel(_ address: UInt64) -> Int { deepest(address).level }

  // MARK: - Ranges

  /// Visits what is stored in a range, in ascending order: an entry for each page, however many entries the page has.
  ///
  /// `body` gets the first address of the entry that is in the range.
  func forEachEntry(
    in range: Range<UInt64>, _ body: (_ node: TableNode, _ level: Int, _ index: Int, _ address: UInt64) -> Void
  ) {
    if range.isEmpty { return }
    visit(root, 0, range.lowerBound, range.upperBound - 1, body)
  }

  private func visit(
    _ node: TableNode, _ level: Int, _ first: UInt64, _ last: UInt64,
    _ body: (_ node: TableNode, _ level: Int, _ index: Int, _ address: UInt64) -> Void
  ) {
    let span = UInt64(1) << UInt64(scheme.shift(level))
    var address = first
    while true {
      let end = address | (span - 1)
      let index = index(address, level)
      if level < scheme.levelCount - 1, let child = node.child(link(index)) {
        visit(child, level + 1, address, min(end, last), body)
      } else if node.header.pointee.used > 0, software(node, level, index) != 0 {
        body(node, level, index, address)
      }
      if end >= last { return }
      address = end + 1
    }
  }

  /// Visits the pages in a range, in ascending order; each once, with what it covers beyond the range.
  public func forEachPage(in range: Range<UInt64>, _ body: (MappedPage) -> Void) {
    var behind: UInt64 = 0
    forEachEntry(in: range) { node, level, index, address in
      guard isPresent(node, level, index), address >= behind else { return }
      let page = page(node, level, index, address)
      if page.size.repeats > 1 { behind = page.address &+ page.size.bytes }
      body(page)
    }
  }

  /// Visits all table pages, the first one last: level, frame, and log₂ of its frames.
  public func forEachTable(_ body: (_ level: Int, _ frame: PageFrame, _ order: Int) -> Void) {
    Self.forEachNode(root) { body($0.header.pointee.level, $0.header.pointee.frame, $0.header.pointee.order) }
  }

  /// Visits all words of tables that are not zero, table by table: physical address and value, `scheme.entryBytes` wide.
  public func forEachWord(_ body: (_ address: UInt64, _ word: UInt64) -> Void) {
    Self.forEachNode(root) { node in
      let header = node.header.pointee
      for offset in stride(from: 0, to: header.bytes, by: scheme.entryBytes) {
        let word = node.word(at: offset, isWide: isWide)
        if word != 0 { body(header.address + UInt64(offset), word) }
      }
    }
  }
}
