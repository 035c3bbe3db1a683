/// What to map, as mmap is asked for it.
public struct MapRequest: Hashable, Sendable {
  /// Where; with neither `isFixed`, a wish. 0 leaves it to the kernel.
  public var address: UInt64
  public var bytes: UInt64
  public var flags: AreaFlags
  public var file: FileID
  /// Bytes into the file.
  public var offset: UInt64
  /// `MAP_FIXED`: what is there goes.
  public var isFixed = false
  /// `MAP_FIXED_NOREPLACE`: it is an error if something is there.
  public var isFixedWithoutReplacing = false
  /// `MAP_POPULATE`.
  public var isPopulated = false

  public init(address: UInt64 = 0, bytes: UInt64, flags: AreaFlags, file: FileID = .none, offset: UInt64 = 0) {
    self.address = address
    self.bytes = bytes
    self.flags = flags
    self.file = file
    self.offset = offset
  }
}

extension VirtualMemory {
  private func aligned(_ bytes: UInt64) -> UInt64? {
    let (sum, overflows) = bytes.addingReportingOverflow(policy.pageBytes - 1)
    return overflows ? nil : sum & ~(policy.pageBytes - 1)
  }

  private func pageCount(_ bytes: UInt64) -> Int { Int(bytes >> UInt64(policy.pageShift)) }

  /// Maps memory or a file and returns where. Follows `do_mmap` and `mmap_region` in mm/mmap.c, Linux 6.1.
  @discardableResult
  public func map(_ space: AddressSpace, _ request: MapRequest) throws(CallError) -> UInt64 {
    if request.bytes == 0 { throw .invalid }
    guard var bytes = aligned(request.bytes), bytes <= policy.userEnd else { throw .noMemory }
    var flags = request.flags
    if flags.contains(.hugeTLB) { bytes = (bytes + policy.hugeBytes - 1) & ~(policy.hugeBytes - 1) }
    if space.areas.count > policy.maximumAreas { throw .noMemory }
    let isFixed = request.isFixed || request.isFixedWithoutReplacing
    if space.locksFutureMappings { flags.insert(.locked) }
    let start = try place(space, request, bytes, isFixed)
    if request.isFixedWithoutReplacing {
      let index = space.areas.search(start)
      if index < space.areas.count, space.areas[index].start < start + bytes { throw .exists }
    }
    if !mayLock(space, flags, pageCount(bytes)) { throw .tryAgain }
    if request.isFixed { try unmap(space, start, bytes) }
    if !mayExpand(space, flags, pageCount(bytes)) { throw .noMemory }
    var file = request.file
    var offset = request.offset >> UInt64(policy.pageShift)
    if file == .none {
      offset = flags.contains(.shared) ? 0 : start >> UInt64(policy.pageShift)
    }
    try chargeMapping(space, &flags, &file, bytes)
    let area = VirtualMemoryArea(start: start, end: start + bytes, flags: flags, file: file, pageOffset: offset)
    if file != .none { files[Int(file.rawValue) - 1].areaCount += 1 }
    insert(area, in: space)
    if flags.contains(.locked) { space.lockedPages += pageCount(bytes) }
    if request.isPopulated || flags.contains(.locked) { populate(space, start..<start + bytes) }
    return start
  }

  /// Puts in a mapping, joined with its neighbours, whose number of mappings of its file was already raised.
  func insert(_ area: VirtualMemoryArea, in space: AddressSpace) {
    let before = space.areas.count
    space.areas.insertMerging(area)
    if area.file != .none, space.areas.count <= before {
      files[Int(area.file.rawValue) - 1].areaCount -= before + 1 - space.areas.count
    }
    space.mappedPages += pageCount(area.bytes)
  }

  /// What is charged for a mapping, and the file that stands for shared memory without one.
  private func chargeMapping(
    _ space: AddressSpace, _ flags: inout AreaFlags, _ file: inout FileID, _ bytes: UInt64
  ) throws(CallError) {
    if policy.overcommit == .never, !flags.contains(.hugeTLB) { flags.remove(.noReserve) }
    let pages = pageCount(bytes)
    if flags.contains(.hugeTLB) {
      let count = flags.contains(.noReserve) ? 0 : Int(bytes / policy.hugeBytes)
      if !hugePool.reserve(count) { throw .noMemory }
      if file == .none { file = addFile("/anon_hugepage (deleted)", kind: .hugeTLB, bytes: bytes, isNamed: false) }
      files[Int(file.rawValue) - 1].reservedHugePages += count
      return
    }
    if flags.contains(.shared), file == .none {
      if !flags.contains(.noReserve) {
        guard charge(pages, space) else { throw .noMemory }
      }
      file = addFile("/dev/zero (deleted)", kind: .sharedMemory, bytes: bytes, isNamed: false)
      if !flags.contains(.noReserve) { files[Int(file.rawValue) - 1].committedPages = pages }
    } else if flags.isDisjoint(with: [.shared, .noReserve]), flags.contains(.write) {
      guard charge(pages, space) else { throw .noMemory }
      flags.insert(.accounted)
      space.committedPages += pages
    }
  }

  /// Follows `get_unmapped_area` in mm/mmap.c and `arch_get_unmapped_area_topdown` in arch/x86, Linux 6.1.
  func place(
    _ space: AddressSpace, _ request: MapRequest, _ bytes: UInt64, _ isFixed: Bool
  ) throws(CallError) -> UInt64 {
    let alignment = request.flags.contains(.hugeTLB) ? policy.hugeBytes : policy.pageBytes
    if isFixed {
      if request.address & (alignment - 1) != 0 { throw .invalid }
      if request.address > policy.userEnd - bytes { throw .noMemory }
      // CAP_SYS_RAWIO lets go below it (`cap_mmap_addr`).
      if request.address < policy.minimumAddress, !space.isPrivileged { throw .notPermitted }
      return request.address
    }
    if request.address != 0 {
      // A wish below the minimum is raised to it (`round_hint_to_min`).
      let wish = max((request.address &+ alignment - 1) & ~(alignment - 1), policy.minimumAddress)
      if wish <= policy.userEnd - bytes, isFree(space, wish, bytes) { return wish }
    }
    guard let found = freePlace(space, bytes, alignment) else { throw .noMemory }
    return found
  }

  /// Where a mapping's room begins, with the gap that a stack keeps below it.
  private func guardedStart(_ area: VirtualMemoryArea) -> UInt64 {
    if !area.flags.contains(.growsDown) { return area.start }
    let gap = policy.stackGuardPages << UInt64(policy.pageShift)
    return area.start > gap ? area.start - gap : 0
  }

  private func isFree(_ space: AddressSpace, _ start: UInt64, _ bytes: UInt64) -> Bool {
    let index = space.areas.search(start)
    return index == space.areas.count || start + bytes <= guardedStart(space.areas[index])
  }

  /// The highest place below the base with so much room, or else the lowest above a third of the address space.
  private func freePlace(_ space: AddressSpace, _ bytes: UInt64, _ alignment: UInt64) -> UInt64? {
    func fit(_ low: UInt64, _ high: UInt64) -> UInt64? {
      guard high >= bytes, high - bytes >= low else { return nil }
      let start = (high - bytes) & ~(alignment - 1)
      return start >= low ? start : nil
    }
    let low = max(policy.pageBytes, policy.minimumAddress)
    var index = space.areas.search(space.mappingBase - 1)
    var high = space.mappingBase
    if index < space.areas.count { high = min(high, guardedStart(space.areas[index])) }
    while true {
      let floor = index > 0 ? max(space.areas[index - 1].end, low) : low
      if let start = fit(floor, high) { return start }
      if index == 0 { break }
      index -= 1
      high = guardedStart(space.areas[index])
    }
    var start = (policy.userEnd / 3 + alignment - 1) & ~(alignment - 1)
    index = space.areas.search(start)
    while start <= policy.userEnd - bytes {
      if index == space.areas.count || start + bytes <= guardedStart(space.areas[index]) { return start }
      start = (space.areas[index].end + alignment - 1) & ~(alignment - 1)
      index += 1
    }
    return nil
  }

  // MARK: - Unmapping

  /// Unmaps a range. Follows `do_mas_align_munmap` in mm/mmap.c, Linux 6.1.
  public func unmap(_ space: AddressSpace, _ start: UInt64, _ length: UInt64) throws(CallError) {
    guard start & (policy.pageBytes - 1) == 0, let bytes = aligned(length), bytes > 0, start <= policy.userEnd,
      bytes <= policy.userEnd - start
    else { throw .invalid }
    let range = start..<start + bytes
    let first = space.areas.search(start)
    guard first < space.areas.count, space.areas[first].start < range.upperBound else { return }
    let isHole = space.areas[first].start < start && space.areas[first].end > range.upperBound
    if isHole, space.areas.count >= policy.maximumAreas { throw .noMemory }
    splitAtEnds(space, range)
    removeAreas(space, space.areas.indices(in: range))
  }

  /// Makes the ends of a range boundaries, and counts the files' new mappings.
  func splitAtEnds(_ space: AddressSpace, _ range: Range<UInt64>) {
    for address in [range.lowerBound, range.upperBound] {
      let before = space.areas.count
      splitHuge(space, at: address)
      space.areas.split(at: address)
      if space.areas.count > before, let file = space.areas.area(at: address)?.file, file != .none {
        files[Int(file.rawValue) - 1].areaCount += 1
      }
    }
  }

  /// Takes whole mappings out, with their pages and the tables that nobody needs any more.
  func removeAreas(_ space: AddressSpace, _ indices: Range<Int>) {
    if indices.isEmpty { return }
    let removed = Array(space.areas.areas[indices])
    let floor = indices.lowerBound > 0 ? space.areas[indices.lowerBound - 1].end : 0
    let ceiling = indices.upperBound < space.areas.count ? space.areas[indices.upperBound].start : UInt64.max
    space.areas.remove(indices)
    var gather = FlushGather()
    for area in removed {
      zap(space, area.start..<area.end, &gather)
      settle(space, area)
    }
    var freed = 0
    for area in removed { freed += space.entries.free(area.start..<area.end, floor: floor, ceiling: ceiling) }
    tablePages -= freed
    flush(space, gather, freedTablesAt: freed > 0 ? removed.first?.start : nil)
  }

  /// Takes a mapping off the counts.
  private func settle(_ space: AddressSpace, _ area: VirtualMemoryArea) {
    let pages = pageCount(area.bytes)
    space.mappedPages -= pages
    if area.flags.contains(.locked) { space.lockedPages -= pages }
    if area.flags.contains(.accounted) {
      space.committedPages -= pages
      committedPages -= pages
    }
    if area.file == .none { return }
    let file = Int(area.file.rawValue) - 1
    files[file].areaCount -= 1
    if files[file].areaCount == 0, !files[file].isNamed { deleteFile(file) }
  }

  /// Frees the pages of memory that lost its last mapping and has no name.
  private func deleteFile(_ file: Int) {
    hugePool.reserved -= files[file].reservedHugePages
    files[file].reservedHugePages = 0
    for page in files[file].pages.all.sorted(by: { $0.rawValue < $1.rawValue }) {
      if pages[page].kind == .hugeTLB {
        freeHugeTLB(page)
      } else {
        let order = Int(pages[page].order)
        pages.remove(page)
        supply.free(page.frame, order: order)
      }
    }
    for slot in files[file].swapped.values.sorted() { dropSwap(slot) }
    files[file].pages = CachedPages()
    files[file].swapped = [:]
    committedPages -= files[file].committedPages
    files[file].committedPages = 0
  }

  /// Clears the entries of a range and lets go of their pages. Follows `zap_pte_range` in mm/memory.c, Linux 6.1.
  func zap(_ space: AddressSpace, _ range: Range<UInt64>) {
    var gather = FlushGather()
    zap(space, range, &gather)
    flush(space, gather)
  }

  /// The same, with the flush left to the caller.
  func zap(_ space: AddressSpace, _ range: Range<UInt64>, _ gather: inout FlushGather) {
    for address in space.entries.hugeAddresses(in: range) {
      gather.add(address, policy.hugeBytes, isHuge: true)
      zapHuge(space, address)
    }
    let bytes = policy.pageBytes
    var address = range.lowerBound
    while let found = space.entries.next(from: address, below: range.upperBound) {
      address = found &+ bytes
      let entry = space.entries.entry(at: found)
      space.entries.set(.none, at: found)
      if entry.isSwap {
        space.count(.swap, -1)
        dropSwap(entry.swapSlot)
        continue
      }
      gather.add(found, bytes, isHuge: false)
      if !entry.isZeroPage {
        let page = entry.page
        if entry.isDirty { pages[page].isDirty = true }
        space.count(residentKind(pages[page].kind), -1)
        unmapPage(page)
      }
    }
  }

  // MARK: - Changing

  /// Follows `mprotect_fixup` in mm/mprotect.c, Linux 6.1.
  public func protect(_ space: AddressSpace, _ start: UInt64, _ length: UInt64, _ access: AreaFlags) throws(CallError) {
    let range = try existingRange(space, start, length)
    var charged = 0
    if access.contains(.write) {
      for index in space.areas.search(start)..<space.areas.count where space.areas[index].start < range.upperBound {
        let area = space.areas[index]
        if area.flags.isDisjoint(with: [.accounted, .write, .hugeTLB, .shared, .noReserve]) {
          charged += pageCount(min(area.end, range.upperBound) - max(area.start, start))
        }
      }
    }
    if charged > 0, !charge(charged, space) { throw .noMemory }
    space.committedPages += charged
    let before = space.areas.count
    let extra = (space.areas.area(at: start)?.start ?? start) < start ? 1 : 0
    if before + extra > policy.maximumAreas { throw .noMemory }
    splitAtEnds(space, range)
    change(space, range) { area in
      let isCharged = area.flags.isDisjoint(with: [.accounted, .write, .hugeTLB, .shared, .noReserve])
      if access.contains(.write), isCharged { area.flags.insert(.accounted) }
      area.flags.remove(.access)
      area.flags.formUnion(access)
    }
    var gather = FlushGather()
    let protection = PageEntry.protection(access)
    var address = range.lowerBound
    while let found = space.entries.next(from: address, below: range.upperBound) {
      address = found &+ policy.pageBytes
      let old = space.entries.entry(at: found)
      if !old.isPresent { continue }
      var entry = old
      entry.clear(PageEntry.protectionBits)
      entry.set(protection)
      if !access.contains(.write) {
        entry.clear(PageEntry.writableBit)
      } else if !entry.isZeroPage, entry.isDirty, let area = space.areas.area(at: found) {
        let record = pages[entry.page]
        if area.flags.contains(.shared) || (record.isAnonymous && record.isExclusive) {
          entry.set(PageEntry.writableBit)
        }
      }
      space.entries.set(entry, at: found)
      if entry.isRestriction(of: old) { gather.add(found, policy.pageBytes, isHuge: false) }
    }
    flush(space, gather)
    protectHuge(space, range, access)
  }

  /// Changes the mappings of a range whose ends are boundaries, and joins them where possible.
  private func change(_ space: AddressSpace, _ range: Range<UInt64>, _ body: (inout VirtualMemoryArea) -> Void) {
    let mapped = space.areas.indices(in: range).map { space.areas[$0].file }
    let before = space.areas.count
    space.areas.change(range, body)
    // Joined mappings of a file count once.
    let joined = before - space.areas.count
    if joined > 0, let file = mapped.first(where: { $0 != .none }) { files[Int(file.rawValue) - 1].areaCount -= joined }
  }

  private func existingRange(
    _ space: AddressSpace, _ start: UInt64, _ length: UInt64
  ) throws(CallError) -> Range<UInt64> {
    guard start & (policy.pageBytes - 1) == 0, let bytes = aligned(length), bytes > 0 else { throw .invalid }
    guard start <= policy.userEnd, bytes <= policy.userEnd - start else { throw .noMemory }
    var address = start
    var index = space.areas.search(start)
    while address < start + bytes {
      guard index < space.areas.count, space.areas[index].start <= address else { throw .noMemory }
      address = space.areas[index].end
      index += 1
    }
    return start..<start + bytes
  }

  /// Locks a range in memory, or lets it go. Follows `mlock_fixup` in mm/mlock.c, Linux 6.1.
  public func lock(_ space: AddressSpace, _ start: UInt64, _ length: UInt64, isLocked: Bool = true) throws(CallError) {
    let first = start & ~(policy.pageBytes - 1)
    let range = try existingRange(space, first, length + (start - first))
    if isLocked, !mayLock(space, .locked, pageCount(UInt64(range.count))) { throw .noMemory }
    splitAtEnds(space, range)
    for index in space.areas.indices(in: range) {
      let area = space.areas[index]
      if area.flags.contains(.locked) != isLocked, !area.flags.contains(.special) {
        space.lockedPages += isLocked ? pageCount(area.bytes) : -pageCount(area.bytes)
      }
    }
    change(space, range) { area in
      if area.flags.contains(.special) { return }
      if isLocked { area.flags.insert(.locked) } else { area.flags.remove(.locked) }
    }
    if isLocked { populate(space, range) }
    for address in space.entries.addresses(in: range) {
      let entry = space.entries.entry(at: address)
      if entry.isPresent, !entry.isZeroPage { relink(entry.page, isLocked: isLocked) }
    }
  }

  private func relink(_ page: PageID, isLocked: Bool) {
    let isFile = pages[page].kind == .file
    pages.link(page, to: isLocked ? .unevictable : isFile ? .inactiveFile : .inactiveAnonymous)
  }

  /// madvise: huge pages wanted or refused, or the pages of a range dropped.
  public enum Advice: String, Hashable, Sendable, CaseIterable {
    case hugePage, noHugePage, dontNeed
  }

  /// Follows `madvise_vma_behavior` in mm/madvise.c, Linux 6.1.
  public func advise(_ space: AddressSpace, _ start: UInt64, _ length: UInt64, _ advice: Advice) throws(CallError) {
    let range = try existingRange(space, start, length)
    if advice == .dontNeed {
      for index in space.areas.indices(in: range)
      where !space.areas[index].flags.isDisjoint(with: [.locked, .special]) { throw .invalid }
      for boundary in [range.lowerBound, range.upperBound] { splitHuge(space, at: boundary) }
      return zap(space, range)
    }
    splitAtEnds(space, range)
    change(space, range) { area in
      area.flags.remove(advice == .hugePage ? .refusesHugePages : .wantsHugePages)
      area.flags.insert(advice == .hugePage ? .wantsHugePages : .refusesHugePages)
    }
  }

  /// Makes sure that the pages of a range are there, as if each had been touched. Follows `mm_populate` in mm/gup.c.
  func populate(_ space: AddressSpace, _ range: Range<UInt64>) {
    var address = range.lowerBound
    while address < range.upperBound {
      let index = space.areas.index(endingAbove: address)
      guard index < space.areas.count, space.areas[index].start <= address else { return }
      let flags = space.areas[index].flags
      if flags.contains(.special) || !space.areas[index].isAccessible {
        address = space.areas[index].end
        continue
      }
      let isWrite = flags.contains(.write) && !flags.contains(.shared)
      var attempts = 0
      current = Requester(space)
      while needsFault(space, address, isWrite: isWrite), attempts < 3 {
        newTables = 0
        let outcome = handle(space, index, address, isWrite: isWrite)
        counters.faults += 1
        if outcome.kind.isError { return }
        if outcome.isMajor {
          space.majorFaults += 1
          counters.majorFaults += 1
        } else {
          space.minorFaults += 1
        }
        attempts += 1
      }
      if let huge = space.entries.hugeEntry(at: address), huge.isPresent {
        address = (address | (policy.hugeBytes - 1)) &+ 1
      } else {
        address += policy.pageBytes
      }
    }
  }

  private func needsFault(_ space: AddressSpace, _ address: UInt64, isWrite: Bool) -> Bool {
    if let huge = space.entries.hugeEntry(at: address) { return isWrite && !huge.isWritable }
    let entry = space.entries.entry(at: address)
    return !entry.isPresent || (isWrite && !entry.isWritable)
  }
}
