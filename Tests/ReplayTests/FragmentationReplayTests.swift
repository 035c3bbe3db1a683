import KernelTypes
import MemoryModels
import Replay
import TestSupport
import Testing
import TraceEvents

@Suite("Replay of page events") struct FragmentationReplayTests {
  private let policy = KernelProfile(kernel: KernelVersion(6, 1)).pageAllocator

  private func page(_ trace: ScriptedTrace, _ kind: EventKind, _ frame: UInt64, _ order: UInt8, type: UInt8 = 1) {
    trace.add(kind) {
      $0.address = frame
      $0.order = order
      $0.migrateType = type
    }
  }

  private func replay(_ trace: ScriptedTrace, freeAtStart: [(UInt64, Int)]) throws -> FragmentationOutcome {
    var map = FreeBlockMap(
      spans: [.init(name: "DMA32", frames: 4096..<8192)], maximumOrder: policy.maximumOrder)
    for (frame, order) in freeAtStart { map.insert(frame, order: order) }
    var replay = FragmentationReplay(map: map, policy: policy, strings: trace.strings, stacks: trace.stacks)
    var batch = EventBatch()
    while try trace.read(into: &batch) { replay.consume(batch, rows: 0..<batch.count, isInside: true) }
    return replay.finish()
  }

  @Test("pages leave with zone_locked and come back with drains; frees to per-CPU lists change nothing")
  func events() throws {
    let trace = ScriptedTrace()
    page(trace, .mmPageAllocZoneLocked, 4096, 0)
    page(trace, .mmPageAlloc, 4096, 0)
    page(trace, .mmPageFree, 4096, 0)
    trace.mark("freed")
    page(trace, .mmPagePCPUDrain, 4096, 0)
    trace.mark("drained")
    let outcome = try replay(trace, freeAtStart: [(4096, 10)])
    #expect(outcome.marks[0].freeBlocks[0] == [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0])
    #expect(outcome.marks[1].freeBlocks[0] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    #expect(outcome.brokenPageblocks == 1 && outcome.breakers.first?.task == "task")
  }

  @Test("blocks too large for per-CPU lists go straight back; a THP-sized one does not")
  func largeBlocks() throws {
    let trace = ScriptedTrace()
    page(trace, .mmPageFree, 4096, 5)
    page(trace, .mmPageFree, 4608, 9)
    let outcome = try replay(trace, freeAtStart: [])
    #expect(outcome.end.freeBlocks[0] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
  }

  @Test("the moments at which orders ran out and came back are kept")
  func availability() throws {
    let trace = ScriptedTrace()
    page(trace, .mmPageAllocZoneLocked, 4096, 0)  // at 0
    trace.mark("between")
    page(trace, .mmPagePCPUDrain, 4096, 0)  // 2 µs later
    page(trace, .mmPageAllocZoneLocked, 4096, 3)  // 3 µs
    trace.mark("end")  // 4 µs
    let outcome = try replay(trace, freeAtStart: [(4096, 3)])
    let order3 = outcome.availability[0][3]
    #expect(order3.firstMissing == 0 && order3.times == 2 && order3.isMissingAtEnd)
    #expect(order3.missingNanoseconds == 3000)
    let order0 = outcome.availability[0][0]
    #expect(order0.firstMissing == 3000 && order0.times == 1 && order0.missingNanoseconds == 1000)
    #expect(outcome.availability[0][10].firstMissing == 0)
  }

  @Test("what the trace did not show is counted, not guessed away")
  func inferred() throws {
    let trace = ScriptedTrace()
    page(trace, .mmPageAllocZoneLocked, 5000, 0)
    page(trace, .mmPagePCPUDrain, 4096, 0)
    page(trace, .mmPagePCPUDrain, 4096, 0)
    page(trace, .mmPageAllocZoneLocked, 100, 0)
    let outcome = try replay(trace, freeAtStart: [])
    #expect(outcome.takenWhileInUse == 1 && outcome.freedWhileFree == 1 && outcome.outside == 1)
  }

  @Test("frames that were taken first were free at the start, whatever happened to them later")
  func survey() throws {
    let trace = ScriptedTrace()
    page(trace, .mmPageAllocZoneLocked, 70, 1)
    page(trace, .mmPageFree, 80, 0)
    page(trace, .mmPageAllocZoneLocked, 80, 0)
    page(trace, .mmPageAlloc, 90, 0)
    var survey = FrameSurvey()
    var batch = EventBatch()
    while try trace.read(into: &batch) { survey.consume(batch) }
    var free: [UInt64] = []
    survey.forEachFree { free.append($0) }
    let (end, seen, unseen) = (survey.end, survey.isSeen(90), survey.isSeen(91))
    #expect(free == [70, 71] && end == 91 && seen && !unseen)
  }
}
