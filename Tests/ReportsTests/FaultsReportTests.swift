import Analysis
import KernelTypes
import MemoryModels
import Replay
import Reports
import TestSupport
import Testing
import TraceEvents

@Suite("Page fault reports") struct FaultsReportTests {
  private static let user = "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"
  private static let copied = "GFP_HIGHUSER_MOVABLE"
  private static let table = "GFP_KERNEL_ACCOUNT|__GFP_ZERO"

  private func fault(_ trace: ScriptedTrace, _ address: UInt64, _ code: UInt64, pid: Int32 = 7, cpu: UInt16 = 0) {
    trace.add(.pageFaultUser) {
      $0.address = address
      $0.requestedBytes = code
      $0.pid = pid
      $0.cpu = cpu
    }
  }

  private func page(_ trace: ScriptedTrace, _ frame: UInt64, _ gfp: String, pid: Int32 = 7) {
    trace.add(.mmPageAlloc) {
      $0.address = frame
      $0.gfp = trace.strings.intern(gfp)
      $0.pid = pid
    }
  }

  private func resident(_ trace: ScriptedTrace, _ kind: String, pages: UInt64) {
    trace.add(.rssStat) {
      $0.name = trace.strings.intern(kind)
      $0.requestedBytes = pages << 12
      $0.pid = 7
      $0.flags.insert(.changeOwnership)
    }
  }

  /// A process with a heap and a library: first writes, a file's fault, a copy, a signal, an unknown mapping.
  private func trace() -> ScriptedTrace {
    let trace = ScriptedTrace()
    fault(trace, 0x60_0000, 6)
    for frame in 0x100..<0x103 as Range<UInt64> { page(trace, frame, Self.table) }
    page(trace, 0x200, Self.user)
    fault(trace, 0x60_1000, 6)
    page(trace, 0x201, Self.user)
    resident(trace, "MM_ANONPAGES", pages: 1)
    resident(trace, "MM_FILEPAGES", pages: 3)
    fault(trace, 0x7F00_0000_0000, 4, cpu: 1)
    for frame in 0x103..<0x106 as Range<UInt64> { page(trace, frame, Self.table) }
    fault(trace, 0x7F00_0000_3000, 7, cpu: 1)
    page(trace, 0x202, Self.copied)
    fault(trace, 0x10, 4)
    fault(trace, 0x5500_0000_0000, 6, pid: 8)
    page(trace, 0x203, Self.user, pid: 8)
    trace.mark("end")
    return trace
  }

  private func report(top: Int? = nil) throws -> FaultsReport {
    let trace = trace()
    let seed = ProcessSeed(
      pid: 7, name: "a|program",
      areas: [
        .init(start: 0x60_0000, end: 0x61_0000, permissions: "rw-p", offset: 0, name: "[heap]", inode: 0),
        .init(
          start: 0x7F00_0000_0000, end: 0x7F00_0001_0000, permissions: "rw-p", offset: 0,
          name: "/lib/lib\u{1B}[31mc.so", inode: 12),
        // Overlaps the first.
        .init(start: 0x60_8000, end: 0x62_0000, permissions: "r--p", offset: 0, name: "", inode: 0),
      ], pages: [])
    let profile = KernelProfile()
    let replay = FaultReplay(profile: profile, strings: trace.strings, seeds: [seed])
    var batch = EventBatch()
    while try trace.read(into: &batch) { replay.consume(batch, rows: 0..<batch.count, isInside: true) }
    let subject = ReportSubject(
      name: "my trace.zst", context: trace.context,
      profile: MachineProfile(context: trace.context, statistics: trace.statistics),
      quality: DataQuality(statistics: trace.statistics, pairing: PairingCounts()))
    var findings = FaultFindings(outcome: replay.finish(), profile: profile, pid: 7)
    findings.after = [.init(name: "VmPTE", predicted: 6, observed: 6), .init(name: "Rss", predicted: 18, observed: 19)]
    return FaultsReport(subject: subject, findings: findings, top: top)
  }

  @Test func `The report looks as recorded in every form`() throws {
    let report = try report()
    let outcome = report.findings.outcome
    #expect(outcome.total.faults == 6 && outcome.badAreas == 1 && outcome.processorCount == 2)
    #expect(outcome.total[.anonymousWrite] >= 2 && outcome.total[.segmentation] == 1)
    #expect(outcome.tlb.faults >= 5 && outcome.tlb.walkReferences > 0)
    let forms = [("faults.txt", report.text()), ("faults.json", try report.json()), ("faults.md", report.markdown())]
    for (name, text) in forms {
      #expect(try text == ExpectedFiles.snapshot(name, insteadOf: text), "differs from Snapshots/\(name)")
    }
  }
}
