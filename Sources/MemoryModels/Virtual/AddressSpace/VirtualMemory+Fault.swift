extension VirtualMemory {
  /// Handles a page fault: finds the mapping, checks the access, and maps a page or says which signal is sent.
  ///
  /// Follows `do_user_addr_fault` in arch/x86/mm/fault.c and `handle_mm_fault` in mm/memory.c, Linux 6.1.
  public func fault(_ space: AddressSpace, at address: UInt64, code: FaultCode) -> FaultOutcome {
    if address >= policy.userEnd { return kernelFault(address, code) }
    var index = space.areas.index(endingAbove: address)
    var isGrowth = false
    if index == space.areas.count { return segmentation(code) }
    if address < space.areas[index].start {
      guard space.areas[index].flags.contains(.growsDown), grow(space, index, to: address) else {
        return segmentation(code)
      }
      isGrowth = true
      index = space.areas.index(endingAbove: address)
    }
    if let signal = accessError(space.areas[index].flags, code) {
      return FaultOutcome(.protection, signal: code.contains(.user) ? signal : nil)
    }
    newTables = 0
    current = Requester(space)
    let page = address & ~(policy.pageBytes - 1)
    var outcome = handle(space, index, page, isWrite: code.contains(.write))
    outcome.newTables = newTables
    counters.faults += 1
    if outcome.kind.isError {
      if !code.contains(.user) { outcome.signal = nil }
      return outcome
    }
    if outcome.isMajor {
      space.majorFaults += 1
      counters.majorFaults += 1
    } else {
      space.minorFaults += 1
    }
    if isGrowth { outcome.kind = .stack }
    return outcome
  }

  private func kernelFault(_ address: UInt64, _ code: FaultCode) -> FaultOutcome {
    // x86-64 raises another exception for addresses that nothing can translate.
    if policy.scheme.format == .x86_64, address <= policy.userEnd | 0xFFF || !policy.scheme.isCanonical(address) {
      let isGap = address <= policy.userEnd | 0xFFF
      return FaultOutcome(.segmentation, signal: isGap ? .mapError : .generalProtection)
    }
    return code.contains(.user) ? FaultOutcome(.segmentation, signal: .mapError) : FaultOutcome(.kernel)
  }

  private func segmentation(_ code: FaultCode) -> FaultOutcome {
    FaultOutcome(.segmentation, signal: code.contains(.user) ? .mapError : nil)
  }

  /// Follows `access_error` in arch/x86/mm/fault.c, Linux 6.1.
  private func accessError(_ flags: AreaFlags, _ code: FaultCode) -> FaultSignal? {
    if !policy.isX86 {
      // `__do_page_fault` in arch/arm64/mm/fault.c, `access_error` in arch/arm/mm/fault.c.
      let wanted: AreaFlags = code.contains(.write) ? .write : code.contains(.instruction) ? .execute : .access
      return flags.isDisjoint(with: wanted) ? .accessError : nil
    }
    if code.contains(.protectionKey) { return .protectionKeyError }
    if code.contains(.write) { return flags.contains(.write) ? nil : .accessError }
    if code.contains(.protection) { return .accessError }
    return flags.isDisjoint(with: .access) ? .accessError : nil
  }

  /// Maps the page at a page's address, whose access is allowed. Follows `handle_pte_fault` in mm/memory.c, Linux 6.1.
  func handle(_ space: AddressSpace, _ index: Int, _ address: UInt64, isWrite: Bool) -> FaultOutcome {
    let flags = space.areas[index].flags
    if flags.contains(.hugeTLB) { return hugeTLBFault(space, index, address, isWrite: isWrite) }
    if let huge = space.entries.hugeEntry(at: address) {
      if let outcome = hugeFault(space, index, address, huge, isWrite: isWrite) { return outcome }
    } else if !space.entries.hasLeaf(address), mayBeHuge(space.areas[index], address) {
      if let outcome = newHugePage(space, index, address, isWrite: isWrite) { return outcome }
    }
    let entry = space.entries.entry(at: address)
    if entry.isNone {
      if space.areas[index].isAnonymous { return anonymousFault(space, index, address, isWrite: isWrite) }
      if flags.contains(.special) { return specialFault(space, address, flags) }
      return fileFault(space, index, address, isWrite: isWrite)
    }
    if entry.isSwap { return swapFault(space, index, address, entry, isWrite: isWrite) }
    if isWrite, !entry.isWritable { return writeProtectedFault(space, index, address, entry) }
    var touched = entry
    touched.set(isWrite ? PageEntry.accessedBit | PageEntry.dirtyBit : PageEntry.accessedBit)
    space.entries.set(touched, at: address)
    return FaultOutcome(.spurious)
  }

  /// Follows `do_anonymous_page` in mm/memory.c, Linux 6.1.
  private func anonymousFault(
    _ space: AddressSpace, _ index: Int, _ address: UInt64, isWrite: Bool
  ) -> FaultOutcome {
    guard prepareTables(space, address) else { return memoryShort }
    if !isWrite {
      space.entries.set(.zeroPage(PageEntry.protection(space.areas[index].flags)), at: address)
      return FaultOutcome(.anonymousZero)
    }
    prepareRoot(space, index)
    guard let page = newAnonymousPage(address) else { return memoryShort }
    mapAnonymous(space, index, address, page, isWrite: true)
    return taken(.anonymousWrite, page, isZeroed: true)
  }

  /// vvar, vdso and the like: a frame that is no page of ours.
  private func specialFault(_ space: AddressSpace, _ address: UInt64, _ flags: AreaFlags) -> FaultOutcome {
    guard prepareTables(space, address) else { return memoryShort }
    space.entries.set(.zeroPage(PageEntry.protection(flags)), at: address)
    return FaultOutcome(.fileMinor)
  }

  var memoryShort: FaultOutcome { FaultOutcome(.outOfMemory, signal: .killed) }

  func taken(_ kind: FaultKind, _ page: PageID, isZeroed: Bool) -> FaultOutcome {
    var outcome = FaultOutcome(kind)
    outcome.newPages = 1
    outcome.isZeroed = isZeroed
    outcome.page = page
    outcome.mappedPages = 1
    return outcome
  }

  @inline(__always)
  func prepareRoot(_ space: AddressSpace, _ index: Int) {
    if space.areas[index].anonymousRoot == 0 { findRoot(space, index) }
  }

  @inline(never)
  private func findRoot(_ space: AddressSpace, _ index: Int) {
    space.areas.prepareRoot(index) {
      nextRoot += 1
      return nextRoot
    }
  }

  /// A page of zeros, or of someone else's contents, that one process will have alone.
  func newAnonymousPage(_ address: UInt64) -> PageID? {
    guard let frame = allocateFrame() else { return nil }
    var record = PageRecord()
    record.index = address
    record.kind = .anonymous
    record.isExclusive = true
    record.isDirty = true
    return pages.add(record, frame)
  }

  /// Maps a new anonymous page, whose table is there, and counts it.
  func mapAnonymous(_ space: AddressSpace, _ index: Int, _ address: UInt64, _ page: PageID, isWrite: Bool) {
    let flags = space.areas[index].flags
    var bits = PageEntry.accessedBit | PageEntry.protection(flags)
    if flags.contains(.write) { bits |= PageEntry.writableBit | PageEntry.dirtyBit }
    pages[page].mapCount = 1
    pages.link(page, to: flags.contains(.locked) ? .unevictable : .inactiveAnonymous)
    space.entries.set(PageEntry(page: page, flags: bits), at: address)
    space.count(.anonymous, 1)
  }

  // MARK: - Writes to shared pages

  /// Follows `do_wp_page` in mm/memory.c, Linux 6.1.
  private func writeProtectedFault(
    _ space: AddressSpace, _ index: Int, _ address: UInt64, _ entry: PageEntry
  ) -> FaultOutcome {
    if entry.isZeroPage { return copy(space, index, address, entry, kind: .copyOnWrite, isZeroed: true) }
    let page = entry.page
    let kind = pages[page].kind
    if kind == .anonymous {
      if !pages[page].isExclusive {
        if pages[page].mapCount > 1 || !freeSwapCopy(page) {
          return copy(space, index, address, entry, kind: .copyOnWrite, isZeroed: false)
        }
        pages[page].isExclusive = true
      }
      makeWritable(space, address, entry)
      return FaultOutcome(.copyOnWriteReuse)
    }
    if space.areas[index].flags.contains(.shared) {
      pages[page].isDirty = true
      makeWritable(space, address, entry)
      return FaultOutcome(.sharedWrite)
    }
    return copy(space, index, address, entry, kind: .copyOnWrite, isZeroed: false)
  }

  private func makeWritable(_ space: AddressSpace, _ address: UInt64, _ entry: PageEntry) {
    var entry = entry
    entry.set(PageEntry.writableBit | PageEntry.dirtyBit | PageEntry.accessedBit)
    space.entries.set(entry, at: address)
  }

  /// Drops the swap slot that a page is a copy of; `false` if others refer to the slot.
  func freeSwapCopy(_ page: PageID) -> Bool {
    let slot = Int(pages[page].swapSlot)
    if slot < 0 { return true }
    if swap.counts[slot] > 0 { return false }
    swap.cached[slot] = .none
    swap.settle(slot)
    pages[page].swapSlot = -1
    pages[page].isDirty = true
    return true
  }

  /// Follows `wp_page_copy` in mm/memory.c, Linux 6.1.
  private func copy(
    _ space: AddressSpace, _ index: Int, _ address: UInt64, _ entry: PageEntry, kind: FaultKind, isZeroed: Bool
  ) -> FaultOutcome {
    prepareRoot(space, index)
    guard let new = newAnonymousPage(address) else { return memoryShort }
    // The old page may have been reclaimed for the new one.
    let current = space.entries.entry(at: address)
    if current.isPresent { flushPage(space, address) }
    if current.isPresent, !current.isZeroPage {
      space.count(residentKind(pages[current.page].kind), -1)
      unmapPage(current.page)
    } else if current.isSwap {
      space.count(.swap, -1)
      dropSwap(current.swapSlot)
    }
    mapAnonymous(space, index, address, new, isWrite: true)
    return taken(kind, new, isZeroed: isZeroed)
  }

  // MARK: - Files

  /// Follows `do_fault` in mm/memory.c and `filemap_fault` in mm/filemap.c, Linux 6.1.
  private func fileFault(
    _ space: AddressSpace, _ index: Int, _ address: UInt64, isWrite: Bool
  ) -> FaultOutcome {
    let area = space.areas[index]
    let file = area.file
    let place = area.pageIndex(of: address, shift: policy.pageShift)
    let isCopied = isWrite && area.isPrivate
    if !isWrite {
      let mapped = mapAround(space, area, address, place)
      if mapped < 0 { return memoryShort }
      if mapped > 0 {
        var outcome = FaultOutcome(.fileMinor)
        outcome.mappedPages = mapped
        return outcome
      }
    }
    let size = files[Int(file.rawValue) - 1].bytes
    if size != .max, place >= (size &+ policy.pageBytes &- 1) >> UInt64(policy.pageShift) {
      return FaultOutcome(.bus, signal: .busAddress)
    }
    var copy = PageID.none
    if isCopied {
      prepareRoot(space, index)
      guard let page = newAnonymousPage(address) else { return memoryShort }
      copy = page
    }
    let found: (page: PageID, isMajor: Bool, isNew: Bool)
    if let cached = filePage(file, place) {
      found = (cached, false, false)
    } else if files[Int(file.rawValue) - 1].kind == .sharedMemory {
      guard let page = sharedMemoryPage(file, place) else { return giveBack(copy) }
      found = (page.page, page.isMajor, true)
    } else {
      // The window is centred on the page that is missing (`do_sync_mmap_readahead`).
      let last = size == .max ? place + 1 : (size &+ policy.pageBytes &- 1) >> UInt64(policy.pageShift)
      let start = place > 16 ? place - 16 : 0
      cache(file, pages: start..<max(min(start + 32, last), place + 1))
      guard let page = filePage(file, place) else { return giveBack(copy) }
      found = (page, true, true)
    }
    guard prepareTables(space, address) else { return giveBack(copy) }
    var outcome: FaultOutcome
    if isCopied {
      mapAnonymous(space, index, address, copy, isWrite: true)
      outcome = taken(.fileCopy, copy, isZeroed: false)
    } else {
      mapFile(space, area, address, found.page, isWrite: isWrite)
      let isShared = pages[found.page].kind == .sharedMemory
      var kind = found.isMajor ? FaultKind.fileMajor : isWrite ? .sharedWrite : .fileMinor
      if found.isNew, isShared { kind = .sharedMemory }
      outcome = FaultOutcome(kind)
      outcome.page = found.page
      outcome.newPages = found.isNew && isShared ? 1 : 0
      outcome.mappedPages = 1
    }
    outcome.isMajor = found.isMajor
    return outcome
  }

  private func giveBack(_ copy: PageID) -> FaultOutcome {
    if copy != .none { freeAnonymous(copy) }
    return memoryShort
  }

  /// A page of shared memory, new or from swap.
  private func sharedMemoryPage(_ file: FileID, _ place: UInt64) -> (page: PageID, isMajor: Bool)? {
    guard let page = addFilePage(file, place) else { return nil }
    pages[page].isDirty = true
    guard let slot = files[Int(file.rawValue) - 1].swapped.removeValue(forKey: place) else { return (page, false) }
    counters.swappedIn += 1
    dropSwap(slot)
    return (page, true)
  }

  /// Maps the pages of the page cache around a place, each that has no entry; returns how many, −1 if memory is short,
  /// and 0 if the page itself is not in the cache.
  ///
  /// Follows `do_fault_around` in mm/memory.c, Linux 6.1.
  private func mapAround(_ space: AddressSpace, _ area: VirtualMemoryArea, _ address: UInt64, _ place: UInt64) -> Int {
    let bytes = policy.faultAroundBytes
    if bytes <= policy.pageBytes { return 0 }
    let start = max(address & ~(bytes - 1), area.start)
    // The kernel counts pages from where it starts, so that a mapping's begin doesn't shorten the window.
    let tableEnd = (address | (policy.hugeBytes - 1)) &+ 1
    let end = min(min(start &+ bytes, area.end), tableEnd)
    let cached = files[Int(area.file.rawValue) - 1].pages
    if cached.isEmpty { return 0 }
    guard prepareTables(space, address) else { return -1 }
    let bits = fileBits(area)
    let kind = files[Int(area.file.rawValue) - 1].kind == .sharedMemory ? ResidentKind.sharedMemory : .file
    var mapped = 0
    var hasTarget = false
    var target = start
    var index = place &- (address &- start) >> UInt64(policy.pageShift)
    while target < end {
      if let page = cached[index], space.entries.setIfNone(PageEntry(page: page, flags: bits), at: target) {
        pages[page].mapCount &+= 1
        mapped += 1
        if target == address { hasTarget = true }
      }
      target &+= policy.pageBytes
      index &+= 1
    }
    if mapped > 0 { space.count(kind, mapped) }
    return hasTarget ? mapped : 0
  }

  /// The bits of an entry that maps a page of the page cache for a read.
  private func fileBits(_ area: VirtualMemoryArea) -> UInt64 {
    let bits = PageEntry.accessedBit | PageEntry.protection(area.flags)
    let isWritable = area.flags.isSuperset(of: [.shared, .write]) && !files[Int(area.file.rawValue) - 1].notesWrites
    return isWritable ? bits | PageEntry.writableBit : bits
  }

  /// Maps a page of the page cache, whose table is there, and counts it. Follows `do_set_pte` in mm/memory.c, Linux 6.1.
  func mapFile(_ space: AddressSpace, _ area: VirtualMemoryArea, _ address: UInt64, _ page: PageID, isWrite: Bool) {
    var bits = fileBits(area)
    if isWrite {
      bits |= PageEntry.writableBit | PageEntry.dirtyBit
      pages[page].isDirty = true
    }
    pages[page].mapCount += 1
    space.entries.set(PageEntry(page: page, flags: bits), at: address)
    space.count(residentKind(pages[page].kind), 1)
  }

  // MARK: - Stacks

  /// Lets a stack grow down to an address, if limits and the gap below allow it.
  ///
  /// Follows `expand_downwards` in mm/mmap.c, Linux 6.1.
  private func grow(_ space: AddressSpace, _ index: Int, to address: UInt64) -> Bool {
    let start = address & ~(policy.pageBytes - 1)
    if start < policy.minimumAddress { return false }
    if index > 0 {
      let below = space.areas[index - 1]
      let gap = policy.stackGuardPages << UInt64(policy.pageShift)
      if !below.flags.contains(.growsDown), below.isAccessible, start &- below.end < gap { return false }
      if start < below.end { return false }
    }
    let area = space.areas[index]
    if area.end - start > space.limits.stackBytes { return false }
    let pages = Int((area.start - start) >> UInt64(policy.pageShift))
    if !mayExpand(space, area.flags, pages) || !mayLock(space, area.flags, pages) { return false }
    prepareRoot(space, index)
    guard charge(pages, space) else { return false }
    space.committedPages += pages
    space.areas[index].start = start
    space.areas[index].pageOffset -= UInt64(pages)
    space.mappedPages += pages
    if area.flags.contains(.locked) { space.lockedPages += pages }
    return true
  }
}
