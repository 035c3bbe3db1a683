import Analysis
import KernelTypes
import Reports
import TestSupport
import Testing
import TraceEvents

@Suite struct ReportSnapshotTests {
  /// A trace with something of everything that a report can show.
  private func trace() -> ScriptedTrace {
    let trace = ScriptedTrace()
    trace.context.features = [.accounted, .nodeInKmalloc, .nameInFree]
    trace.context.headerCPUCount = 2
    trace.context.tracer = "nop"
    trace.context.entriesInBuffer = 12
    trace.context.entriesWritten = 20
    trace.context.compression = .zstd
    trace.context.pointerBytes = 8
    trace.allocate(0xFFFF_8880_0000_1000, 100, 128, site: "alloc_pipe_info+0x5f/0x1a0")
    trace.allocate(
      0xFFFF_8880_0000_2000, 600, 1024,
      site: "a_function_with_a_name_that_is_much_too_long_for_a_table+0x27/0x65 [ext4]")
    trace.mark("phase \u{1B}[31mone|two")
    trace.allocate(0xFFFF_8880_0000_3000, 184, 192, site: "__d_alloc+0x22/0x176", kind: .kmemCacheAlloc)
    trace.allocate(0, 4096, 4096)
    trace.free(0xFFFF_8880_0000_3000, kind: .kmemCacheFree, name: "dentry")
    trace.free(0)
    trace.free(0x10)
    trace.free(0xFFFF_8880_0000_9000)
    trace.allocate(0xFFFF_8880_0000_1000, 5, 8, site: "c104dd2f, \"quoted\"")
    trace.mark("end")
    trace.statistics.bytes = 2345
    trace.statistics.count(.overwrittenEntries, 8)
    trace.statistics.count(.malformedLines, at: .line(7), text: "broken \u{7} line")
    trace.statistics.otherEvents[trace.strings.intern("sched_switch")] = 3
    trace.statistics.count(.unknownEvents, 3)
    return trace
  }

  private func subject(_ trace: ScriptedTrace, _ pairing: PairingCounts) -> ReportSubject {
    ReportSubject(
      name: "my trace.zst", context: trace.context,
      profile: MachineProfile(context: trace.context, statistics: trace.statistics),
      quality: DataQuality(statistics: trace.statistics, pairing: pairing))
  }

  private func run(_ trace: ScriptedTrace, by grouping: WasteGrouping) throws -> (WasteResult, InfoResult) {
    var waste = WasteAnalysis(grouping: grouping)
    var info = InfoAnalysis()
    var cursor = TimeWindowCursor(.wholeTrace)
    var batch = EventBatch()
    while try trace.read(into: &batch) {
      for part in cursor.parts(of: batch, strings: trace.strings, clock: .time) {
        info.consume(batch, part)
        waste.consume(batch, part, strings: trace.strings)
      }
    }
    return (waste.finish(strings: trace.strings), info.finish(strings: trace.strings))
  }

  private func expectSnapshot(_ name: String, _ text: String) throws {
    #expect(try text == ExpectedFiles.snapshot(name, insteadOf: text), "differs from Snapshots/\(name)")
  }

  @Test func wasteLooksAsRecordedInEveryForm() throws {
    let trace = trace()
    let (result, _) = try run(trace, by: .callSite)
    let report = WasteReport(subject: subject(trace, result.pairing), result: result)
    try expectSnapshot("waste.txt", report.text())
    try expectSnapshot("waste.json", report.json())
    try expectSnapshot("waste.md", report.markdown())
    try expectSnapshot("waste.csv", report.csv())
  }

  @Test func infoLooksAsRecordedInEveryForm() throws {
    let trace = trace()
    let (waste, info) = try run(trace, by: .order)
    let report = InfoReport(
      subject: subject(trace, waste.pairing), result: info, waste: waste, strings: trace.strings)
    try expectSnapshot("info.txt", report.text())
    try expectSnapshot("info.json", report.json())
    try expectSnapshot("info.md", report.markdown())
  }

  @Test func textLinesFitATerminalAndHoldNoControlCharacters() throws {
    let trace = trace()
    let (result, _) = try run(trace, by: .callSite)
    let text = WasteReport(subject: subject(trace, result.pairing), result: result).text()
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 })
    #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && $0.value != 0x7F })
  }
}
