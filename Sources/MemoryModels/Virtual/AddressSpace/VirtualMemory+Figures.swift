/// What of a mapping is in memory, as /proc/PID/smaps counts it; pages of 4 KiB (or the machine's).
public struct AreaUsage: Hashable, Sendable {
  public var area: VirtualMemoryArea
  public var resident = 0
  public var anonymous = 0
  public var swapped = 0
  /// Pages in huge pages (`AnonHugePages`).
  public var huge = 0
  /// Pages that others map too (`Shared_Clean` and `Shared_Dirty`).
  public var shared = 0
}

extension VirtualMemory {
  /// What of each mapping is in memory. Follows `smaps_pte_entry` in fs/proc/task_mmu.c, Linux 6.1.
  public func usage(of space: AddressSpace) -> [AreaUsage] {
    space.areas.areas.map { area in
      var usage = AreaUsage(area: area)
      for address in space.entries.addresses(in: area.start..<area.end) {
        let entry = space.entries.entry(at: address)
        if entry.isSwap {
          usage.swapped += 1
        } else if !entry.isZeroPage {
          let record = pages[entry.page]
          usage.resident += 1
          if record.isAnonymous { usage.anonymous += 1 }
          if record.mapCount > 1 { usage.shared += 1 }
        }
      }
      for address in space.entries.hugeAddresses(in: area.start..<area.end) {
        guard let entry = space.entries.hugeEntry(at: address), !entry.isZeroPage else { continue }
        let record = pages[entry.page]
        if record.kind == .hugeTLB { continue }
        usage.resident += policy.hugePageCount
        usage.anonymous += policy.hugePageCount
        usage.huge += policy.hugePageCount
        if record.mapCount > 1 { usage.shared += policy.hugePageCount }
      }
      return usage
    }
  }

  /// The first of the page's frames, and how many entries map it.
  public func page(_ page: PageID) -> (frame: UInt64, mappings: Int) {
    (page.frame, Int(pages[page].mapCount))
  }

  /// What is wrong with the model's state, if anything is; for tests.
  public func checkInvariants() -> [String] {
    var problems: [String] = []
    var mapped: [PageID: Int] = [:]
    var swapped: [Int: Int] = [:]
    var committed = 0
    var tables = 0
    for pid in spaces.keys.sorted() {
      guard let space = spaces[pid] else { continue }
      var counts = SIMD4<Int>(repeating: 0)
      for (area, next) in zip(space.areas.areas, space.areas.areas.dropFirst()) where area.end > next.start {
        problems.append("process \(pid): mappings overlap at \(next.start)")
      }
      for address in space.entries.addresses(in: 0..<UInt64.max) {
        let entry = space.entries.entry(at: address)
        if space.areas.area(at: address) == nil { problems.append("process \(pid): entry outside mappings") }
        if entry.isSwap {
          swapped[entry.swapSlot, default: 0] += 1
          counts[ResidentKind.swap.rawValue] += 1
        } else if !entry.isZeroPage {
          mapped[entry.page, default: 0] += 1
          counts[residentKind(pages[entry.page].kind).rawValue] += 1
          if pages[entry.page].kind == .free { problems.append("process \(pid): entry maps a free page") }
          if pages[entry.page].isExclusive, pages[entry.page].mapCount > 1 {
            problems.append("process \(pid): exclusive page with \(pages[entry.page].mapCount) mappings")
          }
        }
      }
      for address in space.entries.hugeAddresses(in: 0..<UInt64.max) {
        guard let entry = space.entries.hugeEntry(at: address), !entry.isZeroPage else { continue }
        mapped[entry.page, default: 0] += 1
        if pages[entry.page].kind == .anonymous { counts[1] += policy.hugePageCount }
      }
      if counts != space.resident { problems.append("process \(pid): counted \(counts), has \(space.resident)") }
      committed += space.committedPages
      tables += space.pageTables
      for problem in space.table.checkInvariants() { problems.append("process \(pid): \(problem)") }
      let areaPages = space.areas.areas.reduce(0) { $0 + Int($1.bytes >> UInt64(policy.pageShift)) }
      if areaPages != space.mappedPages {
        problems.append("process \(pid): \(areaPages) pages of mappings, \(space.mappedPages) counted")
      }
    }
    committed += files.reduce(0) { $0 + $1.committedPages }
    if committed != committedPages { problems.append("committed \(committed), counted \(committedPages)") }
    if tables != tablePages { problems.append("tables \(tables), counted \(tablePages)") }
    for file in files {
      for slot in file.swapped.values { swapped[slot, default: 0] += 1 }
      if file.kind == .hugeTLB { for page in file.pages.all { mapped[page, default: 0] += 1 } }
    }
    for slot in 0..<swap.pages where Int(swap.counts[slot]) != swapped[slot] ?? 0 {
      problems.append("swap slot \(slot): \(swap.counts[slot]) references, \(swapped[slot] ?? 0) found")
    }
    var frames = supply.isUnlimited ? 0 : tablePages + hugePool.free << policy.hugeOrder
    if hugeZeroFrame != nil { frames += 1 << policy.hugeOrder }
    if !supply.isUnlimited { frames += spaces.count << policy.scheme.rootOrder }
    for index in 0..<pages.count {
      let page = PageID(rawValue: Int32(index))
      if pages[page].kind == .free { continue }
      frames += 1 << Int(pages[page].order)
      if Int(pages[page].mapCount) != mapped[page] ?? 0 {
        problems.append("page \(index): \(pages[page].mapCount) mappings, \(mapped[page] ?? 0) found")
      }
    }
    if !supply.isUnlimited, frames != supply.framesInUse {
      problems.append("frames \(frames), handed out \(supply.framesInUse)")
    }
    return problems
  }
}
