public import KernelTypes

/// What a machine does when memory is short: the whole way of a request, from the free lists to the killer.
///
/// It keeps what outlives a request: the lists of pages in use, what compaction remembers, and what was done. The machine
/// and the owner of the pages are handed in, so that a scenario can keep both. Time does not pass inside: the reclaiming
/// thread, once woken, works after the request that woke it.
///
/// Follows `__alloc_pages_slowpath`, `should_reclaim_retry`, `should_compact_retry` and `__alloc_pages_may_oom` in
/// mm/page_alloc.c, `try_to_free_pages` and `balance_pgdat` in mm/vmscan.c, Linux 6.1. One node; control groups, cpusets
/// and throttling by dirty pages are not modelled.
public struct MemoryPressure: Sendable {
  /// A thing that was done for a request, or by the reclaiming thread.
  public enum Step: Hashable, Sendable {
    /// No zone was above its low mark; the reclaiming thread is woken if the flags allow.
    case missedLowMark(wakesReclaimer: Bool)
    /// Served from what lies between the minimum and the low mark, or from reserves.
    case servedFromReserves
    case compacted(zone: Int, result: CompactionRun.Result, moved: Int)
    case compactionNotTried(zone: Int, CompactionSuitability)
    case compactionDeferred(zone: Int)
    case reclaimed(ReclaimCount)
    /// Per-CPU lists were emptied, and pageblocks of atomic requests given back.
    case drained
    case retried(loop: Int)
    case outOfMemory(OutOfMemory.Outcome, freed: Int)
    case failed
    /// The reclaiming thread's work after the request.
    case balanced(ReclaimCount, isBalanced: Bool)
  }

  /// Sums over all requests.
  public struct Counters: Hashable, Sendable, Codable {
    public var requests = 0
    /// Requests that no zone could serve above its low mark.
    public var belowLowMark = 0
    public var reclaimerWakes = 0
    public var directReclaims = 0
    public var compactions = 0
    public var movedPages = 0
    public var kills = 0
    public var failed = 0
    /// Pages reclaimed by requests themselves, and by the thread.
    public var direct = ReclaimCount()
    public var background = ReclaimCount()

    public init() {}
  }

  /// Passes without progress after which a request gives up (`MAX_RECLAIM_RETRIES`).
  static let retryLimit = 16

  public var lists: PageLists
  public internal(set) var counters = Counters()
  /// What was done for the last request; empty unless something was.
  public internal(set) var steps: [Step] = []
  var shrinker: SlabShrinker
  var deferrals: [CompactionDeferral]
  var positions: [CompactionPosition]
  // Passes of the reclaiming thread without progress; at the limit the node is hopeless until somebody frees.
  var backgroundFailures = 0

  public init(machine: borrowing Machine, lists: PageLists? = nil) {
    self.lists = lists ?? PageLists(kernel: machine.profile.kernel)
    shrinker = SlabShrinker()
    deferrals = []
    positions = []
    for index in 0..<machine.zoneCount {
      deferrals.append(CompactionDeferral(maximumOrder: machine.profile.pageAllocator.maximumOrder))
      positions.append(
        CompactionPosition(start: machine[zone: index].start, end: machine[zone: index].end))
    }
  }

  // MARK: - A request

  /// Hands out a block, and does what the kernel would do for it; `nil` when the request fails.
  public mutating func allocate<Driver: PressureDriver & ~Copyable>(
    order: Int = 0, migrateType: MigrateType = .unmovable, flags: GFPFlags = .kernel, cpu: Int = 0,
    machine: inout Machine, driver: inout Driver, allocating: OutOfMemory.Task? = nil
  ) -> PageFrame? {
    counters.requests += 1
    if !steps.isEmpty { steps.removeAll(keepingCapacity: true) }
    let request = Request(
      order: order, type: migrateType, flags: flags, cpu: cpu, highest: Machine.highestKind(flags))
    if let frame = machine.attemptFast(request) { return frame }
    counters.belowLowMark += 1
    let wakes = flags.contains(.kswapdReclaim)
    steps.append(.missedLowMark(wakesReclaimer: wakes))
    if wakes { counters.reclaimerWakes += 1 }
    let frame = allocateSlowly(request, machine: &machine, driver: &driver, allocating: allocating)
    if frame == nil {
      counters.failed += 1
      steps.append(.failed)
    }
    if wakes { balance(order: order, highest: request.highest, machine: &machine, driver: &driver) }
    return frame
  }

  /// A request, as the parts of the way see it.
  struct Request {
    var order: Int
    var type: MigrateType
    var flags: GFPFlags
    var cpu: Int
    var highest: Zone.Kind

    var isCostly: Bool { order > CompactionSuitability.costlyOrder }
    /// Follows `gfp_compaction_allowed`.
    var mayCompact: Bool { flags.contains(.inputOutput) }
    var mayReclaim: Bool { flags.contains(.directReclaim) }
  }

  private mutating func allocateSlowly<Driver: PressureDriver & ~Copyable>(
    _ request: Request, machine: inout Machine, driver: inout Driver, allocating: OutOfMemory.Task?
  ) -> PageFrame? {
    if let frame = machine.attemptSlow(request) {
      steps.append(.servedFromReserves)
      return frame
    }
    if request.mayReclaim, request.mayCompact,
      request.isCostly || request.order > 0 && request.type != .movable
    {
      if let frame = compactAndRetry(request, .asynchronous, machine: &machine, driver: &driver) {
        return frame
      }
    }
    if !request.mayReclaim {
      return request.flags.contains(.memoryReserves) ? machine.attemptWithoutMarks(request) : nil
    }
    var loops = 0
    var compactionTries = 0
    // Every turn either makes progress that can end, or counts towards the limit.
    for turn in 0... {
      if turn > 0 {
        steps.append(.retried(loop: turn))
        if let frame = machine.attemptSlow(request) { return frame }
      }
      let progress = reclaimDirectly(request, machine: &machine, driver: &driver)
      if let frame = machine.attemptSlow(request) { return frame }
      drain(request, machine: &machine)
      if let frame = machine.attemptSlow(request) { return frame }
      if request.order > 0, request.mayCompact {
        // Later tries look everywhere; the first one, and those for huge pages, only where it is cheap.
        let mode: Zone.CompactionMode =
          request.isCostly && request.flags.contains(.noRetry) ? .asynchronous : .synchronous
        if let frame = compactAndRetry(request, mode, machine: &machine, driver: &driver) {
          return frame
        }
      }
      if request.flags.contains(.noRetry) { return nil }
      if request.isCostly, !request.flags.contains(.retryMayFail) || !request.mayCompact {
        return nil
      }
      loops = progress > 0 && !request.isCostly ? 0 : loops + 1
      let hasHope = machine.couldSucceed(request, reclaimable: reclaimable(driver.hasSwapRoom))
      if loops <= Self.retryLimit, hasHope { continue }
      compactionTries += 1
      let mostTries = request.isCostly ? Self.retryLimit / 4 : Self.retryLimit
      if progress > 0, request.order > 0, compactionTries <= mostTries { continue }
      if let frame = killAndRetry(
        request, machine: &machine, driver: &driver, allocating: allocating)
      {
        return frame
      }
      guard case .outOfMemory(_, let freed)? = steps.last, freed > 0 else { return nil }
      loops = 0
    }
    return nil
  }

  private func reclaimable(_ hasSwapRoom: Bool) -> Int {
    let sizes = lists.sizes
    let file = sizes.inactiveFile + sizes.activeFile
    return hasSwapRoom ? file + sizes.inactiveAnonymous + sizes.activeAnonymous : file
  }
}
