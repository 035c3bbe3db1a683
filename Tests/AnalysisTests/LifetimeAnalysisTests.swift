import Analysis
import KernelTypes
import TestSupport
import Testing
import TraceEvents

@Suite("Lifetimes") struct LifetimeAnalysisTests {
  private func analyse(_ trace: ScriptedTrace, window: TimeWindow = .wholeTrace) throws -> LifetimeFindings {
    var analysis = LifetimeAnalysis()
    var cursor = TimeWindowCursor(window)
    var batch = EventBatch(capacity: 64)
    while try trace.read(into: &batch) {
      for part in cursor.parts(of: batch, strings: trace.strings, clock: .time) { analysis.consume(batch, part) }
    }
    return analysis.finish(strings: trace.strings, stacks: trace.stacks)
  }

  private func site(_ findings: LifetimeFindings, _ key: String) throws -> LifetimeFindings.Site {
    try #require(findings.sites.first { $0.key == key })
  }

  @Test("a lifetime runs from the allocation to the free, and its CPU may differ")
  func oneObject() throws {
    let trace = ScriptedTrace()
    trace.allocate(0x1000, 100, 128, site: "a+0x1/0x2")
    trace.add(.mark)
    trace.add(.kfree) {
      $0.address = 0x1000
      $0.cpu = 1
    }
    let findings = try analyse(trace)
    let found = try site(findings, "a+0x1/0x2")
    #expect(found.meanLifetime == 2000)
    #expect(found.freesByLifetime == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(findings.bytesByLifetime[1] == 128)
    #expect(found.freesOnOtherCPU == 1)
    #expect(found.transientPercent == 100)
    #expect(found.live == Amount() && found.kept == Amount())
    #expect(found.peakLiveBytes == 128)
  }

  @Test("ranges are by powers of ten, each bound in the range above it")
  func ranges() {
    #expect(LifetimeBins.count == LifetimeBins.bounds.count + 1)
    #expect(LifetimeBins.median([0, 0, 3, 1]) == 2)
    #expect(LifetimeBins.median([1, 1, 0]) == 0)
    #expect(LifetimeBins.median([0, 0]) == nil)
  }

  @Test(
    "what keeps some objects of every age is a leak suspect; a cache that turns over and one that is filled once are not"
  )
  func suspects() throws {
    let trace = ScriptedTrace()
    for number in 0..<800 as Range<UInt64> {
      if number < 50 { trace.allocate(0x100_0000 + number * 64, 64, 64, site: "filled+0x1/0x2") }
      trace.allocate(0x200_0000 + number * 64, 50, 64, site: "turnover+0x1/0x2")
      if number >= 10 { trace.free(0x200_0000 + (number - 10) * 64) }
      trace.allocate(0x300_0000 + number * 64, 40, 64, site: "leak+0x1/0x2")
      if number % 2 == 0 { trace.free(0x300_0000 + number * 64) }
    }
    let findings = try analyse(trace)
    #expect(findings.suspects.map(\.key) == ["leak+0x1/0x2"])
    let leak = try site(findings, "leak+0x1/0x2")
    #expect(leak.kept.objects == 400)
    #expect(leak.keptPercent == 50)
    #expect(leak.slicesWithSurvivors == 8)
    let turnover = try site(findings, "turnover+0x1/0x2")
    #expect(turnover.peakLiveBytes == 11 * 64)
    #expect(abs(turnover.turnover - 800.0 / 11) < 0.01)
    #expect(try site(findings, "filled+0x1/0x2").slicesWithSurvivors == 1)
  }

  @Test("objects from before the window are live in it, but neither its allocations nor its survivors")
  func window() throws {
    let trace = ScriptedTrace()
    trace.allocate(0x1000, 100, 128, site: "old+0x1/0x2")
    trace.mark("go")
    trace.allocate(0x2000, 10, 16, site: "new+0x1/0x2")
    trace.mark("stop")
    trace.free(0x1000)
    let findings = try analyse(trace, window: TimeWindow(from: .mark("go"), to: .mark("stop")))
    #expect(findings.live == Amount(objects: 2, requestedBytes: 110, allocatedBytes: 144))
    #expect(findings.total == Amount(objects: 1, requestedBytes: 10, allocatedBytes: 16))
    #expect(findings.frees == 0)
    let old = try site(findings, "old+0x1/0x2")
    #expect(old.kept == Amount() && old.live.objects == 1 && old.peakLiveBytes == 128)
  }

  @Test("random traces give what a plain computation with dictionaries gives", arguments: [1, 2, 3] as [UInt64])
  func random(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let trace = ScriptedTrace()
    var live: [UInt64: (time: Int, bytes: UInt64, site: Int)] = [:]
    var frees = [Int](repeating: 0, count: 5)
    var sums = [Int](repeating: 0, count: 5)
    var bytes = [UInt64](repeating: 0, count: 5)
    for step in 0..<3000 {
      let address = UInt64.random(in: 1...300, using: &generator) << 8
      if Bool.random(using: &generator) {
        let site = Int.random(in: 0..<5, using: &generator)
        let size = UInt64.random(in: 1...200, using: &generator)
        trace.allocate(address, size, size + 8, site: "s\(site)+0x1/0x2")
        live[address] = (step, size + 8, site)
        bytes[site] += size + 8
      } else {
        trace.free(address)
        if let object = live.removeValue(forKey: address) {
          frees[object.site] += 1
          sums[object.site] += (step - object.time) * 1000
        }
      }
    }
    let findings = try analyse(trace)
    for number in 0..<5 {
      let found = try site(findings, "s\(number)+0x1/0x2")
      #expect(found.frees == UInt64(frees[number]))
      #expect(found.lifetimeSum == UInt64(sums[number]))
      #expect(found.freesByLifetime.reduce(0, +) == UInt64(frees[number]))
      #expect(found.total.allocatedBytes == bytes[number])
      let left = live.values.filter { $0.site == number }
      #expect(found.live.objects == UInt64(left.count))
      #expect(found.kept.allocatedBytes == left.reduce(0) { $0 + $1.bytes })
    }
    #expect(findings.timeline.count > 1)
    #expect(findings.freesByLifetime.reduce(0, +) == findings.frees)
  }

  @Test("stacks are summed by functions, whatever the places in them")
  func stacks() throws {
    let trace = ScriptedTrace()
    for (number, frames) in [["in+0x1/0x9", "out+0x1/0x9"], ["in+0x2/0x9", "out+0x1/0x9"]].enumerated() {
      trace.add(.kmalloc) {
        $0.address = 0x1000 + UInt64(number) * 256
        $0.requestedBytes = 100
        $0.allocatedBytes = 128
        $0.callSite = trace.strings.intern("in+0x1/0x9")
        $0.stack = trace.stacks.intern(frames.map(trace.strings.intern))
      }
    }
    trace.free(0x1000)
    let findings = try analyse(trace)
    #expect(findings.stacks.count == 1)
    #expect(findings.stacks.first?.frames == ["out", "in"])
    #expect(findings.stacks.first?.total.objects == 2)
    #expect(findings.stacks.first?.live.objects == 1)
  }
}
