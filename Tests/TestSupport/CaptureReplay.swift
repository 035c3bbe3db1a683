import Analysis
public import KernelTypes
public import Replay
import TraceEvents
import TraceInput

/// Replays a capture as the `replay` command does, and returns what it found.
public func replayCapture(
  at path: String, cpuCount: Int, adjust: (inout KernelProfile) -> Void = { _ in }
) throws -> ReplayOutcome {
  var profile = KernelProfile(kernel: KernelVersion(6, 1), cpuCount: cpuCount)
  adjust(&profile)
  var batch = EventBatch()

  let beginning = try TraceInput.open(path: path)
  var reconnaissance = ReplayReconnaissance(profile: profile)
  while try beginning.read(into: &batch), !reconnaissance.isDone { reconnaissance.consume(batch) }

  let first = try TraceInput.open(path: path)
  var survey = TraceSurvey(profile: profile, pageOffset: reconnaissance.pageOffset, strings: first.strings)
  while try first.read(into: &batch) { survey.consume(batch) }
  survey.finish()

  let isSLUB = reconnaissance.tracedAllocator == .slub
  var engine = ReplayEngine(profile: profile, survey: survey, following: isSLUB, strings: first.strings)
  let second = try TraceInput.open(path: path)
  while try second.read(into: &batch) { engine.consume(batch, rows: 0..<batch.count, isInside: true) }
  return engine.finish()
}
