extension PageTable {
  /// Checks that no larger page crosses a boundary of the range.
  private func requireWholePages(_ range: Range<UInt64>) throws(MappingError) {
    for address in [range.lowerBound, range.upperBound] where scheme.isCanonical(address) {
      if let page = lookup(address).page, page.address < address { throw MappingError(.partialPage, at: address) }
    }
  }

  /// Clears all entries of a range, absent ones too, and shows the pages that were there; the tables stay.
  ///
  /// Follows `unmap_page_range` in mm/memory.c, Linux 6.1. Throws, with nothing changed, if a larger page lies partly
  /// outside the range.
  public func unmap(_ range: Range<UInt64>, _ body: (MappedEntry) -> Void = { _ in }) throws(MappingError) {
    try requireWholePages(range)
    var behind: UInt64 = 0
    forEachEntry(in: range) { node, level, index, address in
      if isPresent(node, level, index) {
        if address >= behind {
          let page = page(node, level, index, address)
          behind = page.address &+ page.size.bytes
          body(.page(page))
        }
      } else {
        body(.absent(software(node, level, index)))
      }
      if scheme.isPaired, level == 1 { node.setWord(at: index << 2, 0, isWide: false) }
      setEntry(node, level, index, 0)
      node.header.pointee.used -= 1
    }
  }

  /// Gives all pages of a range these permissions, and returns how many pages there were.
  ///
  /// Accessed and dirty bits stay. Follows `change_protection` in mm/mprotect.c, Linux 6.1. Throws, with nothing changed, if a
  /// larger page lies partly outside the range.
  @discardableResult
  public func protect(_ range: Range<UInt64>, _ permissions: PagePermissions) throws(MappingError) -> Int {
    try requireWholePages(range)
    var count = 0
    forEachPage(in: range) { page in
      var attributes = page.attributes
      attributes.permissions = permissions
      let (node, level, _) = deepest(page.address)
      store(node, index(page.address, level), page.size, page.physicalAddress, attributes)
      count += 1
    }
    return count
  }

  /// Maps a larger page's memory by pages of the next smaller size, with the same attributes.
  ///
  /// Follows `__split_huge_pmd` in mm/huge_memory.c, Linux 6.1. Throws if there is no larger page, or no frame for the table;
  /// ARM's sections can't be split, because their neighbours in the table of a pair can't.
  public func split(_ address: UInt64, frames: inout some FrameSupplier & ~Copyable) throws(MappingError) {
    guard let page = lookup(address).page, page.size.bytes > scheme.pageBytes,
      !(scheme.isPaired && page.size.level == 0)
    else { throw MappingError(.nothingMapped, at: address) }
    let (node, level, _) = deepest(address)
    let first = index(page.address, level)
    let isLast = level == scheme.levelCount - 1
    if page.size.repeats > 1 {
      let bytes = page.size.bytes / UInt64(page.size.repeats)
      let size = TranslationScheme.PageSize(bytes: bytes, level: level, repeats: 1)
      for part in 0..<page.size.repeats {
        store(node, first + part, size, page.physicalAddress + UInt64(part) * bytes, page.attributes)
      }
      return
    }
    if isLast { return }
    setEntry(node, level, first, 0)
    node.header.pointee.used -= 1
    let child: TableNode
    do throws(MappingError) {
      child = try makeTables(address, level: level + 1, &frames)
    } catch {
      store(node, first, page.size, page.physicalAddress, page.attributes)
      node.header.pointee.used += 1
      throw error
    }
    let count = scheme.entryCount(level + 1)
    let bytes = page.size.bytes / UInt64(count)
    let size = TranslationScheme.PageSize(bytes: bytes, level: level + 1, repeats: 1)
    for part in 0..<count {
      store(child, part, size, page.physicalAddress + UInt64(part) * bytes, page.attributes)
    }
    child.header.pointee.used = count
  }

  /// Gives back tables that nothing can use any more, after a range was unmapped, and returns how many pages they had.
  ///
  /// A table goes if some of it is in the range and all of what it covers is between `floor` and `ceiling`: the end of
  /// the mapping below, and the start of the one above. Tables that still hold something are kept. Follows
  /// `free_pgd_range` in mm/memory.c, Linux 6.1, except that the model looks whether a table is empty.
  @discardableResult
  public func freeTables(
    _ range: Range<UInt64>, floor: UInt64 = 0, ceiling: UInt64 = .max, frames: inout some FrameSupplier & ~Copyable
  ) -> Int {
    if range.isEmpty { return 0 }
    let before = tablePageCount
    freeTables(root, 0, range.lowerBound, range.upperBound - 1, floor, ceiling, &frames)
    return before - tablePageCount
  }

  private func freeTables(
    _ node: TableNode, _ level: Int, _ first: UInt64, _ last: UInt64, _ floor: UInt64, _ ceiling: UInt64,
    _ frames: inout some FrameSupplier & ~Copyable
  ) {
    if level == scheme.levelCount - 1 { return }
    // What one link covers: two entries of paired tables.
    let span = UInt64(1) << UInt64(scheme.shift(level) + (scheme.isPaired ? 1 : 0))
    var address = first
    while true {
      let start = address & ~(span - 1)
      let end = start | (span - 1)
      let index = index(address, level)
      if let child = node.child(link(index)) {
        freeTables(child, level + 1, address, min(end, last), floor, ceiling, &frames)
        // A ceiling that is a round address is the first byte of what is above; the highest address is no limit.
        let fits = start >= floor && (ceiling == .max || end < ceiling)
        if fits, child.header.pointee.used == 0 { remove(child, node, level, index, &frames) }
      }
      if end >= last { return }
      address = end + 1
    }
  }

  func remove(
    _ child: TableNode, _ node: TableNode, _ level: Int, _ index: Int, _ frames: inout some FrameSupplier & ~Copyable
  ) {
    lastTables.invalidate()
    if scheme.isPaired { setEntry(node, level, index ^ 1, 0) }
    setEntry(node, level, index, 0)
    node.setChild(link(index), nil)
    node.header.pointee.used -= 1
    tablePages[level + 1] -= 1
    frames.returnTableFrames(child.header.pointee.frame, order: child.header.pointee.order)
    child.deallocate(&arena)
  }

  /// Gives all tables back, the first one among them, as when a process is gone; the page table maps nothing afterwards.
  public func release(to frames: inout some FrameSupplier & ~Copyable) {
    if isReleased { return }
    isReleased = true
    lastTables.invalidate()
    for index in 0..<root.header.pointee.linkCount {
      guard let child = root.child(index) else { continue }
      release(child, &frames)
      root.setChild(index, nil)
    }
    let header = root.header.pointee
    frames.returnTableFrames(header.frame, order: header.order)
    for offset in stride(from: 0, to: header.bytes, by: 8) { root.setWord(at: offset, 0, isWide: true) }
    root.header.pointee.used = 0
    for level in tablePages.indices { tablePages[level] = 0 }
  }

  private func release(_ node: TableNode, _ frames: inout some FrameSupplier & ~Copyable) {
    for link in 0..<node.header.pointee.linkCount {
      if let child = node.child(link) { release(child, &frames) }
    }
    frames.returnTableFrames(node.header.pointee.frame, order: node.header.pointee.order)
    node.deallocate(&arena)
  }
}
