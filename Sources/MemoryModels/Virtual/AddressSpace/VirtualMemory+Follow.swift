/// A page-table page that was added: whose, at which level (0 is the lowest), and which part of the space it covers.
public struct TableAddition: Hashable, Sendable {
  public var pid: Int
  public var level: Int
  public var key: UInt64
  /// The address space: one with the same PID may come after it.
  let space: UInt64

  init(_ space: AddressSpace, level: Int, key: UInt64) {
    pid = space.pid
    self.space = space.identity
    self.level = level
    self.key = key
  }
}

/// A page that a follower keeps in mind.
public struct KnownPage: Hashable, Sendable, BitwiseCopyable {
  let page: PageID
  let serial: UInt32
}

// What a follower of a real kernel needs: to be told by the trace what the model could not know.
extension VirtualMemory {
  /// Gives a process another PID.
  public func renumber(_ space: AddressSpace, to pid: Int) {
    spaces[space.pid] = nil
    space.pid = pid
    spaces[pid] = space
  }

  /// What a page is known by later, when its place may have been given to another.
  public func known(_ page: PageID) -> KnownPage { KnownPage(page: page, serial: pages[page].serial) }

  /// Drops a page wherever it is mapped, because its frame turned out to be free; returns the process of each entry that
  /// went, and what the entry counted as.
  @discardableResult
  public func forget(_ known: KnownPage) -> [(pid: Int, kind: ResidentKind)] {
    let page = known.page
    let record = pages[page]
    if record.kind == .free || record.serial != known.serial { return [] }
    var dropped: [(pid: Int, kind: ResidentKind)] = []
    for (space, address) in mappers(page) {
      space.entries.set(.none, at: address)
      flushPage(space, address)
      space.count(residentKind(record.kind), -1)
      pages[page].mapCount -= 1
      dropped.append((space.pid, residentKind(record.kind)))
    }
    if record.kind == .anonymous {
      if pages[page].mapCount <= 0 { freeAnonymous(page) }
    } else if record.file != .none, pages[page].mapCount <= 0 {
      files[Int(record.file.rawValue) - 1].pages[record.index] = nil
      pages.remove(page)
      supply.free(page.frame)
    }
    return dropped
  }

  /// Counts a file's pages as a file's, where they had been taken for shared memory.
  public func countAsFile(_ file: FileID) {
    guard isSharedMemory(file) else { return }
    files[Int(file.rawValue) - 1].kind = .regular
    for page in files[Int(file.rawValue) - 1].pages.all {
      pages[page].kind = .file
      pages.link(page, to: .inactiveFile)
    }
    for space in spaces.values {
      for area in space.areas.areas where area.file == file {
        var moved = 0
        for address in space.entries.addresses(in: area.start..<area.end) {
          let entry = space.entries.entry(at: address)
          if entry.isPresent, !entry.isZeroPage, pages[entry.page].file == file { moved += 1 }
        }
        space.count(.sharedMemory, -moved)
        space.count(.file, moved)
      }
    }
  }

  /// Clears an entry because the trace shows that nothing is there; returns what it counted as.
  @discardableResult
  public func forgetEntry(_ space: AddressSpace, at address: UInt64) -> ResidentKind? {
    let page = address & ~(policy.pageBytes - 1)
    splitHuge(space, at: page, always: true)
    let entry = space.entries.entry(at: page)
    if entry.isNone { return nil }
    let kind: ResidentKind? =
      entry.isSwap ? .swap : entry.isZeroPage ? nil : residentKind(pages[entry.page].kind)
    zap(space, page..<page + policy.pageBytes)
    return kind
  }

  /// Removes a page-table page that the trace shows to be free; its entries go without further ado.
  public func forgetTable(_ table: TableAddition) {
    guard let space = spaces[table.pid], space.identity == table.space else { return }
    let shift = UInt64(policy.tableShifts[table.level])
    let start = table.key << shift
    zap(space, start..<start + 1 << shift)
    tablePages -= space.entries.removeTable(level: table.level, key: table.key)
    if let processors { processors.flush(space, page: start) }
  }

  /// The page-table pages added since the last call, in the order in which the kernel adds them.
  public func takeTableAdditions() -> [TableAddition] {
    defer { tableAdditions.removeAll(keepingCapacity: true) }
    return tableAdditions
  }

  /// Replaces whatever mapping holds a range by another, whose pages are not there yet.
  public func replaceArea(_ space: AddressSpace, _ area: VirtualMemoryArea) {
    try? unmap(space, area.start, area.end - area.start)
    _ = adopt(space, area)
  }

  /// Moves the ends of a mapping apart, over addresses that no other mapping has; `false` if there is one.
  public func widen(_ space: AddressSpace, areaAt address: UInt64, to range: Range<UInt64>) -> Bool {
    let index = space.areas.search(address)
    guard index < space.areas.count, space.areas[index].start <= address else { return false }
    let area = space.areas[index]
    let start = min(area.start, range.lowerBound)
    let end = max(area.end, range.upperBound)
    if index > 0, space.areas[index - 1].end > start { return false }
    if index + 1 < space.areas.count, space.areas[index + 1].start < end { return false }
    let before = (area.start - start) >> UInt64(policy.pageShift)
    if before > area.pageOffset { return false }
    let added = Int(before + (end - area.end) >> UInt64(policy.pageShift))
    space.areas[index].start = start
    space.areas[index].end = end
    space.areas[index].pageOffset -= before
    space.mappedPages += added
    if area.flags.contains(.accounted) {
      space.committedPages += added
      committedPages += added
    }
    return true
  }
}
