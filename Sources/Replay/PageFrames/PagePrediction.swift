public import KernelTypes
public import MemoryModels
public import TraceEvents

/// Replays a trace's page events on a modelled machine that chooses every page frame itself, and grades it.
///
/// The trace says *when* something is asked for, by whom and for what; zone, list, block, fallback, refill and drain are
/// the model's. Requests are replayed at their first event: blocks leave the buddy's lists before `mm_page_alloc`, and
/// reach them again after `mm_page_free`. Where the kernel did something else, the miss is named and counted, and the
/// model is brought back in line, so that one unseen operation does not spoil what follows.
///
/// The order of events follows mm/page_alloc.c, Linux 6.1.
public struct PagePrediction: ~Copyable {
  var machine: Machine
  let policy: PageAllocatorPolicy
  let cpuLimit: Int
  let strings: StringInterner
  var window = PageEventWindow()
  public internal(set) var grades = PageFrameGrades()
  private var fates: PageFates
  private var freeNumber = 0
  // By StringID: the flags of a gfp text, and whether a call site is vmalloc's.
  private var flags: [GFPFlags?] = []
  private var isVmallocSite: [Bool?] = []
  // Frames at the end of the block last handed out on each CPU, which an exact allocation gives back at once.
  var exactTail: [Range<UInt64>]
  var tasks = ReclaimingTasks()
  // The boosts of the zones' marks when the reclaiming threads began.
  var boostsAtStart: [Int]
  // What the CPU's counters of the zones held back before the request at hand.
  var heldBack: [Int]
  let countsApart: Bool
  // By the position of their nodes in the machine's.
  var threads: [ReclaimThread]
  // Whether requests above the low mark have to be looked at, too.
  var watchesThreads = false
  /// Whether the trace has events of the reclaiming thread.
  public let tellsReclaim: Bool
  public internal(set) var pressure = PressureGrades()
  var bootStage: BootStage?
  // First frames of blocks whose place at the start is from the trace: their first use proves nothing.
  private var told: Set<UInt64>
  public internal(set) var counts = PressureCounts()
  // Runs of the reclaiming threads, the next to begin, and those that are read but not over.
  let runs: [ReclaimRuns.Run]
  var nextRun = 0
  /// Whether the trace says which task did what, so that the ends of runs are known.
  let knowsRuns: Bool
  var openRuns: [Int] = []
  // Rows read so far.
  private(set) var rowNumber = 0
  // The order that compaction was last asked for; `nil` for all of memory.
  var compactionOrder: Int?
  let managedPages: Int
  let swapPages: Int
  // The orders of blocks that are freed in batches of blocks, until their second event.
  private var batchedOrders: [UInt64: UInt8] = [:]

  /// Starts from a machine in the state it had before the first event that will be consumed. `fates` has seen the same
  /// events. `isBooting` says that the machine has just been handed its memory: per-CPU lists and marks are set up when
  /// the trace shows that they are. The first uses of blocks that start at frames in `told` are not graded. `swapPages` are
  /// there to be used by the processes.
  public init(
    _ machine: consuming Machine, fates: consuming PageFates, strings: StringInterner, isBooting: Bool = false,
    told: Set<UInt64> = [], swapPages: Int = 0
  ) {
    self.told = told
    bootStage = isBooting ? .handedOver : nil
    policy = machine.profile.pageAllocator
    cpuLimit = max(machine.profile.cpuCount, 1)
    self.strings = strings
    exactTail = Array(repeating: 0..<0, count: cpuLimit)
    tellsReclaim = !fates.runs.runs.isEmpty
    runs = fates.runs.runs
    knowsRuns = fates.runs.runs.allSatisfy { $0.end < .max }
    self.fates = fates
    self.swapPages = swapPages
    boostsAtStart = Array(repeating: 0, count: machine.zoneCount)
    heldBack = Array(repeating: 0, count: machine.zoneCount)
    var isApart = false
    for zone in 0..<machine.zoneCount where machine[zone: zone].counterThreshold > 0 { isApart = true }
    countsApart = isApart
    threads = Array(repeating: ReclaimThread(), count: machine.nodes.count)
    var managed = 0
    for zone in 0..<machine.zoneCount { managed += machine[zone: zone].managedPages }
    managedPages = managed
    counts.blocksByZone = Array(repeating: 0, count: machine.zoneCount)
    self.machine = machine
    for zone in 0..<self.machine.zoneCount {
      self.machine.withZone(zone) {
        $0.recordsSteps = true
        $0.removeSteps()
      }
    }
  }

  // MARK: - Reading

  /// Takes in rows of a batch; those outside the window that counts build up state and are not graded.
  public mutating func consume(_ batch: borrowing EventBatch, rows: Range<Int>, isInside: Bool) {
    for row in rows {
      rowNumber &+= 1
      if !openRuns.isEmpty { closeRuns(isInside: isInside) }
      guard var event = event(batch, row) else { continue }
      if isInside { event.marks.insert(.isInside) }
      window.append(event)
      while window.isReady { replayNext() }
    }
  }

  /// Replays what is left.
  public mutating func finish() {
    while !window.isEmpty { replayNext() }
    counts.nodeReclaims = UInt64(machine.counters.nodeReclaims)
  }

  /// The machine as it is after the last event replayed.
  public borrowing func withMachine<Result>(_ body: (borrowing Machine) -> Result) -> Result { body(machine) }

  @inline(__always)
  private mutating func event(_ batch: borrowing EventBatch, _ row: Int) -> PageEvent? {
    let kind: PageEvent.Kind
    var fate = PageFate.onList
    switch batch.kind[row] {
    case .mmPageAlloc:
      kind = .allocated
    case .mmPageFree, .mmPageFreeDirect:
      kind = .freed
      fate = nextFate()
    case .mmPageFreeBatched:
      kind = .freedInBatch
      fate = nextFate()
    case .mmPageAllocZoneLocked: kind = .removed
    case .mmPagePCPUDrain: kind = .drained
    case .mmPageAllocExtfrag: kind = .fallback
    case .kmalloc, .kmallocNode:
      guard isVmalloc(batch.callSite[row]) else { return nil }
      kind = .bulk
    default: return batch.kind[row].isReclaimEvent ? pressureEvent(batch, row) : nil
    }
    let type = MigrateType(
      number: Int(batch.migrateType[row]), numbering: policy.numbering, hasContiguous: policy.hasContiguous)
    var event = PageEvent(
      frame: batch.address[row], gfp: batch.gfp[row].rawValue,
      cpu: min(batch.cpu[row], UInt16(truncatingIfNeeded: cpuLimit &- 1)), kind: kind,
      order: min(batch.order[row], UInt8(truncatingIfNeeded: policy.maximumOrder)), type: type ?? .unmovable, fate: fate
    )
    switch kind {
    case .bulk: event.frame = batch.requestedBytes[row] / 8
    case .allocated:
      if batch.flags[row].contains(.failed) { event.frame = .max }
      event.marks = tasks.marks(pid: batch.pid[row], comm: batch.comm[row], strings)
      if tellsReclaim, gfpFlags(event.gfp).isSuperset(of: .userPage) {
        tasks.countUserPages(1 << Int(event.order), pid: batch.pid[row])
      }
    case .fallback:
      event.fallbackOrder = UInt8(truncatingIfNeeded: min(batch.requestedBytes[row], 31))
      if batch.flags[row].contains(.changeOwnership) { event.marks.insert(.changesOwnership) }
    default: break
    }
    return event
  }

  @inline(__always)
  private mutating func nextFate() -> PageFate {
    freeNumber &+= 1
    return fates.fate(freeNumber &- 1)
  }

  @inline(__always)
  private mutating func isVmalloc(_ site: StringID) -> Bool {
    if site.index < isVmallocSite.count, let known = isVmallocSite[site.index] { return known }
    return learnSite(site)
  }

  @inline(never)
  private mutating func learnSite(_ site: StringID) -> Bool {
    while isVmallocSite.count <= site.index { isVmallocSite.append(nil) }
    // The array of page pointers that __vmalloc_area_node fills, inlined into its caller.
    let isVmalloc =
      strings.string(site).hasPrefix("__vmalloc_node_range") || strings.string(site).hasPrefix("__vmalloc_area_node")
    isVmallocSite[site.index] = isVmalloc
    return isVmalloc
  }

  @inline(__always)
  mutating func gfpFlags(_ gfp: UInt32) -> GFPFlags {
    let index = Int(gfp)
    if index < flags.count, let known = flags[index] { return known }
    return learnFlags(index)
  }

  @inline(never)
  private mutating func learnFlags(_ index: Int) -> GFPFlags {
    while flags.count <= index { flags.append(nil) }
    let parsed = GFPFlags(parsing: strings.string(StringID(rawValue: UInt32(index))))
    flags[index] = parsed
    return parsed
  }

  // MARK: - Replaying

  /// Whether a block that was handed out counts.
  @inline(__always)
  mutating func isGraded(_ event: PageEvent) -> Bool {
    if !event.marks.contains(.isInside) { return false }
    if told.isEmpty || told.remove(event.frame) == nil { return true }
    grades.toldByTrace &+= 1
    return false
  }

  @inline(__always)
  private mutating func replayNext() {
    let index = window.position
    let event = window.events[index]
    switch event.kind {
    case .allocated: if !event.marks.contains(.isDone) { replayAllocation(index) }
    case .removed, .fallback: if !event.marks.contains(.isDone) { replayRemovals(index) }
    case .freed: replayFree(index)
    case .freedInBatch:
      let order = batchedOrders.isEmpty ? nil : batchedOrders.removeValue(forKey: event.frame)
      replayFreeOnList(index, order: Int(order ?? 0))
    case .drained: if !event.marks.contains(.isDone) { replayDrain(index) }
    case .bulk: replayBulk(index)
    default: replayPressure(event)
    }
    window.advance()
  }

  @inline(never)
  private mutating func replayPressure(_ event: PageEvent) {
    switch event.kind {
    case .reclaimBegins: beginReclaim(event)
    case .reclaimEnds: replayReclaimEnd(event)
    case .wakeup: replayWakeup(event)
    case .directReclaimBegins: replayDirectReclaim(event)
    case .directReclaimEnds: replayDirectReclaimEnd(event)
    case .retry: replayRetry(event)
    case .isolated: replayIsolation(event)
    case .compactionSuitable: replaySuitability(event)
    case .compactionFinished: replayCompactionEnd(event)
    case .compactionBegins: replayCompaction(event)
    default: break
    }
  }

  @inline(__always)
  private mutating func replayFree(_ index: Int) {
    let event = window.events[index]
    let cpu = Int(event.cpu)
    if event.fate == .inBatch {
      if event.order > 0 { batchedOrders[event.frame] = event.order }
      return
    }
    if event.order == 0, exactTail[cpu].contains(event.frame) {
      // `make_alloc_exact` gives the unused end back page by page.
      exactTail[cpu] = (event.frame &+ 1)..<exactTail[cpu].upperBound
      if freeDirectly(event, toTail: true), event.marks.contains(.isInside) { grades.tailFrees &+= 1 }
      return
    }
    exactTail[cpu] = 0..<0
    if event.fate == .inBuddy || !isPerCPU(Int(event.order)) {
      if freeDirectly(event, toTail: false), isPerCPU(Int(event.order)), event.marks.contains(.isInside) {
        grades.directFrees &+= 1
      }
      return
    }
    replayFreeOnList(index, order: Int(event.order))
  }

  /// Remembers the CPU's counters in case what the model is about to do has to be taken back.
  @inline(__always)
  mutating func saveHeldBack() {
    for zone in 0..<machine.zoneCount { heldBack[zone] = machine[zone: zone].heldBackPages }
  }

  /// Whether blocks of an order are kept on per-CPU lists.
  @inline(__always)
  func isPerCPU(_ order: Int) -> Bool {
    order <= policy.perCPUMaximumOrder || (policy.perCPUPageblockLists > 0 && order == policy.pageblockOrder)
  }

  @inline(never)
  private mutating func freeDirectly(_ event: PageEvent, toTail: Bool) -> Bool {
    let frame = PageFrame(event.frame)
    guard let zone = machine.zoneIndex(of: frame) else {
      grades.outside &+= 1
      return false
    }
    takeUnseen(frame, order: Int(event.order), zone)
    machine.withZone(zone) {
      if toTail {
        $0.freeToTail(frame, order: Int(event.order))
      } else {
        $0.free(frame, order: Int(event.order), cpu: Int(event.cpu), skipsPerCPU: true)
      }
    }
    return true
  }

  /// A block is about to be freed: pages of it that the model holds free were taken without an event.
  @inline(__always)
  mutating func takeUnseen(_ frame: PageFrame, order: Int, _ zone: Int) {
    if machine[zone: zone].isAnyFree(frame, order: order) { takeUnseenSlowly(frame, order: order, zone) }
  }

  @inline(never)
  private mutating func takeUnseenSlowly(_ frame: PageFrame, order: Int, _ zone: Int) {
    for page in frame.rawValue..<frame.rawValue + Order.pages(order) {
      let isTaken = machine.withZone(zone) { $0.take(PageFrame(page), order: 0) }
      if isTaken { grades.pagesTakenUnseen &+= 1 }
    }
  }
}
