import KernelTypes
import MemoryModels
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
}
