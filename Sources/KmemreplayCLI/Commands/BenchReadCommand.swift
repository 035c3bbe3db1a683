import ArgumentParser
import Reports
import TraceInput

/// `bench-read`: how fast traces are read, beside a pass that only finds line ends. For Tools/Bench.
struct BenchReadCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-read",
    abstract: "Times reading a trace from memory: line ends alone, general path, fast path.",
    discussion: "Example: kmemreplay bench-read trace.txt --megabytes 1000",
    shouldDisplay: false)

  @Argument(help: "The trace.")
  var trace: String

  @Option(name: .long, help: "Repeat the text until it has at least so many megabytes.")
  var megabytes = 1000

  @Flag(name: .long, help: "Time the file as it is stored instead, whatever its container.")
  var stored = false

  @Option(name: .long, help: "Take the best of so many runs.")
  var repetitions = 3

  func validate() throws {
    if !(1...16384).contains(megabytes) { throw ValidationError("--megabytes must be 1 to 16384.") }
    if !(1...100).contains(repetitions) { throw ValidationError("--repetitions must be 1 to 100.") }
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    if stored {
      let (bytes, pass) = try ReadBenchmark.stored(path: trace, repetitions: repetitions)
      let rate = Units.fixed(Double(pass.events) / max(pass.seconds, 1e-9) / 1e6, places: 1)
      try environment.output.write(
        "\(Units.count(bytes)) bytes in memory as stored, \(Units.count(pass.events)) events, best of \(repetitions): "
          + "\(Units.fixed(pass.seconds * 1000, places: 1)) ms, \(rate) M events/s\n")
      return .done
    }
    let result = try ReadBenchmark.run(
      path: trace, minimumBytes: megabytes * 1_000_000, repetitions: repetitions)
    var table = TextTable([
      .init("Pass", isNumber: false), .init("GB/s"), .init("x line ends"), .init("M events/s"),
    ])
    for (name, pass) in [
      ("line ends (memchr)", result.lineEnds), ("general path", result.general), ("fast path", result.fast),
    ] {
      let rate = pass.events == 0 ? "-" : Units.fixed(Double(pass.events) / pass.seconds / 1e6, places: 1)
      table.add([
        name, Units.fixed(result.gigabytesPerSecond(pass), places: 2), Units.fixed(result.ratio(pass), places: 2), rate,
      ])
    }
    try environment.output.write(
      "\(Units.count(result.bytes)) bytes in memory, one thread, best of \(repetitions)\n" + table.text())
    return .done
  }
}
