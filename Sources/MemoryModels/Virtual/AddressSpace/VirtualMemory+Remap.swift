extension VirtualMemory {
  /// Grows, shrinks or moves a mapping; returns where it is now. `target` is where it goes if it must move. Follows `mremap` in mm/mremap.c, Linux 6.1.
  @discardableResult
  public func remap(
    _ space: AddressSpace, _ old: UInt64, _ oldLength: UInt64, _ newLength: UInt64, mayMove: Bool,
    target: UInt64? = nil
  ) throws(CallError) -> UInt64 {
    let mask = policy.pageBytes - 1
    guard old & mask == 0, newLength > 0, oldLength <= policy.userEnd, newLength <= policy.userEnd else {
      throw .invalid
    }
    let oldBytes = (oldLength + mask) & ~mask
    let newBytes = (newLength + mask) & ~mask
    guard let area = space.areas.area(at: old) else { throw .badAddress }
    if area.flags.contains(.hugeTLB), newBytes > oldBytes { throw .invalid }
    if oldBytes >= newBytes {
      if oldBytes > newBytes { try unmap(space, old + newBytes, oldBytes - newBytes) }
      return old
    }
    // An old length of 0 would make a second mapping of shared memory, which nobody should want.
    if oldBytes == 0 { throw .invalid }
    if oldBytes > area.end - old || area.flags.contains(.special) { throw .badAddress }
    let pages = Int((newBytes - oldBytes) >> UInt64(policy.pageShift))
    if !mayLock(space, area.flags, pages) { throw .tryAgain }
    if !mayExpand(space, area.flags, pages) { throw .noMemory }
    if target == nil, oldBytes == area.end - old, isRoom(space, area, newBytes - oldBytes) {
      return try extend(space, area, old, newBytes - oldBytes, pages)
    }
    if !mayMove { throw .noMemory }
    return try move(space, area, old, oldBytes, newBytes, target)
  }

  private func isRoom(_ space: AddressSpace, _ area: VirtualMemoryArea, _ bytes: UInt64) -> Bool {
    let (end, overflows) = area.end.addingReportingOverflow(bytes)
    if overflows || end > policy.userEnd { return false }
    let next = space.areas.search(area.end)
    return next == space.areas.count || space.areas[next].start >= end
  }

  private func extend(
    _ space: AddressSpace, _ area: VirtualMemoryArea, _ old: UInt64, _ bytes: UInt64, _ pages: Int
  ) throws(CallError) -> UInt64 {
    if area.flags.contains(.accounted) {
      guard charge(pages, space) else { throw .noMemory }
      space.committedPages += pages
    }
    var tail = area
    tail.start = area.end
    tail.end = area.end + bytes
    tail.pageOffset = area.pageOffset + area.bytes >> UInt64(policy.pageShift)
    space.areas.insertMerging(tail)
    space.mappedPages += pages
    if area.flags.contains(.locked) {
      space.lockedPages += pages
      populate(space, tail.start..<tail.end)
    }
    return old
  }

  private func move(
    _ space: AddressSpace, _ area: VirtualMemoryArea, _ old: UInt64, _ oldBytes: UInt64, _ newBytes: UInt64,
    _ target: UInt64?
  ) throws(CallError) -> UInt64 {
    if space.areas.count >= policy.maximumAreas - 3 { throw .noMemory }
    var request = MapRequest(bytes: newBytes, flags: area.flags, file: area.file)
    if let target {
      request.address = target
      try unmap(space, target, newBytes)
    }
    let new = try place(space, request, newBytes, target != nil)
    let pages = Int(newBytes >> UInt64(policy.pageShift))
    let oldPages = Int(oldBytes >> UInt64(policy.pageShift))
    if area.flags.contains(.accounted) {
      guard charge(pages - oldPages, space) else { throw .noMemory }
      space.committedPages += pages - oldPages
    }
    splitAtEnds(space, old..<old + oldBytes)
    var moved = area
    moved.start = new
    moved.end = new + newBytes
    moved.pageOffset = area.pageIndex(of: old, shift: policy.pageShift)
    // Untouched memory has no place to keep.
    if area.isAnonymous, area.anonymousRoot == 0 { moved.pageOffset = new >> UInt64(policy.pageShift) }
    if area.file != .none { files[Int(area.file.rawValue) - 1].areaCount += 1 }
    insert(moved, in: space)
    // The new mapping may have been joined with the old one, which goes alone.
    splitAtEnds(space, old..<old + oldBytes)
    current = Requester(space)
    guard moveEntries(space, old, oldBytes, new) else {
      // What was moved goes back: its tables are still there.
      if spaces[space.pid] === space {
        for address in space.entries.addresses(in: new..<new + oldBytes) {
          let entry = space.entries.entry(at: address)
          space.entries.set(.none, at: address)
          space.entries.set(entry, at: old + (address - new))
        }
        for index in space.areas.indices(in: new..<new + newBytes) {
          space.areas[index].flags.subtract([.accounted, .locked])
        }
        try unmap(space, new, newBytes)
        if area.flags.contains(.accounted) {
          space.committedPages -= pages - oldPages
          committedPages -= pages - oldPages
        }
      } else if area.flags.contains(.accounted) {
        // Both mappings went with the process, and the old pages were charged once.
        committedPages += oldPages
      }
      throw .noMemory
    }
    // What was charged for the old mapping goes on with the new one.
    let indices = space.areas.indices(in: old..<old + oldBytes)
    for index in indices { space.areas[index].flags.remove(.accounted) }
    if area.flags.contains(.locked) { space.lockedPages += pages }
    removeAreas(space, indices)
    if area.flags.contains(.locked) { populate(space, new..<new + newBytes) }
    return new
  }

  /// Moves entries, whole tables at once where both places begin with one. Follows `move_page_tables` in mm/mremap.c.
  /// `false` when memory is short for tables.
  private func moveEntries(_ space: AddressSpace, _ old: UInt64, _ bytes: UInt64, _ new: UInt64) -> Bool {
    let mask = policy.hugeBytes - 1
    for boundary in [old, old + bytes] { splitHuge(space, at: boundary) }
    for address in space.entries.hugeAddresses(in: old..<old + bytes) {
      if old & mask == new & mask, let entry = space.entries.hugeEntry(at: address) {
        let target = new + (address - old)
        guard prepareTables(space, target, withLeaf: false) else { return false }
        let deposit = space.entries.removeHuge(at: address)
        space.entries.setHuge(entry, at: target, deposit: deposit)
        flushHuge(space, address)
      } else {
        splitHuge(space, at: address, always: true)
      }
    }
    for key in space.entries.leafKeys(in: old..<old + bytes) {
      let start = max(key * policy.hugeBytes, old)
      let end = min((key + 1) * policy.hugeBytes, old + bytes)
      let target = new + (start - old)
      if end - start == policy.hugeBytes, target & mask == 0, !space.entries.hasLeaf(target) {
        guard prepareTables(space, target, withLeaf: false) else { return false }
        space.entries.moveLeaf(from: start, to: target)
        if let processors { processors.flush(space, start..<end, stride: policy.pageBytes) }
        continue
      }
      // Tables are made wherever the old range has one, entries in it or not.
      guard prepareTables(space, target), prepareTables(space, new + (end - old) - policy.pageBytes) else {
        return false
      }
      var gather = FlushGather()
      for address in space.entries.addresses(in: start..<end) {
        let entry = space.entries.entry(at: address)
        space.entries.set(.none, at: address)
        space.entries.set(entry, at: new + (address - old))
        if entry.isPresent { gather.add(address, policy.pageBytes, isHuge: false) }
      }
      flush(space, gather)
    }
    for address in space.entries.addresses(in: new..<new + bytes) {
      let entry = space.entries.entry(at: address)
      if entry.isPresent, !entry.isZeroPage, pages[entry.page].isAnonymous { pages[entry.page].index = address }
    }
    return true
  }

  /// Moves the end of the heap; returns where it is afterwards, unchanged if that can't be.
  ///
  /// Follows `brk` in mm/mmap.c, Linux 6.1.
  @discardableResult
  public func setHeapEnd(_ space: AddressSpace, _ end: UInt64) -> UInt64 {
    if end < space.heapStart { return space.heapEnd }
    let mask = policy.pageBytes - 1
    guard end <= policy.userEnd - policy.pageBytes else { return space.heapEnd }
    let newEnd = (end + mask) & ~mask
    let oldEnd = (space.heapEnd + mask) & ~mask
    if newEnd < oldEnd {
      guard (try? unmap(space, newEnd, oldEnd - newEnd)) != nil else { return space.heapEnd }
    } else if newEnd > oldEnd {
      let index = space.areas.search(oldEnd)
      if index < space.areas.count {
        let next = space.areas[index]
        let gap = next.flags.contains(.growsDown) ? policy.stackGuardPages << UInt64(policy.pageShift) : 0
        if newEnd + policy.pageBytes > next.start - min(gap, next.start) { return space.heapEnd }
      }
      var request = MapRequest(address: oldEnd, bytes: newEnd - oldEnd, flags: [.read, .write])
      request.isFixed = true
      guard (try? map(space, request)) != nil else { return space.heapEnd }
    }
    space.heapEnd = end
    return end
  }
}
