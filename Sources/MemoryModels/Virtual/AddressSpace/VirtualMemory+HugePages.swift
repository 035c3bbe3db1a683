/// The pool of huge pages that hugetlbfs hands out (`HugePages_Total`, `_Free`, `_Rsvd`).
struct HugePool {
  var frames: [UInt64] = []
  var total = 0
  var reserved = 0

  var free: Int { frames.count }

  /// Keeps huge pages for a mapping; `false` if too few are free.
  mutating func reserve(_ count: Int) -> Bool {
    if free - reserved < count { return false }
    reserved += count
    return true
  }
}

extension VirtualMemory {
  // MARK: - Transparent huge pages

  /// Whether a fault at an address may map a whole huge page. Follows `hugepage_vma_check` in mm/huge_memory.c, Linux 6.1.
  func mayBeHuge(_ area: VirtualMemoryArea, _ address: UInt64) -> Bool {
    if policy.hugePages == .never || !area.isAnonymous || area.flags.contains(.shared) { return false }
    if area.flags.contains(.refusesHugePages) { return false }
    if policy.hugePages == .madvise, !area.flags.contains(.wantsHugePages) { return false }
    let start = address & ~(policy.hugeBytes - 1)
    return start >= area.start && area.end - start >= policy.hugeBytes
  }

  /// Maps a huge page, or `nil` if no block is free and small pages must do.
  ///
  /// Follows `do_huge_pmd_anonymous_page` in mm/huge_memory.c, Linux 6.1, without compaction.
  func newHugePage(_ space: AddressSpace, _ index: Int, _ address: UInt64, isWrite: Bool) -> FaultOutcome? {
    prepareRoot(space, index)
    let start = address & ~(policy.hugeBytes - 1)
    guard prepareTables(space, start, withLeaf: false) else { return memoryShort }
    var outcome = FaultOutcome(.hugePage)
    outcome.mappedPages = policy.hugePageCount
    if !isWrite, policy.usesHugeZeroPage {
      if hugeZeroFrame == nil { hugeZeroFrame = supply.allocate(order: policy.hugeOrder, isMovable: true) }
      if hugeZeroFrame == nil { return fallBack() }
      guard let deposit = allocateDeposit() else { return memoryShort }
      hugeZeroFrame.map {
        let flags = PageEntry.protection(space.areas[index].flags) | PageEntry.accessedBit | PageEntry.zeroBit
        space.entries.setHuge(PageEntry(page: PageID(frame: $0), flags: flags), at: start, deposit: deposit)
      }
      return outcome
    }
    guard let frame = supply.allocate(order: policy.hugeOrder, isMovable: true) else { return fallBack() }
    guard let deposit = allocateDeposit() else {
      supply.free(frame, order: policy.hugeOrder)
      return memoryShort
    }
    var record = PageRecord()
    record.index = start
    record.kind = .anonymous
    record.order = UInt8(policy.hugeOrder)
    record.isExclusive = true
    record.isDirty = true
    record.mapCount = 1
    let page = pages.add(record, frame)
    pages.link(page, to: space.areas[index].flags.contains(.locked) ? .unevictable : .inactiveAnonymous)
    var bits = PageEntry.accessedBit | PageEntry.dirtyBit | PageEntry.protection(space.areas[index].flags)
    if space.areas[index].flags.contains(.write) { bits |= PageEntry.writableBit }
    space.entries.setHuge(PageEntry(page: page, flags: bits), at: start, deposit: deposit)
    space.count(.anonymous, policy.hugePageCount)
    counters.hugeFaults += 1
    outcome.newPages = policy.hugePageCount
    outcome.isZeroed = true
    outcome.page = page
    return outcome
  }

  private func fallBack() -> FaultOutcome? {
    counters.hugeFallbacks += 1
    return nil
  }

  /// A fault on a huge page; `nil` if it was split and the fault goes on with a small one.
  ///
  /// Follows `do_huge_pmd_wp_page` in mm/huge_memory.c, Linux 6.1.
  func hugeFault(
    _ space: AddressSpace, _ index: Int, _ address: UInt64, _ entry: PageEntry, isWrite: Bool
  ) -> FaultOutcome? {
    var entry = entry
    if !isWrite || entry.isWritable {
      entry.set(isWrite ? PageEntry.accessedBit | PageEntry.dirtyBit : PageEntry.accessedBit)
      space.entries.setHuge(entry, at: address)
      return FaultOutcome(.spurious)
    }
    if !entry.isZeroPage, pages[entry.page].isExclusive || pages[entry.page].mapCount == 1 {
      pages[entry.page].isExclusive = true
      entry.set(PageEntry.writableBit | PageEntry.dirtyBit | PageEntry.accessedBit)
      space.entries.setHuge(entry, at: address)
      return FaultOutcome(.copyOnWriteReuse)
    }
    splitHuge(space, at: address, always: true)
    return nil
  }

  /// Makes small pages of a huge one that an address lies in the middle of, or, if `always`, anywhere in.
  ///
  /// All who map it get small entries. Follows `__split_huge_pmd` in mm/huge_memory.c, Linux 6.1.
  func splitHuge(_ space: AddressSpace, at address: UInt64, always: Bool = false) {
    let start = address & ~(policy.hugeBytes - 1)
    guard always || address != start, let entry = space.entries.hugeEntry(at: address) else { return }
    // Pages of the pool are never split; calls on them are aligned.
    if !entry.isZeroPage, pages[entry.page].kind == .hugeTLB { return }
    counters.hugeSplits += 1
    if entry.isZeroPage {
      let flags = entry.rawValue & PageEntry.protectionBits
      space.entries.splitHuge(start) { _ in .zeroPage(flags) }
      return flushHuge(space, start)
    }
    let record = pages[entry.page]
    let mapped = spaces.keys.sorted().compactMap { spaces[$0] }.filter { other in
      other.entries.hugeEntry(at: record.index).map { !$0.isZeroPage && $0.page == entry.page } ?? false
    }
    let list = record.list
    let first = entry.page.frame
    pages.remove(entry.page)
    var small: [PageID] = []
    for slot in 0..<policy.hugePageCount {
      var part = record
      part.order = 0
      part.index = record.index + UInt64(slot) << UInt64(policy.pageShift)
      part.list = .none
      part.next = -1
      part.previous = -1
      part.mapCount = Int32(mapped.count)
      let page = pages.add(part, first + UInt64(slot))
      pages.link(page, to: list)
      small.append(page)
    }
    for other in mapped {
      guard let huge = other.entries.hugeEntry(at: record.index) else { continue }
      let bits = huge.rawValue & 0xFFF
      other.entries.splitHuge(record.index) { PageEntry(page: small[$0], flags: bits) }
      flushHuge(other, record.index)
    }
  }

  func flushHuge(_ space: AddressSpace, _ address: UInt64) {
    guard let processors else { return }
    let start = address & ~(policy.hugeBytes - 1)
    processors.flush(space, start..<start + policy.hugeBytes, stride: policy.hugeBytes)
  }

  func zapHuge(_ space: AddressSpace, _ address: UInt64) {
    guard let entry = space.entries.hugeEntry(at: address) else { return }
    freeDeposit(space.entries.removeHuge(at: address))
    if entry.isZeroPage { return }
    if pages[entry.page].kind == .hugeTLB {
      space.hugeTLBBytes -= policy.hugeBytes
    } else {
      space.count(.anonymous, -policy.hugePageCount)
    }
    unmapPage(entry.page)
  }

  /// Shares a huge page with a child; `false` when memory is short. Follows `copy_huge_pmd` in mm/huge_memory.c.
  func copyHuge(_ parent: AddressSpace, _ child: AddressSpace, _ address: UInt64) -> Bool {
    guard var entry = parent.entries.hugeEntry(at: address) else { return true }
    let isPool = !entry.isZeroPage && pages[entry.page].kind == .hugeTLB
    guard prepareTables(child, address, withLeaf: false) else { return false }
    let deposit = isPool ? nil : allocateDeposit()
    if !isPool, deposit == nil { return false }
    if !entry.isZeroPage {
      pages[entry.page].mapCount += 1
      pages[entry.page].isExclusive = false
      let isPrivate = parent.areas.area(at: address)?.isPrivate ?? true
      if isPrivate { entry.clear(PageEntry.writableBit) }
      parent.entries.setHuge(entry, at: address)
      if isPool {
        child.hugeTLBBytes += policy.hugeBytes
      } else {
        child.count(.anonymous, policy.hugePageCount)
      }
    }
    child.entries.setHuge(entry, at: address, deposit: deposit)
    return true
  }

  func protectHuge(_ space: AddressSpace, _ range: Range<UInt64>, _ access: AreaFlags) {
    for address in space.entries.hugeAddresses(in: range) {
      guard var entry = space.entries.hugeEntry(at: address) else { continue }
      entry.clear(PageEntry.protectionBits)
      entry.set(PageEntry.protection(access))
      if access.contains(.write), !entry.isZeroPage, pages[entry.page].isExclusive {
        entry.set(PageEntry.writableBit)
      } else if !access.contains(.write) {
        entry.clear(PageEntry.writableBit)
      }
      space.entries.setHuge(entry, at: address)
      flushHuge(space, address)
    }
  }

  // MARK: - The pool

  /// Sets how many huge pages the pool has; returns how many it could get. Follows `set_max_huge_pages` in mm/hugetlb.c.
  @discardableResult
  public func setHugePool(_ count: Int) -> Int {
    while hugePool.total < count {
      guard let frame = supply.allocate(order: policy.hugeOrder, isMovable: true) else { break }
      hugePool.frames.append(frame)
      hugePool.total += 1
    }
    while hugePool.total > count, hugePool.free > hugePool.reserved {
      supply.free(hugePool.frames.removeLast(), order: policy.hugeOrder)
      hugePool.total -= 1
    }
    return hugePool.total
  }

  /// Huge pages of the pool: all, free, and reserved ones.
  public var hugePoolPages: (total: Int, free: Int, reserved: Int) {
    (hugePool.total, hugePool.free, hugePool.reserved)
  }

  /// Follows `hugetlb_fault` in mm/hugetlb.c, Linux 6.1.
  func hugeTLBFault(_ space: AddressSpace, _ index: Int, _ address: UInt64, isWrite: Bool) -> FaultOutcome {
    let start = address & ~(policy.hugeBytes - 1)
    let area = space.areas[index]
    if var entry = space.entries.hugeEntry(at: start) {
      if !isWrite || entry.isWritable { return FaultOutcome(.spurious) }
      if pages[entry.page].mapCount == 1 || !area.isPrivate {
        entry.set(PageEntry.writableBit | PageEntry.dirtyBit)
        space.entries.setHuge(entry, at: start)
        return FaultOutcome(.copyOnWriteReuse)
      }
      guard let copy = takeHugePage(area, mayUseReserve: false) else { return FaultOutcome(.bus, signal: .busAddress) }
      flushHuge(space, start)
      unmapPage(entry.page)
      return mapPool(space, start, copy, area.flags, isWritable: true, kind: .copyOnWrite)
    }
    guard prepareTables(space, start, withLeaf: false) else { return memoryShort }
    let place = area.pageIndex(of: start, shift: policy.pageShift)
    if !area.isPrivate, let page = filePage(area.file, place) {
      pages[page].mapCount += 1
      space.hugeTLBBytes += policy.hugeBytes
      let writable = area.flags.contains(.write) ? PageEntry.writableBit : 0
      let bits = writable | PageEntry.accessedBit | PageEntry.protection(area.flags)
      space.entries.setHuge(PageEntry(page: page, flags: bits), at: start)
      return FaultOutcome(.hugeTLB)
    }
    guard let page = takeHugePage(area, mayUseReserve: true) else { return FaultOutcome(.bus, signal: .busAddress) }
    if area.isPrivate {
      prepareRoot(space, index)
    } else {
      files[Int(area.file.rawValue) - 1].pages[place] = page
      // The file keeps it.
      pages[page].mapCount += 1
    }
    space.hugeTLBBytes += policy.hugeBytes
    return mapPool(space, start, page, area.flags, isWritable: area.flags.contains(.write), kind: .hugeTLB)
  }

  private func mapPool(
    _ space: AddressSpace, _ start: UInt64, _ page: PageID, _ flags: AreaFlags, isWritable: Bool, kind: FaultKind
  ) -> FaultOutcome {
    pages[page].mapCount += 1
    let written = isWritable ? PageEntry.writableBit | PageEntry.dirtyBit : 0
    let bits = PageEntry.accessedBit | PageEntry.protection(flags) | written
    space.entries.setHuge(PageEntry(page: page, flags: bits), at: start)
    var outcome = FaultOutcome(kind)
    outcome.mappedPages = policy.hugePageCount
    outcome.page = page
    return outcome
  }

  private func takeHugePage(_ area: VirtualMemoryArea, mayUseReserve: Bool) -> PageID? {
    let file = Int(area.file.rawValue) - 1
    if mayUseReserve, files[file].reservedHugePages > 0 {
      files[file].reservedHugePages -= 1
      hugePool.reserved -= 1
    } else if hugePool.free - hugePool.reserved <= 0 {
      return nil
    }
    guard let frame = hugePool.frames.popLast() else { return nil }
    var record = PageRecord()
    record.kind = .hugeTLB
    record.order = UInt8(policy.hugeOrder)
    record.file = area.file
    return pages.add(record, frame)
  }

  /// Gives a huge page back to the pool.
  func freeHugeTLB(_ page: PageID) {
    pages.remove(page)
    hugePool.frames.append(page.frame)
  }
}
