import Analysis
import ArgumentParser
import Reports
import TraceEvents

/// `info`: what a trace is.
struct InfoCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "What a trace is: container, kernel era, CPUs, time span, events, data quality.",
    discussion: """
      Example: kmemreplay info trace.txt.zst
      """)

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    try output.require([.text, .json, .markdown], command: "info")
    if input.symbols != nil { throw ValidationError("`info` names no call sites; --symbols is for `waste`.") }
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: input.trace)
    var run = try TraceRun(input, environment)
    var info = InfoAnalysis()
    // One group is enough: only the sums and what could not be paired are shown.
    var waste = WasteAnalysis(grouping: .order, pageSize: .max)
    var batch = EventBatch()
    while let parts = try run.next(&batch) {
      for part in parts {
        info.consume(batch, part)
        waste.consume(batch, part, strings: run.strings)
      }
    }
    let subject = try run.finish(pairing: waste.pairing)
    let report = InfoReport(
      subject: subject, result: info.finish(strings: run.strings), waste: waste.finish(strings: run.strings),
      strings: run.strings, top: output.top)
    try destination.write(report, as: output.format)
    return run.status(subject, environment)
  }
}
