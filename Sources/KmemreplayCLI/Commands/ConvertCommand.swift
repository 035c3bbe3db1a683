import Analysis
import ArgumentParser
import Glibc
import Reports
import TraceEvents
import TraceOutput

/// `convert`: the same trace in another container.
struct ConvertCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Writes a trace in another form: .kmr, text, CSV.",
    discussion: """
      Example: kmemreplay convert trace.dat trace.kmr

      The output's name says the form: .kmr is the tool's own compact container, which keeps all that it knows of a trace \
      and is read many times faster than text; .txt is ftrace text; .csv has a line an event. .zst behind it packs the \
      output. With --from and --to only the events in the window are written.
      """)

  @OptionGroup(title: "Input") var input: InputOptions

  @Argument(help: "Where to: the extension chooses the form; - is standard output.")
  var output: String

  @Option(name: .long, help: "The form of the output, if its name doesn't say.")
  var `as`: ConvertedForm?

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
      "`\(output)` does not say what to write; name it .kmr, .txt or .csv (or .zst behind that), or give --as: \(forms)."
    )
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let (form, isPacked) = try form()
    let file = output == "-" ? nil : try ReplacedFile(path: output, input: input.trace)
    let bytes = try OutputBytes(file?.descriptor ?? STDOUT_FILENO, zstdLevel: isPacked ? 3 : nil)
    do {
      let subject = try write(form, to: bytes, environment)
      try file?.finish()
      try report(subject, bytes, environment)
      let run = subject.run
      return run.status(subject.subject, environment)
    } catch OutputError.brokenPipe {
      return .done
    } catch OutputError.failed(let reason) {
      throw CommandFailure("\(output): can't be written: \(reason)")
    }
  }

  private struct Written {
    var run: TraceRun
    var subject: ReportSubject
    var events: UInt64
  }

  private func write(_ form: ConvertedForm, to bytes: OutputBytes, _ environment: CommandEnvironment) throws -> Written
  {
    let trace = try environment.openTrace(input.trace)
    var run = TraceRun(input, environment, reading: trace)
    let writer: any TraceWriter =
      switch form {
      case .text: FtraceTextWriter(bytes)
      case .csv: CSVTraceWriter(bytes)
      case .kmr: try ColumnarTraceWriter(bytes)
      }
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
    return Written(run: run, subject: subject, events: events)
  }

  private func report(_ written: Written, _ bytes: OutputBytes, _ environment: CommandEnvironment) throws {
    if output == "-" || input.quiet { return }
    var text = "\(output): \(Units.count(written.events, "event", "events")) in \(Units.bytes(bytes.storedBytes))"
    let read = written.subject.quality.statistics.bytes
    if read > 0 { text += "; the input's \(Units.bytes(read)) were read" }
    try environment.output.write(text + "\n" + QualityText.section(written.subject.quality))
  }
}
