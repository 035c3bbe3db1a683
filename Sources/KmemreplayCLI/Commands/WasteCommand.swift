import Analysis
import ArgumentParser
import KernelTypes
import Reports
import TraceEvents

/// `waste`: where requested and allocated bytes differ.
struct WasteCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "waste",
    abstract: "Where requested and allocated bytes differ: at the end, at the peak, in total.",
    discussion: """
      Example: kmemreplay waste trace.txt --by cache --from mark:start
      """)

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  @Option(name: .long, help: "What waste is summed up by.")
  var by: WasteGrouping = .callSite

  @Option(name: .long, help: "Which objects count.")
  var events: EventFamily = .all

  @Option(name: .long, help: "Whose waste comes first: that at the end, at the peak, or in total.")
  var sort: WasteOrder = .live

  func validate() throws { try output.require([.text, .json, .markdown, .csv], command: "waste") }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: input.trace)
    var symbols = try input.symbols.map(SymbolFile.read)
    var run = try TraceRun(input, environment)
    var analysis = WasteAnalysis(grouping: by, family: events, pageSize: input.pageSize ?? 4096)
    var batch = EventBatch()
    while let parts = try run.next(&batch) {
      for part in parts { analysis.consume(batch, part, strings: run.strings) }
    }
    let subject = try run.finish(pairing: analysis.pairing)
    try TraceRun.requireSlabEvents(subject)
    // A capture brings its own; they are only needed where the trace has bare addresses.
    if symbols == nil, subject.context.features.contains(.rawCallSites) {
      symbols = try CaptureBundle(input.trace)?.symbols()
    }
    let result = analysis.finish(strings: run.strings, naming: subject.wasteNaming(symbols: symbols))
    let report = WasteReport(subject: subject, result: result, top: output.top, order: sort)
    try destination.write(render(report))
    return run.status(subject, environment)
  }

  private func render(_ report: WasteReport) throws -> String {
    switch output.format {
    case .json: try report.json()
    case .markdown: report.markdown()
    case .csv: report.csv()
    case .text, .html: report.text()
    }
  }
}

extension ReportSubject {
  /// How names depend on this trace's kernel.
  func wasteNaming(symbols: SymbolTable?) -> WasteNaming {
    WasteNaming(
      // Suffixes and reclaimable caches came with 4.20; a trace alone can only tell 5.4 from what is older.
      usesUnitSuffixes: profile.era.isAtLeast(KernelVersion(4, 20)) || !profile.era.isBefore(KernelVersion(5, 4)),
      hasReclaimableCaches: profile.era.isAtLeast(KernelVersion(4, 20)),
      hasHashedPointers: quality.hasHashedPointers, symbols: symbols)
  }
}
