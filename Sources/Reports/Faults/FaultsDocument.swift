import Analysis
import KernelTypes
import MemoryModels
import Replay

/// The JSON of `faults`.
struct FaultsDocument: Encodable {
  struct Faults: Encodable {
    var total: UInt64
    var minor: UInt64
    var major: UInt64
    var user: UInt64?
    var kernel: UInt64?
    var byKind: [String: UInt64]
  }

  struct Pair: Encodable {
    var predicted: UInt64
    var observed: UInt64

    init(_ pair: FaultReplayOutcome.Pair) {
      predicted = pair.predicted
      observed = pair.observed
    }
  }

  struct PageTables: Encodable {
    /// Of all living processes, below the roots.
    var pages: Int
    var byLevel: [Int]
  }

  struct Process: Encodable {
    var pid: Int
    var name: String
    var parent: Int?
    var ended: Bool
    var mappings: String
    var faults: Faults
    var frames: Pair
    var tables: Pair
    var residentPages: [String: Int]
    var pageTables: PageTables
  }

  struct Area: Encodable {
    var pid: Int
    var start: String
    var end: String
    var permissions: String
    var name: String
    var inferred: Bool
    var faults: Faults
    var frames: Pair
    var residentPages: Int
  }

  struct Memory: Encodable {
    var frames: Pair
    var tables: Pair
    var framesReturned: UInt64
  }

  struct Moment: Encodable {
    var atNanoseconds: UInt64
    var faults: UInt64
    var frames: UInt64
    var tables: UInt64
  }

  struct Comparison: Encodable {
    var name: String
    var predicted: Int64
    var observed: Int64
  }

  struct AreaComparison: Encodable {
    var start: String
    var end: String
    var name: String
    var predicted: Int64
    var observed: Int64
  }

  /// How counters of resident pages of one kind were foreseen.
  struct Resident: Encodable {
    var checked: UInt64
    var matched: UInt64
    /// Misses where the counter was higher: pages were mapped unseen.
    var more: UInt64
    /// Misses where it was lower: pages had gone that no event names.
    var fewer: UInt64
    var missedPages: UInt64
  }

  struct Verification: Encodable {
    var predictedFaults: UInt64
    var inferredFaults: UInt64
    var frames: GradeDocument
    var tables: GradeDocument
    var present: GradeDocument
    var resident: GradeDocument
    var residentByKind: [String: Resident]
    var fork: GradeDocument
    var forkTables: Pair
    var unmapsTold: UInt64
    var pid: Int?
    var start: [Comparison]
    var end: [Comparison]
    var areas: [AreaComparison]
    var counts: [Comparison]
  }

  struct Inferred: Encodable {
    var faults: UInt64
    var unknownAddresses: UInt64
    var badMappings: UInt64
    var untrackedProcesses: UInt64
  }

  var faults: Faults
  var tlb: TLBFigures
  var pageTables: PageTables
  var processes: [Process]
  var areas: [Area]
  var memory: Memory
  var timeline: [Moment]
  var verification: Verification
  var inferred: Inferred

  static func faults(_ tally: FaultReplayOutcome.Tally) -> Faults {
    var kinds: [String: UInt64] = [:]
    for kind in FaultKind.allCases where tally[kind] > 0 { kinds[kind.rawValue] = tally[kind] }
    return Faults(total: tally.faults, minor: tally.minor, major: tally.major, byKind: kinds)
  }

  private static func tables(_ levels: [[Int]]) -> PageTables {
    var sum: [Int] = []
    for level in levels {
      while sum.count < level.count { sum.append(0) }
      for (index, count) in level.enumerated() { sum[index] += count }
    }
    return PageTables(pages: sum.reduce(0, +), byLevel: sum)
  }

  static func address(_ address: UInt64) -> String { "0x" + String(address, radix: 16) }

  init(_ report: FaultsReport) {
    let outcome = report.outcome
    faults = Self.faults(outcome.total)
    faults.user = outcome.userFaults
    faults.kernel = outcome.kernelFaults
    tlb = TLBFigures(outcome.tlb, outcome.processors)
    pageTables = Self.tables(outcome.processes.filter { !$0.hasEnded }.map(\.tables))
    processes = outcome.processes.prefix(report.top ?? .max).map { process in
      var resident: [String: Int] = [:]
      for kind in ResidentKind.allCases { resident["\(kind)"] = process.resident[kind.rawValue] }
      return Process(
        pid: process.pid, name: SafeText.printable(process.name), parent: process.parent, ended: process.hasEnded,
        mappings: process.isKnown ? "known" : "inferred", faults: Self.faults(process.tally),
        frames: Pair(process.tally.frames), tables: Pair(process.tally.tables), residentPages: resident,
        pageTables: Self.tables([process.tables]))
    }
    areas = outcome.areas.prefix(report.top ?? .max).map { area in
      Area(
        pid: area.pid, start: Self.address(area.start), end: Self.address(area.end), permissions: area.permissions,
        name: SafeText.printable(area.name), inferred: area.isInferred, faults: Self.faults(area.tally),
        frames: Pair(area.tally.frames), residentPages: area.resident)
    }
    memory = Memory(
      frames: Pair(outcome.total.frames), tables: Pair(outcome.total.tables), framesReturned: outcome.framesReturned)
    timeline = outcome.timeline.map {
      Moment(atNanoseconds: $0.atNanoseconds, faults: $0.faults, frames: $0.frames, tables: $0.tables)
    }
    verification = Verification(
      predictedFaults: outcome.predicted, inferredFaults: outcome.inferred, frames: GradeDocument(outcome.frameGrade),
      tables: GradeDocument(outcome.tableGrade), present: GradeDocument(outcome.presentGrade),
      resident: GradeDocument(outcome.residentGrade), residentByKind: Self.resident(outcome),
      fork: GradeDocument(outcome.forkGrade), forkTables: Pair(outcome.forkTables), unmapsTold: outcome.unmapsTold,
      pid: report.findings.pid, start: Self.comparisons(report.findings.before),
      end: Self.comparisons(report.findings.after),
      areas: report.findings.areas.map {
        AreaComparison(
          start: Self.address($0.start), end: Self.address($0.end), name: SafeText.printable($0.name),
          predicted: $0.predicted, observed: $0.observed)
      }, counts: Self.comparisons(report.findings.counts))
    inferred = Inferred(
      faults: outcome.inferred, unknownAddresses: outcome.unknownAddresses, badMappings: outcome.badAreas,
      untrackedProcesses: outcome.untracked)
  }

  private static func resident(_ outcome: FaultReplayOutcome) -> [String: Resident] {
    var kinds: [String: Resident] = [:]
    for kind in ResidentKind.allCases {
      let misses = outcome.residentByKind[kind.rawValue]
      if misses.grade.checked == 0 { continue }
      kinds["\(kind)"] = Resident(
        checked: misses.grade.checked, matched: misses.grade.matched, more: misses.more, fewer: misses.fewer,
        missedPages: misses.missedPages)
    }
    return kinds
  }

  private static func comparisons(_ comparisons: [FaultFindings.Comparison]) -> [Comparison] {
    comparisons.map { Comparison(name: $0.name, predicted: $0.predicted, observed: $0.observed) }
  }
}

extension FaultsReport {
  /// The report as JSON.
  public func json() throws -> String {
    try JSONReport.text(DocumentHeader(command: "faults", subject: subject), FaultsDocument(self))
  }
}
