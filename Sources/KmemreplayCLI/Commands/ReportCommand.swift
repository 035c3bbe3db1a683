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

  @Option(name: .long, help: "The form of the report (default: by the output's name, or text).")
  var format: ReportFormat?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Write the report to a file (- is standard output). It is opened before the work starts.", valueName: "file"))
  var output: String?

  @Option(name: .long, help: ArgumentHelp("Show the first N rows of each table.", valueName: "n"))
  var top: Int?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "The table to write as CSV: \(WholeReport.tableNames.joined(separator: ", ")).", valueName: "name"))
  var table: String?

  @Option(
    name: .long, help: ArgumentHelp("A snapshot from when the trace began (directory, tar, tar.zst).", valueName: "dir")
  )
  var before: String?

  @Option(name: .long, help: ArgumentHelp("Which of several snapshots --before means.", valueName: "label"))
  var beforeLabel: String?

  @Option(name: .long, help: ArgumentHelp("A snapshot from when the trace ended.", valueName: "dir"))
  var after: String?

  @Option(name: .long, help: ArgumentHelp("Which of several snapshots --after means.", valueName: "label"))
  var afterLabel: String?

  @Option(name: .long, help: ArgumentHelp("A snapshot of the same machine, from whenever.", valueName: "dir"))
  var snapshot: String?

  @Option(name: .long, help: ArgumentHelp("Which of several snapshots --snapshot means.", valueName: "label"))
  var label: String?

  /// The form: as told, or by the output's name.
  var chosenFormat: ReportFormat {
    if let format { return format }
    guard let output, output != "-", let ending = output.split(separator: ".").last?.lowercased() else { return .text }
    switch ending {
    case "html", "htm": return .html
    case "md", "markdown": return .markdown
    case "json": return .json
    case "csv": return .csv
    default: return .text
    }
  }

  func validate() throws {
    if let top, top < 1 { throw ValidationError("--top \(top) shows nothing; expected 1 or more.") }
    if beforeLabel != nil, before == nil { throw ValidationError("--before-label chooses in --before; give --before.") }
    if afterLabel != nil, after == nil { throw ValidationError("--after-label chooses in --after; give --after.") }
    if chosenFormat == .csv, table == nil {
      throw ValidationError(
        "CSV holds one table; choose it with --table: \(WholeReport.tableNames.joined(separator: ", ")).")
    }
    if table != nil, chosenFormat != .csv { throw ValidationError("--table is for CSV; give --format csv.") }
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination: ReportDestination
    if let output, output != "-" {
      destination = .file(try OutputFile(path: output, input: input.trace))
    } else {
      destination = .sink(environment.output)
    }
    let gate = try Gate(gates, command: "report", input: input.trace, in: environment)
    var (report, status) = try answer(environment)
    // Thresholds look at everything, whatever is shown.
    let whole = report
    report.top = top
    try destination.write(try render(report))
    return try gate.judge(status) { try whole.json() }
  }

  private func answer(_ environment: CommandEnvironment) throws -> (WholeReport, ExitStatus) {
    let bundle = CaptureBundle(input.trace)
    if isSnapshotAlone(bundle) {
      var report = WholeReport(subject: nil)
      report.snapshots = [("alone", SnapshotFindings(try SnapshotOptions.read(input.trace, label)))]
      return (report, .done)
    }
    let before = try before.map { try SnapshotOptions.read($0, beforeLabel) } ?? bundle?.snapshot("before")
    let after = try after.map { try SnapshotOptions.read($0, afterLabel) } ?? bundle?.snapshot("after")
    let other = try snapshot.map { try SnapshotOptions.read($0, label) }
    let passes = ReportPasses(
      replay: ReplayPasses(input: input, slub: slub, environment: environment), before: before, after: after,
      symbols: try input.symbols.map(SymbolFile.read) ?? bundle?.symbols())
    var (report, status) = try passes.run()
    for (role, snapshot) in [("before", before), ("other", other), ("after", after)] {
      if let snapshot { report.snapshots.append((role, SnapshotFindings(snapshot))) }
    }
    return (report, status)
  }

  /// Whether the input is a snapshot without a trace: a directory, or an archive, that holds none.
  private func isSnapshotAlone(_ bundle: CaptureBundle?) -> Bool {
    guard SnapshotReader.isSnapshot(input.trace) else { return false }
    if bundle == nil { return true }
    return SnapshotReader.isDirectory(input.trace) ? false : (try? OpenedTrace.open(input.trace)) == nil
  }

  private func render(_ report: WholeReport) throws -> String {
    switch chosenFormat {
    case .html: return report.html()
    case .markdown: return report.markdown()
    case .json: return try report.json()
    case .text: return report.text()
    case .csv:
      if let text = report.csv(table: table ?? "") { return text }
      throw CommandFailure(
        "\(input.trace): gives no table `\(table ?? "")`; it has: \(report.availableTables.joined(separator: ", "))")
    }
  }
}
