import Analysis
import ArgumentParser
import KernelTypes
import MemoryModels
import ProcSnapshots
import Replay
import Reports
import TraceEvents

/// `faults`: what each page fault of a trace was, through a model of the kernel's fault path, graded against the trace.
struct FaultsCommand: ReportingCommand {
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

  @OptionGroup(title: "Snapshots") var snapshots: SnapshotPairOptions

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
    if let pid, !(1...0x7FFF_FFFF).contains(pid) { throw ValidationError("--pid \(pid) is no process.") }
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: input.trace)
    let before = try snapshots.readBefore()
    let after = try snapshots.readAfter()

    var run = TraceRun(input, environment, reading: try environment.openTrace(input.trace))
    let pass = FaultPass(
      profile: run.profile.kernelProfile, strings: run.strings, before: before, after: after, pid: pid,
      scheme: scheme.flatMap { TranslationScheme(named: $0) }, processors: try processors())
    var batch = EventBatch()
    while let parts = try run.next(&batch) {
      for part in parts where part.phase != .after {
        pass.consume(batch, rows: part.rows, isInside: part.phase == .inside)
      }
    }
    let findings = pass.finish()
    let subject = try run.finish(pairing: PairingCounts())
    try requireFaults(subject)
    let report = FaultsReport(subject: subject, findings: findings, top: output.top)
    try destination.write(report, as: output.format)
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
