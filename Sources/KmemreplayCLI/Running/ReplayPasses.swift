import Analysis
import ArgumentParser
import KernelTypes
import ProcSnapshots
import Replay
import Reports
import TraceEvents

/// The passes over a trace that `replay` and `compare` make: a look at its beginning, one to learn what its caches are,
/// one to replay it through all models at once.
struct ReplayPasses {
  var input: InputOptions
  var slub: SLUBOptions?
  var snapshots: SnapshotOptions?
  var environment: CommandEnvironment
  /// Whether the trace's own allocator also runs alone from the start that the trace shows.
  var runsAlone = false
  /// Memory nodes of the machine.
  var nodes = 1

  /// What the beginning of a trace tells.
  struct Start {
    var profile: KernelProfile
    /// The direct map's distance in pages, if objects can be related to pages.
    var pageOffset: UInt64?
    var tracedAllocator: TracedAllocator.Kind?
    /// The `slub_debug` that the trace's sizes show.
    var tracedDebugFlags: SLUBDebugFlags = []

    /// The profile of the kernel that made the trace, whatever is modelled.
    var tracedProfile: KernelProfile {
      var traced = profile.adapted(to: tracedAllocator ?? .slub)
      traced.slub.debugFlags = tracedDebugFlags
      return traced
    }

    /// Why the model of an allocator can't be graded, if it can't.
    func ungraded(_ choice: AllocatorChoice) -> ReplayFindings.Ungraded? {
      let allocator = choice.kind
      if choice.variant != nil { return .otherOptions }
      if tracedAllocator == nil { return .unknownAllocator }
      if tracedAllocator != allocator { return .otherAllocator }
      let shown = profile.slub.debugFlags.intersection(.changingSizes)
      if allocator == .slub, shown != tracedDebugFlags { return .otherOptions }
      return pageOffset == nil ? .noAddresses : nil
    }

    /// The replay through an allocator, of a trace that has been surveyed.
    func setup(_ choice: AllocatorChoice, knownCaches: [KnownCache] = []) -> ReplaySetup {
      var profile = profile
      choice.settings.apply(to: &profile)
      var setup = ReplaySetup(
        profile: profile, allocator: choice.kind, tracedAllocator: tracedAllocator,
        tracedDebugFlags: tracedDebugFlags, isFollowing: ungraded(choice) == nil)
      setup.knownCaches = knownCaches
      return setup
    }

    /// What the replay of a choice found.
    func findings(_ choice: AllocatorChoice, _ setup: ReplaySetup, _ outcome: ReplayOutcome) -> ReplayFindings {
      ReplayFindings(
        allocator: choice.kind, variant: choice.variant, tracedAllocator: tracedAllocator,
        ungraded: ungraded(choice), profile: setup.profile, outcome: outcome)
    }
  }

  /// Replays the trace through the models of `allocators`; the findings are in that order.
  func run(_ choices: [AllocatorChoice]) throws -> (ReportSubject, [ReplayFindings], ExitStatus) {
    var pages: PagePredictionPass?
    return try run(choices, pages: &pages)
  }

  /// The same with a prediction of page frames beside it, which is told of every batch of both passes. Models with settings
  /// of their own are not graded.
  func run(
    _ choices: [AllocatorChoice], pages: inout PagePredictionPass?
  ) throws -> (ReportSubject, [ReplayFindings], ExitStatus) {
    let bundle = CaptureBundle(input.trace)
    let before = try snapshots?.readBefore() ?? bundle?.snapshot("before")
    let after = try snapshots?.readAfter() ?? bundle?.snapshot("after")
    let open = environment.openRepeatedly(input.trace)
    var start = try reconnoitre(try open(), before ?? after)
    let knownCaches = (before ?? after).map { SnapshotCaches.known($0) } ?? []

    var first = TraceRun(input, environment, reading: try open(), pass: (1, 2))
    let survey = try learn(&start, reading: &first) { batch, run in
      pages?.survey(batch, strings: run.strings, clock: run.context.clock, profile: run.profile.kernelProfile)
    }
    if nodes > 1 {
      let cpus = start.profile.cpuCount
      start.profile.nodeOfCPU = (0..<cpus).map { $0 * nodes / cpus }
    }

    let setups = choices.map { choice in
      var setup = start.setup(choice, knownCaches: knownCaches)
      setup.runsAlone = runsAlone
      return setup
    }
    var fleet = ReplayFleet(setups, survey: survey, strings: first.strings)
    var batch = EventBatch()
    var second = TraceRun(input, environment, reading: try open(), pass: (2, 2))
    try pages?.begin(profile: start.profile, strings: second.strings, trace: input.trace)
    var state = (before?.withoutDamagedFiles).map { SnapshotStart.state($0) }
    if state?.isEmpty == true { state = nil }
    let hasState = state != nil
    var moment = TimeWindowCursor(TimeWindow(from: snapshots?.beforeAt, to: nil))
    while let parts = try second.next(&batch) {
      pages?.consume(batch, parts, strings: second.strings, clock: second.context.clock)
      let begin = Self.row(of: &moment, in: batch, isWanted: state != nil, second)
      for part in parts where part.phase != .after {
        var rows = part.rows
        if let begin, let known = state, begin < rows.upperBound {
          let before = rows.lowerBound..<max(begin, rows.lowerBound)
          fleet.consume(batch, rows: before, isInside: part.phase == .inside)
          fleet.begin(with: known)
          state = nil
          rows = before.upperBound..<rows.upperBound
        }
        fleet.consume(batch, rows: rows, isInside: part.phase == .inside)
      }
    }
    let outcomes = fleet.finish()
    let subject = try second.finish(pairing: outcomes.first?.pairing ?? PairingCounts())
    // Page events alone are enough for the page allocator's model.
    if snapshots?.pages != .model { try TraceRun.requireSlabEvents(subject) }
    let findings = choices.indices.map { index in
      var findings = start.findings(choices[index], setups[index], outcomes[index])
      findings.slabInfo = SlabInfoVerification(
        before: before, after: after, outcome: outcomes[index])
      findings.startsFromDump = choices[index].kind == .slob && hasState && state == nil
      return findings
    }
    return (subject, findings, second.status(subject, environment))
  }

  /// Reads the whole trace to learn what replays must know before they start, and completes `start`. `also` sees every batch.
  func learn(
    _ start: inout Start, reading run: inout TraceRun, also look: (borrowing EventBatch, TraceRun) -> Void
  ) throws -> TraceSurvey {
    var survey = TraceSurvey(
      profile: start.tracedProfile, pageOffset: start.pageOffset, sharesPages: start.tracedAllocator == .slob,
      strings: run.strings)
    var batch = EventBatch()
    while try run.next(&batch) != nil {
      survey.consume(batch)
      look(batch, run)
    }
    survey.finish()
    // Only the whole trace tells all CPUs, if its header doesn't.
    start.profile.cpuCount = run.profile.cpuCount
    if start.tracedAllocator == .slub, survey.sawRandomFreelists { start.profile.slub.randomisesFreelist = true }
    return survey
  }

  /// The row before which the snapshot was taken, in the batch in which that moment lies.
  private static func row(
    of moment: inout TimeWindowCursor, in batch: borrowing EventBatch, isWanted: Bool, _ run: borrowing TraceRun
  ) -> Int? {
    if !isWanted { return nil }
    return moment.parts(of: batch, strings: run.strings, clock: run.context.clock).first { $0.phase == .inside }?
      .rows.lowerBound
  }

  /// Looks at the beginning of a trace.
  func reconnoitre(_ trace: OpenedTrace, _ snapshot: Snapshot?) throws -> Start {
    var run = TraceRun(input, environment, reading: trace)
    var batch = EventBatch()
    var more = try run.next(&batch) != nil
    var reconnaissance = ReplayReconnaissance(profile: run.profile.kernelProfile)
    while more, !reconnaissance.isDone {
      reconnaissance.consume(batch)
      more = try run.next(&batch) != nil
    }
    run.stop()
    let hashed = trace.source.statistics[.hashedPointers] > 0
    var profile = run.profile.kernelProfile
    profile.kmalloc.hasAccountedCaches =
      reconnaissance.sawAccounted && profile.kernel >= KmallocPolicy.accountedCachesSince
    profile.slub.debugFlags = reconnaissance.debugFlags
    if let parameters = snapshot?.commandLine?.parameters {
      SLUBSettings(kernelParameters: parameters).apply(to: &profile)
    }
    try slub?.settings().apply(to: &profile)
    return Start(
      profile: profile, pageOffset: hashed ? nil : reconnaissance.pageOffset,
      tracedAllocator: reconnaissance.tracedAllocator, tracedDebugFlags: reconnaissance.debugFlags)
  }
}

/// The allocators that can be modelled, as options name them.
enum AllocatorOption: String, CaseIterable, ExpressibleByArgument {
  case slub, slab, slob

  var kind: TracedAllocator.Kind {
    switch self {
    case .slub: .slub
    case .slab: .slab
    case .slob: .slob
    }
  }
}
