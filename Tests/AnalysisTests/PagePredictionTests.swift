import KernelTypes
import MemoryModels
import ProcSnapshots
import Replay
import TestSupport
import Testing
import TraceEvents
import TraceInput

@testable import Analysis

/// What a prediction on a capture must reach.
struct ExpectedPrediction: Sendable, CustomTestStringConvertible {
  var capture: String
  var kernel = KernelVersion(6, 1)
  var cpus = 1
  /// Blocks handed out between the two dumps.
  var frames: UInt64

  var testDescription: String { capture }
}

/// The snapshot does not tell which pages were free.
private struct NoStart: Error {}

/// The model chooses every page frame, from the free lists in their order. A change that makes it worse fails here.
@Suite("Prediction of page frames on real captures") struct PagePredictionTests {
  static let exact = [
    ExpectedPrediction(capture: "6.1-slub-smp1-script-s20k", frames: 135),
    ExpectedPrediction(capture: "6.1-slab-smp1-script-s20k", frames: 265),
    ExpectedPrediction(capture: "6.1-slob-smp1-script-s20k", frames: 548),
    ExpectedPrediction(capture: "6.12-slub-smp1-script-s20k", kernel: KernelVersion(6, 12), frames: 132),
    ExpectedPrediction(capture: "6.1-slub-smp1-script-smix", frames: 1569),
    ExpectedPrediction(capture: "6.1-slub-smp1-rtnc", frames: 17057),
    ExpectedPrediction(capture: "6.1-slub-smp2-rtnc", cpus: 2, frames: 17048),
  ]

  static func predict(
    _ expected: ExpectedPrediction, trace: String? = nil, snapshots: String? = nil
  ) throws -> PageFrameFindings {
    let path = trace ?? SampleTraces.path(expected.capture)
    let archive = snapshots ?? SampleTraces.file(expected.capture + "/free-lists.tar.zst")
    let before = try SnapshotReader.read(path: archive, label: "t0")
    let after = try SnapshotReader.read(path: archive, label: "t1")
    let window = TimeWindow(from: .mark("snap-end t0"), to: .mark("snap-begin t1"))
    var batch = EventBatch()
    let first = try TraceInput.open(path: path)
    var fates = PageFates(nodes: MachineStart.spans(before), cpuLimit: expected.cpus)
    var cursor = TimeWindowCursor(window)
    while try first.read(into: &batch) {
      for part in cursor.parts(of: batch, strings: first.strings, clock: first.context.clock)
      where part.phase != .before {
        fates.consume(batch, rows: part.rows)
      }
    }
    let profile = KernelProfile(kernel: expected.kernel, cpuCount: expected.cpus)
    guard var machine = MachineStart.machine(before, profile: profile) else { throw NoStart() }
    for (cpu, node) in fates.cpuNodes.enumerated() {
      if let node { machine.setNode(node, cpu: cpu) }
    }
    let second = try TraceInput.open(path: path)
    var prediction = PagePrediction(machine, fates: fates, strings: second.strings)
    cursor = TimeWindowCursor(window)
    while try second.read(into: &batch) {
      for part in cursor.parts(of: batch, strings: second.strings, clock: second.context.clock)
      where part.phase == .inside {
        prediction.consume(batch, rows: part.rows, isInside: true)
      }
    }
    prediction.finish()
    let grades = prediction.grades
    let pressure = prediction.tellsReclaim ? prediction.pressure : nil
    let knowledge = before.freeLists == nil ? MachineStart.Knowledge.pageFlags : .freeLists
    return prediction.withMachine {
      PageFrameFindings(start: knowledge, grades: grades, pressure: pressure, machine: $0, after: after)
    }
  }

  @Test(
    "every frame, refill, drain and zone is predicted, and the lists at the end are equal in order", arguments: exact)
  func isExact(expected: ExpectedPrediction) throws {
    let findings = try Self.predict(expected)
    let grades = findings.grades
    #expect(grades.pageFrame == Grade(checked: expected.frames, matched: expected.frames))
    #expect(grades.isExact && grades.zone.matched == expected.frames)
    #expect(grades.fallback.matched == grades.fallback.checked)
    #expect(grades.misses.allSatisfy { $0 == 0 })
    #expect(findings.lists.count == 2)
    for zone in findings.lists {
      #expect(zone.freeLists.checked > 0 && zone.freeLists.matched == zone.freeLists.checked, "\(zone)")
      #expect(zone.freeBlocks.matched == zone.freeBlocks.checked, "\(zone)")
      #expect(zone.perCPULists.matched == zone.perCPULists.checked, "\(zone)")
      #expect(zone.pageblocks.matched == zone.pageblocks.checked, "\(zone)")
    }
    #expect(!findings.types.isEmpty && findings.types.allSatisfy { $0.predicted == $0.observed })
  }

  @Test("without the order of the lists most zones are right, and every miss has a kind")
  func fromPageFlags() throws {
    let archive = SampleTraces.file("6.1-slub-smp2-rtnc/snapshots.tar.zst")
    let expected = ExpectedPrediction(capture: "6.1-slub-smp2-rtnc", cpus: 2, frames: 17048)
    let findings = try Self.predict(expected, snapshots: archive)
    let grades = findings.grades
    #expect(grades.pageFrame.checked == expected.frames)
    #expect(grades.pageFrame.matched * 2 > grades.pageFrame.checked)
    #expect(grades.misses.reduce(0, +) == grades.pageFrame.checked - grades.pageFrame.matched)
  }

  /// Captures that are too large to ship: fragmentation on purpose, where the marks are raised and memory is short.
  static let shared = [
    ExpectedPrediction(capture: "6.1-slub-smp1-frag", frames: 4928),
    ExpectedPrediction(capture: "6.1-slab-smp1-frag", frames: 4904),
    ExpectedPrediction(capture: "6.12-slub-smp1-frag", kernel: KernelVersion(6, 12), frames: 4828),
  ].filter { SharedCaptures.path($0.capture) != nil }

  @Test(
    "where memory is fragmented, at most one frame in a thousand is missed, and every wake of kswapd is predicted",
    .enabled(if: !shared.isEmpty, "there are no captures beside the package"), arguments: shared)
  func fragmented(expected: ExpectedPrediction) throws {
    let trace = try #require(SharedCaptures.path(expected.capture))
    let findings = try Self.predict(
      expected, trace: trace, snapshots: trace.replacing("trace.txt.zst", with: "snaps.tar.zst"))
    let frames = findings.grades.pageFrame
    #expect(frames.checked == expected.frames && (frames.checked - frames.matched) * 1000 <= frames.checked)
    let pressure = try #require(findings.pressure)
    #expect(pressure.wakeup.checked > 0 && pressure.wakeup.matched == pressure.wakeup.checked)
    for zone in findings.lists { #expect(zone.freeLists.matched == zone.freeLists.checked, "\(zone)") }
  }
}
