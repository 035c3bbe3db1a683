import KernelTypes
import MemoryModels
import TraceEvents

extension FaultReplay {
  /// Frames that a task takes belong to its fault, its fork or its execve.
  func allocation(_ batch: borrowing EventBatch, _ row: Int) {
    guard let task = tasks[batch.pid[row]] else { return }
    let use = evidence.use(batch.gfp[row], order: batch.order[row])
    if use == .other { return }
    let frame = batch.address[row]
    let pages = 1 << Int(min(batch.order[row], 20))
    forgetOldUse(of: frame)
    if task.window != nil {
      if use == .table {
        task.window?.tables.append(frame)
      } else {
        if task.window?.frames == 0 {
          task.window?.firstFrame = frame
          task.window?.isZeroed = use == .zeroedUser
        }
        task.window?.frames += pages
      }
      return
    }
    if task.executing != nil {
      if use == .table { task.executing?.tables += 1 } else { task.executing?.frames.append(frame) }
    } else if task.copying != nil, use == .table {
      task.copying?.tables.append(frame)
    }
  }

  /// A frame that is handed out anew was freed without our seeing it.
  private func forgetOldUse(of frame: UInt64) {
    if let page = pageOfFrame.removeValue(forKey: frame) { forget(page) }
    if let table = tableOfFrame.removeValue(forKey: frame) { forget(table) }
    looseFrames[frame] = nil
  }

  /// A freed frame tells that whatever mapped it no longer does.
  func freed(_ frame: UInt64, _ order: UInt8, _ pid: Int32) {
    if let page = pageOfFrame.removeValue(forKey: frame) {
      closeWindow(pid)
      outcome.framesReturned += 1
      forget(page)
    } else if let table = tableOfFrame.removeValue(forKey: frame) {
      closeWindow(pid)
      forget(table)
    } else if let owner = looseFrames.removeValue(forKey: frame), let task = tasks[owner] {
      task.unseen[ResidentKind.anonymous.rawValue] -= 1
    }
  }

  /// A page goes, with the entries that show it; a file's were counted out when they were unmapped.
  private func forget(_ page: KnownPage) {
    for (pid, kind) in memory.forget(page) where kind == .file || kind == .sharedMemory {
      if let task = tasks[Int32(truncatingIfNeeded: pid)] { settle(task, kind, dropped: 1) }
    }
  }

  /// A page-table page goes, and what its entries showed. Counters are brought down before tables are freed, and may not
  /// count it twice.
  private func forget(_ table: TableAddition) {
    guard let task = tasks[Int32(truncatingIfNeeded: table.pid)] else {
      memory.forgetTable(table)
      return
    }
    settling(task) { memory.forgetTable(table) }
  }

  /// Drops entries of which a counter may have told before that they are gone: what it told is then no longer owed.
  func settling(_ task: FaultTask, _ drop: () -> Void) {
    let before = residents(task.space)
    drop()
    let dropped = before &- residents(task.space)
    for kind in ResidentKind.allCases { settle(task, kind, dropped: max(dropped[kind.rawValue], 0)) }
  }

  private func settle(_ task: FaultTask, _ kind: ResidentKind, dropped: Int) {
    let owed = task.unseen[kind.rawValue]
    if owed < 0 { task.unseen[kind.rawValue] = min(owed + dropped, 0) }
  }

  private func closeWindow(_ pid: Int32) {
    if let task = tasks[pid] { close(task) }
  }

  // MARK: - Slab objects that tell what a task does

  func object(_ pid: Int32, _ callSite: StringID) {
    guard let task = tasks[pid] else { return }
    switch evidence.site(callSite) {
    case .fault, .newExecutable, .exitSpace: return
    case .other: close(task)
    case .copyProcess:
      close(task)
      if task.copying == nil { task.copying = FaultTask.Copying() }
    case .copyArea:
      close(task)
      task.copying?.areas += 1
    case .newArea:
      close(task)
      if task.executing == nil { task.generation += 1 }
    case .allocatePID:
      close(task)
      if !hasForkEvents, let copying = task.copying {
        // A thread, or a thread of the kernel, copies no mappings and has a PID all the same.
        if copying.areas > 0 { finishCopying(task, childPID: nil) }
        task.copying = nil
      }
    case .allocateSpace:
      close(task)
      task.executing = FaultTask.Executing()
    }
  }

  func objectFreed(_ pid: Int32, _ callSite: StringID) {
    let site = evidence.site(callSite)
    if site != .newExecutable, site != .exitSpace { return }
    guard let task = tasks[pid] else { return }
    if site == .newExecutable {
      if task.executing != nil { execute(task, name: strings.string(task.comm)) }
    } else if task.executing == nil {
      end(task)
    }
  }

  /// fork has copied everything: the model does the same, and is compared.
  func finishCopying(_ parent: FaultTask, childPID: Int32?) {
    let copying = parent.copying
    _ = memory.takeTableAdditions()
    fork(parent, childPID: childPID)
    let additions = memory.takeTableAdditions()
    let pid = childPID.map { Int($0) } ?? unbornChildren.last ?? 0
    guard let copying, let space = memory.spaces[pid] else { return }
    // The root comes first and is no table that anyone counts.
    for (frame, table) in zip(copying.tables.dropFirst(), additions) { tableOfFrame[frame] = table }
    outcome.forkTables.predicted += UInt64(space.pageTables)
    outcome.forkTables.observed += UInt64(max(copying.tables.count - 1, 0))
    guard let child = tasks[Int32(truncatingIfNeeded: pid)] else { return }
    for kind in ResidentKind.allCases where copying.resident[kind.rawValue] >= 0 {
      let observed = copying.resident[kind.rawValue]
      // Only mappings with anonymous pages are copied: of the others' pages none is.
      let predicted = space[kind] + (kind == .anonymous ? parent.unseen[kind.rawValue] : 0)
      outcome.forkGrade.check(predicted == observed)
      child.unseen[kind.rawValue] = observed - space[kind]
      if kind == .anonymous { parent.unseen[kind.rawValue] += observed - predicted }
    }
    note(child, newTables: true)
  }

  // MARK: - Counters

  func residentCounter(_ batch: borrowing EventBatch, _ row: Int) {
    guard let task = tasks[batch.pid[row]], let kind = calls.resident(batch.name[row]) else { return }
    let bytes = Int64(bitPattern: batch.requestedBytes[row])
    let observed = Int(bytes) >> memory.policy.pageShift
    if !batch.flags[row].contains(.changeOwnership) {
      if task.copying != nil { task.copying?.resident[kind.rawValue] = observed }
      return
    }
    if task.executing != nil { return }
    // The counters are brought up to date before a fault is handled, and before pages are unmapped.
    let index = kind.rawValue
    var predicted = self.predicted(task, index)
    if kind == .file, observed > predicted, !assumedFiles.isEmpty, vainSearches < Self.searchLimit {
      // The kernel says what a file is: its pages were taken for shared memory.
      learn(task, pages: observed - predicted)
      predicted = self.predicted(task, index)
    }
    let isUnmapping = observed < predicted && task.window.map { !$0.tables.isEmpty || $0.frames > 0 } ?? true
    if isUnmapping {
      outcome.unmapsTold += 1
      // Frames of anonymous memory tell by themselves, when they are freed.
      if kind == .file || kind == .sharedMemory { task.unseen[index] += observed - predicted }
      return
    }
    outcome.residentGrade.check(predicted == observed)
    outcome.residentByKind[index].check(predicted: predicted, observed: observed)
    task.unseen[index] += observed - predicted
  }
}

extension FaultReplay {
  /// What a counter must be, by its index: as it was before the fault that the task is in, if that has not taken anything.
  private func predicted(_ task: FaultTask, _ index: Int) -> Int {
    if let window = task.window, window.frames == 0, window.tables.isEmpty {
      return window.residentBefore[index] + task.unseen[index]
    }
    return task.space[ResidentKind(rawValue: index) ?? .file] + task.unseen[index]
  }

  /// Finds out which files of a process have so many pages in memory that are counted as files'.
  private func learn(_ task: FaultTask, pages missing: Int) {
    var missing = missing
    while missing > 0 {
      let fresh = task.window?.outcome?.mappedPages ?? 0
      let current = task.window.flatMap { task.space.areas.area(at: $0.address)?.file } ?? FileID.none
      var pages: [FileID: Int] = [:]
      for usage in memory.usage(of: task.space)
      where assumedFiles.contains(usage.area.file) && usage.resident > usage.anonymous {
        pages[usage.area.file, default: 0] += usage.resident - usage.anonymous
      }
      if let mapped = pages[current] { pages[current] = mapped - fresh }
      let candidates = pages.filter { $0.value > 0 && $0.value <= missing }
      // Those that explain it all, or else the most of it; of equals the one that was mapped last.
      guard let chosen = candidates.max(by: { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }) else {
        vainSearches += 1
        return
      }
      // What was unmapped of it before was counted out as shared memory.
      settling(task) { memory.countAsFile(chosen.key) }
      assumedFiles.remove(chosen.key)
      task.window?.residentBefore[ResidentKind.file.rawValue] += chosen.value
      task.window?.residentBefore[ResidentKind.sharedMemory.rawValue] -= chosen.value
      missing -= chosen.value
    }
  }
}

/// The names of counters and calls, as texts of this trace.
struct MemoryCallNames {
  private var residents: [StringID: ResidentKind] = [:]
  let mmap: StringID
  let munmap: StringID
  let mprotect: StringID
  let mremap: StringID
  let brk: StringID
  let madvise: StringID
  let mlock: StringID
  let munlock: StringID

  init(_ strings: StringInterner) {
    for kind in ResidentKind.allCases {
      residents[strings.intern(kind.eventName)] = kind
      residents[strings.intern("\(kind.rawValue)")] = kind
    }
    mmap = strings.intern("mmap")
    munmap = strings.intern("munmap")
    mprotect = strings.intern("mprotect")
    mremap = strings.intern("mremap")
    brk = strings.intern("brk")
    madvise = strings.intern("madvise")
    mlock = strings.intern("mlock")
    munlock = strings.intern("munlock")
  }

  func resident(_ name: StringID) -> ResidentKind? { residents[name] }
}

extension FaultReplay {
  /// A call that changed the address space has returned: the model makes the same call, with the kernel's own result.
  func finishCall(_ task: FaultTask, result: UInt64) {
    close(task)
    guard let call = task.call else { return }
    task.call = nil
    // Errors are −4095 to −1.
    if result > UInt64.max - 4095 { return }
    let space = task.space
    switch call.name {
    case calls.mmap: map(task, call, result)
    case calls.munmap: try? memory.unmap(space, call.address, call.length)
    case calls.mprotect: try? memory.protect(space, call.address, call.length, Self.access(call.third))
    case calls.mremap: remap(task, call, result)
    case calls.brk: heap(task, result)
    case calls.madvise:
      // MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE.
      let advice: [UInt64: VirtualMemory.Advice] = [4: .dontNeed, 14: .hugePage, 15: .noHugePage]
      if let advice = advice[call.third & 0xFFFF_FFFF] { try? memory.advise(space, call.address, call.length, advice) }
    case calls.mlock, calls.munlock:
      try? memory.lock(space, call.address, call.length, isLocked: call.name == calls.mlock)
    default: break
    }
    _ = memory.takeTableAdditions()
  }

  private static func access(_ protection: UInt64) -> AreaFlags {
    AreaFlags(rawValue: UInt32(truncatingIfNeeded: protection & 7))
  }

  private func map(_ task: FaultTask, _ call: MemoryCall, _ result: UInt64) {
    let mapFlags = call.third >> 32
    var flags = Self.access(call.third & 0xFFFF_FFFF)
    if mapFlags & 3 != 2 { flags.insert(.shared) }
    if mapFlags & 0x100 != 0 { flags.insert(.growsDown) }
    if mapFlags & 0x2000 != 0 { flags.insert(.locked) }
    if mapFlags & 0x4000 != 0 { flags.insert(.noReserve) }
    var request = MapRequest(address: result, bytes: call.length, flags: flags)
    if mapFlags & 0x20 == 0 {
      request.file = file("\(task.pid):file \(call.descriptor)")
    }
    request.isFixed = true
    request.isPopulated = mapFlags & 0x8000 != 0
    _ = try? memory.map(task.space, request)
  }

  private func remap(_ task: FaultTask, _ call: MemoryCall, _ result: UInt64) {
    if result == call.address {
      _ = try? memory.remap(task.space, call.address, call.length, call.third, mayMove: false)
    } else {
      _ = try? memory.remap(task.space, call.address, call.length, call.third, mayMove: true, target: result)
    }
  }

  private func heap(_ task: FaultTask, _ result: UInt64) {
    if task.space.heapStart == 0 || result < task.space.heapStart { memory.setHeapStart(task.space, result) }
    memory.setHeapEnd(task.space, result)
  }
}
