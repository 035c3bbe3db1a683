public import Analysis
import MemoryModels

/// The answer of `scenario`, with what its reports need to know.
public struct ScenarioReport: Sendable {
  /// The scenario's file as the user named it.
  public var name: String
  public var bytes: Int
  public var outcome: ScenarioOutcome

  public init(name: String, bytes: Int, outcome: ScenarioOutcome) {
    self.name = name
    self.bytes = bytes
    self.outcome = outcome
  }

  var pageBytes: Int64 { Int64(outcome.scheme.pageBytes) }

  /// The answer in a sentence or two.
  var answer: String {
    let checks = outcome.checks.count
    let right = checks - outcome.failures
    var text = "\(Units.count(right)) of \(Units.count(checks, "assertion holds", "assertions hold"))."
    text += " \(Units.count(outcome.accesses, "access", "accesses")): \(Units.count(outcome.minor)) minor and"
    text += " \(Units.count(outcome.major)) major faults [modelled]."
    for kill in outcome.memory.kills.prefix(5) {
      text += "\nKilled for lack of memory: \(SafeText.printable(kill.name)) (\(kill.pid)), badness"
      text += " \(Units.count(kill.points)) pages."
    }
    return text
  }

  var failureTable: TextTable {
    var table = TextTable([
      .init("Doesn't hold", isNumber: false, limit: 80), .init("Line"), .init("Found", isNumber: false),
    ])
    for check in outcome.checks where !check.isRight { table.add([check.text, "\(check.line)", check.found]) }
    return table
  }

  var checkTable: TextTable {
    var table = TextTable([
      .init("Assertion", isNumber: false, limit: 80), .init("Line"), .init("Found", isNumber: false),
      .init("", isNumber: false),
    ])
    for check in outcome.checks.prefix(200) {
      table.add([check.text, "\(check.line)", check.found, check.isRight ? "holds" : "doesn't hold"])
    }
    return table
  }

  var kindTable: TextTable {
    var table = TextTable([.init("Fault [modelled]", isNumber: false), .init("Times")])
    for kind in FaultKind.allCases where outcome[kind] > 0 {
      table.add([FaultsReport.title(kind), Units.count(outcome[kind])])
    }
    return table
  }

  var processTable: TextTable {
    var table = TextTable([
      .init("Process", isNumber: false), .init("PID"), .init("Size"), .init("RSS"), .init("Swap"), .init("VmPTE"),
      .init("Minor"), .init("Major"), .init("", isNumber: false, limit: 60),
    ])
    func size(_ pages: Int) -> String { Units.bytes(Int64(pages) * pageBytes) }
    for process in outcome.processes.prefix(100) {
      let state = process.isAlive ? "" : process.wasKilled ? "killed" : "ended"
      let signals = process.signals.map(\.rawValue).joined(separator: ", ")
      table.add([
        process.name, "\(process.pid)", size(process.mappedPages),
        size(process.resident[0] + process.resident[1] + process.resident[3]), size(process.resident[2]),
        Units.bytes(process.tableBytes), Units.count(process.minor), Units.count(process.major),
        [state, signals].filter { !$0.isEmpty }.joined(separator: "; "),
      ])
    }
    return table
  }

  var memoryTable: TextTable {
    let memory = outcome.memory
    var table = TextTable([.init("Memory [modelled]", isNumber: false), .init("")])
    func size(_ pages: Int) -> String { Units.bytes(Int64(pages) * pageBytes) }
    table.add(["free of \(size(memory.totalPages))", size(memory.freePages)])
    table.add(["page tables, all processes", size(memory.tablePages)])
    table.add(["promised (Committed_AS)", size(memory.committedPages)])
    table.add(["CommitLimit", size(memory.commitLimit)])
    if memory.swapPages > 0 {
      table.add(["swap used of \(size(memory.swapPages))", size(memory.swapPages - memory.freeSwapPages)])
      table.add(["pages swapped out", Units.count(memory.counters.swappedOut)])
      table.add(["pages swapped in", Units.count(memory.counters.swappedIn)])
    }
    if memory.counters.hugeFaults > 0 { table.add(["huge pages", Units.count(memory.counters.hugeFaults)]) }
    if memory.counters.hugeFallbacks > 0 {
      table.add(["huge pages that could not be had", Units.count(memory.counters.hugeFallbacks)])
    }
    return table
  }

  var tlbTable: TextTable {
    guard outcome.processor != nil else { return TextTable([]) }
    return TLBFigures(outcome.tlb, outcome.processor).table(of: "accesses, those repeated after faults among them")
  }

  private static let footing =
    "Everything is modelled: Linux 6.1's fault path, mappings and accounting on a buddy allocator of the machine's size."

  private var sections: [(title: String, table: TextTable)] {
    [("Processes", processTable), ("Faults", kindTable), ("Memory", memoryTable), ("TLB", tlbTable)]
      .filter { !$0.1.rows.isEmpty }
  }

  private var source: String {
    Units.count(outcome.statements, "statement", "statements")
      + " run on a machine that translates by \(outcome.scheme.name) with pages of \(Units.bytes(pageBytes))"
  }

  /// The report for people at a terminal.
  public func text() -> String {
    var text = answer + "\n" + SafeText.printable(name) + ": "
    text += source + "\n\n"
    if outcome.failures > 0 { text += failureTable.text() + "\n" }
    for section in sections { text += section.table.text() + "\n" }
    return text + Self.footing + "\n"
  }

  /// The report as GitHub-flavoured Markdown.
  public func markdown() -> String {
    var text = "# Scenario\n\n" + answer.split(separator: "\n").joined(separator: "  \n") + "\n\n"
    text += SafeText.markdown(name) + ": " + source + "\n\n"
    if !outcome.checks.isEmpty { text += "## Assertions\n\n" + checkTable.markdown() + "\n" }
    for section in sections { text += "## \(section.title)\n\n" + section.table.markdown() + "\n" }
    return text + Self.footing + "\n"
  }
}
