public import KernelTypes
public import MemoryModels
public import TraceEvents

/// Replays a trace's page faults through the model of virtual memory, and grades it with what the trace says itself.
///
/// For each fault the model says what it is and how many frames and page tables it takes, before it looks at the
/// allocations that follow. Then these are tied to the fault: they are the same task's, until its next fault or
/// something that no fault does. A mapping that neither a snapshot nor a call told of is inferred from what its first
/// fault took; such faults are not counted as predicted. Frames that are freed tell what was unmapped.
public final class FaultReplay {
  /// Processes that are followed at most.
  static let processLimit = 32_768
  static let areaLimit = 65_536

  let memory: VirtualMemory
  let strings: StringInterner
  var evidence: FaultEvidence
  var outcome = FaultReplayOutcome()
  var tasks: [Int32: FaultTask] = [:]
  private var lastTask: FaultTask?
  /// Frames whose use is known: the model's pages, and page tables.
  var pageOfFrame: [UInt64: KnownPage] = [:]
  var tableOfFrame: [UInt64: TableAddition] = [:]
  /// Pages that execve prepared for a stack whose place is not known: frame to PID.
  var looseFrames: [UInt64: Int32] = [:]
  /// Forks whose children have not been seen yet, in order, by the PID that the model uses for them.
  var unbornChildren: [Int] = []
  private var nextPlaceholder = -2
  var files: [String: FileID] = [:]
  /// Files that count as shared memory only because the snapshots' do.
  var assumedFiles: Set<FileID> = []
  /// Searches for such files that found none; a search looks at all entries of a process.
  var vainSearches = 0
  static let searchLimit = 1000
  /// Whether files that nobody described count as shared memory: what those of the snapshots do.
  private let assumesSharedMemory: Bool
  var hasForkEvents = false
  var areaTallies: [FaultReplayOutcome.Area] = []
  var areaIndex: [AreaKey: Int] = [:]
  private var firstTime: UInt64?
  private var lastTime: UInt64 = 0
  private var timeline = EvenMoments<FaultReplayOutcome.Moment>()
  var calls: MemoryCallNames

  struct AreaKey: Hashable {
    var pid: Int
    var start: UInt64
    var name: StringID
  }

  /// Prepares a replay of a machine with `totalPages` of memory, with processes that are known from before.
  public init(
    profile: KernelProfile, strings: StringInterner, seeds: [ProcessSeed], totalPages: Int = 1 << 20,
    policy: VirtualMemoryPolicy = VirtualMemoryPolicy(), processors: Processors.Settings? = nil
  ) {
    self.strings = strings
    evidence = FaultEvidence(strings: strings, chargesTables: profile.kernel >= KernelVersion(4, 5))
    memory = VirtualMemory(policy: policy, supply: PhysicalSupply(unlimited: totalPages))
    memory.recordsTables = true
    memory.processors = Processors(policy.scheme, processors ?? Processors.Settings(policy.scheme))
    assumesSharedMemory = seeds.contains { $0.areas.contains { $0.isSharedMemory } }
    calls = MemoryCallNames(strings)
    outcome.policy = policy
    for seed in seeds { add(seed) }
    _ = memory.takeTableAdditions()
  }

  // MARK: - Processes

  private func add(_ seed: ProcessSeed) {
    guard let space = memory.addProcess(seed.pid, name: seed.name) else { return }
    for area in seed.areas where !memory.adopt(space, virtualArea(area)) {
      // vsyscall lies outside of what users can map; all others should fit.
      if area.start < memory.policy.userEnd { outcome.badAreas += 1 }
    }
    for page in seed.pages {
      let id = memory.adoptPage(space, at: page.address, isFile: page.isFile, isExclusive: page.isExclusive)
      if let id, page.frame != 0 { pageOfFrame[page.frame] = memory.known(id) }
    }
    let task = FaultTask(pid: seed.pid, comm: strings.intern(seed.name), space: space, isKnown: true)
    tasks[Int32(truncatingIfNeeded: seed.pid)] = task
  }

  private func virtualArea(_ area: ProcessSeed.Area) -> VirtualMemoryArea {
    var flags: AreaFlags = []
    let letters = Array(area.permissions)
    if letters.first == "r" { flags.insert(.read) }
    if letters.count > 1, letters[1] == "w" { flags.insert(.write) }
    if letters.count > 2, letters[2] == "x" { flags.insert(.execute) }
    if letters.count > 3, letters[3] == "s" { flags.insert(.shared) }
    if area.isLocked { flags.insert(.locked) }
    if area.name == "[stack]" { flags.insert(.growsDown) }
    let shift = UInt64(memory.policy.pageShift)
    if ["[vvar]", "[vdso]", "[vsyscall]", "[vvar_vclock]"].contains(area.name) { flags.insert(.special) }
    var file = FileID.none
    if area.inode != 0 || flags.contains(.shared) {
      file = self.file("\(area.inode):\(area.name)", isSharedMemory: area.isSharedMemory)
    }
    let place = file == .none ? area.start : area.offset
    return VirtualMemoryArea(
      start: area.start, end: area.end, flags: flags, file: file, pageOffset: place >> shift)
  }

  func file(_ name: String, isSharedMemory: Bool? = nil) -> FileID {
    if let known = files[name] { return known }
    let file = memory.addFile(name, bytes: .max, isSharedMemory: isSharedMemory ?? assumesSharedMemory)
    files[name] = file
    if isSharedMemory == nil, assumesSharedMemory { assumedFiles.insert(file) }
    return file
  }

  /// The task of an event; a process not seen before is the oldest fork's child, or one that nothing is known of.
  @inline(__always)
  func task(_ pid: Int32, _ comm: StringID) -> FaultTask? {
    if let lastTask, lastTask.pid == Int(pid) {
      lastTask.comm = comm
      return lastTask
    }
    guard let found = tasks[pid] ?? adopt(pid, comm) else { return nil }
    found.comm = comm
    lastTask = found
    return found
  }

  private func adopt(_ pid: Int32, _ comm: StringID) -> FaultTask? {
    if tasks.count >= Self.processLimit {
      outcome.untracked += 1
      return nil
    }
    if !hasForkEvents, !unbornChildren.isEmpty {
      let placeholder = Int32(truncatingIfNeeded: unbornChildren.removeFirst())
      if let child = tasks.removeValue(forKey: placeholder) { return rename(child, pid, comm) }
    }
    guard let space = memory.addProcess(Int(pid), name: "") else { return nil }
    let task = FaultTask(pid: Int(pid), comm: comm, space: space, isKnown: false)
    tasks[pid] = task
    return task
  }

  private func rename(_ child: FaultTask, _ pid: Int32, _ comm: StringID) -> FaultTask {
    memory.renumber(child.space, to: Int(pid))
    for (frame, table) in tableOfFrame where table.pid == child.pid {
      tableOfFrame[frame]?.pid = Int(pid)
    }
    child.pid = Int(pid)
    child.comm = comm
    tasks[pid] = child
    return child
  }

  /// Makes the model fork. The child gets its PID now, or when it is first seen.
  func fork(_ parent: FaultTask, childPID: Int32?) {
    parent.copying = nil
    if tasks.count >= Self.processLimit {
      outcome.untracked += 1
      return
    }
    let pid = childPID.map { Int($0) } ?? nextPlaceholder
    if childPID == nil { nextPlaceholder -= 1 }
    if let old = tasks[Int32(truncatingIfNeeded: pid)] { end(old) }
    guard let space = try? memory.fork(parent.space, pid: pid) else { return }
    outcome.forks += 1
    let child = FaultTask(pid: pid, comm: parent.comm, space: space, isKnown: parent.isKnown)
    child.parent = parent.pid
    child.inferred = parent.inferred
    child.generation = parent.generation
    tasks[Int32(truncatingIfNeeded: pid)] = child
    if childPID == nil { unbornChildren.append(pid) }
  }

  /// Ends a process, whose figures are kept.
  func end(_ task: FaultTask) {
    close(task)
    outcome.exits += 1
    outcome.processes.append(summary(task, hasEnded: true))
    noteAreas(task)
    memory.exit(task.space)
    tasks[Int32(truncatingIfNeeded: task.pid)] = nil
    if lastTask === task { lastTask = nil }
  }

  /// Gives a process its new address space.
  func execute(_ task: FaultTask, name: String) {
    close(task)
    noteAreas(task)
    outcome.executions += 1
    guard let fresh = try? memory.execute(task.space, name: name) else { return }
    task.space = fresh
    task.inferred = [:]
    task.isKnown = false
    task.unseen = SIMD4(repeating: 0)
    if let executing = task.executing {
      // The stack's pages are there already, at addresses that only randomisation knows.
      task.unseen[ResidentKind.anonymous.rawValue] = executing.frames.count
      // They were faulted in by the kernel itself, without an exception.
      outcome.handled += UInt64(executing.frames.count)
      for frame in executing.frames { looseFrames[frame] = Int32(truncatingIfNeeded: task.pid) }
    }
    task.executing = nil
    note(task, newTables: true)
  }

  // MARK: - Events

  /// Replays the rows of a batch that lie before or inside the window.
  public func consume(_ batch: borrowing EventBatch, rows: Range<Int>, isInside: Bool) {
    for row in rows {
      let time = batch.time[row]
      if firstTime == nil { firstTime = time }
      lastTime = max(lastTime, time)
      let kind = batch.kind[row]
      switch kind {
      case .pageFaultUser, .pageFaultKernel:
        fault(batch, row, isInside)
      case .mmPageAlloc:
        if !batch.flags[row].contains(.failed) { allocation(batch, row) }
      case .mmPageFree, .mmPageFreeDirect:
        freed(batch.address[row], batch.order[row], batch.pid[row])
      case .kmalloc, .kmallocNode, .kmemCacheAlloc, .kmemCacheAllocNode:
        object(batch.pid[row], batch.callSite[row])
      case .kmemCacheFree:
        objectFreed(batch.pid[row], batch.callSite[row])
      case .rssStat:
        residentCounter(batch, row)
      case .mark:
        if let task = tasks[batch.pid[row]] { close(task) }
      case .schedProcessFork:
        hasForkEvents = true
        if let parent = task(batch.pid[row], batch.comm[row]), parent.copying.map({ $0.areas > 0 }) ?? false {
          finishCopying(parent, childPID: Int32(truncatingIfNeeded: batch.address[row]))
        }
      case .schedProcessExec:
        if let task = task(batch.pid[row], batch.comm[row]), task.executing != nil || task.isKnown {
          execute(task, name: strings.string(batch.name[row]))
        }
      case .schedProcessExit:
        break
      case .syscallEnter:
        if let task = task(batch.pid[row], batch.comm[row]) {
          close(task)
          task.call = MemoryCall(
            name: batch.name[row], address: batch.address[row], length: batch.requestedBytes[row],
            third: batch.allocatedBytes[row], flags: batch.order[row], descriptor: batch.node[row])
        }
      case .syscallExit:
        if let task = tasks[batch.pid[row]] { finishCall(task, result: batch.requestedBytes[row]) }
      default: break
      }
    }
    if isInside, !rows.isEmpty, timeline.isDue(elapsed(lastTime)) { timeline.add(moment()) }
  }

  private func elapsed(_ time: UInt64) -> UInt64 {
    let first = firstTime ?? time
    return time > first ? time - first : 0
  }

  private func moment() -> FaultReplayOutcome.Moment {
    FaultReplayOutcome.Moment(
      atNanoseconds: elapsed(lastTime), faults: outcome.total.faults, frames: outcome.total.frames.observed,
      tables: outcome.total.tables.observed)
  }

  /// The findings after the last event.
  public func finish() -> FaultReplayOutcome {
    let alive = tasks.keys.sorted().compactMap { tasks[$0] }
    for task in alive {
      close(task)
      noteAreas(task)
    }
    outcome.processes += alive.filter { $0.isKnown || $0.tally.faults > 0 }.map { summary($0, hasEnded: false) }
    outcome.processes.sort { ($1.tally.faults, $0.pid) < ($0.tally.faults, $1.pid) }
    outcome.areas = areaTallies.filter { $0.tally.faults > 0 }.sorted {
      ($1.tally.faults, $0.pid, $0.start) < ($0.tally.faults, $1.pid, $1.start)
    }
    if let processors = memory.processors {
      outcome.tlb = processors.counters
      outcome.processors = processors.settings
      outcome.processorCount = processors.count
    }
    if timeline.moments.last?.atNanoseconds != elapsed(lastTime) { timeline.add(moment()) }
    outcome.timeline = timeline.moments
    return outcome
  }

  private func summary(_ task: FaultTask, hasEnded: Bool) -> FaultReplayOutcome.Process {
    let resident = (hasEnded ? task.lastResident : nil) ?? self.resident(task)
    return FaultReplayOutcome.Process(
      pid: task.pid, name: strings.string(task.comm), tally: task.tally,
      resident: ResidentKind.allCases.map { resident[$0.rawValue] },
      tables: hasEnded && !task.lastTables.isEmpty ? task.lastTables : task.space.pageTablesByLevel,
      isKnown: task.isKnown, hasEnded: hasEnded, parent: task.parent)
  }

  /// Pages of a process by kind, with those that no entry shows. Of anonymous memory a counter may tell too little: faults
  /// are added to it in batches.
  private func resident(_ task: FaultTask) -> SIMD4<Int> {
    var unseen = task.unseen
    unseen[ResidentKind.anonymous.rawValue] = max(unseen[ResidentKind.anonymous.rawValue], 0)
    unseen[ResidentKind.swap.rawValue] = 0
    let pages = residents(task.space) &+ unseen
    return pages.replacing(with: 0, where: pages .< 0)
  }

  /// Keeps what a process has now.
  func note(_ task: FaultTask, newTables: Bool) {
    task.lastResident = resident(task)
    if newTables || task.lastTables.isEmpty { task.lastTables = task.space.pageTablesByLevel }
  }

  /// Pages in memory and page tables by level of a living process, as its modelled entries show them: by `ResidentKind`,
  /// with all pages of files as `.file`.
  public func figures(pid: Int) -> (resident: [Int], tables: [Int])? {
    guard let task = tasks[Int32(truncatingIfNeeded: pid)] else { return nil }
    var resident = [0, 0, 0, 0]
    for usage in memory.usage(of: task.space) {
      resident[ResidentKind.file.rawValue] += usage.resident - usage.anonymous
      resident[ResidentKind.anonymous.rawValue] += usage.anonymous
      resident[ResidentKind.swap.rawValue] += usage.swapped
    }
    // Entries of files that a counter told are gone, without saying which.
    for kind in [ResidentKind.file, .sharedMemory] {
      resident[ResidentKind.file.rawValue] += min(task.unseen[kind.rawValue], 0)
    }
    return (resident, task.space.pageTablesByLevel)
  }

  /// What of each mapping of a living process is in memory, as modelled.
  public func usage(pid: Int) -> [AreaUsage] {
    guard let task = tasks[Int32(truncatingIfNeeded: pid)] else { return [] }
    return memory.usage(of: task.space)
  }
}
