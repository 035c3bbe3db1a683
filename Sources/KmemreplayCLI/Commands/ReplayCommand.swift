import Analysis
import ArgumentParser
import Reports

/// `replay`: what the model of an allocator does with a trace's requests, graded against the trace.
struct ReplayCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "What a modelled allocator does with the trace's requests, graded against the trace.",
    discussion: """
      Example: kmemreplay replay trace.txt --allocator slub

      The trace is read twice: once to learn what its caches are, once to replay it. A trace that the same allocator \
      made is also followed step by step, and the report says how many of its answers the model got right.

      Snapshots add more: from --before come SLUB's boot options, the names of caches, and how their objects are \
      aligned; with --after too, the slabs of each cache are predicted from one slabinfo to the other.

      With --pages model and a snapshot from before, a model of the page allocator also chooses every page frame, and \
      says where memory is short: when kswapd wakes, and who reclaims, compacts and dies. --sysctl then compares the \
      machine's settings with others, such as --sysctl vm.min_free_kbytes=8192; the report says which can't matter.
      """)

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: OutputOptions
  @OptionGroup(title: "Gates") var gates: GateOptions
  @OptionGroup(title: "Snapshots") var snapshots: SnapshotOptions
  @OptionGroup(title: "SLUB") var slub: SLUBOptions

  @Option(name: .long, help: "The allocator to model.")
  var allocator: AllocatorOption = .slub

  @Option(name: .long, help: "Which caches come first.")
  var sort: CacheOrder = .pages

  @Flag(
    name: .long,
    help: ArgumentHelp(
      "Run the trace's own allocator also from the slabs that had room when the trace began.",
      discussion: """
        The marker table then has a column of how many slab pages it took since then, left alone, to hold against what \
        the trace shows.
        """))
  var alone = false

  @OptionGroup var memory: MemoryNodeOptions

  func validate() throws {
    try output.require([.text, .json, .markdown], command: "replay")
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: input.trace)
    let gate = try Gate(gates, command: "replay", input: input.trace, in: environment)
    let bundle = CaptureBundle(input.trace)
    let before = try snapshots.readBefore() ?? bundle?.snapshot("before")
    let after = try snapshots.readAfter() ?? bundle?.snapshot("after")
    var passes = ReplayPasses(
      input: input.onKernel(of: before ?? after), slub: slub, snapshots: snapshots, environment: environment)
    passes.runsAlone = alone
    passes.nodes = memory.nodes ?? 1
    var pages = try PagePredictionPass(snapshots, before: before, after: after, sysctl: input.sysctl.sysctl)
    let (subject, all, status) = try passes.run([AllocatorChoice(allocator.kind)], pages: &pages)
    guard let findings = all.first else { throw CommandFailure("there is no model to replay through") }
    var report = ReplayReport(subject: subject, findings: findings, top: output.top, order: sort)
    report.pageFrames = try pages?.finish(trace: input.trace)
    try destination.write(report, as: output.format)
    return try gate.judge(status) { try report.json() }
  }
}
