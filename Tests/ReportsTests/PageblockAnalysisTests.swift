import Analysis
import KernelTypes
import MemoryModels
import TestSupport
import Testing
import TraceEvents

@Suite("Pageblocks") struct PageblockAnalysisTests {
  private let policy = KernelProfile(kernel: KernelVersion(6, 1)).pageAllocator

  @Test("random page events give the same pages as a plain set of frames", arguments: [1, 2, 3] as [UInt64])
  func random(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let trace = ScriptedTrace()
    var used: [UInt64: Int] = [:]
    for _ in 0..<2000 {
      let order = Int.random(in: 0...10, using: &generator)
      let frame = UInt64.random(in: 0..<(16384 >> UInt64(order)), using: &generator) << UInt64(order)
      let type = Int.random(in: 0...4, using: &generator)
      let isAllocation = Int.random(in: 0...2, using: &generator) > 0
      trace.add(isAllocation ? .mmPageAlloc : .mmPageFree) {
        $0.address = frame
        $0.order = UInt8(order)
        $0.migrateType = UInt8(type)
      }
      for page in frame..<(frame + 1 << UInt64(order)) { used[page] = isAllocation ? type : nil }
    }
    var map = FreeBlockMap(spans: [.init(name: "Normal", frames: 0..<16384)], maximumOrder: 10)
    for page in 0..<16384 as Range<UInt64> where used[page] == nil { map.insert(page, order: 0) }
    var analysis = PageblockAnalysis(policy: policy)
    var batch = EventBatch(capacity: 100)
    while try trace.read(into: &batch) { analysis.consume(batch, rows: 0..<batch.count) }
    let findings = analysis.finish(free: map)
    let zone = try #require(findings.zones.first)
    #expect(zone.cells.count == 32 && zone.pageblocks == 32)
    var sum: UInt64 = 0
    for (index, cell) in zone.cells.enumerated() {
      let pages = UInt64(index) * 512..<UInt64(index + 1) * 512
      for type in 0...4 {
        #expect(cell.content.usedPages[type] == UInt64(pages.count { used[$0] == type }))
      }
      #expect(cell.content.freePages == UInt64(pages.count { used[$0] == nil }))
      sum += cell.content.freePages + cell.content.usedPages.reduce(0, +)
    }
    #expect(sum == 16384)
    let pure = zone.pureBlocks.reduce(0, +)
    #expect(zone.freeBlocks + pure + zone.mixedBlocks + zone.unknownBlocks == zone.pageblocks)
  }

  @Test("pages are held from the allocation to the free, whoever frees them, and blocks may come back in parts")
  func pageUse() throws {
    let trace = ScriptedTrace()
    func page(_ kind: EventKind, _ frame: UInt64, _ order: UInt8, _ task: String) {
      trace.add(kind) {
        $0.address = frame
        $0.order = order
        $0.comm = trace.strings.intern(task)
      }
    }
    page(.mmPageAlloc, 64, 3, "a")
    page(.mmPageAlloc, 100, 0, "b")
    page(.mmPageFree, 66, 1, "b")
    page(.mmPageFree, 100, 0, "a")
    page(.mmPageFree, 7, 0, "a")
    page(.mmPageAlloc, 200, 0, "b")
    page(.mmPageAlloc, 200, 0, "a")
    var analysis = PageUseAnalysis()
    var cursor = TimeWindowCursor(.wholeTrace)
    var batch = EventBatch()
    while try trace.read(into: &batch) {
      for part in cursor.parts(of: batch, strings: trace.strings, clock: .time) { analysis.consume(batch, part) }
    }
    let findings = analysis.finish(strings: trace.strings, stacks: trace.stacks)
    #expect(findings.tasks.map(\.names) == [["a-1"], ["b-1"]])
    #expect(findings.tasks.map(\.pages.heldPages) == [7, 0])
    #expect(findings.tasks.map(\.pages.takenPages) == [9, 2])
    #expect(findings.total.heldPages == 7 && findings.peakHeldPages == 9)
    #expect(findings.freesOfUnseen == 1)
    #expect(findings.stacks.isEmpty)
  }

  @Test("a large zone is shown in as many cells as there is room for, and no damaged frame takes memory")
  func largeZone() throws {
    let trace = ScriptedTrace()
    trace.add(.mmPageAlloc) { $0.address = UInt64.max - 5 }
    trace.add(.mmPageAlloc) { $0.address = 1 << 27 }
    var map = FreeBlockMap(spans: [.init(name: "Normal", frames: 0..<(1 << 28))], maximumOrder: 10)
    map.insert(1 << 20, order: 10)
    var analysis = PageblockAnalysis(policy: policy)
    var batch = EventBatch()
    while try trace.read(into: &batch) { analysis.consume(batch, rows: 0..<batch.count) }
    let findings = analysis.finish(free: map)
    let zone = try #require(findings.zones.first)
    #expect(zone.cells.count == 1024)
    #expect(findings.pageblocksPerCell == [512])
    #expect(zone.freeBlocks == 2)
    #expect(zone.content.freePages == 1024 && zone.content.usedPages.reduce(0, +) == 1)
  }
}
