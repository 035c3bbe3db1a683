import ArgumentParser

/// The forms a report can have; each command renders some of them.
enum ReportFormat: String, CaseIterable, ExpressibleByArgument {
  case text, json, markdown, html, csv
}

/// The arguments of every command that writes a report.
struct OutputOptions: ParsableArguments {
  @Option(name: .long, help: "The form of the report.")
  var format: ReportFormat = .text

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Write the report to a file (- is standard output). It is opened before the work starts.", valueName: "file"))
  var output: String?

  @Option(
    name: .long, help: ArgumentHelp("Show the first N rows (default: 20 in text, all in JSON and CSV).", valueName: "n")
  )
  var top: Int?

  func validate() throws {
    if let top, top < 1 { throw ValidationError("--top \(top) shows nothing; expected 1 or more.") }
  }

  /// Makes it a usage error to ask for a form that a command can't render.
  func require(_ formats: [ReportFormat], command: String) throws {
    if formats.contains(format) { return }
    let names = formats.map(\.rawValue).joined(separator: ", ")
    throw ValidationError("`\(command)` can't be rendered as \(format.rawValue); choose one of: \(names).")
  }

  /// Opens the place that the report goes to; call it before the long work.
  func openDestination(_ environment: CommandEnvironment, input: String) throws -> ReportDestination {
    if let output, output != "-" { return .file(try OutputFile(path: output, input: input)) }
    return .sink(environment.output)
  }
}

/// Where a finished report goes.
enum ReportDestination {
  case sink(any TextSink)
  case file(OutputFile)

  func write(_ text: String) throws {
    switch self {
    case .sink(let sink): try sink.write(text)
    case .file(let file): try file.replace(with: text)
    }
  }
}
