import Analysis
import MemoryModels

/// The JSON of `scenario`, which has no trace and so a header of its own.
struct ScenarioDocument: Encodable {
  struct Tool: Encodable {
    var version: String
  }

  struct Input: Encodable {
    var name: String
    var container: String
    var bytes: Int
  }

  struct Faults: Encodable {
    var minor: Int
    var major: Int
    var byKind: [String: UInt64]
  }

  struct PageTables: Encodable {
    var pages: Int
    /// The lowest level first.
    var byLevel: [Int]
    /// What the kernel counts as VmPTE; of a process alone.
    var countedBytes: UInt64?
  }

  struct Machine: Encodable {
    /// How addresses are translated.
    var scheme: String
    var pageSize: UInt64
  }

  struct Process: Encodable {
    var pid: Int
    var name: String
    var alive: Bool
    var killed: Bool
    var signals: [String]
    var faults: Faults
    var mappedBytes: Int
    var residentPages: [String: Int]
    var pageTables: PageTables
    var mappings: Int
  }

  struct Memory: Encodable {
    var totalBytes: Int
    var freeBytes: Int
    var committedBytes: Int
    var commitLimitBytes: Int
    var swapBytes: Int
    var swapUsedBytes: Int
    var swappedOutPages: Int
    var swappedInPages: Int
    var hugePages: Int
    var kills: [Kill]
  }

  struct Kill: Encodable {
    var pid: Int
    var name: String
    var badnessPages: Int
    var residentPages: Int
  }

  struct Check: Encodable {
    var line: Int
    var text: String
    var holds: Bool
    var found: String
  }

  var schema = "kmemreplay.scenario/1"
  var tool = Tool(version: ToolVersion.current)
  var input: Input
  var faults: Faults
  var machine: Machine
  var tlb: TLBFigures
  var pageTables: PageTables
  var processes: [Process]
  var memory: Memory
  var assertions: [Check]
  var accesses: UInt64

  init(_ report: ScenarioReport) {
    let outcome = report.outcome
    let bytes = Int(report.pageBytes)
    machine = Machine(scheme: outcome.scheme.name, pageSize: outcome.scheme.pageBytes)
    input = Input(name: report.name, container: "scenario", bytes: report.bytes)
    var kinds: [String: UInt64] = [:]
    for kind in FaultKind.allCases where outcome[kind] > 0 { kinds[kind.rawValue] = outcome[kind] }
    faults = Faults(minor: outcome.minor, major: outcome.major, byKind: kinds)
    tlb = TLBFigures(outcome.tlb, outcome.processor)
    var levels: [Int] = []
    for process in outcome.processes where process.isAlive {
      while levels.count < process.tables.count { levels.append(0) }
      for (index, count) in process.tables.enumerated() { levels[index] += count }
    }
    pageTables = PageTables(pages: outcome.memory.tablePages, byLevel: levels)
    processes = outcome.processes.map { process in
      var resident: [String: Int] = [:]
      for kind in ResidentKind.allCases { resident["\(kind)"] = process.resident[kind.rawValue] }
      return Process(
        pid: process.pid, name: SafeText.printable(process.name), alive: process.isAlive, killed: process.wasKilled,
        signals: process.signals.map(\.rawValue),
        faults: Faults(minor: process.minor, major: process.major, byKind: [:]),
        mappedBytes: process.mappedPages * bytes, residentPages: resident,
        pageTables: PageTables(
          pages: process.tables.reduce(0, +), byLevel: process.tables, countedBytes: process.tableBytes),
        mappings: process.areas)
    }
    let memory = outcome.memory
    self.memory = Memory(
      totalBytes: memory.totalPages * bytes, freeBytes: memory.freePages * bytes,
      committedBytes: memory.committedPages * bytes, commitLimitBytes: memory.commitLimit * bytes,
      swapBytes: memory.swapPages * bytes, swapUsedBytes: (memory.swapPages - memory.freeSwapPages) * bytes,
      swappedOutPages: memory.counters.swappedOut, swappedInPages: memory.counters.swappedIn,
      hugePages: memory.counters.hugeFaults,
      kills: memory.kills.map {
        Kill(pid: $0.pid, name: SafeText.printable($0.name), badnessPages: $0.points, residentPages: $0.residentPages)
      })
    assertions = outcome.checks.map {
      Check(line: $0.line, text: SafeText.printable($0.text), holds: $0.isRight, found: $0.found)
    }
    accesses = outcome.accesses
  }
}

extension ScenarioReport {
  /// The report as JSON.
  public func json() throws -> String { try JSONReport.text(ScenarioDocument(self)) }
}
