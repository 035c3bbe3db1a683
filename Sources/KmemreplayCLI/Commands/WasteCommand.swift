import Analysis
import ArgumentParser
import KernelTypes
import Reports
import TraceEvents

/// `waste`: where requested and allocated bytes differ.
struct WasteCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "waste",
    abstract: "Where requested and allocated bytes differ: at the end, at the peak, in total.",
    discussion: """
      Example: kmemreplay waste trace.txt --by cache --from mark:start
      Example: kmemreplay waste trace.txt --advise --fail-on 'advice.best.savedBytes>256KiB'
      """)

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: OutputOptions
  @OptionGroup(title: "Gates") var gates: GateOptions

  @Option(name: .long, help: "What waste is summed up by.")
  var by: WasteGrouping = .callSite

  @Option(name: .long, help: "Which objects count.")
  var events: EventFamily = .all

  @Option(
    name: .long,
    help: ArgumentHelp(
      "What comes first: most waste at the end (live), at the peak or in total, the largest wasted part (percent), most bytes "
        + "(allocated) or objects at the end, or most allocations."))
  var sort: WasteOrder = .live

  @Option(
    name: .long,
    help: ArgumentHelp(
      "For --by subsystem: where functions come from, as `nm -l vmlinux`, `nm -A` or `readelf -sW` over object files print it.",
      valueName: "file"))
  var sourceMap: String?

  @Flag(
    name: .long,
    help:
      "Also replay the trace with new kmalloc classes and with caches for single call sites, and say what they save.")
  var advise = false

  func validate() throws { try output.require([.text, .json, .markdown, .csv], command: "waste") }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: input.trace)
    let gate = try Gate(gates, command: "waste", input: input.trace, in: environment)
    var symbols = try input.symbols.map(SymbolFile.read)
    let sourceMap = try sourceMap.map(SymbolFile.readSourceMap)
    let open = environment.openRepeatedly(input.trace)
    var run = advise ? TraceRun(input, environment, reading: try open()) : try TraceRun(input, environment)
    var analysis = WasteAnalysis(grouping: by, family: events, pageSize: input.pageSize ?? 4096)
    analysis.findCallers(strings: run.strings, stacks: run.stacks)
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
    let result = analysis.finish(
      strings: run.strings, naming: subject.wasteNaming(symbols: symbols, sourceMap: sourceMap))
    var report = WasteReport(subject: subject, result: result, top: output.top, order: sort)
    if advise {
      report.advice = try AdvicePasses(input: input, environment: environment, open: open).run(atPeak: sort.isOverTime)
    }
    if output.format == .csv {
      try destination.write(report.csv())
    } else {
      try destination.write(report, as: output.format)
    }
    // Thresholds look at every group, whatever is shown.
    var whole = report
    whole.top = nil
    return try gate.judge(run.status(subject, environment)) { try whole.json() }
  }
}

extension ReportSubject {
  /// How names depend on this trace's kernel.
  func wasteNaming(symbols: SymbolTable?, sourceMap: SourceMap? = nil) -> WasteNaming {
    WasteNaming(
      // Suffixes and reclaimable caches came with 4.20; a trace alone can only tell 5.4 from what is older.
      usesUnitSuffixes: profile.era.isAtLeast(KernelVersion(4, 20)) || !profile.era.isBefore(KernelVersion(5, 4)),
      hasReclaimableCaches: profile.era.isAtLeast(KernelVersion(4, 20)),
      hasHashedPointers: quality.hasHashedPointers, symbols: symbols, sourceMap: sourceMap)
  }
}
