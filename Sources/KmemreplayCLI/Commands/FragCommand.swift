import Analysis
import ArgumentParser
import KernelTypes
import ProcSnapshots
import Replay
import Reports
import TraceEvents

/// `frag`: free memory by order over a trace, and who broke it up.
struct FragCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "frag",
    abstract: "How fragmented free memory is, over a trace's page events.",
    discussion: """
      Example: kmemreplay frag trace.txt --before before/ --after after/

      Which pages were free at the start comes from the kpageflags of a snapshot from before. Without one, the trace's \
      own first events tell, and --after tells for pages that nobody touched. Its buddyinfo also grades the result. \
      A capture (directory or archive of Tools/capture) brings both snapshots. A directory of /proc files in the trace's \
      place gives the snapshot's own fragmentation, as `snapshot` does.
      """)

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: OutputOptions
  @OptionGroup(title: "Gates") var gates: GateOptions

  @OptionGroup(title: "Snapshots") var snapshots: SnapshotOptions

  func validate() throws { try output.require([.text, .json, .markdown], command: "frag") }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let bundle = CaptureBundle(input.trace)
    if bundle == nil, SnapshotReader.isDirectory(input.trace) { return try snapshotAlone(environment) }
    let destination = try output.openDestination(environment, input: input.trace)
    let gate = try Gate(gates, command: "frag", input: input.trace, in: environment)
    let before = try snapshots.readBefore() ?? bundle?.snapshot("before")
    let after = try snapshots.readAfter() ?? bundle?.snapshot("after")
    var pages = try PagePredictionPass(snapshots, before: before, after: after, sysctl: input.sysctl.sysctl)
    let open = environment.openRepeatedly(input.trace)

    var batch = EventBatch()
    var first = TraceRun(input, environment, reading: try open())
    var survey = FrameSurvey()
    while try first.next(&batch) != nil {
      survey.consume(batch)
      pages?.survey(batch, strings: first.strings, clock: first.context.clock)
    }
    try requirePageEvents(survey)
    let profile = first.profile.kernelProfile
    let map = FragmentationStart.map(survey: survey, before: before, after: after, profile: profile)
    var second = TraceRun(input, environment, reading: try open())
    var replay = FragmentationReplay(
      map: map, policy: profile.pageAllocator, strings: second.strings, stacks: second.stacks)
    try pages?.begin(profile: profile, strings: second.strings, trace: input.trace)
    while let parts = try second.next(&batch) {
      pages?.consume(batch, parts, strings: second.strings, clock: second.context.clock)
      for part in parts where part.phase != .after {
        replay.consume(batch, rows: part.rows, isInside: part.phase == .inside)
      }
    }
    var findings = FragmentationFindings(
      start: FragmentationStart.kind(before: before, after: after), outcome: replay.finish(),
      policy: profile.pageAllocator, after: after)
    findings.pageFrames = try pages?.finish(trace: input.trace)
    let subject = try second.finish(pairing: PairingCounts())
    let report = FragmentationReport(subject: subject, findings: findings, top: output.top)
    switch output.format {
    case .json: try destination.write(try report.json())
    case .markdown: try destination.write(report.markdown())
    case .text, .html, .csv: try destination.write(report.text())
    }
    return try gate.judge(second.status(subject, environment)) { try report.json() }
  }

  /// A directory in the trace's place: the snapshot's own zones and indices.
  private func snapshotAlone(_ environment: CommandEnvironment) throws -> ExitStatus {
    var arguments = [input.trace, "--format", output.format.rawValue]
    if let file = output.output { arguments += ["--output", file] }
    if let top = output.top { arguments += ["--top", "\(top)"] }
    if input.strict { arguments.append("--strict") }
    return try SnapshotCommand.parse(arguments).run(in: environment)
  }

  private func requirePageEvents(_ survey: borrowing FrameSurvey) throws {
    if survey.lockedEvents > 0 { return }
    let found =
      survey.allocationEvents > 0 ? "mm_page_alloc events, but no mm_page_alloc_zone_locked" : "no page events"
    throw CommandFailure(
      "\(input.trace): has \(found): free blocks can't be followed. Record all of events/kmem: "
        + "`trace-cmd record -e kmem`")
  }
}
