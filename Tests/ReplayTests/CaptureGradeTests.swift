import KernelTypes
import Replay
import TestSupport
import Testing

/// What a capture's grades must reach.
struct ExpectedGrades: Sendable, CustomTestStringConvertible {
  var capture: String
  var cpus: Int
  var kmallocs: UInt64
  /// Addresses on new slabs: how many there are, and how many at least are right.
  var addresses: UInt64
  var rightAddresses: UInt64
  /// Growths of the model or the kernel, at most, and those of both, at least.
  var growths: UInt64
  var rightGrowths: UInt64
  var maximumOrder = 3

  var testDescription: String { capture }
}

/// The model's grades on real captures. A change that makes the model worse fails here; one that makes it better raises
/// the floors.
@Suite("Grades on real captures") struct CaptureGradeTests {
  static let scripts = [
    ExpectedGrades(
      capture: "6.1-slub-smp1-script-s20k", cpus: 1, kmallocs: 10379, addresses: 7173, rightAddresses: 7173,
      growths: 108, rightGrowths: 108),
    ExpectedGrades(
      capture: "6.1-slub-smp1-script-smix", cpus: 1, kmallocs: 6920, addresses: 6988, rightAddresses: 6988,
      growths: 110, rightGrowths: 110),
    ExpectedGrades(
      capture: "6.1-slub-smp2-script-s20k", cpus: 2, kmallocs: 10379, addresses: 8481, rightAddresses: 8481,
      growths: 80, rightGrowths: 80),
    ExpectedGrades(
      capture: "6.1-slub-smp1-script-s20k-order0", cpus: 1, kmallocs: 10379, addresses: 7248, rightAddresses: 7248,
      growths: 242, rightGrowths: 242, maximumOrder: 0),
    ExpectedGrades(
      capture: "6.12-slub-smp1-script-s20k", cpus: 1, kmallocs: 10405, addresses: 8005, rightAddresses: 8005,
      growths: 105, rightGrowths: 105),
  ]

  static let workloads = [
    ExpectedGrades(
      capture: "6.1-slub-smp1-boot", cpus: 1, kmallocs: 22371, addresses: 89638, rightAddresses: 89259,
      growths: 2182, rightGrowths: 2149),
    ExpectedGrades(
      capture: "6.1-slub-smp2-boot", cpus: 2, kmallocs: 27798, addresses: 98995, rightAddresses: 98520,
      growths: 2239, rightGrowths: 2197),
    ExpectedGrades(
      capture: "6.1-slub-smp1-rtnc", cpus: 1, kmallocs: 7069, addresses: 33089, rightAddresses: 32762, growths: 882,
      rightGrowths: 858),
    ExpectedGrades(
      capture: "6.1-slub-smp2-rtnc", cpus: 2, kmallocs: 7114, addresses: 32494, rightAddresses: 32114, growths: 890,
      rightGrowths: 843),
  ]

  private func grades(_ expected: ExpectedGrades) throws -> FollowGrades {
    let outcome = try replayCapture(at: SampleTraces.path(expected.capture), cpuCount: expected.cpus) {
      $0.slub.maximumOrder = expected.maximumOrder
    }
    return try #require(outcome.grades)
  }

  @Test("scripts: every size, every address on new slabs and every growth is predicted", arguments: scripts)
  func scriptsAreExact(expected: ExpectedGrades) throws {
    let grades = try grades(expected)
    #expect(grades.allocatedBytes == Grade(checked: expected.kmallocs, matched: expected.kmallocs))
    #expect(grades.total.objectAddress == Grade(checked: expected.addresses, matched: expected.addresses))
    #expect(grades.total.slabGrowth == Grade(checked: expected.growths, matched: expected.growths))
  }

  @Test("workloads: sizes are all right, addresses and growths no worse than they were", arguments: workloads)
  func workloadsAreNoWorse(expected: ExpectedGrades) throws {
    let grades = try grades(expected)
    #expect(grades.allocatedBytes == Grade(checked: expected.kmallocs, matched: expected.kmallocs))
    let address = grades.total.objectAddress
    #expect(address.checked == expected.addresses)
    #expect(address.matched >= expected.rightAddresses)
    #expect(grades.total.slabGrowth.checked <= expected.growths)
    #expect(grades.total.slabGrowth.matched >= expected.rightGrowths)
    // Every miss has a kind.
    let misses = grades.total.misses.reduce(0, +)
    let old = grades.total.oldObjectAddress
    #expect(misses == address.checked - address.matched + old.checked - old.matched)
  }

  @Test("outside the cache that bulk operations serve, at most one address in a thousand is missed")
  func missesAreInOneCache() throws {
    for expected in Self.workloads {
      let outcome = try replayCapture(at: SampleTraces.path(expected.capture), cpuCount: expected.cpus)
      var others = Grade()
      for cache in outcome.caches where cache.name != "maple_node" {
        let grade = cache.grades?.objectAddress ?? Grade()
        others = Grade(checked: others.checked + grade.checked, matched: others.matched + grade.matched)
      }
      #expect((others.checked - others.matched) * 1000 <= others.checked, "\(expected.capture)")
    }
  }

  @Test(
    "slab pages at every mark of the scripts are within 5 of what the kernel counted",
    arguments: [
      ("6.1-slub-smp1-script-s20k", 1, [253, 229, 264, 251, 188, 176]),
      ("6.1-slub-smp1-script-smix", 1, [243, 239, 257, 256, 247, 227]),
      ("6.1-slub-smp2-script-s20k", 2, [269, 245, 277, 265, 226, 206]),
    ])
  func pagesAtMarks(capture: String, cpus: Int, kernel: [Int64]) throws {
    let outcome = try replayCapture(at: SampleTraces.path(capture), cpuCount: cpus)
    func predicted(_ mark: String) throws -> Int64 {
      let moment = try #require(outcome.marks.first { $0.text == "WL snap-begin " + mark })
      return try #require(moment.followed).predicted
    }
    let start = try predicted("t0")
    let marks = ["peak1", "half-freed", "peak2", "random-freed", "end-live", "all-freed"]
    for (mark, pages) in zip(marks, kernel) {
      #expect(abs(try predicted(mark) - start - pages) <= 5, "\(mark)")
    }
  }

  @Test("the free-running model ends within 1 % of the boot's slab pages")
  func freeRunOfBoot() throws {
    let outcome = try replayCapture(at: SampleTraces.path("6.1-slub-smp1-boot"), cpuCount: 1)
    let observed = Double(try #require(outcome.end.observedSlabPages))
    #expect(abs(Double(outcome.end.modelled.slabPages) - observed) <= observed * 0.01)
  }

  @Test("bytes add up: pages are live objects, free slots, padding and management")
  func bytesAddUp() throws {
    let outcome = try replayCapture(at: SampleTraces.path("6.1-slub-smp1-boot"), cpuCount: 1)
    for moment in outcome.marks + outcome.timeline + [outcome.end] {
      let figures = moment.modelled
      #expect(
        figures.slabPages * 4096 == figures.live.allocatedBytes + figures.freeSlotBytes + figures.paddingBytes
          + figures.managementBytes)
    }
  }

  @Test("the same capture gives the same outcome twice")
  func deterministic() throws {
    let path = SampleTraces.path("6.1-slub-smp2-script-s20k")
    let first = try replayCapture(at: path, cpuCount: 2)
    let second = try replayCapture(at: path, cpuCount: 2)
    #expect(first.marks == second.marks)
    #expect(first.timeline == second.timeline)
    #expect(first.caches.map(\.name) == second.caches.map(\.name))
  }
}
