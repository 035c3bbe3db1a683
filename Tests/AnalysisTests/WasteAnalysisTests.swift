import Analysis
import KernelTypes
import TestSupport
import Testing
import TraceEvents

/// Runs a scripted trace through the analysis, in batches of `capacity` rows.
func waste(
  _ trace: ScriptedTrace, by grouping: WasteGrouping = .callSite, family: EventFamily = .all,
  window: TimeWindow = .wholeTrace, naming: WasteNaming = WasteNaming(), capacity: Int = 7
) throws -> WasteResult {
  trace.rewind()
  var analysis = WasteAnalysis(grouping: grouping, family: family)
  var cursor = TimeWindowCursor(window)
  var batch = EventBatch(capacity: capacity)
  while try trace.read(into: &batch) {
    for part in cursor.parts(of: batch, strings: trace.strings, clock: .time) {
      analysis.consume(batch, part, strings: trace.strings)
    }
  }
  return analysis.finish(strings: trace.strings, naming: naming)
}

@Suite struct WasteAnalysisTests {
  /// A random stream with every hazard: unseen and NULL frees, reused addresses, failures, equal sizes.
  private func randomTrace(seed: UInt64, events: Int) -> ScriptedTrace {
    var random = SeededGenerator(seed: seed)
    let trace = ScriptedTrace()
    for _ in 0..<events {
      let address = 0x1000 + UInt64.random(in: 0..<60, using: &random) * 8
      switch Int.random(in: 0..<20, using: &random) {
      case 0: trace.free(0)
      case 1: trace.free(0x10)
      case 2: trace.allocate(0, 100, 128)
      case 3: trace.mark("m")
      case 4..<13:
        let requested = UInt64.random(in: 1...300, using: &random)
        let site = "site\(Int.random(in: 0..<5, using: &random))"
        let slack = UInt64.random(in: 0...3, using: &random) * 8
        trace.allocate(
          address, requested, requested + slack, site: site,
          kind: Bool.random(using: &random) ? .kmalloc : .kmemCacheAlloc)
      default: trace.free(address, kind: Bool.random(using: &random) ? .kfree : .kmemCacheFree)
      }
    }
    return trace
  }

  @Test(arguments: UInt64(1)...40)
  func sumsOfRandomTracesEqualThoseOfThePlainestComputation(seed: UInt64) throws {
    let trace = randomTrace(seed: seed, events: 400)
    var random = SeededGenerator(seed: seed &* 77)
    let opens = seed % 2 == 0 ? 0 : Int.random(in: 1..<200, using: &random)
    let closes = seed % 3 == 0 ? 399 : Int.random(in: 200..<400, using: &random)
    let times = trace.events.map(\.time)
    func time(_ row: Int) -> ClockTime {
      ClockTime(seconds: times[row] / 1_000_000_000, nanoseconds: times[row] % 1_000_000_000)
    }
    let result = try waste(trace, window: TimeWindow(from: .clock(time(opens)), to: .clock(time(closes))))

    var reference = WasteReference()
    for row in 0...closes {
      if row == opens { reference.open(times[row]) }
      let event = trace.events[row]
      reference.consume(event, key: trace.strings.string(event.callSite))
    }
    #expect(result.total == WasteReference.all(reference.total))
    #expect(result.frees == reference.frees.values.reduce(0, +))
    #expect(result.live == WasteReference.sum(reference.live.values))
    #expect(result.peak.amount == WasteReference.all(reference.peak))
    #expect(result.peak.time == reference.peakTime - times[0])
    #expect(result.peakWaste.amount == reference.peakWaste)
    #expect(result.peakWaste.time == reference.peakWasteTime - times[0])
    #expect(result.pairing == reference.pairing)
    let live = reference.liveByKey()
    for group in result.groups {
      #expect(group.total == reference.total[group.key, default: Amount()])
      #expect(group.frees == reference.frees[group.key, default: 0])
      #expect(group.live == live[group.key, default: Amount()])
      #expect(group.peak == reference.peak[group.key, default: Amount()])
    }
    #expect(Set(result.groups.map(\.key)).isSuperset(of: live.keys))
  }

  @Test(arguments: WasteGrouping.allCases)
  func everyGroupingAddsUpToTheSameSums(grouping: WasteGrouping) throws {
    let result = try waste(randomTrace(seed: 5, events: 2000), by: grouping)
    #expect(result.groups.reduce(Amount()) { $0 + $1.total } == result.total)
    #expect(result.groups.reduce(Amount()) { $0 + $1.live } == result.live)
    #expect(result.groups.reduce(Amount()) { $0 + $1.peak } == result.peak.amount)
    #expect(result.groups.reduce(0) { $0 + $1.frees } == result.frees)
  }

  @Test func batchSizeDoesNotChangeTheResult() throws {
    let trace = randomTrace(seed: 9, events: 500)
    let small = try waste(trace, capacity: 1)
    let large = try waste(trace, capacity: 4096)
    #expect(small.groups.map(\.key) == large.groups.map(\.key))
    #expect(small.groups.map(\.peak) == large.groups.map(\.peak))
    #expect(small.peak.time == large.peak.time)
  }

  @Test func anObjectReplacedAtItsAddressLeavesTheLiveSums() throws {
    let trace = ScriptedTrace()
    trace.allocate(0x1000, 10, 16, site: "a")
    trace.allocate(0x1000, 20, 32, site: "b")
    let result = try waste(trace)
    #expect(result.live == Amount(objects: 1, requestedBytes: 20, allocatedBytes: 32))
    #expect(result.total == Amount(objects: 2, requestedBytes: 30, allocatedBytes: 48))
    #expect(result.frees == 0)
    #expect(result.pairing.allocationsOfLive == 1)
    #expect(result.peak.amount.allocatedBytes == 32)
  }

  @Test func ofEqualPeaksTheFirstCounts() throws {
    let trace = ScriptedTrace()
    for _ in 0..<2 {
      trace.allocate(0x1000, 10, 16, site: "a")
      trace.free(0x1000)
      trace.allocate(0x2000, 10, 16, site: "b")
      trace.free(0x2000)
    }
    let result = try waste(trace)
    #expect(result.peak.time == 0)
    #expect(result.peakWaste.time == 0)
    #expect(result.groups.map(\.peak.objects) == [1, 0])
  }

  @Test func placeholderPointersCountInTheTotalOnly() throws {
    let trace = ScriptedTrace()
    trace.add(.kmalloc) {
      $0.requestedBytes = 10
      $0.allocatedBytes = 16
      $0.flags.insert(.unknownPointer)
    }
    trace.add(.kfree) { $0.flags.insert(.unknownPointer) }
    let result = try waste(trace)
    #expect(result.total.allocatedBytes == 16)
    #expect(result.live.objects == 0)
    #expect(result.pairing.unpairedAllocations == 1)
    #expect(result.pairing.unpairedFrees == 1)
  }

  @Test func sizesOfFourGibibytesAndMoreAreCountedAndLeftOut() throws {
    let trace = ScriptedTrace()
    trace.allocate(0x1000, .max, .max)
    let result = try waste(trace)
    #expect(result.total.objects == 0)
    #expect(result.pairing.implausibleSizes == 1)
  }

  @Test func aFamilyLeavesTheOtherOutButStillPairsIt() throws {
    let trace = ScriptedTrace()
    trace.allocate(0x1000, 10, 16)
    trace.allocate(0x2000, 20, 32, kind: .kmemCacheAlloc)
    trace.free(0x2000, kind: .kmemCacheFree)
    let result = try waste(trace, family: .kmalloc)
    #expect(result.total.objects == 1)
    #expect(result.frees == 0)
    #expect(result.pairing.freesOfUnseen == 0)
  }

  @Test func groupsAreSortedByLiveWasteThenByKey() throws {
    let trace = ScriptedTrace()
    trace.allocate(0x1000, 10, 16, site: "b")
    trace.allocate(0x2000, 10, 16, site: "a")
    trace.allocate(0x3000, 10, 32, site: "c")
    #expect(try waste(trace).groups.map(\.key) == ["c", "a", "b"])
  }

  @Test func markersTellWhatIsLive() throws {
    let trace = ScriptedTrace()
    trace.allocate(0x1000, 10, 16)
    trace.mark("one")
    trace.allocate(0x2000, 10, 16)
    trace.mark("two")
    let result = try waste(trace, window: TimeWindow(from: .mark("one")))
    #expect(result.marks.map(\.text) == ["one", "two"])
    #expect(result.marks.map(\.live.objects) == [1, 2])
    #expect(result.marks.map(\.time) == [1000, 3000])
    #expect(result.total.objects == 1)
    #expect(result.live.objects == 2)
  }
}
