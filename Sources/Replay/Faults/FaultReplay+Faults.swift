import KernelTypes
import MemoryModels
import TraceEvents

extension FaultReplay {
  /// Two neighbouring addresses are thought to be of one mapping if they are not farther apart.
  private var reach: UInt64 { memory.policy.hugeBytes }

  func fault(_ batch: borrowing EventBatch, _ row: Int, _ isInside: Bool) {
    guard batch.flags[row].contains(.hasTask), let task = task(batch.pid[row], batch.comm[row]) else { return }
    close(task)
    if batch.flags[row].contains(.unknownPointer) {
      outcome.unknownAddresses += 1
      return
    }
    let address = batch.address[row]
    let code = FaultCode(rawValue: batch.requestedBytes[row])
    if isInside {
      if batch.kind[row] == .pageFaultUser { outcome.userFaults += 1 } else { outcome.kernelFaults += 1 }
    }
    var window = FaultTask.Window(
      address: address, code: code, additions: [], residentBefore: residents(task.space), isInside: isInside,
      processor: Int(batch.cpu[row]))
    let isUser = address < memory.policy.userEnd
    var isSure = true
    if isUser {
      // The walk that found nothing, or too little.
      access(task, window)
      isSure = reconcile(task, address, code)
      window.residentBefore = residents(task.space)
      // Nothing is ever mapped below the lowest address.
      if !hasArea(task.space, address), !mayGrow(task.space, address), address >= memory.policy.minimumAddress {
        isSure = stretch(task, to: address)
      }
      if isSure { isSure = isConfirmed(task, address) }
    }
    if isSure {
      let area = task.space.areas.area(at: address)
      if let area, area.file != .none { fillCache(area, address) }
      _ = memory.takeTableAdditions()
      let result = memory.fault(task.space, at: address, code: code)
      window.additions = memory.takeTableAdditions()
      window.outcome = result
      note(task, newTables: !window.additions.isEmpty)
    }
    task.window = window
  }

  func residents(_ space: AddressSpace) -> SIMD4<Int> {
    SIMD4(space[.file], space[.anonymous], space[.swap], space[.sharedMemory])
  }

  private func hasArea(_ space: AddressSpace, _ address: UInt64) -> Bool { space.areas.area(at: address) != nil }

  private func mayGrow(_ space: AddressSpace, _ address: UInt64) -> Bool {
    let next = space.areas.firstIndex(endingAbove: address)
    return next < space.areas.count && space.areas.areas[next].flags.contains(.growsDown)
  }

  /// Whether a page that is not there can be foretold: the mapping was not inferred before later mappings were made.
  private func isConfirmed(_ task: FaultTask, _ address: UInt64) -> Bool {
    guard let area = task.space.areas.area(at: address), let generation = task.inferred[area.start] else { return true }
    return generation == task.generation || task.space.entry(at: address).isPresent
  }

  /// Files are in the page cache unless the trace shows that they were read.
  private func fillCache(_ area: VirtualMemoryArea, _ address: UInt64) {
    let shift = UInt64(memory.policy.pageShift)
    let window = memory.policy.faultAroundBytes
    let start = max(address & ~(window - 1), area.start)
    let end = min(start + window, area.end)
    let first = area.pageOffset + (start - area.start) >> shift
    memory.cache(area.file, pages: first..<first + (end - start) >> shift)
  }

  /// Modelled: the access that faults, or is made again when the fault is handled, on its processor.
  private func access(_ task: FaultTask, _ window: FaultTask.Window) {
    guard let processors = memory.processors else { return }
    let kind: MemoryAccess.Kind =
      window.code.contains(.write) ? .write : window.code.contains(.instruction) ? .execute : .read
    let access = MemoryAccess(kind, isUser: window.code.contains(.user))
    _ = processors.translate(task.space, window.address, access, processor: window.processor)
  }

  /// Brings the model's entry in line with the error code's present bit; `false` if something is there that the model
  /// doesn't know.
  private func reconcile(_ task: FaultTask, _ address: UInt64, _ code: FaultCode) -> Bool {
    guard let area = task.space.areas.area(at: address) else { return !code.contains(.protection) }
    let entry = task.space.entry(at: address)
    let says = code.contains(.protection)
    if entry.isSwap { return true }
    if entry.isPresent == says {
      outcome.presentGrade.check(true)
      return true
    }
    if says {
      // Around an inferred mapping's fault more may have been mapped than is known of it.
      if task.inferred[area.start] == nil { outcome.presentGrade.check(false) }
      return false
    }
    outcome.presentGrade.check(false)
    settling(task) { memory.forgetEntry(task.space, at: address) }
    return true
  }

  /// Stretches an inferred mapping nearby over an address; `false` if none is near.
  private func stretch(_ task: FaultTask, to address: UInt64) -> Bool {
    let page = address & ~(memory.policy.pageBytes - 1)
    let areas = task.space.areas.areas
    let above = task.space.areas.firstIndex(endingAbove: address)
    let range = page..<page + memory.policy.pageBytes
    if above > 0, page - areas[above - 1].end < reach, task.inferred[areas[above - 1].start] == task.generation,
      memory.widen(task.space, areaAt: areas[above - 1].start, to: range)
    {
      return true
    }
    if above < areas.count, areas[above].start - page < reach, task.inferred[areas[above].start] == task.generation,
      memory.widen(task.space, areaAt: areas[above].start, to: range)
    {
      task.inferred[areas[above].start] = nil
      task.inferred[page] = task.generation
      return true
    }
    return false
  }

  // MARK: - The end of a fault

  /// Ends the fault that a task was in: what it took is known now.
  func close(_ task: FaultTask) {
    guard let window = task.window else { return }
    task.window = nil
    var result = window.outcome
    if let predicted = result, agrees(predicted, window) {
      count(window, isPredicted: true, matched: true)
    } else {
      count(window, isPredicted: result != nil, matched: false)
      result = infer(task, window)
      note(task, newTables: true)
    }
    guard let result else { return }
    bind(window, result)
    if !result.kind.isError, window.address < memory.policy.userEnd { access(task, window) }
    if window.isInside { tally(task, window, result) }
  }

  /// Whether what the fault took could have been what the model said; page tables are judged apart.
  private func agrees(_ predicted: FaultOutcome, _ window: FaultTask.Window) -> Bool {
    if predicted.newPages != window.frames { return false }
    // Shared memory is zeroed by the file system, not by the allocator.
    return window.frames == 0 || predicted.isZeroed == window.isZeroed
  }

  private func count(_ window: FaultTask.Window, isPredicted: Bool, matched: Bool) {
    guard window.isInside else { return }
    if !isPredicted {
      outcome.inferred += 1
      return
    }
    outcome.predicted += 1
    outcome.frameGrade.check(matched)
    outcome.tableGrade.check(window.additions.count == window.tables.count)
  }

  /// What a fault was by what it took, where the model could not tell or was wrong.
  private func kind(_ window: FaultTask.Window, _ area: VirtualMemoryArea?) -> FaultKind {
    let isShared = area?.flags.contains(.shared) ?? false
    if window.code.contains(.write) {
      if window.code.contains(.protection) {
        return window.frames > 0 ? .copyOnWrite : isShared ? .sharedWrite : .copyOnWriteReuse
      }
      return window.frames == 0 ? .sharedWrite : window.isZeroed ? .anonymousWrite : .fileCopy
    }
    return window.frames == 0 ? .fileMinor : window.isZeroed ? .anonymousWrite : .sharedMemory
  }

  /// Makes the model do what the trace shows, in the mapping that is there or in one that explains it.
  private func infer(_ task: FaultTask, _ window: FaultTask.Window) -> FaultOutcome? {
    let policy = memory.policy
    if window.address >= policy.userEnd { return window.outcome }
    let page = window.address & ~(policy.pageBytes - 1)
    // A page that is there without our knowing was mapped around another page's fault, and so is a file's.
    let isAround = window.outcome == nil && window.code.contains(.protection) && !task.space.entry(at: page).isPresent
    // The prediction is undone.
    memory.forgetEntry(task.space, at: page)
    let area = task.space.areas.area(at: page)
    let kind = kind(window, area)
    let isKnown = area.map { task.inferred[$0.start] == nil } ?? false
    if let area, isKnown || (explains(area, kind) && !(isAround && area.isAnonymous && kind == .copyOnWrite)) {
      if !isKnown { task.inferred[area.start] = task.generation }
    } else {
      replace(task, area, page, window, kind)
    }
    guard let area = task.space.areas.area(at: page) else { return nil }
    if area.file != .none {
      let place = area.pageOffset + (page - area.start) >> UInt64(policy.pageShift)
      memory.cache(area.file, pages: place..<place + 1)
    }
    if window.code.contains(.protection) {
      _ = memory.adoptPage(task.space, at: page, isFile: area.file != .none, isExclusive: false)
    }
    _ = memory.takeTableAdditions()
    var result = memory.fault(task.space, at: window.address, code: window.code)
    result.kind = kind
    return result
  }

  private func isEmpty(_ task: FaultTask, _ area: VirtualMemoryArea) -> Bool {
    memory.usage(of: task.space).first { $0.area.start == area.start }.map { $0.resident == 0 } ?? false
  }

  private func explains(_ area: VirtualMemoryArea, _ kind: FaultKind) -> Bool {
    switch kind {
    case .anonymousWrite, .copyOnWriteReuse: area.isAnonymous && area.flags.contains(.write)
    case .fileCopy: area.file != .none && area.isPrivate && area.flags.contains(.write)
    case .copyOnWrite: area.isPrivate && area.flags.contains(.write)
    case .sharedWrite: area.flags.isSuperset(of: [.shared, .write])
    default: area.file != .none
    }
  }

  /// Puts a mapping of one page where the trace shows that there must be one.
  private func replace(
    _ task: FaultTask, _ old: VirtualMemoryArea?, _ page: UInt64, _ window: FaultTask.Window, _ kind: FaultKind
  ) {
    let policy = memory.policy
    var flags: AreaFlags = [.read, .write]
    if window.code.contains(.instruction) { flags = [.read, .execute] }
    if kind == .sharedWrite { flags.insert(.shared) }
    let isAnonymous = kind == .anonymousWrite || kind == .copyOnWriteReuse
    let file = isAnonymous ? FileID.none : self.file("inferred \(task.pid) \(page)")
    let end = page + policy.pageBytes
    if let old, task.inferred[old.start] != task.generation, isEmpty(task, old) {
      // A mapping made since has replaced it all.
      task.inferred[old.start] = nil
      settling(task) { try? memory.unmap(task.space, old.start, old.bytes) }
      if stretch(task, to: page), let joined = task.space.areas.area(at: page), explains(joined, kind) { return }
    } else if let old {
      // What is left of the old mapping keeps its generation.
      let generation = task.inferred.removeValue(forKey: old.start) ?? task.generation
      if old.start < page { task.inferred[old.start] = generation }
      if old.end > end { task.inferred[end] = generation }
    }
    let area = VirtualMemoryArea(
      start: page, end: end, flags: flags, file: file, pageOffset: page >> UInt64(policy.pageShift))
    settling(task) { memory.replaceArea(task.space, area) }
    task.inferred[page] = task.generation
  }

  /// Ties the frames to the model's pages.
  private func bind(_ window: FaultTask.Window, _ result: FaultOutcome) {
    let additions = window.additions.isEmpty ? memory.takeTableAdditions() : window.additions
    if result.newPages > 0, result.page != .none, window.frames > 0 {
      pageOfFrame[window.firstFrame] = memory.known(result.page)
    }
    for (frame, table) in zip(window.tables, additions) { tableOfFrame[frame] = table }
  }

  private func tally(_ task: FaultTask, _ window: FaultTask.Window, _ result: FaultOutcome) {
    let kind = FaultKind.allCases.firstIndex(of: result.kind) ?? 0
    let isError = result.kind.isError
    if result.kind != .kernel, result.kind != .segmentation, result.kind != .protection { outcome.handled += 1 }
    let index = areaIndex(task, window.address)
    func add(_ tally: inout FaultReplayOutcome.Tally) {
      tally.add(kind, isMajor: result.isMajor, isError: isError)
      tally.frames.observed += UInt64(window.frames)
      tally.tables.observed += UInt64(window.tables.count)
      guard let predicted = window.outcome else { return }
      tally.frames.predicted += UInt64(predicted.newPages)
      tally.tables.predicted += UInt64(window.additions.count)
    }
    add(&outcome.total)
    add(&task.tally)
    if let index { add(&areaTallies[index].tally) }
  }

  // MARK: - Mappings

  private func areaIndex(_ task: FaultTask, _ address: UInt64) -> Int? {
    guard let area = task.space.areas.area(at: address) else { return nil }
    let isInferred = task.inferred[area.start] != nil
    let name = strings.intern(memory.name(of: area.file))
    let key = AreaKey(pid: task.pid, start: area.start, name: name)
    if let known = areaIndex[key] {
      areaTallies[known].end = max(areaTallies[known].end, area.end)
      return known
    }
    if areaTallies.count >= Self.areaLimit { return nil }
    areaIndex[key] = areaTallies.count
    areaTallies.append(
      FaultReplayOutcome.Area(
        pid: task.pid, start: area.start, end: area.end, permissions: area.flags.permissions,
        name: label(task, area, isInferred: isInferred), isInferred: isInferred))
    return areaTallies.count - 1
  }

  private func label(_ task: FaultTask, _ area: VirtualMemoryArea, isInferred: Bool) -> String {
    if area.flags.contains(.growsDown) { return "[stack]" }
    if isInferred { return area.file == .none ? "anonymous, inferred" : "a file, inferred" }
    let name = memory.name(of: area.file)
    if let colon = name.firstIndex(of: ":") { return String(name[name.index(after: colon)...]) }
    if area.start >= task.space.heapStart, area.end <= task.space.heapEnd, task.space.heapEnd > 0 { return "[heap]" }
    return name
  }

  /// Keeps what of each mapping is in memory, before its process goes or gets another address space.
  func noteAreas(_ task: FaultTask) {
    for usage in memory.usage(of: task.space) {
      let name = strings.intern(memory.name(of: usage.area.file))
      guard let index = areaIndex[AreaKey(pid: task.pid, start: usage.area.start, name: name)] else { continue }
      areaTallies[index].resident = usage.resident
      areaTallies[index].end = usage.area.end
    }
  }
}
