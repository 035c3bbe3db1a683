import ArgumentParser
import MemoryModels
import Reports

/// `bench-translate`: how fast addresses are translated with TLB and table walk. For Tools/Bench.
struct BenchTranslateCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-translate",
    abstract: "Times translations through the modelled TLB and x86-64 tables on patterns of access.",
    discussion: "Example: kmemreplay bench-translate --millions 20 --cpu skylake",
    shouldDisplay: false)

  @Option(name: .long, help: "Millions of translations for each pattern.")
  var millions: UInt64 = 20

  @Option(name: .long, help: "Take the best of so many runs.")
  var repetitions = 3

  @Option(name: .long, help: "The processor: \(TLBGeometry.catalogue.map(\.name).joined(separator: ", ")).")
  var cpu = "skylake"

  func validate() throws {
    if !(1...10000).contains(millions) { throw ValidationError("--millions must be 1 to 10000.") }
    if !(1...100).contains(repetitions) { throw ValidationError("--repetitions must be 1 to 100.") }
    if TLBGeometry.named(cpu) == nil { throw ValidationError("--cpu \(cpu) is not known.") }
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    guard let geometry = TLBGeometry.named(cpu) else { throw CommandFailure("no processor \(cpu)") }
    var table = TextTable([
      .init("Pattern", isNumber: false), .init("M translations/s"), .init("Misses"), .init("References a walk"),
      .init("Table pages"),
    ])
    for pattern in TranslationBenchmark.Pattern.allCases {
      var best: TranslationBenchmark.Result?
      for _ in 0..<repetitions {
        let result = TranslationBenchmark.run(pattern, translations: millions * 1_000_000, geometry: geometry)
        if let result, result.seconds < best?.seconds ?? .infinity { best = result }
      }
      guard let best else { throw CommandFailure("\(pattern.rawValue): the tables could not be made") }
      let walks = max(best.counters.misses, 1)
      table.add([
        pattern.rawValue, Units.fixed(Double(best.translations) / best.seconds / 1e6, places: 1),
        Units.percent(best.counters.missPercent),
        Units.fixed(Double(best.counters.walkReferences) / Double(walks), places: 2),
        Units.count(best.tablePages.reduce(0, +)),
      ])
    }
    try environment.output.write(
      "\(millions) million translations each, \(cpu), one thread, best of \(repetitions)\n" + table.text())
    return .done
  }
}
