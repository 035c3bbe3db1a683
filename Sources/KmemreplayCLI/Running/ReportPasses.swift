import Analysis
import KernelTypes
import ProcSnapshots
import Replay
import Reports
import TraceEvents

/// The passes over a trace that `report` makes: a look at its beginning, one to learn what replays must know before they
/// start, and one that feeds all analyses and models at once.
struct ReportPasses {
  var replay: ReplayPasses
  var before: Snapshot?
  var after: Snapshot?
  var symbols: SymbolTable?

  private var input: InputOptions { replay.input }

  /// Reads the trace and answers everything that it can tell.
  func run() throws -> (WholeReport, ExitStatus) {
    let environment = replay.environment
    let open = environment.openRepeatedly(input.trace)
    var start = try replay.reconnoitre(try open(), before ?? after)

    var batch = EventBatch()
    var first = TraceRun(input, environment, reading: try open())
    var survey = TraceSurvey(
      profile: start.tracedProfile, pageOffset: start.pageOffset,
      sharesPages: start.tracedAllocator == .slob, strings: first.strings)
    start.profile = FragmentationStart.profile(start.profile, before: before, after: after)
    var frames = FrameSurvey(policy: start.profile.pageAllocator)
    while try first.next(&batch) != nil {
      survey.consume(batch)
      frames.consume(batch)
    }
    survey.finish()
    // Only the whole trace tells all CPUs, if its header doesn't.
    start.profile.cpuCount = first.profile.cpuCount
    if start.tracedAllocator == .slub, survey.sawRandomFreelists { start.profile.slub.randomisesFreelist = true }
    let hasPages = frames.lockedEvents > 0

    let setups = [TracedAllocator.Kind.slub, .slab, .slob].map { allocator in
      ReplaySetup(
        profile: start.profile, allocator: allocator, tracedAllocator: start.tracedAllocator,
        tracedDebugFlags: start.tracedDebugFlags, isFollowing: start.ungraded(AllocatorChoice(allocator)) == nil)
    }
    var fleet = ReplayFleet(setups, survey: survey, strings: first.strings)
    let policy = start.profile.pageAllocator
    let types = FragmentationStart.pageblockTypes(survey: frames, before: before, after: after, policy: policy)
    let map = FragmentationStart.map(
      survey: frames, before: before, after: after, profile: start.profile, types: types)
    var second = TraceRun(input, environment, reading: try open())
    // Replays look at themselves once a batch: for a short trace batches are small, so that there is something to draw.
    let events = Int(clamping: first.eventCount)
    batch = EventBatch(capacity: min(max(events / 400, 32), EventBatch.standardCapacity))
    var fragmentation = FragmentationReplay(
      map: map, pageblockTypes: types.types, policy: policy, strings: second.strings, stacks: second.stacks)
    var pageblocks = PageblockAnalysis(policy: policy)
    var lifetimes = LifetimeAnalysis()
    var pageUse = PageUseAnalysis()
    let pageSize = UInt64(start.profile.pageSize)
    var callSites = WasteAnalysis(grouping: .callSite, pageSize: pageSize)
    var caches = WasteAnalysis(grouping: .cache, pageSize: pageSize)
    var tasks = WasteAnalysis(grouping: .task, pageSize: pageSize)
    while let parts = try second.next(&batch) {
      for part in parts {
        callSites.consume(batch, part, strings: second.strings)
        caches.consume(batch, part, strings: second.strings)
        tasks.consume(batch, part, strings: second.strings)
        if part.phase == .after { continue }
        lifetimes.consume(batch, part)
        pageUse.consume(batch, part)
        fleet.consume(batch, rows: part.rows, isInside: part.phase == .inside)
        if !hasPages { continue }
        fragmentation.consume(batch, rows: part.rows, isInside: part.phase == .inside)
        pageblocks.consume(batch, rows: part.rows)
      }
    }

    let subject = try second.finish(pairing: callSites.pairing)
    var report = WholeReport(subject: subject)
    if TraceRun.hasSlabEvents(subject) {
      let naming = subject.wasteNaming(symbols: symbols)
      report.callSites = callSites.finish(strings: second.strings, naming: naming)
      report.caches = caches.finish(strings: second.strings, naming: naming)
      report.tasks = tasks.finish(strings: second.strings, naming: naming)
      report.lifetimes = lifetimes.finish(strings: second.strings, stacks: second.stacks, symbols: symbols)
      report.comparison = CompareFindings(
        allocators: zip(setups, fleet.finish()).map { setup, outcome in
          ReplayFindings(
            allocator: setup.allocator, tracedAllocator: start.tracedAllocator,
            ungraded: start.ungraded(AllocatorChoice(setup.allocator)), profile: setup.profile, outcome: outcome)
        })
    }
    if frames.allocationEvents > 0 {
      report.pageUse = pageUse.finish(strings: second.strings, stacks: second.stacks)
    }
    if hasPages {
      report.pageblocks = pageblocks.finish(free: fragmentation.map)
      let outcome = fragmentation.finish()
      report.fragmentation = FragmentationFindings(
        start: FragmentationStart.kind(before: before, after: after), outcome: outcome, policy: policy, after: after,
        knowledge: types.knowledge, free: fragmentation.map)
    }
    return (report, second.status(subject, environment))
  }
}
