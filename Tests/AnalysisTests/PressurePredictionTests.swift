import KernelTypes
import MemoryModels
import ProcSnapshots
import Replay
import TestSupport
import Testing

@testable import Analysis

/// A machine of 64 MiB that runs short of memory, and one with two nodes: what the model says must stay as good as it is.
@Suite("Prediction of pressure on real captures") struct PressurePredictionTests {
  /// What a prediction must reach; all but `frames` are numbers that may be missed.
  struct Expected: Sendable, CustomTestStringConvertible {
    var capture: String
    var frames: UInt64
    var missedFrames: UInt64
    var missedDrains: UInt64
    var wakeups: UInt64
    var missedWakeups: UInt64
    var missedReclaims: UInt64
    var victims: UInt64 = 0

    var testDescription: String { capture }
  }

  static let samples = [
    Expected(
      capture: "6.1-slob-smp1-pressure", frames: 13_266, missedFrames: 0, missedDrains: 0, wakeups: 89,
      missedWakeups: 0, missedReclaims: 1),
    Expected(
      capture: "6.1-slab-smp1-oom", frames: 7312, missedFrames: 3, missedDrains: 89, wakeups: 8, missedWakeups: 1,
      missedReclaims: 1, victims: 1),
  ]

  @Test("frames, drains, wakes of kswapd, direct reclaim, compaction and victims", arguments: samples)
  func pressure(expected: Expected) throws {
    let findings = try PagePredictionTests.predict(
      ExpectedPrediction(capture: expected.capture, frames: expected.frames))
    let grades = findings.grades
    func missed(_ grade: Grade) -> UInt64 { grade.checked - grade.matched }
    #expect(grades.pageFrame.checked == expected.frames)
    #expect(missed(grades.pageFrame) <= expected.missedFrames, "\(missed(grades.pageFrame))")
    #expect(grades.drain.checked > 5000 && missed(grades.drain) <= expected.missedDrains, "\(missed(grades.drain))")
    let pressure = try #require(findings.pressure)
    #expect(pressure.wakeup.checked == expected.wakeups)
    #expect(missed(pressure.wakeup) <= expected.missedWakeups, "\(pressure.wakeupMisses)")
    #expect(pressure.wakeup.checked == pressure.lowWakeup.checked + pressure.boostWakeup.checked)
    #expect(missed(pressure.wakeup) == pressure.wakeupMisses.total)
    #expect(pressure.directReclaim.checked > 0 && missed(pressure.directReclaim) <= expected.missedReclaims)
    #expect(missed(pressure.directReclaim) == pressure.directReclaimMisses.total)
    #expect(pressure.runEnd.checked > 0 && missed(pressure.runEnd) * 20 <= pressure.runEnd.checked)
    // Where the kernel prints its free pages, the model has as many.
    #expect(missed(pressure.retry) == 0)
    #expect(missed(pressure.suitability) * 10 <= pressure.suitability.checked)
    #expect(missed(pressure.compaction) == 0 && missed(pressure.isolatedPages) == 0)
    #expect(pressure.victim == Grade(checked: expected.victims, matched: expected.victims))
  }

  /// A kernel with NUMA, a CPU and 128 MB on each of two nodes.
  @Test("with two nodes, requests are served at home first, and the lists of both are equal in order at the end")
  func nodes() throws {
    let findings = try PagePredictionTests.predict(
      ExpectedPrediction(capture: "6.1-slub-numa-smp2-rtnc", cpus: 2, frames: 17_049))
    let grades = findings.grades
    #expect(grades.pageFrame.checked == 17_049 && grades.pageFrame.matched >= 17_048)
    #expect(grades.zone.matched >= 17_048 && grades.refill.checked - grades.refill.matched <= 1)
    // What is missed is given back by the statistics worker, which leaves no other event.
    #expect(grades.drain.checked - grades.drain.matched <= 800 && grades.drain.matched > 11_000)
    #expect(findings.lists.map(\.zone) == ["node 0 DMA", "node 0 DMA32", "node 1 DMA32"])
    for zone in findings.lists {
      #expect(zone.freeLists.checked > 0 && zone.freeLists.matched == zone.freeLists.checked, "\(zone)")
      #expect(zone.perCPULists.matched == zone.perCPULists.checked, "\(zone)")
      #expect(zone.pageblocks.matched == zone.pageblocks.checked, "\(zone)")
    }
    #expect(!findings.types.isEmpty && findings.types.allSatisfy { $0.predicted == $0.observed })
  }

  /// Without a dump the start is made from zoneinfo and kpageflags, which name nodes, too.
  @Test("nodes are found in zoneinfo, and CPUs by whose memory they are handed")
  func nodesOfASnapshot() throws {
    let archive = SampleTraces.file("6.1-slub-numa-smp2-rtnc/free-lists.tar.zst")
    var snapshot = try SnapshotReader.read(path: archive, label: "t0")
    #expect(MachineStart.spans(snapshot).map(\.node) == [0, 0, 1])
    snapshot.freeLists = nil
    let spans = MachineStart.spans(snapshot)
    #expect(spans.map(\.node) == [0, 0, 1] && spans.map(\.kind) == [.dma, .dma32, .dma32])
    guard let machine = MachineStart.machine(snapshot, profile: KernelProfile(cpuCount: 2)) else {
      Issue.record("no machine")
      return
    }
    let orders = [machine.nodes, machine.zoneOrder(cpu: 0)]
    #expect(orders == [[0, 1], [1, 0, 2]])
  }
}
