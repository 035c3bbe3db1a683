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
  var before: [Snapshot]
  var after: [Snapshot]
  var symbols: SymbolTable?

  private var input: InputOptions { replay.input }

  /// Reads the trace and answers everything that it can tell.
  func run() throws -> (WholeReport, ExitStatus) {
    let environment = replay.environment
    let open = environment.openRepeatedly(input.trace)
    let memoryBefore = before.ofMemory
    let memoryAfter = after.ofMemory
    var start = try replay.reconnoitre(try open(), memoryBefore ?? memoryAfter)

    start.profile = FragmentationStart.profile(start.profile, before: memoryBefore, after: memoryAfter)
    var first = TraceRun(input, environment, reading: try open(), pass: (1, 2))
    var frames = FrameSurvey(policy: start.profile.pageAllocator)
    let survey = try replay.learn(&start, reading: &first) { batch, _ in frames.consume(batch) }
    let hasPages = frames.lockedEvents > 0

    let choices = AllocatorOption.allCases.map { AllocatorChoice($0.kind) }
    let knownCaches = (memoryBefore ?? memoryAfter).map { SnapshotCaches.known($0) } ?? []
    let setups = choices.map { start.setup($0, knownCaches: knownCaches) }
    var fleet = ReplayFleet(setups, survey: survey, strings: first.strings)
    let policy = start.profile.pageAllocator
    let types = FragmentationStart.pageblockTypes(
      survey: frames, before: memoryBefore, after: memoryAfter, policy: policy)
    let map = FragmentationStart.map(
      survey: frames, before: memoryBefore, after: memoryAfter, profile: start.profile, types: types)
    var second = TraceRun(input, environment, reading: try open(), pass: (2, 2))
    // Replays look at themselves once a batch: for a short trace batches are small, so that there is something to draw.
    let events = Int(clamping: first.eventCount)
    var batch = EventBatch(capacity: min(max(events / 400, 32), EventBatch.standardCapacity))
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
        allocators: zip(choices.indices, fleet.finish()).map { start.findings(choices[$0], setups[$0], $1) })
    }
    if first.hasEvents(of: [.pageFaultUser, .pageFaultKernel]) {
      report.faults = try faults(in: try open(), profile: start.profile)
    }
    if frames.allocationEvents > 0 {
      report.pageUse = pageUse.finish(strings: second.strings, stacks: second.stacks)
    }
    if hasPages {
      report.pageblocks = pageblocks.finish(free: fragmentation.map)
      let outcome = fragmentation.finish()
      report.fragmentation = FragmentationFindings(
        start: FragmentationStart.kind(before: memoryBefore, after: memoryAfter), outcome: outcome, policy: policy,
        after: memoryAfter, knowledge: types.knowledge, free: fragmentation.map)
    }
    return (report, second.status(subject, environment))
  }

  /// Replays page faults in a pass of its own: that replay adds texts of its own to the trace's, and those that are told apart
  /// by number in the other passes would be numbered anew.
  private func faults(in trace: OpenedTrace, profile: KernelProfile) throws -> FaultFindings {
    var run = TraceRun(input, replay.environment, reading: trace)
    let pass = FaultPass(profile: profile, strings: run.strings, before: before, after: after)
    var batch = EventBatch()
    while let parts = try run.next(&batch) {
      for part in parts where part.phase != .after {
        pass.consume(batch, rows: part.rows, isInside: part.phase == .inside)
      }
    }
    return pass.finish()
  }
}
