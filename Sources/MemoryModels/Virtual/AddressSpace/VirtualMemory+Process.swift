extension VirtualMemory {
  /// A new process with an empty address space; `nil` if the PID is taken, or if there is no memory for its first table.
  @discardableResult
  public func addProcess(_ pid: Int, name: String) -> AddressSpace? {
    if spaces[pid] != nil { return nil }
    current = Requester()
    guard let space = makeSpace(pid, name: name) else { return nil }
    spaces[pid] = space
    return space
  }

  /// Maps the stack that a program starts with: 132 KiB below the end of the address space, as execve leaves it.
  ///
  /// Follows `setup_arg_pages` in fs/exec.c, Linux 6.1, without randomisation.
  public func mapStack(_ space: AddressSpace) throws(CallError) {
    let end = policy.windowEnd
    let pages = (132 << 10) / policy.pageBytes + (policy.pageBytes > 4096 ? 1 : 0)
    let start = end - pages * policy.pageBytes
    let area = VirtualMemoryArea(
      start: start, end: end, flags: [.read, .write, .growsDown, .accounted],
      pageOffset: start >> UInt64(policy.pageShift))
    guard charge(Int(pages), space) else { throw .noMemory }
    if !space.areas.insert(area) {
      committedPages -= Int(pages)
      throw .exists
    }
    space.committedPages += Int(pages)
    space.mappedPages += Int(pages)
  }

  /// Puts in a mapping that is known to be there, from /proc/PID/maps; `false` if it overlaps another or lies outside.
  public func adopt(_ space: AddressSpace, _ area: VirtualMemoryArea) -> Bool {
    guard area.start < area.end, area.end <= policy.userEnd, (area.start | area.end) & (policy.pageBytes - 1) == 0
    else {
      return false
    }
    var area = area
    if area.isAnonymous, area.flags.contains(.write), area.isPrivate { area.flags.insert(.accounted) }
    guard space.areas.insert(area) else { return false }
    let pages = Int(area.bytes >> UInt64(policy.pageShift))
    space.mappedPages += pages
    if area.flags.contains(.accounted) {
      space.committedPages += pages
      committedPages += pages
    }
    if area.file != .none { files[Int(area.file.rawValue) - 1].areaCount += 1 }
    return true
  }

  /// Puts in a page that is known to be there, from /proc/PID/pagemap; `nil` if no mapping holds it.
  ///
  /// `shares` is the page it is, if that is known already from another entry.
  public func adoptPage(
    _ space: AddressSpace, at address: UInt64, isFile: Bool, isExclusive: Bool, isSharedMemory: Bool = false
  ) -> PageID? {
    let index = space.areas.index(endingAbove: address)
    guard index < space.areas.count, space.areas[index].start <= address, prepareTables(space, address) else {
      return nil
    }
    let area = space.areas[index]
    if area.flags.contains(.special) {
      space.entries.set(.zeroPage(PageEntry.protection(area.flags)), at: address)
      return nil
    }
    if isFile, area.file != .none {
      let place = area.pageIndex(of: address, shift: policy.pageShift)
      guard let page = filePage(area.file, place) ?? addFilePage(area.file, place) else { return nil }
      mapFile(space, area, address, page, isWrite: false)
      return page
    }
    prepareRoot(space, index)
    guard let page = newAnonymousPage(address) else { return nil }
    mapAnonymous(space, index, address, page, isWrite: true)
    // What others may share was write-protected when they were made.
    if !isExclusive {
      pages[page].isExclusive = false
      var entry = space.entries.entry(at: address)
      entry.clear(PageEntry.writableBit)
      space.entries.set(entry, at: address)
    }
    return page
  }

  /// Makes a child that shares all private pages until somebody writes. Follows `dup_mmap` in kernel/fork.c and
  /// `copy_page_range` in mm/memory.c, Linux 6.1.
  ///
  /// Throws `.exists` when the PID is taken and `.noMemory` when the child's mappings can't be promised.
  @discardableResult
  public func fork(_ parent: AddressSpace, pid: Int) throws(CallError) -> AddressSpace {
    if spaces[pid] != nil { throw .exists }
    current = Requester(parent)
    guard let child = makeSpace(pid, name: parent.name) else { throw .noMemory }
    child.limits = parent.limits
    child.heapStart = parent.heapStart
    child.heapEnd = parent.heapEnd
    child.mappingBase = parent.mappingBase
    child.isPrivileged = parent.isPrivileged
    // Nobody sees the child until it is complete.
    child.outOfMemoryAdjustment = -1000
    spaces[pid] = child
    // What was shared from now on is write-protected; the parent's flush comes at the end (`dup_mmap`).
    defer { if let processors { processors.flush(parent) } }
    for index in 0..<parent.areas.count {
      var area = parent.areas[index]
      if area.flags.contains(.notInChildren) { continue }
      let areaPages = Int(area.bytes >> UInt64(policy.pageShift))
      if area.flags.contains(.accounted) {
        guard charge(areaPages, parent) else {
          exit(child)
          throw .noMemory
        }
        child.committedPages += areaPages
      }
      area.flags.remove(.locked)
      if area.anonymousRoot != 0 {
        // The child's pages of its own get a tree below the parent's.
        nextRoot += 1
        area.anonymousRoot = nextRoot
        area.isRootSingular = false
      }
      if area.file != .none { files[Int(area.file.rawValue) - 1].areaCount += 1 }
      _ = child.areas.insert(area)
      child.mappedPages += areaPages
      let isCopied = parent.areas[index].anonymousRoot != 0 || area.flags.contains(.special)
      if isCopied, !copyEntries(parent, child, area) {
        exit(child)
        throw .noMemory
      }
    }
    child.outOfMemoryAdjustment = parent.outOfMemoryAdjustment
    return child
  }

  /// Copies the entries of a mapping; `false` when memory is short for the child's tables.
  private func copyEntries(_ parent: AddressSpace, _ child: AddressSpace, _ area: VirtualMemoryArea) -> Bool {
    let range = area.start..<area.end
    for address in parent.entries.hugeAddresses(in: range) {
      if !copyHuge(parent, child, address) { return false }
    }
    for key in parent.entries.leafKeys(in: range) {
      if !prepareTables(child, max(key * policy.hugeBytes, area.start)) { return false }
    }
    var start = range.lowerBound
    while let address = parent.entries.next(from: start, below: range.upperBound) {
      start = address &+ policy.pageBytes
      var entry = parent.entries.entry(at: address)
      if entry.isSwap {
        swap.refer(entry.swapSlot)
        entry.clear(PageEntry.exclusiveSwapBit)
        parent.entries.set(entry, at: address)
        child.entries.set(entry, at: address)
        child.count(.swap, 1)
        continue
      }
      if !entry.isZeroPage {
        let page = entry.page
        pages[page].mapCount += 1
        if pages[page].isAnonymous { pages[page].isExclusive = false }
        child.count(residentKind(pages[page].kind), 1)
      }
      if area.isPrivate, entry.isWritable {
        entry.clear(PageEntry.writableBit)
        parent.entries.set(entry, at: address)
      }
      if !area.isPrivate { entry.clear(PageEntry.dirtyBit) }
      entry.clear(PageEntry.accessedBit)
      child.entries.set(entry, at: address)
    }
    return true
  }

  /// Ends a process and frees what only it had.
  public func exit(_ space: AddressSpace) {
    removeAreas(space, 0..<space.areas.count)
    // Mappings that trees of tables outlive there are none: what is left belonged to no mapping.
    tablePages -= space.entries.release()
    if let processors { processors.remove(space) }
    spaces[space.pid] = nil
  }

  /// Gives a process a new, empty address space, as execve does before it maps the program; its limits stay.
  ///
  /// Throws `.noMemory`, with nothing changed, when there is none for the first table.
  @discardableResult
  public func execute(_ space: AddressSpace, name: String) throws(CallError) -> AddressSpace {
    current = Requester(space)
    guard let fresh = makeSpace(space.pid, name: name) else { throw .noMemory }
    fresh.limits = space.limits
    fresh.mappingBase = policy.mappingBase(stackLimit: space.limits.stackBytes)
    fresh.outOfMemoryAdjustment = space.outOfMemoryAdjustment
    fresh.isPrivileged = space.isPrivileged
    fresh.minorFaults = space.minorFaults
    fresh.majorFaults = space.majorFaults
    exit(space)
    spaces[space.pid] = fresh
    return fresh
  }

  /// Starts the heap of a program, which is empty.
  public func setHeapStart(_ space: AddressSpace, _ address: UInt64) {
    space.heapStart = address
    space.heapEnd = address
  }

  /// An access by a program: what the processor does with the entry, and the faults it takes until the access succeeds.
  ///
  /// Translates by the page tables, through the look-aside buffers of a processor if the machine has any. Returns the
  /// faults in order; the last one has a signal if the access never succeeds.
  @discardableResult
  public func touch(
    _ space: AddressSpace, _ address: UInt64, isWrite: Bool, isFetch: Bool = false, processor: Int = 0
  ) -> [FaultOutcome] {
    var outcomes: [FaultOutcome] = []
    let access = MemoryAccess(isWrite ? .write : isFetch ? .execute : .read)
    // A fetch of a page that may not be executed faults once for the page and once for the access.
    while outcomes.count < 8 {
      guard let code = accessFault(space, address, access, processor) else { return outcomes }
      let outcome = fault(space, at: address, code: code)
      outcomes.append(outcome)
      if outcome.kind.isError || outcome.kind == .kernel || spaces[space.pid] !== space { return outcomes }
    }
    return outcomes
  }

  /// The error code of the fault that an access takes, `nil` if it goes through, with the bits that the processor sets.
  private func accessFault(
    _ space: AddressSpace, _ address: UInt64, _ access: MemoryAccess, _ processor: Int
  ) -> FaultCode? {
    if address >= policy.userEnd {
      // The kernel's half has the same tables for all, which are not modelled; its pages are present.
      var code = FaultCode(access)
      if policy.scheme.isCanonical(address) { code.insert(.protection) }
      return code
    }
    let outcome =
      processors?.translate(space, address, access, processor: processor) ?? space.table.translate(address, access)
    guard case .fault(let fault) = outcome else { return nil }
    if policy.isX86 { return FaultCode(rawValue: UInt64(fault.errorCode)) }
    var code = FaultCode(access)
    if fault.reason != .notPresent, fault.reason != .accessFlag { code.insert(.protection) }
    return code
  }
}

extension FaultCode {
  /// What a user's access sets.
  init(_ access: MemoryAccess) {
    self = .user
    if access.kind == .write { insert(.write) }
    if access.kind == .execute { insert(.instruction) }
  }
}
