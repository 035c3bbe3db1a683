extension VirtualMemory {
  /// Brings a page back from swap. Follows `do_swap_page` in mm/memory.c, Linux 6.1.
  func swapFault(
    _ space: AddressSpace, _ index: Int, _ address: UInt64, _ entry: PageEntry, isWrite: Bool
  ) -> FaultOutcome {
    let slot = entry.swapSlot
    guard slot < swap.pages else { return FaultOutcome(.bus, signal: .busAddress) }
    var isMajor = false
    var isExclusive = entry.isExclusiveSwap
    let page: PageID
    if swap.cached[slot] != .none {
      page = swap.cached[slot]
      if swap.isReadAhead[slot] {
        swap.isReadAhead[slot] = false
        swap.hits += 1
      }
    } else {
      isMajor = true
      if policy.hasSynchronousSwap, swap.counts[slot] == 1 {
        guard let fresh = readSwap(slot, address, isCached: false) else { return memoryShort }
        page = fresh
        isExclusive = true
      } else {
        guard let read = readAhead(slot, address) else { return memoryShort }
        page = read
      }
    }
    pages[page].mapCount += 1
    pages[page].index = address
    space.count(.swap, -1)
    space.count(.anonymous, 1)
    swap.drop(slot)
    if pages[page].swapSlot >= 0, shouldFreeSwap(space.areas[index], page, isWrite: isWrite) {
      _ = freeSwapCopy(page)
    }
    var bits = PageEntry.accessedBit | PageEntry.protection(space.areas[index].flags)
    let isAlone = pages[page].swapSlot < 0 && pages[page].mapCount == 1
    if isExclusive || isAlone {
      pages[page].isExclusive = true
      if isWrite, space.areas[index].flags.contains(.write) {
        bits |= PageEntry.writableBit | PageEntry.dirtyBit
        pages[page].isDirty = true
      }
    }
    if space.areas[index].flags.contains(.locked) { pages.link(page, to: .unevictable) }
    space.entries.set(PageEntry(page: page, flags: bits), at: address)
    var outcome = FaultOutcome(isMajor ? .swapMajor : .swapMinor)
    outcome.isMajor = isMajor
    outcome.newPages = isMajor ? 1 : 0
    outcome.page = page
    outcome.mappedPages = 1
    if isWrite, bits & PageEntry.writableBit == 0 {
      // Others have it too: the write goes on to a copy, in the same fault.
      let copied = handle(space, index, address, isWrite: true)
      if copied.kind.isError { return copied }
      outcome.newPages += copied.newPages
    }
    return outcome
  }

  /// Follows `should_try_to_free_swap` in mm/memory.c, Linux 6.1.
  private func shouldFreeSwap(_ area: VirtualMemoryArea, _ page: PageID, isWrite: Bool) -> Bool {
    if swap.used * 2 > swap.pages || area.flags.contains(.locked) { return true }
    return isWrite && pages[page].mapCount == 1
  }

  /// Reads a slot, with those around it that are in use; returns the page of the slot itself.
  ///
  /// Follows `swap_cluster_readahead` in mm/swap_state.c, Linux 6.1.
  private func readAhead(_ slot: Int, _ address: UInt64) -> PageID? {
    let maximum = 1 << policy.pageCluster
    var window = 1
    if maximum > 1 {
      window = SwapArea.window(
        previousSlot: swap.lastSlot, slot: slot, hits: swap.hits, maximum: maximum, previousWindow: swap.lastWindow)
      if swap.hits == 0 { swap.lastSlot = slot }
      swap.hits = 0
      swap.lastWindow = window
    }
    guard let page = readSwap(slot, address, isCached: true) else { return nil }
    // Keep it while its neighbours take memory.
    pages[page].mapCount += 1
    let start = slot & ~(window - 1)
    for neighbour in start..<min(start + window, swap.pages)
    where neighbour != slot && swap.counts[neighbour] > 0 && swap.cached[neighbour] == .none {
      guard supply.isUnlimited || supply.freePages > supply.lowMarkPages else { break }
      if readSwap(neighbour, 0, isCached: true) != nil { swap.isReadAhead[neighbour] = true }
    }
    pages[page].mapCount -= 1
    return page
  }

  private func readSwap(_ slot: Int, _ address: UInt64, isCached: Bool) -> PageID? {
    guard let page = newAnonymousPage(address) else { return nil }
    pages[page].isExclusive = false
    pages[page].isDirty = !isCached
    if isCached {
      pages[page].swapSlot = Int32(slot)
      swap.cached[slot] = page
    }
    pages.link(page, to: .inactiveAnonymous)
    counters.swappedIn += 1
    return page
  }

  /// Drops a reference to a slot; a page that is only a copy of it goes with the last one.
  func dropSwap(_ slot: Int) {
    let page = swap.cached[slot]
    swap.drop(slot)
    if swap.counts[slot] == 0, page != .none, pages[page].mapCount == 0 { freeAnonymous(page) }
  }
}
