import Analysis
import ArgumentParser
import KernelTypes
import ProcSnapshots
import Replay
import Reports
import TraceEvents
import TraceInput

/// `frag`: free memory by order over a trace, and who broke it up.
struct FragCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "frag",
    abstract: "How fragmented free memory is, over a trace's page events.",
    discussion: """
      Example: kmemreplay frag trace.txt --before before/ --after after/

      Which pages were free at the start comes from the kpageflags of a snapshot from before. Without one, the trace's \
      own first events tell, and --after tells for pages that nobody touched. Its buddyinfo also grades the result. \
      A capture (directory or archive of Tools/capture) brings both snapshots. A snapshot in the trace's place (a directory \
      of /proc files, a .tar or .tar.zst of one) gives its own fragmentation, as `snapshot` does.
      """)

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: OutputOptions
  @OptionGroup(title: "Gates") var gates: GateOptions

  @OptionGroup(title: "Snapshots") var snapshots: SnapshotOptions

  @Option(
    name: .long, help: "Which of those who broke large blocks come first: by times, the order asked for, or name.")
  var sort: BreakerOrder = .count

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Which of several snapshots, for a snapshot in the trace's place: as for `snapshot`.", valueName: "label"))
  var label: String?

  func validate() throws { try output.require([.text, .json, .markdown], command: "frag") }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    if isSnapshotAlone { return try snapshotAlone(environment) }
    if label != nil {
      throw CommandFailure(
        "--label chooses among the snapshots in the trace's place, and \(input.trace) is a trace; "
          + "--before-label and --after-label choose in --before and --after")
    }
    let destination = try output.openDestination(environment, input: input.trace)
    let gate = try Gate(gates, command: "frag", input: input.trace, in: environment)
    let bundle = CaptureBundle(input.trace)
    let before = try snapshots.readBefore() ?? bundle?.snapshot("before")
    let after = try snapshots.readAfter() ?? bundle?.snapshot("after")
    let input = input.onKernel(of: before ?? after)
    var pages = try PagePredictionPass(snapshots, before: before, after: after, sysctl: input.sysctl.sysctl)
    let open = environment.openRepeatedly(input.trace)

    var batch = EventBatch()
    var first = TraceRun(input, environment, reading: try open(), pass: (1, 2))
    var survey = FrameSurvey(
      policy: FragmentationStart.profile(first.profile.kernelProfile, before: before, after: after).pageAllocator)
    while try first.next(&batch) != nil {
      survey.consume(batch)
      pages?.survey(
        batch, strings: first.strings, clock: first.context.clock, profile: first.profile.kernelProfile)
    }
    try requirePageEvents(survey)
    let profile = FragmentationStart.profile(first.profile.kernelProfile, before: before, after: after)
    let types = FragmentationStart.pageblockTypes(
      survey: survey, before: before, after: after, policy: profile.pageAllocator)
    let map = FragmentationStart.map(survey: survey, before: before, after: after, profile: profile, types: types)
    var second = TraceRun(input, environment, reading: try open(), pass: (2, 2))
    var replay = FragmentationReplay(
      map: map, pageblockTypes: types.types, policy: profile.pageAllocator, strings: second.strings,
      stacks: second.stacks)
    try pages?.begin(profile: profile, strings: second.strings, trace: input.trace)
    while let parts = try second.next(&batch) {
      pages?.consume(batch, parts, strings: second.strings, clock: second.context.clock)
      for part in parts where part.phase != .after {
        replay.consume(batch, rows: part.rows, isInside: part.phase == .inside)
      }
    }
    let outcome = replay.finish()
    var findings = FragmentationFindings(
      start: FragmentationStart.kind(before: before, after: after), outcome: outcome, policy: profile.pageAllocator,
      after: after, knowledge: types.knowledge, free: replay.map)
    findings.pageFrames = try pages?.finish(trace: input.trace)
    let subject = try second.finish(pairing: PairingCounts())
    let report = FragmentationReport(subject: subject, findings: findings, top: output.top, order: sort)
    try destination.write(report, as: output.format)
    return try gate.judge(second.status(subject, environment)) { try report.json() }
  }

  /// A snapshot in the trace's place: its own zones and indices.
  private func snapshotAlone(_ environment: CommandEnvironment) throws -> ExitStatus {
    if snapshots.pair.before != nil || snapshots.pair.after != nil || snapshots.pages == .model {
      throw CommandFailure(
        "\(input.trace): is a snapshot; --before, --after and --pages go with a trace. "
          + "`kmemreplay snapshot \(input.trace) --diff OTHER` compares two snapshots")
    }
    let destination = try output.openDestination(environment, input: input.trace)
    let gate = try Gate(gates, command: "frag", input: input.trace, in: environment)
    let findings = try SnapshotCommand.read([input.trace], label: label)
    if findings.zones.isEmpty {
      let files = findings.snapshot.present.keys.map(\.rawValue).sorted().joined(separator: ", ")
      throw CommandFailure(
        "\(SafeText.printable(findings.snapshot.name)): says nothing of free blocks: it has \(files). frag needs "
          + "buddyinfo or pagetypeinfo; `kmemreplay snapshot` shows the rest")
    }
    let report = SnapshotReport(findings: findings, top: output.top)
    try destination.write(report, as: output.format)
    let status = SnapshotCommand.status([findings], strict: input.strict, environment)
    return try gate.judge(status) { try report.json() }
  }

  /// Whether there is a snapshot in the trace's place: a directory or an archive without a trace, or one of the files that
  /// tell free blocks.
  private var isSnapshotAlone: Bool {
    if input.trace == TraceInput.standardInputPath { return false }
    if let bundle = CaptureBundle(input.trace), bundle.hasTrace { return false }
    if SnapshotReader.isSnapshot(input.trace) { return true }
    let name = input.trace.split(separator: "/").last.map(String.init) ?? ""
    return SnapshotFileKind.recognise(name).map { [.buddyInfo, .pageTypeInfo].contains($0.kind) } ?? false
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
