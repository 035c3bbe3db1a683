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
    var survey = FrameSurvey(policy: policy)
    var batch = EventBatch()
    while try trace.read(into: &batch) { survey.consume(batch) }
    var free: [UInt64] = []
    survey.forEachFree { free.append($0) }
    let (end, seen, unseen) = (survey.end, survey.isSeen(90), survey.isSeen(91))
    #expect(free == [70, 71] && end == 91 && seen && !unseen)
  }
}

@Suite("Migrate types in a replay of page events") struct FragmentationTypeTests {
  private func policy(_ major: Int, _ minor: Int) -> PageAllocatorPolicy {
    KernelProfile(kernel: KernelVersion(major, minor)).pageAllocator
  }

  private func page(_ trace: ScriptedTrace, _ kind: EventKind, _ frame: UInt64, _ order: UInt8 = 0, type: UInt8) {
    trace.add(kind) {
      $0.address = frame
      $0.order = order
      $0.migrateType = type
      $0.gfp = trace.strings.intern(kind == .mmPageAlloc ? "GFP_KERNEL" : "")
    }
  }

  private func fallback(
    _ trace: ScriptedTrace, _ frame: UInt64, order: UInt8 = 0, found: UInt64, wanted: UInt8, from: UInt64, owns: Bool
  ) {
    trace.add(.mmPageAllocExtfrag) {
      $0.address = frame
      $0.order = order
      $0.requestedBytes = found
      $0.allocatedBytes = from
      $0.migrateType = wanted
      if found < 9 { $0.flags.insert(.fragmenting) }
      if owns { $0.flags.insert(.changeOwnership) }
    }
  }

  private func replay(
    _ trace: ScriptedTrace, _ policy: PageAllocatorPolicy, freeAtStart: [(UInt64, Int)], types: [UInt64: UInt8]
  ) throws -> FragmentationOutcome {
    var map = FreeBlockMap(spans: [.init(name: "DMA32", frames: 4096..<8192)], maximumOrder: policy.maximumOrder)
    for (frame, order) in freeAtStart { map.insert(frame, order: order, type: types[frame >> 9] ?? 7) }
    var replay = FragmentationReplay(
      map: map, pageblockTypes: types, policy: policy, strings: trace.strings, stacks: trace.stacks)
    var batch = EventBatch()
    while try trace.read(into: &batch) { replay.consume(batch, rows: 0..<batch.count, isInside: true) }
    return replay.finish()
  }

  @Test("a fallback that only takes a block mixes the pageblock, and freeing the page undoes it")
  func mixedAndBack() throws {
    let trace = ScriptedTrace()
    fallback(trace, 4096, found: 3, wanted: 1, from: 0, owns: false)
    page(trace, .mmPageAllocZoneLocked, 4096, type: 1)
    page(trace, .mmPageAlloc, 4096, type: 1)
    trace.mark("mixed")
    page(trace, .mmPageFree, 4096, type: 1)
    trace.mark("freed")
    let outcome = try replay(trace, policy(6, 1), freeAtStart: [(4096, 3), (4112, 4)], types: [8: 0])
    #expect(outcome.marks[0].mixedBlocks == [[1, 0, 0, 0, 0, 0, 0]])
    #expect(outcome.marks[1].mixedBlocks == [[0, 0, 0, 0, 0, 0, 0]])
    #expect(outcome.becameMixed == 1 && outcome.stillMixed == 0 && outcome.mixed.isEmpty)
    let mixer = try #require(outcome.mixers.first)
    #expect(mixer.wanted == 1 && mixer.owner == 0 && mixer.isFallback && mixer.flags == "GFP_KERNEL")
    #expect(mixer.count == 1 && mixer.stillMixed == 0)
    // A movable request takes one block and leaves the rest of the pageblock on its lists.
    #expect(outcome.freeBlocksByType[0][1] == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(outcome.freeBlocksByType[0][0] == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  }

  @Test("a pageblock that changes its type takes its free blocks along, and is mixed by the pages that stay")
  func claimed() throws {
    let trace = ScriptedTrace()
    page(trace, .mmPageAlloc, 4200, type: 1)
    fallback(trace, 4096, found: 5, wanted: 0, from: 1, owns: true)
    page(trace, .mmPageAllocZoneLocked, 4096, type: 0)
    page(trace, .mmPageAlloc, 4096, type: 0)
    let outcome = try replay(trace, policy(6, 1), freeAtStart: [(4096, 5), (4160, 5)], types: [8: 1])
    #expect(outcome.mixed.map(\.owner) == [0] && outcome.mixed.map(\.pageblocks) == [1])
    #expect(outcome.mixed.first?.usedPages.prefix(2) == [1, 1])
    #expect(outcome.freeBlocksByType[0][0] == [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    #expect(outcome.freeBlocksByType[0][1].allSatisfy { $0 == 0 })
    #expect(outcome.mixers.map(\.stillMixed) == [1])
  }

  @Test("from 6.12 on a block stolen alone leaves with its fallback event, and the rest keeps its type")
  func stolen() throws {
    let trace = ScriptedTrace()
    fallback(trace, 4096, found: 2, wanted: 0, from: 1, owns: false)
    page(trace, .mmPageAlloc, 4096, type: 0)
    let outcome = try replay(trace, policy(6, 12), freeAtStart: [(4096, 2)], types: [8: 1])
    #expect(outcome.takenByFallback == 1 && outcome.takenWhileInUse == 0)
    #expect(outcome.freeBlocksByType[0][1] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(outcome.mixed.map(\.owner) == [1])
  }

  @Test("drains put pages back on the list that the event names, and blocks freed directly on their pageblock's")
  func returned() throws {
    let trace = ScriptedTrace()
    page(trace, .mmPagePCPUDrain, 4096, type: 2)
    page(trace, .mmPageFree, 4608, 5, type: 0)
    let outcome = try replay(trace, policy(6, 1), freeAtStart: [], types: [9: 1])
    #expect(outcome.freeBlocksByType[0][2][0] == 1 && outcome.freeBlocksByType[0][1][5] == 1)
  }

  @Test("the first event of a pageblock tells its type at the start, before and behind a fallback", arguments: [1, 12])
  func survey(minor: Int) throws {
    let trace = ScriptedTrace()
    if minor == 1 {
      fallback(trace, 4096, found: 5, wanted: 0, from: 1, owns: true)
      page(trace, .mmPageAllocZoneLocked, 4096, type: 0)
    } else {
      page(trace, .mmPageAllocZoneLocked, 4096, type: 0)
      fallback(trace, 4096, found: 5, wanted: 0, from: 1, owns: true)
    }
    page(trace, .mmPageAllocZoneLocked, 4608, type: 2)
    page(trace, .mmPagePCPUDrain, 5120, type: 0)
    page(trace, .mmPageFree, 5632, type: 0)
    var survey = FrameSurvey(policy: policy(6, minor))
    var batch = EventBatch()
    while try trace.read(into: &batch) { survey.consume(batch) }
    let wasFree = survey.wasFree(4096)
    #expect(wasFree)
    let types = (8...11).map { survey.type(ofPageblock: $0) }
    #expect(types == [1, 2, 0, nil])
  }
}
