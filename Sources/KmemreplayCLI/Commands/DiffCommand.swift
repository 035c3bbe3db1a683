import ArgumentParser
import Reports

/// `diff`: what changed between two JSON results.
struct DiffCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "What changed between two JSON results of the same command.",
    discussion: """
      Example: kmemreplay waste old.txt --format json > base.json
      Example: kmemreplay waste new.txt --format json > new.json
      Example: kmemreplay diff base.json new.json --fail-on 'change.live.wastedBytes>1MiB'

      Sums are compared one by one; call sites and caches by name, those that changed most first. Thresholds see the \
      changes as `change.PATH` and `changePercent.PATH`, and the new result's own figures.
      """)

  @Argument(help: "The earlier result (--format json).")
  var base: String

  @Argument(help: "The later result.")
  var new: String

  @OptionGroup(title: "Output") var output: OutputOptions

  @Option(
    name: .long,
    help: ArgumentHelp("Exit with 1 if this holds; see `waste --help`. Repeatable.", valueName: "expression")
  )
  var failOn: [String] = []

  @Option(name: .long, help: ArgumentHelp("Write the verdicts as JUnit XML.", valueName: "file"))
  var junit: String?

  func validate() throws {
    try output.require([.text, .json, .markdown], command: "diff")
    _ = try gates.thresholds()
  }

  private var gates: GateOptions {
    var gates = GateOptions()
    gates.failOn = failOn
    gates.junit = junit
    gates.baseline = nil
    gates.sarif = nil
    gates.history = nil
    gates.commit = nil
    return gates
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: new)
    let gate = try Gate(gates, command: "diff", input: new, in: environment)
    let before = try Gate.document(at: base)
    let after = try Gate.document(at: new)
    let difference: DocumentDifference
    do throws(DocumentDifference.Mismatch) {
      difference = try DocumentDifference(base: before, baseName: base, new: after, newName: new)
    } catch {
      throw CommandFailure(SafeText.printable(error.description))
    }
    let report = DifferenceReport(difference, top: output.top)
    try destination.write(report, as: output.format)
    return try gate.judge(.done, document: after.merged(with: difference.document))
  }
}
