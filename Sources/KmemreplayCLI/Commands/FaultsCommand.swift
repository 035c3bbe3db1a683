import Analysis
import ArgumentParser
import KernelTypes
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

  func validate() throws {
    try output.require([.text, .json, .markdown], command: "faults")
    if let pid, !(1...0x7FFF_FFFF).contains(pid) { throw ValidationError("--pid \(pid) is no process.") }
  }

  func run(in environment: CommandEnvironment) throws -> ExitStatus {
    let destination = try output.openDestination(environment, input: input.trace)
    let before = try snapshots.readBefore()
    let after = try snapshots.readAfter()

    var run = TraceRun(input, environment, reading: try environment.openTrace(input.trace))
    let pass = FaultPass(
      profile: run.profile.kernelProfile, strings: run.strings, before: before, after: after, pid: pid)
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
