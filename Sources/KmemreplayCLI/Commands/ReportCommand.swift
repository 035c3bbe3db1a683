import Analysis
import ArgumentParser
import ProcSnapshots
import Reports

/// `report`: everything that an input tells, in one document.
struct ReportCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Everything a trace or snapshot tells in one document: HTML, Markdown, JSON, CSV.",
    discussion: """
      Example: kmemreplay report trace.txt -o report.html

      One HTML file with all that it needs inside: how much is wasted, where, which allocator would waste least, whether \
      memory is fragmented; then call sites, caches, allocators, physical memory, lifetimes, leak suspects, tasks, and how \
      far to trust it all. Without --format, the output's name decides (.html, .md, .json, .csv); text goes to a terminal.

      A capture (directory or archive of Tools/capture) brings its snapshots and symbols. A directory of /proc files, or a \
      .tar.zst of one, in the trace's place gives what a snapshot tells alone. With \
      --before and --after, free memory is known from the start, and the replay's end is compared with what the kernel \
      counted.
      """)

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "SLUB") var slub: SLUBOptions
  @OptionGroup(title: "Gates") var gates: GateOptions

  @OptionGroup(title: "Output") var output: OutputOptions

  @Option(
    name: .long,
    help: ArgumentHelp(
      "The table to write as CSV: \(WholeReport.tableNames.joined(separator: ", ")).", valueName: "name"))
  var table: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Sort every table that has this column, the largest first, by its name in CSV: liveObjects, slabs, faults, …",
      valueName: "column"))
  var sort: String?

  @OptionGroup(title: "Snapshots") var snapshots: SnapshotPairOptions

  @Option(name: .long, help: ArgumentHelp("A snapshot of the same machine, from whenever.", valueName: "dir"))
  var snapshot: String?

  @Option(name: .long, help: ArgumentHelp("Which of several snapshots --snapshot means.", valueName: "label"))
  var label: String?

  func validate() throws {
    if output.format == .csv, table == nil {
      throw ValidationError(
        "CSV holds one table; choose it with --table: \(WholeReport.tableNames.joined(separator: ", ")).")
    }
    if table != nil, output.format != .csv { throw ValidationError("--table is for CSV; give --format csv.") }
    if sort != nil, output.format == .json { throw ValidationError("--sort is for tables; JSON has none.") }
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: input.trace)
    let gate = try Gate(gates, command: "report", input: input.trace, in: environment)
    var (report, status) = try answer(environment)
    // Thresholds look at everything, whatever is shown.
    let whole = report
    report.top = output.top
    report.history = try gate.trends { try whole.json() }
    if let sort {
      let keys = report.columnKeys(table: table)
      if !keys.contains(sort) {
        throw CommandFailure("--sort: no table has a column `\(sort)`; there are: \(keys.joined(separator: ", "))")
      }
      report.sort = sort
    }
    switch output.format {
    case .html: try destination.write(report.html())
    case .csv: try destination.write(try csv(report))
    case .text, .json, .markdown: try destination.write(report, as: output.format)
    }
    return try gate.judge(status) { try whole.json() }
  }

  private func answer(_ environment: CommandEnvironment) throws -> (WholeReport, ExitStatus) {
    let bundle = CaptureBundle(input.trace)
    if isSnapshotAlone(bundle) {
      var report = WholeReport(subject: nil)
      report.snapshots = [("alone", SnapshotFindings(try SnapshotPairOptions.read(input.trace, label)))]
      return (report, .done)
    }
    var before = try snapshots.readBefore()
    if before.isEmpty, let own = try bundle?.snapshot("before") { before = [own] }
    var after = try snapshots.readAfter()
    if after.isEmpty, let own = try bundle?.snapshot("after") { after = [own] }
    let other = try snapshot.map { try SnapshotPairOptions.read($0, label) }
    let passes = ReportPasses(
      replay: ReplayPasses(input: input, slub: slub, environment: environment), before: before, after: after,
      symbols: try input.symbols.map(SymbolFile.read) ?? bundle?.symbols())
    var (report, status) = try passes.run()
    for (role, group) in [("before", before), ("other", other.map { [$0] } ?? []), ("after", after)] {
      for (number, snapshot) in group.enumerated() {
        report.snapshots.append((number == 0 ? role : "\(role)-\(number + 1)", SnapshotFindings(snapshot)))
      }
    }
    return (report, status)
  }

  /// Whether the input is a snapshot without a trace: a directory, or an archive, that holds none.
  private func isSnapshotAlone(_ bundle: CaptureBundle?) -> Bool {
    guard SnapshotReader.isSnapshot(input.trace) else { return false }
    if bundle == nil { return true }
    return SnapshotReader.isDirectory(input.trace) ? false : (try? OpenedTrace.open(input.trace)) == nil
  }

  private func csv(_ report: WholeReport) throws -> String {
    if let text = report.csv(table: table ?? "") { return text }
    throw CommandFailure(
      "\(input.trace): gives no table `\(table ?? "")`; it has: \(report.availableTables.joined(separator: ", "))")
  }
}
