import KernelTypes
import Replay
import TestSupport
import Testing
import TraceEvents
import TraceInput

@Suite("Damaged events") struct DamagedEventTests {
  private func damage(_ event: inout Event, _ random: inout SeededGenerator) {
    let extremes: [UInt64] = [
      0, 1, 16, 4095, 4096, 1 << 24, 1 << 32, 1 << 52, .max, .max - 1, .max << 12, 0xFFFF_8880_0000_0000,
    ]
    func extreme(_ random: inout SeededGenerator) -> UInt64 {
      extremes[Int.random(in: 0..<extremes.count, using: &random)] &+ UInt64.random(in: 0...64, using: &random)
    }
    switch Int.random(in: 0..<9, using: &random) {
    case 0: event.address = extreme(&random)
    case 1: event.address ^= 1 << UInt64.random(in: 0..<64, using: &random)
    case 2: event.requestedBytes = extreme(&random)
    case 3: event.allocatedBytes = extreme(&random)
    case 4: event.order = UInt8.random(in: 0...255, using: &random)
    case 5: event.cpu = UInt16.random(in: 0...65535, using: &random)
    case 6: event.migrateType = UInt8.random(in: 0...255, using: &random)
    case 7: event.time = extreme(&random)
    default: event.kind = EventKind.allCases.randomElement(using: &random) ?? .kfree
    }
  }

  @Test("no damage to an event makes a replay crash or lose count", arguments: 1...40 as ClosedRange<UInt64>)
  func survives(seed: UInt64) throws {
    let source = try TraceInput.open(path: SampleTraces.path("6.1-slub-smp2-script-s20k"))
    var random = SeededGenerator(seed: seed)
    var batch = EventBatch()
    var events: [Event] = []
    while try source.read(into: &batch) {
      for row in 0..<batch.count {
        var event = batch[row]
        if Int.random(in: 0..<20, using: &random) == 0 { damage(&event, &random) }
        if Int.random(in: 0..<50, using: &random) != 0 { events.append(event) }
      }
    }
    let profile = KernelProfile(kernel: KernelVersion(6, 1), cpuCount: 2)
    var survey = TraceSurvey(profile: profile, pageOffset: 0xF_FFF8_8800_0000, strings: source.strings)
    func each(_ body: (borrowing EventBatch) -> Void) {
      var batch = EventBatch()
      for event in events {
        batch.append(event)
        if batch.isFull {
          body(batch)
          batch.removeAll()
        }
      }
      body(batch)
    }
    each { survey.consume($0) }
    survey.finish()
    var engine = ReplayEngine(profile: profile, survey: survey, following: true, strings: source.strings)
    each { engine.consume($0, rows: 0..<$0.count, isInside: true) }
    let outcome = engine.finish()
    let figures = outcome.end.modelled
    #expect(figures.slabPages * 4096 == figures.live.allocatedBytes &+ figures.freeSlotBytes &+ figures.paddingBytes)
    #expect(outcome.grades != nil)
  }
}
