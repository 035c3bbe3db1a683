import Analysis
import KernelTypes
import Replay
import TestSupport
import Testing
import TraceEvents

@testable import Reports

@Suite("Replay report") struct ReplayReportTests {
  /// A kernel's requests on a handful of pages, with a bulk allocation that the trace doesn't show.
  private func trace() -> ScriptedTrace {
    let trace = ScriptedTrace()
    trace.context.features = [.accounted, .nodeInKmalloc, .nameInFree]
    trace.context.headerCPUCount = 1
    trace.statistics.bytes = 4321
    let base: UInt64 = 0xFFFF_8880_0000_0000
    func page(_ frame: UInt64, order: UInt8 = 0) {
      trace.add(.mmPageAlloc) {
        $0.address = frame
        $0.order = order
        $0.gfp = trace.strings.intern("GFP_KERNEL|__GFP_COMP")
      }
    }
    for frame in 0x100..<0x10A as Range<UInt64> {
      page(frame)
      for object in 0..<16 as Range<UInt64> { trace.allocate(base + frame << 12 + object << 8, 200 + object, 256) }
    }
    trace.mark("filled")
    for frame in 0x100..<0x108 as Range<UInt64> { trace.free(base + frame << 12) }
    page(0x200, order: 2)
    trace.allocate(base + 0x200 << 12, 10000, 16384, site: "large+0x1/0x2")
    // The object on top was taken unseen.
    trace.allocate(base + 0x106 << 12, 250, 256)
    trace.free(0)
    trace.mark("end|of it")
    return trace
  }

  private func report(_ ungraded: ReplayFindings.Ungraded? = nil) throws -> ReplayReport {
    let trace = trace()
    let profile = KernelProfile(kernel: KernelVersion(6, 1), cpuCount: 1)
    var batch = EventBatch()
    _ = try trace.read(into: &batch)
    var map = DirectMap(pageSize: 4096)
    _ = map.consume(batch)
    var survey = TraceSurvey(profile: profile, pageOffset: map.bestGuess, strings: trace.strings)
    survey.consume(batch)
    survey.finish()
    var engine = ReplayEngine(profile: profile, survey: survey, following: ungraded == nil, strings: trace.strings)
    engine.consume(batch, rows: 0..<batch.count, isInside: true)
    let outcome = engine.finish()
    let subject = ReportSubject(
      name: "my trace.zst", context: trace.context,
      profile: MachineProfile(context: trace.context, statistics: trace.statistics),
      quality: DataQuality(statistics: trace.statistics, pairing: outcome.pairing))
    return ReplayReport(
      subject: subject,
      findings: ReplayFindings(
        allocator: .slub, tracedAllocator: ungraded == nil ? .slub : .slob, ungraded: ungraded, profile: profile,
        outcome: outcome))
  }

  private func expectSnapshot(_ name: String, _ text: String) throws {
    #expect(try text == ExpectedFiles.snapshot(name, insteadOf: text), "differs from Snapshots/\(name)")
  }

  @Test("replay looks as recorded in every form")
  func looksAsRecorded() throws {
    let report = try report()
    try expectSnapshot("replay.txt", report.text())
    try expectSnapshot("replay.md", report.markdown())
    try expectSnapshot("replay.json", report.json())
  }

  @Test("a trace of another allocator is replayed, and the report says why it is not graded")
  func ungraded() throws {
    let report = try report(.otherAllocator)
    #expect(report.text().contains("Not graded: this trace was made by SLOB"))
    #expect(try report.json().contains("\"ungraded\" : \"otherAllocator\""))
    #expect(!report.text().contains("Model against trace"))
  }

  @Test("a grade that is not perfect never reads 100 %")
  func neverRoundedUp() {
    #expect(Grades.percent(Grade(checked: 100_000, matched: 99_999)) == "99.99 %")
    #expect(Grades.percent(Grade(checked: 3, matched: 3)) == "100 %")
  }
}
