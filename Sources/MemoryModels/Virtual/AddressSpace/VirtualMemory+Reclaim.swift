extension VirtualMemory {
  /// Reclaims until the high marks are reached, as kswapd does when a request finds the low one passed.
  func reclaimInBackground() {
    let target = supply.highMarkPages
    var attempts = 0
    supply.drain()
    while supply.freeInZones < target, attempts < 3 {
      // The first look at a page only finds that it was used.
      if reclaim(pages: max(min(32, target - supply.freeInZones), 1)) == 0 { attempts += 1 }
      supply.drain()
    }
  }

  /// Frees pages of files, and pages that can go to swap, the ones used longest ago first; returns how many.
  ///
  /// Follows `shrink_lruvec` and `get_scan_count` in mm/vmscan.c, Linux 6.1, with equal costs of both kinds.
  @discardableResult
  func reclaim(pages target: Int) -> Int {
    if isReclaiming { return 0 }
    isReclaiming = true
    defer { isReclaiming = false }
    var freed = 0
    // Priority 12 to 0: more is looked at each time.
    for priority in stride(from: 12, through: 0, by: -1) {
      freed += shrink(priority: priority, target: target - freed)
      if freed >= target { break }
    }
    return freed
  }

  private func shrink(priority: Int, target: Int) -> Int {
    let hasSwap = swap.free > 0
    let filePages = pages.pages(on: .inactiveFile) + pages.pages(on: .activeFile)
    let anonymousPages = pages.pages(on: .inactiveAnonymous) + pages.pages(on: .activeAnonymous)
    // With equal costs the two kinds are looked at as swappiness : 200 − swappiness; the last time all of both.
    var fileScan = filePages >> priority
    var anonymousScan = hasSwap ? anonymousPages >> priority : 0
    if hasSwap, priority > 0 {
      fileScan = fileScan * (200 - policy.swappiness) / 200
      anonymousScan = anonymousScan * policy.swappiness / 200
    }
    var freed = 0
    freed += scan(.inactiveFile, .activeFile, max(fileScan, priority == 0 ? filePages : 0), target)
    if freed < target, hasSwap {
      freed += scan(.inactiveAnonymous, .activeAnonymous, anonymousScan, target - freed)
    }
    return freed
  }

  private func scan(_ inactive: PageRecord.List, _ active: PageRecord.List, _ count: Int, _ target: Int) -> Int {
    var freed = 0
    var left = count
    if pages.pages(on: inactive) < pages.pages(on: active) { deactivate(active, inactive, count) }
    while left > 0, freed < target {
      let page = pages.last(of: inactive)
      if page == .none { break }
      left -= 1
      let size = 1 << Int(pages[page].order)
      switch judge(page) {
      case .keep: pages.link(page, to: inactive)
      case .activate: pages.link(page, to: active)
      case .reclaim: if evict(page, keepsCopy: false) { freed += size } else { pages.link(page, to: active) }
      }
    }
    return freed
  }

  private func deactivate(_ active: PageRecord.List, _ inactive: PageRecord.List, _ count: Int) {
    for _ in 0..<max(count, 32) {
      let page = pages.last(of: active)
      if page == .none { return }
      _ = clearAccessed(page)
      pages.link(page, to: inactive)
    }
  }

  private enum Verdict { case keep, activate, reclaim }

  /// Follows `folio_check_references` in mm/vmscan.c, Linux 6.1.
  private func judge(_ page: PageID) -> Verdict {
    let references = clearAccessed(page)
    if references > 0 {
      let wasReferenced = pages[page].isReferenced
      pages[page].isReferenced = true
      return wasReferenced || references > 1 ? .activate : .keep
    }
    return .reclaim
  }

  /// The entries that map a page: of files by the mappings of the file, of anonymous memory by the address it had first.
  func mappers(_ page: PageID) -> [(space: AddressSpace, address: UInt64)] {
    let record = pages[page]
    if record.mapCount == 0 { return [] }
    var found: [(AddressSpace, UInt64)] = []
    for pid in spaces.keys.sorted() {
      guard let space = spaces[pid] else { continue }
      if record.isAnonymous {
        let entry = space.entries.entry(at: record.index)
        if entry.isPresent, !entry.isZeroPage, entry.page == page { found.append((space, record.index)) }
      } else {
        for area in space.areas.areas where area.file == record.file {
          let pagesInArea = area.bytes >> UInt64(policy.pageShift)
          guard record.index >= area.pageOffset, record.index < area.pageOffset + pagesInArea else { continue }
          let address = area.start + (record.index - area.pageOffset) << UInt64(policy.pageShift)
          let entry = space.entries.entry(at: address)
          if entry.isPresent, !entry.isZeroPage, entry.page == page { found.append((space, address)) }
        }
      }
    }
    return found
  }

  private func clearAccessed(_ page: PageID) -> Int {
    var references = 0
    for (space, address) in mappers(page) {
      var entry = space.entries.entry(at: address)
      if entry.isAccessed {
        references += 1
        entry.clear(PageEntry.accessedBit)
        space.entries.set(entry, at: address)
      }
    }
    return references
  }

  /// Unmaps a page and frees it, its contents in swap or in its file; `false` if it can't go.
  ///
  /// Follows `shrink_folio_list` in mm/vmscan.c and `try_to_unmap_one` in mm/rmap.c, Linux 6.1; writing is instant.
  ///
  /// With `keepsCopy` a page that was written stays in the swap cache, first in line to be freed.
  private func evict(_ page: PageID, keepsCopy: Bool) -> Bool {
    let mapped = mappers(page)
    if mapped.count != Int(pages[page].mapCount) { return false }
    if pages[page].kind == .file { return evictFile(page, mapped) }
    if pages[page].order > 0 { return false }
    var slot = Int(pages[page].swapSlot)
    if slot < 0 {
      guard let taken = swap.take() else { return false }
      slot = taken
      pages[page].isDirty = true
    }
    for (space, address) in mapped where space.entries.entry(at: address).isDirty { pages[page].isDirty = true }
    if pages[page].isDirty { counters.swappedOut += 1 }
    let isAnonymous = pages[page].isAnonymous
    for (space, address) in mapped {
      flushPage(space, address)
      if isAnonymous {
        swap.refer(slot)
        let entry = PageEntry(swapSlot: slot, isExclusive: pages[page].isExclusive)
        space.entries.set(entry, at: address)
        space.count(.anonymous, -1)
        space.count(.swap, 1)
      } else {
        space.entries.set(.none, at: address)
        space.count(.sharedMemory, -1)
      }
    }
    if !isAnonymous {
      swap.refer(slot)
      let record = pages[page]
      files[Int(record.file.rawValue) - 1].swapped[record.index] = slot
      files[Int(record.file.rawValue) - 1].pages[record.index] = nil
    }
    if keepsCopy, isAnonymous {
      swap.cached[slot] = page
      pages[page].swapSlot = Int32(slot)
      pages[page].mapCount = 0
      pages[page].isDirty = false
      pages[page].isExclusive = false
      pages.linkLast(page, to: .inactiveAnonymous)
      return true
    }
    swap.cached[slot] = .none
    swap.settle(slot)
    pages.remove(page)
    supply.free(page.frame)
    return true
  }

  private func evictFile(_ page: PageID, _ mapped: [(space: AddressSpace, address: UInt64)]) -> Bool {
    for (space, address) in mapped {
      space.entries.set(.none, at: address)
      flushPage(space, address)
      space.count(.file, -1)
    }
    let record = pages[page]
    files[Int(record.file.rawValue) - 1].pages[record.index] = nil
    pages.remove(page)
    supply.free(page.frame)
    counters.reclaimedFilePages += 1
    return true
  }

  /// Writes all pages of a range that can go to swap, as `MADV_PAGEOUT` does; returns how many went.
  ///
  /// Follows `madvise_pageout_page_range` in mm/madvise.c, Linux 6.1: pages that others share stay.
  @discardableResult
  public func pageOut(_ space: AddressSpace, _ range: Range<UInt64>) -> Int {
    var count = 0
    for address in space.entries.hugeAddresses(in: range) { splitHuge(space, at: address, always: true) }
    for address in space.entries.addresses(in: range) {
      var entry = space.entries.entry(at: address)
      guard entry.isPresent, !entry.isZeroPage, pages[entry.page].mapCount == 1, pages[entry.page].list != .unevictable
      else { continue }
      entry.clear(PageEntry.accessedBit)
      space.entries.set(entry, at: address)
      if evict(entry.page, keepsCopy: true) { count += 1 }
    }
    return count
  }
}
