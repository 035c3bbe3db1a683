import Analysis
import ArgumentParser
import KernelTypes
import Replay
import Reports
import TraceEvents

/// The passes over a trace that `replay` and `compare` make: a look at its beginning, one to learn what its caches are,
/// one to replay it through all models at once.
struct ReplayPasses {
  var input: InputOptions
  var slub: SLUBOptions
  var environment: CommandEnvironment

  /// What the beginning of a trace tells.
  struct Start {
    var profile: KernelProfile
    /// The direct map's distance in pages, if objects can be related to pages.
    var pageOffset: UInt64?
    var tracedAllocator: TracedAllocator.Kind?

    /// Why the model of an allocator can't be graded, if it can't.
    func ungraded(_ allocator: TracedAllocator.Kind) -> ReplayFindings.Ungraded? {
      if tracedAllocator == nil { return .unknownAllocator }
      if tracedAllocator != allocator { return .otherAllocator }
      return pageOffset == nil ? .noAddresses : nil
    }
  }

  /// Replays the trace through the models of `allocators`; the findings are in that order.
  func run(_ allocators: [TracedAllocator.Kind]) throws -> (ReportSubject, [ReplayFindings], ExitStatus) {
    var pages: PagePredictionPass?
    return try run(allocators, pages: &pages)
  }

  /// The same with a prediction of page frames beside it, which is told of every batch of both passes.
  func run(
    _ allocators: [TracedAllocator.Kind], pages: inout PagePredictionPass?
  ) throws -> (ReportSubject, [ReplayFindings], ExitStatus) {
    let open = environment.openRepeatedly(input.trace)
    var start = try reconnoitre(try open())

    var batch = EventBatch()
    var first = TraceRun(input, environment, reading: try open())
    var survey = TraceSurvey(
      profile: start.profile.adapted(to: start.tracedAllocator ?? .slub), pageOffset: start.pageOffset,
      sharesPages: start.tracedAllocator == .slob, strings: first.strings)
    while try first.next(&batch) != nil {
      survey.consume(batch)
      pages?.survey(batch, strings: first.strings, clock: first.context.clock)
    }
    survey.finish()
    // Only the whole trace tells all CPUs, if its header doesn't.
    start.profile.cpuCount = first.profile.cpuCount

    let setups = allocators.map { allocator in
      ReplaySetup(
        profile: start.profile, allocator: allocator, tracedAllocator: start.tracedAllocator,
        isFollowing: start.ungraded(allocator) == nil)
    }
    var fleet = ReplayFleet(setups, survey: survey, strings: first.strings)
    var second = TraceRun(input, environment, reading: try open())
    try pages?.begin(profile: start.profile, strings: second.strings, trace: input.trace)
    while let parts = try second.next(&batch) {
      pages?.consume(batch, parts, strings: second.strings, clock: second.context.clock)
      for part in parts where part.phase != .after {
        fleet.consume(batch, rows: part.rows, isInside: part.phase == .inside)
      }
    }
    let outcomes = fleet.finish()
    let subject = try second.finish(pairing: outcomes.first?.pairing ?? PairingCounts())
    try TraceRun.requireSlabEvents(subject)
    let findings = zip(setups, outcomes).map { setup, outcome in
      ReplayFindings(
        allocator: setup.allocator, tracedAllocator: start.tracedAllocator,
        ungraded: start.ungraded(setup.allocator), profile: setup.profile, outcome: outcome)
    }
    return (subject, findings, second.status(subject, environment))
  }

  private func reconnoitre(_ trace: OpenedTrace) throws -> Start {
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
    slub.apply(to: &profile)
    return Start(
      profile: profile, pageOffset: hashed ? nil : reconnaissance.pageOffset,
      tracedAllocator: reconnaissance.tracedAllocator)
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
