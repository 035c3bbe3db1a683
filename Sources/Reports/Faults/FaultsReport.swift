public import Analysis
import KernelTypes
import MemoryModels
import Replay

/// The answer of `faults` with what its reports need to know.
public struct FaultsReport: Sendable {
  public var subject: ReportSubject
  public var findings: FaultFindings
  /// The most rows of a table; `nil` leaves it to the format.
  public var top: Int?

  public init(subject: ReportSubject, findings: FaultFindings, top: Int? = nil) {
    self.subject = subject
    self.findings = findings
    self.top = top
  }

  var outcome: FaultReplayOutcome { findings.outcome }
  var pageBytes: Int64 { Int64(findings.profile.pageSize) }

  /// Pages of a process in memory: anonymous ones, files' and shared ones, without those in swap.
  func residentPages(_ process: FaultReplayOutcome.Process) -> Int {
    process.resident[ResidentKind.anonymous.rawValue] + process.resident[ResidentKind.file.rawValue]
      + process.resident[ResidentKind.sharedMemory.rawValue]
  }

  /// What people call a kind of fault.
  static func title(_ kind: FaultKind) -> String {
    switch kind {
    case .anonymousZero: "anonymous, read (zero page)"
    case .anonymousWrite: "anonymous, write"
    case .copyOnWrite: "copy on write, copied"
    case .copyOnWriteReuse: "copy on write, reused"
    case .fileMinor: "file, minor"
    case .fileMajor: "file, major"
    case .fileCopy: "private file, write"
    case .sharedWrite: "shared file, write"
    case .sharedMemory: "shared memory, new page"
    case .swapMinor: "swap cache, minor"
    case .swapMajor: "swap, major"
    case .hugePage: "huge page"
    case .hugeTLB: "huge page of the pool"
    case .stack: "stack growth"
    case .spurious: "spurious"
    case .kernel: "kernel address"
    case .protection: "protection (SEGV_ACCERR)"
    case .segmentation: "no mapping (SEGV_MAPERR)"
    case .bus: "bus error (BUS_ADRERR)"
    case .outOfMemory: "out of memory"
    }
  }

  static func share(_ grade: FaultReplayOutcome.Grade) -> String {
    if grade.checked == 0 { return "nothing to check" }
    let percent = Double(grade.matched) * 100 / Double(grade.checked)
    return "\(Units.count(grade.matched)) of \(Units.count(grade.checked)) (\(Units.percent(percent)))"
  }

  /// The answer in two sentences.
  var answer: String {
    let total = outcome.total
    var text = Units.count(total.faults, "page fault", "page faults")
    text += ": \(Units.count(total.minor)) minor and \(Units.count(total.major)) major [modelled]"
    let errors = FaultKind.allCases.filter(\.isError).reduce(UInt64(0)) { $0 + total[$1] }
    if errors > 0 { text += ", \(Units.count(errors)) ended with an error [modelled]" }
    text += ". They took \(Units.count(total.frames.observed, "page frame", "page frames"))"
    text += " (\(Units.bytes(Int64(clamping: total.frames.observed) * pageBytes)))"
    text += " and \(Units.count(total.tables.observed, "page table", "page tables")) [observed]."
    if outcome.predicted > 0 {
      text += "\nThe model foresaw the frames of \(Self.share(outcome.frameGrade)) faults of known mappings."
    }
    return text
  }

  var kindTable: TextTable {
    var table = TextTable([.init("Kind [modelled]", isNumber: false), .init("Faults"), .init("Share")])
    let all = max(outcome.total.faults, 1)
    let kinds = FaultKind.allCases.filter { outcome.total[$0] > 0 }
      .sorted { (outcome.total[$1], $0.rawValue) < (outcome.total[$0], $1.rawValue) }
    for kind in kinds {
      let count = outcome.total[kind]
      table.add([Self.title(kind), Units.count(count), Units.percent(Double(count) * 100 / Double(all))])
    }
    return table
  }

  var processTable: TextTable {
    var table = TextTable([
      .init("Process", isNumber: false), .init("PID"), .init("Faults"), .init("Frames"), .init("Tables"),
      .init("RSS at the end"), .init("VmPTE"), .init("", isNumber: false),
    ])
    for process in outcome.processes.prefix(top ?? 20) {
      var note = process.hasEnded ? "ended" : ""
      if !process.isKnown { note += (note.isEmpty ? "" : ", ") + "mappings inferred" }
      table.add([
        process.name, "\(process.pid)", Units.count(process.tally.faults), Units.count(process.tally.frames.observed),
        Units.count(process.tally.tables.observed), Units.bytes(Int64(residentPages(process)) * pageBytes),
        Units.bytes(Int64(process.tables.reduce(0, +)) * pageBytes), note,
      ])
    }
    return table
  }

  var areaTable: TextTable {
    var table = TextTable([
      .init("Mapping", isNumber: false), .init("PID"), .init("Addresses", isNumber: false), .init("", isNumber: false),
      .init("Faults"), .init("Frames"), .init("Mostly", isNumber: false),
    ])
    for area in outcome.areas.prefix(top ?? 20) {
      let most = FaultKind.allCases.max { area.tally[$0] < area.tally[$1] }
      table.add([
        area.name.isEmpty ? "anonymous" : area.name, "\(area.pid)",
        String(area.start, radix: 16) + "-" + String(area.end, radix: 16), area.permissions,
        Units.count(area.tally.faults), Units.count(area.tally.frames.observed), most.map(Self.title) ?? "",
      ])
    }
    return table
  }

  /// The model against the trace and the snapshots.
  var verificationTable: TextTable {
    var table = TextTable([
      .init("Verification", isNumber: false), .init("Predicted"), .init("Observed"), .init("Right"),
    ])
    func pair(_ name: String, _ pair: FaultReplayOutcome.Pair, _ grade: FaultReplayOutcome.Grade?) {
      table.add([
        name, Units.count(pair.predicted), Units.count(pair.observed), grade.map(Self.share) ?? "",
      ])
    }
    pair("frames taken in faults", outcome.total.frames, outcome.frameGrade)
    pair("page tables taken in faults", outcome.total.tables, outcome.tableGrade)
    if outcome.forks > 0 { pair("page tables made by fork", outcome.forkTables, nil) }
    func grade(_ name: String, _ grade: FaultReplayOutcome.Grade) {
      if grade.checked > 0 { table.add([name, "", "", Self.share(grade)]) }
    }
    grade("page present, by the error code", outcome.presentGrade)
    grade("resident pages, by rss_stat", outcome.residentGrade)
    for kind in ResidentKind.allCases {
      let misses = outcome.residentByKind[kind.rawValue]
      if misses.grade.checked == 0 || misses.grade == outcome.residentGrade { continue }
      var why: [String] = []
      if misses.fewer > 0 { why.append("\(Units.count(misses.fewer)) pages gone unseen") }
      if misses.more > 0 { why.append("\(Units.count(misses.more)) pages mapped unseen") }
      let reason = why.isEmpty ? "" : ": " + why.joined(separator: ", ")
      table.add(["… of kind \(kind.eventName)", "", "", Self.share(misses.grade) + reason])
    }
    grade("resident pages of children at fork", outcome.forkGrade)
    for (when, comparisons) in [("at the start", findings.before), ("at the end", findings.after)] {
      for comparison in comparisons {
        table.add([
          "\(comparison.name) of \(findings.pid.map { "\($0)" } ?? "?") \(when), pages",
          Units.count(comparison.predicted), Units.count(comparison.observed), comparison.isMatch ? "yes" : "no",
        ])
      }
    }
    if !findings.areas.isEmpty {
      let same = findings.areas.count { $0.predicted == $0.observed }
      table.add([
        "Rss of mappings at the end, pages", Units.count(findings.areas.reduce(0) { $0 + $1.predicted }),
        Units.count(findings.areas.reduce(0) { $0 + $1.observed }),
        "\(same) of \(findings.areas.count) mappings",
      ])
    }
    for comparison in findings.counts {
      table.add([
        comparison.name + ", between the snapshots", Units.count(comparison.predicted),
        Units.count(comparison.observed), comparison.isMatch ? "yes" : "no",
      ])
    }
    return table
  }

  var modelTable: TextTable {
    TLBFigures(outcome.tlb, outcome.processors).table(of: "accesses that faulted, and again afterwards")
  }

  /// What had to be inferred, in words.
  var inferred: [String] {
    var lines: [String] = []
    func add(_ count: UInt64, _ one: String, _ many: String) {
      if count > 0 { lines.append(Units.count(count, one, many)) }
    }
    add(
      outcome.inferred, "fault of a mapping that nothing had told of: its kind is inferred from what it took",
      "faults of mappings that nothing had told of: their kind is inferred from what they took")
    add(
      outcome.unmapsTold, "counter that fell: pages were unmapped, which is not predicted without system calls",
      "counters that fell: pages were unmapped, which is not predicted without system calls")
    add(
      outcome.unknownAddresses, "fault at a symbol instead of an address, left out",
      "faults at symbols instead of addresses, left out")
    add(
      outcome.badAreas, "mapping of the snapshot that overlaps another or lies outside, left out",
      "mappings of the snapshot that overlap others or lie outside, left out")
    add(outcome.untracked, "process beyond the limit, not followed", "processes beyond the limit, not followed")
    return lines
  }
}
