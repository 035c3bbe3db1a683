import Analysis
import ArgumentParser
import Glibc
import Reports
import TraceEvents
import TraceOutput

/// `convert`: the same trace in another container, or what it shows in the form of another tool.
struct ConvertCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Writes a trace in another form: .kmr, text, CSV, a timeline for Perfetto, stacks for flame graphs.",
    discussion: """
      Example: kmemreplay convert trace.dat trace.kmr

      The output's name says the form: .kmr is the tool's own compact container, which keeps all that it knows of a trace \
      and is read many times faster than text; .txt is ftrace text; .csv has a line an event; .json is a timeline of live \
      memory, caches and markers that ui.perfetto.dev opens; .folded has a line a stack, for flamegraph.pl and its kin. \
      .zst behind it packs the output. With --from and --to only the events in the window are written.
      """)

  @OptionGroup(title: "Input") var input: InputOptions

  @Argument(help: "Where to: the extension chooses the form; - is standard output.")
  var output: String

  @Option(name: .long, help: "The form of the output, if its name doesn't say.")
  var `as`: ConvertedForm?

  @Option(name: .long, help: "What stacks weigh in a .folded.")
  var weight: StackWeights.Weight = .allocated

  @Option(name: .long, help: "Whose stacks a .folded has (default: slab, or pages where there are no slab events).")
  var stacksOf: StackWeights.Subject?

  func validate() throws {
    if input.symbols != nil { throw ValidationError("`convert` names no call sites; --symbols is for `waste`.") }
    _ = try form()
  }

  private func form() throws -> (form: ConvertedForm, isPacked: Bool) {
    let named = ConvertedForm.named(output)
    if let chosen = `as` { return (chosen, named?.isPacked ?? output.hasSuffix(".zst")) }
    if let named { return named }
    let forms = ConvertedForm.allCases.map(\.rawValue).joined(separator: ", ")
    throw ValidationError(
      "`\(output)` does not say what to write; name it .kmr, .txt, .csv, .json or .folded (or .zst behind that), "
        + "or give --as: \(forms).")
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let (form, isPacked) = try form()
    let file = output == "-" ? nil : try ReplacedFile(path: output, input: input.trace)
    do {
      let bytes = try OutputBytes(file?.descriptor ?? STDOUT_FILENO, zstdLevel: isPacked ? 3 : nil)
      let written = try write(form, to: bytes, environment)
      try file?.finish()
      try report(written, bytes, environment)
      return written.run.status(written.subject, environment)
    } catch OutputError.brokenPipe {
      return .done
    } catch OutputError.failed(let reason) {
      throw CommandFailure("\(output): can't be written: \(reason)")
    }
  }

  private struct Written {
    var run: TraceRun
    var subject: ReportSubject
    /// What was written, for the user: `3,022,728 events`.
    var what: String
  }

  private func write(
    _ form: ConvertedForm, to bytes: OutputBytes, _ environment: CommandEnvironment
  ) throws -> Written {
    switch form {
    case .text: try events(FtraceTextWriter(bytes), environment)
    case .csv: try events(CSVTraceWriter(bytes), environment)
    case .kmr: try events(ColumnarTraceWriter(bytes), environment)
    case .json: try timeline(bytes, environment)
    case .folded: try stacks(bytes, environment)
    }
  }

  private func events(_ writer: any TraceWriter, _ environment: CommandEnvironment) throws -> Written {
    let trace = try environment.openTrace(input.trace)
    var run = TraceRun(input, environment, reading: trace)
    var batch = EventBatch()
    var events: UInt64 = 0
    while let parts = try run.next(&batch) {
      for part in parts where part.phase == .inside {
        try writer.write(batch, rows: part.rows, of: TraceTables(of: trace.source))
        events += UInt64(part.rows.count)
      }
    }
    // Before the last bytes, so that an empty window leaves no file.
    let subject = try run.finish(pairing: PairingCounts())
    try writer.finish(TraceTables(of: trace.source))
    return Written(run: run, subject: subject, what: Units.count(events, "event", "events"))
  }

  /// Two passes: how long the trace is and what its caches are called, then what was live when.
  private func timeline(_ bytes: OutputBytes, _ environment: CommandEnvironment) throws -> Written {
    let open = environment.openRepeatedly(input.trace)
    var batch = EventBatch()
    var first = TraceRun(input, environment, reading: try open())
    var survey = TimelineSurvey()
    while let parts = try first.next(&batch) {
      for part in parts { survey.consume(batch, part) }
    }
    var run = TraceRun(input, environment, reading: try open())
    var analysis = TimelineAnalysis(survey)
    while let parts = try run.next(&batch) {
      for part in parts { analysis.consume(batch, part, strings: run.strings) }
    }
    let subject = try run.finish(pairing: PairingCounts())
    let timeline = analysis.finish()
    let text = TimelineTrace(timeline, name: input.trace, isTicks: run.context.clock == .ticks).text
    try bytes.write(text)
    try bytes.finish()
    return Written(run: run, subject: subject, what: "a timeline of \(Units.count(timeline.caches.count)) caches")
  }

  private func stacks(_ bytes: OutputBytes, _ environment: CommandEnvironment) throws -> Written {
    var run = try TraceRun(input, environment)
    var analysis = StackWeights(pageSize: input.pageSize ?? 4096)
    var batch = EventBatch()
    while let parts = try run.next(&batch) {
      for part in parts { analysis.consume(batch, part) }
    }
    let subject = try run.finish(pairing: PairingCounts())
    let chosen = stacksOf ?? (analysis.hasObjects ? .slab : .pages)
    let lines = analysis.finish(chosen, weight: weight, strings: run.strings, stacks: run.stacks)
    try bytes.write(FoldedStacks.text(lines))
    try bytes.finish()
    return Written(run: run, subject: subject, what: Units.count(lines.count, "stack", "stacks"))
  }

  private func report(_ written: Written, _ bytes: OutputBytes, _ environment: CommandEnvironment) throws {
    if output == "-" || input.quiet { return }
    var text = "\(output): \(written.what) in \(Units.bytes(bytes.storedBytes))"
    let read = written.subject.quality.statistics.bytes
    if read > 0 { text += "; the input's \(Units.bytes(read)) were read" }
    try environment.output.write(text + "\n" + QualityText.section(written.subject.quality))
  }
}
