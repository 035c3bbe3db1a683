import Analysis
import ArgumentParser
import KernelTypes
import MemoryModels
import ProcSnapshots
import Replay
import Reports
import TraceEvents

/// `faults`: what each page fault of a trace was, through a model of the kernel's fault path, graded against the trace.
struct FaultsCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "faults",
    abstract: "What each page fault was: by kind, process, mapping and time, graded against the trace.",
    discussion: """
      Example: kmemreplay faults trace.txt --before snaps/ --before-label pre --after snaps/ --after-label post

      Needs the events of exceptions (page_fault_user, page_fault_kernel) beside those of kmem; rss_stat, sched_process_* \
      and the mmap family of system calls add to what is known. --before is a snapshot with maps, status and a page \
      listing of a traced process; without one, mappings are inferred from what faults take. Several labels, separated \
      by commas, are put together. TLB figures are modelled.
      """)

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  @Option(
    name: .long, help: ArgumentHelp("A snapshot from when the trace began (directory, tar, tar.zst).", valueName: "dir")
  )
  var before: String?

  @Option(name: .long, help: ArgumentHelp("Which of several snapshots --before means.", valueName: "labels"))
  var beforeLabel: String?

  @Option(name: .long, help: ArgumentHelp("A snapshot from when the trace ended.", valueName: "dir"))
  var after: String?

  @Option(name: .long, help: ArgumentHelp("Which of several snapshots --after means.", valueName: "labels"))
  var afterLabel: String?

  @Option(name: .long, help: ArgumentHelp("The process of the snapshots, if they have no status.", valueName: "pid"))
  var pid: Int?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "The processor whose look-aside buffers are modelled: \(TLBGeometry.catalogue.map(\.name).joined(separator: ", ")), or buffers such as L1D:64/4:4K,L2:1536/12:4K-2M.",
      valueName: "name"))
  var tlb = "skylake"

  @Option(
    name: .long,
    help: ArgumentHelp(
      "How addresses are translated: x86_64, x86_64-5level, pae or ia32 (default: by the architecture).",
      valueName: "name"))
  var scheme: String?

  func validate() throws {
    _ = try processors()
    if let scheme, !["x86_64", "x86_64-5level", "pae", "ia32"].contains(scheme) {
      throw ValidationError(
        "--scheme \(scheme) is none of x86_64, x86_64-5level, pae, ia32: only x86 has events of page faults.")
    }
    try output.require([.text, .json, .markdown], command: "faults")
    if beforeLabel != nil, before == nil { throw ValidationError("--before-label chooses in --before; give --before.") }
    if afterLabel != nil, after == nil { throw ValidationError("--after-label chooses in --after; give --after.") }
    if let pid, !(1...0x7FFF_FFFF).contains(pid) { throw ValidationError("--pid \(pid) is no process.") }
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: input.trace)
    let before = try before.map { try Self.read($0, beforeLabel) } ?? []
    let after = try after.map { try Self.read($0, afterLabel) } ?? []
    let seeds = before.compactMap { FaultSeeds.process($0, pid: pid) }

    var run = TraceRun(input, environment, reading: try environment.openTrace(input.trace))
    let profile = run.profile.kernelProfile
    let replay = FaultReplay(
      profile: profile, strings: run.strings, seeds: seeds,
      policy: FaultSeeds.policy(before, profile: profile, scheme: scheme.flatMap { TranslationScheme(named: $0) }),
      processors: try processors())
    let start = seeds.first.flatMap { replay.figures(pid: $0.pid) }
    var batch = EventBatch()
    while let parts = try run.next(&batch) {
      for part in parts where part.phase != .after {
        replay.consume(batch, rows: part.rows, isInside: part.phase == .inside)
      }
    }
    let outcome = replay.finish()
    let subject = try run.finish(pairing: PairingCounts())
    try requireFaults(subject)
    var findings = FaultFindings(outcome: outcome, profile: profile, pid: seeds.first?.pid)
    if let seed = seeds.first, let start {
      let status = before.compactMap(\.status).first
      // What is in memory at the start comes from the snapshot itself; the tables that takes are the model's.
      findings.before = FaultFindings.compare(
        resident: start.resident, tables: start.tables, status: status, smaps: nil, pageSize: profile.pageSize
      ).filter { $0.name == "VmPTE" }
      let later = after.first { $0.status?["Pid"] == "\(seed.pid)" }
      if let later, let end = replay.figures(pid: seed.pid) {
        findings.after = FaultFindings.compare(
          resident: end.resident, tables: end.tables, status: later.status, smaps: later.smaps,
          pageSize: profile.pageSize)
        findings.areas = FaultFindings.compare(
          replay.usage(pid: seed.pid), smaps: later.smaps, pageSize: profile.pageSize)
      }
    }
    findings.counts = FaultFindings.compareCounts(
      outcome, before: before.compactMap(\.vmStat).first, after: after.compactMap(\.vmStat).first)
    let report = FaultsReport(subject: subject, findings: findings, top: output.top)
    switch output.format {
    case .json: try destination.write(try report.json())
    case .markdown: try destination.write(report.markdown())
    case .text, .html, .csv: try destination.write(report.text())
    }
    return run.status(subject, environment)
  }

  private func processors() throws -> Processors.Settings {
    if let known = TLBGeometry.named(tlb) { return Processors.Settings(geometry: known) }
    var problem = ""
    guard let given = TLBGeometry(parsing: tlb, problem: &problem) else {
      throw ValidationError("--tlb: \(problem), or a processor's name.")
    }
    return Processors.Settings(geometry: given)
  }

  private static func read(_ path: String, _ labels: String?) throws -> [Snapshot] {
    guard let labels else { return [try SnapshotOptions.read(path, nil)] }
    return try labels.split(separator: ",").map { try SnapshotOptions.read(path, String($0)) }
  }

  private func requireFaults(_ subject: ReportSubject) throws {
    let counts = subject.quality.statistics.eventsByKind
    let faults =
      counts[Int(EventKind.pageFaultUser.rawValue)] + counts[Int(EventKind.pageFaultKernel.rawValue)]
    if faults > 0 { return }
    throw CommandFailure(
      "\(input.trace): has no page faults among its \(Units.count(subject.quality.statistics.events)) events. "
        + "Record them too: `trace-cmd record -e kmem -e exceptions`")
  }
}
