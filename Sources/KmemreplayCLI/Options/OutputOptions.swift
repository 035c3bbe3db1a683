import ArgumentParser
import Reports

/// The forms a report can have; each command renders some of them.
enum ReportFormat: String, CaseIterable, ExpressibleByArgument {
  case text, json, markdown, html, csv

  /// The form that a file's name asks for; `nil` if it asks for none.
  init?(fileName: String) {
    let file = fileName.split(separator: "/").last ?? ""
    let parts = file.split(separator: ".")
    guard parts.count > 1, let ending = parts.last?.lowercased() else { return nil }
    switch ending {
    case "json": self = .json
    case "md", "markdown": self = .markdown
    case "html", "htm": self = .html
    case "csv": self = .csv
    case "txt", "text", "log": self = .text
    default: return nil
    }
  }
}

/// The arguments of every command that writes a report.
struct OutputOptions: ParsableArguments {
  @Option(
    name: .customLong("format"),
    help: ArgumentHelp("The form of the report (default: by the output's name, or text).", valueName: "form"))
  var givenFormat: ReportFormat?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Write the report to a file (- is standard output). It is opened before the work starts.", valueName: "file"))
  var output: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Show the first N rows of each table (default: 10 or 20 in text and Markdown, all in JSON and CSV).",
      valueName: "n"))
  var top: Int?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Colours: auto has them on a terminal, unless NO_COLOR is set or TERM is dumb; `--color always | less -R` keeps them.",
      valueName: "when"))
  var color: ColourChoice = .auto

  func validate() throws {
    if let top, top < 1 { throw ValidationError("--top \(top) shows nothing; expected 1 or more.") }
  }

  /// The form: as told, or by the output's name.
  var format: ReportFormat { givenFormat ?? output.flatMap { ReportFormat(fileName: $0) } ?? .text }

  /// Makes it a usage error to ask for a form that a command can't render.
  func require(_ formats: [ReportFormat], command: String) throws {
    if formats.contains(format) { return }
    let names = formats.map(\.rawValue).joined(separator: ", ")
    let why = givenFormat == nil ? ", which --output's name asks for; choose one with --format:" : "; choose one of:"
    throw ValidationError("`\(command)` can't be rendered as \(format.rawValue)\(why) \(names).")
  }

  /// Opens the place that the report goes to; call it before the long work.
  func openDestination(_ environment: CommandEnvironment, input: String) throws -> ReportDestination {
    if let output, output != "-" {
      let style = TextStyle(usesColour: color == .always)
      return ReportDestination(place: .file(try OutputFile(path: output, input: input)), style: style)
    }
    return ReportDestination(place: .sink(environment.output), style: environment.outputStyle)
  }
}

/// Where a finished report goes.
struct ReportDestination {
  enum Place {
    case sink(any TextSink)
    case file(OutputFile)
  }

  var place: Place
  /// What text is rendered for there.
  var style: TextStyle

  func write(_ text: String) throws {
    switch place {
    case .sink(let sink): try sink.write(text)
    case .file(let file): try file.replace(with: text)
    }
  }

  /// Writes a report in one of the forms that all commands have.
  func write(_ report: some CommandReport, as format: ReportFormat) throws {
    switch format {
    case .json: try write(try report.json())
    case .markdown: try write(report.markdown())
    case .text, .html, .csv: try write(report.text(style))
    }
  }
}
