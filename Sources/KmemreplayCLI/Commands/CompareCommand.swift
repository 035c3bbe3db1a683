import Analysis
import ArgumentParser
import Reports

/// `compare`: what several modelled allocators do with the same requests.
struct CompareCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "The trace's requests through several modelled allocators, side by side.",
    discussion: """
      Example: kmemreplay compare trace.txt --allocators slub,slab,slob
      Example: kmemreplay compare trace.txt --allocators slub,slub:max-order=0,slub:max-order=1,slub:debug=FZPU

      An allocator may have settings of its own after colons: max-order=N, min-order=N, min-objects=N, debug=FZPU, \
      no-cpu-partial, tiny (SLUB's boot options and build settings).

      The trace is read twice, for all allocators together. Each has a modelled machine of its own; all start with the \
      same free memory. The allocator that made the trace is also followed step by step and graded.
      """)

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: OutputOptions
  @OptionGroup(title: "Gates") var gates: GateOptions
  @OptionGroup(title: "Snapshots") var snapshots: SnapshotOptions
  @OptionGroup(title: "SLUB") var slub: SLUBOptions

  @Option(
    name: .long,
    help: ArgumentHelp("The allocators to model, with commas between: slub, slab, slob.", valueName: "list"))
  var allocators: String = "slub,slab,slob"

  @Option(
    name: .long, help: "Which allocators come first: as given, least waste at the end, or fewest pages at the peak.")
  var sort: AllocatorOrder = .given

  @OptionGroup var memory: MemoryNodeOptions

  func validate() throws {
    try output.require([.text, .json, .markdown], command: "compare")
    _ = try AllocatorChoice.list(allocators)
    if snapshots.pages == .model { throw ValidationError("--pages model is for `replay` and `frag`.") }
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: input.trace)
    let gate = try Gate(gates, command: "compare", input: input.trace, in: environment)
    var passes = ReplayPasses(input: input, slub: slub, snapshots: snapshots, environment: environment)
    passes.nodes = memory.nodes ?? 1
    let (subject, findings, status) = try passes.run(try AllocatorChoice.list(allocators))
    let report = CompareReport(
      subject: subject, findings: CompareFindings(allocators: sort.sorted(findings)), top: output.top)
    try destination.write(report, as: output.format)
    return try gate.judge(status) { try report.json() }
  }
}
