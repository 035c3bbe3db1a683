import Analysis
import KernelTypes
import MemoryModels
import Replay
import Reports
import TestSupport
import Testing
import TraceEvents

@Suite("Fragmentation report") struct FragmentationReportTests {
  private func report() throws -> FragmentationReport {
    let trace = ScriptedTrace()
    func page(_ kind: EventKind, _ frame: UInt64, _ order: UInt8, gfp: String = "") {
      trace.add(kind) {
        $0.address = frame
        $0.order = order
        $0.migrateType = 1
        $0.gfp = trace.strings.intern(gfp)
        if !gfp.isEmpty {
          $0.stack = trace.stacks.intern(
            ["__alloc_pages+0x1/0x2", "alloc_pages+0x3/0x4", "do_anonymous_page+0x5/0x6"].map(trace.strings.intern))
        }
      }
    }
    page(.mmPageAllocZoneLocked, 4096, 0)
    page(.mmPageAlloc, 4096, 0, gfp: "GFP_HIGHUSER_MOVABLE|__GFP_ZERO")
    trace.mark("broken|up")
    trace.add(.mmPageAllocExtfrag) {
      $0.address = 4200
      $0.migrateType = 0
      $0.allocatedBytes = 1
      $0.flags = [.fragmenting, .changeOwnership]
    }
    for frame in 4097..<4200 as Range<UInt64> { page(.mmPageAllocZoneLocked, frame, 0) }
    page(.mmPagePCPUDrain, 5119, 0)
    let policy = KernelProfile(kernel: KernelVersion(6, 1)).pageAllocator
    var map = FreeBlockMap(spans: [.init(name: "DMA32", frames: 4096..<8192)], maximumOrder: 10)
    map.insert(4096, order: 10)
    var replay = FragmentationReplay(map: map, policy: policy, strings: trace.strings, stacks: trace.stacks)
    var batch = EventBatch()
    while try trace.read(into: &batch) { replay.consume(batch, rows: 0..<batch.count, isInside: true) }
    let subject = ReportSubject(
      name: "page trace.txt", context: trace.context,
      profile: MachineProfile(context: trace.context, statistics: trace.statistics),
      quality: DataQuality(statistics: trace.statistics))
    let outcome = replay.finish()
    return FragmentationReport(
      subject: subject,
      findings: FragmentationFindings(
        start: .trace, outcome: outcome, policy: policy, after: nil, free: replay.map))
  }

  private func expectSnapshot(_ name: String, _ text: String) throws {
    #expect(try text == ExpectedFiles.snapshot(name, insteadOf: text), "differs from Snapshots/\(name)")
  }

  @Test("frag looks as recorded in every form")
  func looksAsRecorded() throws {
    let report = try report()
    try expectSnapshot("frag.txt", report.text())
    try expectSnapshot("frag.md", report.markdown())
    try expectSnapshot("frag.json", report.json())
  }
}
