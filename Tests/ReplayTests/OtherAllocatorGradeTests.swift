import KernelTypes
import Replay
import TestSupport
import Testing

/// What the followers of SLAB and SLOB must reach on a capture that the same allocator made.
struct OtherAllocatorGrades: Sendable, CustomTestStringConvertible {
  var allocator: TracedAllocator.Kind
  var capture: String
  var cpus: Int
  /// The least share of right answers in hundredths of a percent: addresses on new slabs, growths.
  var addresses: UInt64
  var growths: UInt64

  var testDescription: String { "6.1-\(allocator.rawValue)-smp\(cpus)-\(capture)" }
}

/// The grades of SLAB and SLOB on real captures. Those not shipped are looked for in ../shared/captures.
@Suite("Grades of SLAB and SLOB on real captures") struct OtherAllocatorGradeTests {
  static let shipped: [OtherAllocatorGrades] = [
    .init(allocator: .slab, capture: "script-s20k", cpus: 1, addresses: 10_000, growths: 10_000),
    .init(allocator: .slob, capture: "script-s20k", cpus: 1, addresses: 9780, growths: 10_000),
  ]
  static let shared: [OtherAllocatorGrades] = [
    .init(allocator: .slab, capture: "script-smix", cpus: 1, addresses: 10_000, growths: 10_000),
    .init(allocator: .slab, capture: "script-s20k", cpus: 2, addresses: 10_000, growths: 10_000),
    .init(allocator: .slab, capture: "boot", cpus: 1, addresses: 9981, growths: 9933),
    .init(allocator: .slab, capture: "rtnc", cpus: 1, addresses: 9958, growths: 9924),
    .init(allocator: .slab, capture: "boot", cpus: 2, addresses: 9970, growths: 9968),
    .init(allocator: .slab, capture: "rtnc", cpus: 2, addresses: 9979, growths: 9956),
    .init(allocator: .slob, capture: "script-smix", cpus: 1, addresses: 9840, growths: 10_000),
    .init(allocator: .slob, capture: "script-s20k", cpus: 2, addresses: 9790, growths: 10_000),
    .init(allocator: .slob, capture: "boot", cpus: 1, addresses: 9820, growths: 9830),
    .init(allocator: .slob, capture: "rtnc", cpus: 1, addresses: 9720, growths: 9840),
    .init(allocator: .slob, capture: "boot", cpus: 2, addresses: 9600, growths: 9010),
    .init(allocator: .slob, capture: "rtnc", cpus: 2, addresses: 9890, growths: 9970),
  ]

  private func check(_ expected: OtherAllocatorGrades, at path: String) throws {
    let outcome = try replayCapture(at: path, cpuCount: expected.cpus, allocator: expected.allocator)
    let grades = try #require(outcome.grades)
    #expect(grades.allocatedBytes.checked > 0 && grades.allocatedBytes.matched == grades.allocatedBytes.checked)
    let total = grades.total
    #expect(total.objectAddress.checked > 5000)
    #expect(total.objectAddress.matched * 10_000 >= total.objectAddress.checked * expected.addresses)
    #expect(total.slabGrowth.matched * 10_000 >= total.slabGrowth.checked * expected.growths)
  }

  @Test("captures that are shipped", arguments: shipped)
  func shippedCaptures(expected: OtherAllocatorGrades) throws {
    try check(expected, at: SampleTraces.path(expected.testDescription))
  }

  @Test("captures beside the package", arguments: shared)
  func sharedCaptures(expected: OtherAllocatorGrades) throws {
    guard let path = SharedCaptures.path(expected.testDescription) else {
      print("skipped: \(expected) is not in ../shared/captures")
      return
    }
    try check(expected, at: path)
  }
}
