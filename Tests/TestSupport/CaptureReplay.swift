import Analysis
public import KernelTypes
public import Replay
public import TraceEvents
import TraceInput

/// Replays a capture as the `replay` command does, and returns what it found.
public func replayCapture(
  at path: String, cpuCount: Int, allocator: TracedAllocator.Kind = .slub,
  adjust: (inout KernelProfile) -> Void = { _ in }
) throws -> ReplayOutcome {
  try compareCapture(at: path, cpuCount: cpuCount, allocators: [allocator], adjust: adjust)[0]
}

/// Replays a capture through several allocators at once, as the `compare` command does.
public func compareCapture(
  at path: String, cpuCount: Int, allocators: [TracedAllocator.Kind],
  adjust: (inout KernelProfile) -> Void = { _ in }
) throws -> [ReplayOutcome] {
  let run = try CaptureRun(path: path, cpuCount: cpuCount, allocators: allocators, adjust: adjust)
  var batch = EventBatch()
  while try run.source.read(into: &batch) { run.fleet.consume(batch, rows: 0..<batch.count, isInside: true) }
  return run.fleet.finish()
}

/// A capture whose first pass is done: the second pass feeds `fleet` from `source`.
public final class CaptureRun {
  public var fleet: ReplayFleet
  public let source: any EventSource
  public let tracedAllocator: TracedAllocator.Kind?

  public init(
    path: String, cpuCount: Int, allocators: [TracedAllocator.Kind],
    adjust: (inout KernelProfile) -> Void = { _ in }
  ) throws {
    var profile = KernelProfile(kernel: KernelVersion(6, 1), cpuCount: cpuCount)
    adjust(&profile)
    var batch = EventBatch()
    let beginning = try TraceInput.open(path: path)
    var reconnaissance = ReplayReconnaissance(profile: profile)
    while try beginning.read(into: &batch), !reconnaissance.isDone { reconnaissance.consume(batch) }
    let traced = reconnaissance.tracedAllocator
    profile.slub.debugFlags = reconnaissance.debugFlags
    let debugFlags = reconnaissance.debugFlags

    let first = try TraceInput.open(path: path)
    var survey = TraceSurvey(
      profile: profile.adapted(to: traced ?? .slub), pageOffset: reconnaissance.pageOffset,
      sharesPages: traced == .slob, strings: first.strings)
    while try first.read(into: &batch) { survey.consume(batch) }
    survey.finish()
    let setups = allocators.map {
      ReplaySetup(
        profile: profile, allocator: $0, tracedAllocator: traced, tracedDebugFlags: debugFlags,
        isFollowing: traced == $0)
    }
    fleet = ReplayFleet(setups, survey: survey, strings: first.strings)
    tracedAllocator = traced
    source = try TraceInput.open(path: path)
  }
}
