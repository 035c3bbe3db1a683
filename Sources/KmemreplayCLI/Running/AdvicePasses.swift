import Analysis
import KernelTypes
import Replay
import TraceEvents

/// The passes over a trace that `waste --advise` makes: one that counts requests by size, and one that replays the trace
/// as it is and with each promising change.
struct AdvicePasses {
  var input: InputOptions
  var environment: CommandEnvironment
  /// Opens the trace for each pass.
  var open: () throws(TraceError) -> OpenedTrace

  /// Changes of each kind that are simulated.
  private static let limit = 4

  func run(atPeak: Bool) throws -> AdviceFindings {
    let passes = ReplayPasses(input: input, environment: environment)
    var start = try passes.reconnoitre(try open(), nil)
    let allocator = start.tracedAllocator == .slab ? TracedAllocator.Kind.slab : .slub

    var first = TraceRun(input, environment, reading: try open(), pass: (1, 2))
    var sizes = RequestSizes(classes: SizeClasses(policy: start.profile.adapted(to: allocator).kmalloc))
    let survey = try passes.learn(&start, reading: &first) { batch, _ in sizes.consume(batch) }
    var setup = start.setup(AllocatorChoice(allocator))
    setup.isFollowing = false

    let changes = sizes.candidates(limit: Self.limit, atPeak: atPeak)
    var fleet = ReplayFleet([setup] + changes.map { $0.applied(to: setup) }, survey: survey, strings: first.strings)
    var batch = EventBatch()
    var second = TraceRun(input, environment, reading: try open(), pass: (2, 2))
    while let parts = try second.next(&batch) {
      for part in parts where part.phase != .after {
        fleet.consume(batch, rows: part.rows, isInside: part.phase == .inside)
      }
    }
    let outcomes = fleet.finish()
    let strings = first.strings
    let savings = changes.indices.map { index in
      var callSite: String?
      if case .ownCache(let site, _) = changes[index].kind { callSite = strings.string(site) }
      return SimulatedSaving(changes[index], callSite: callSite, without: outcomes[0], with: outcomes[index + 1])
    }
    return AdviceFindings(
      pageSize: UInt64(setup.profile.pageSize), allocator: allocator, without: outcomes[0], savings: savings)
  }
}
