import KernelTypes
import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

/// A text gives the same events, numbers and findings however many threads parse it.
@Suite("Text on several threads")
struct ParallelTextTests {
  private func read(_ bytes: [UInt8], threads: Int, capacity: Int = EventBatch.standardCapacity)
    throws -> ReadTrace
  {
    let options = InputOptions(threads: threads)
    return try readAll(
      TraceInput.open(bytes: bytes, name: "text", options: options), capacity: capacity)
  }

  private func expectSame(_ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation)
    throws
  {
    let one = try read(bytes, threads: 1)
    for (threads, capacity) in [
      (2, EventBatch.standardCapacity), (3, EventBatch.standardCapacity), (2, 700),
    ] {
      let many = try read(bytes, threads: threads, capacity: capacity)
      FormComparison.expectSame(
        many, one, isLeftBinary: false, "\(threads) threads", sourceLocation: sourceLocation)
      #expect(
        many.events.map(\.position) == one.events.map(\.position), sourceLocation: sourceLocation)
      #expect(many.statistics.samples == one.statistics.samples, sourceLocation: sourceLocation)
      #expect(many.statistics.lines == one.statistics.lines, sourceLocation: sourceLocation)
      #expect(many.statistics.bytes == one.statistics.bytes, sourceLocation: sourceLocation)
      #expect(
        many.statistics.eventsByKind == one.statistics.eventsByKind, sourceLocation: sourceLocation)
      for counter in ImportStatistics.Counter.allCases {
        #expect(
          many.statistics[counter] == one.statistics[counter], "\(counter)",
          sourceLocation: sourceLocation)
      }
      func others(_ trace: ReadTrace) -> [String] {
        trace.statistics.otherEvents.map { "\(trace.text($0.key)) \($0.value)" }.sorted()
      }
      #expect(others(many) == others(one), sourceLocation: sourceLocation)
      #expect(many.context.features == one.context.features, sourceLocation: sourceLocation)
      #expect(many.context.tracer == one.context.tracer, sourceLocation: sourceLocation)
      #expect(
        many.context.headerCPUCount == one.context.headerCPUCount, sourceLocation: sourceLocation)
      #expect(
        many.context.entriesWritten == one.context.entriesWritten, sourceLocation: sourceLocation)
      #expect(many.context.pointerBytes == one.context.pointerBytes, sourceLocation: sourceLocation)
      #expect(many.context.container == one.context.container, sourceLocation: sourceLocation)
    }
  }

  private func sample(_ name: String) throws -> [UInt8] {
    let source = try TraceInput.unpack(FileBytes(path: SampleTraces.path(name)), name: name).bytes
    var bytes: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 8)
    defer { buffer.deallocate() }
    while true {
      let count = try source.read(into: buffer)
      if count == 0 { return bytes }
      bytes.append(contentsOf: buffer[..<count])
    }
  }

  @Test(arguments: ["6.1-slub-smp2-script-s20k", "6.1-slub-smp1-stack"])
  func `A capture is the same`(name: String) throws { try expectSame(try sample(name)) }

  @Test func `Stack traces that begin late are found, wherever chunks end`() throws {
    let plain = try sample("6.1-slub-smp2-script-s20k")
    try expectSame(plain + (try sample("6.1-slub-smp1-stack")))
  }

  @Test func `Bad lines, other events, long lines and a cut end keep their places`() throws {
    var bytes = try sample("6.1-slub-smp2-script-s20k")
    var random = SeededGenerator(seed: 5)
    for _ in 0..<60 {
      bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
        in: 0...255, using: &random)
    }
    let other = Array(
      "            bash-8242    [003] d..1  1423.994636: sched_switch: prev=1\n".utf8)
    let middle = (bytes[(bytes.count / 2)...].firstIndex(of: 10) ?? 0) + 1
    bytes.insert(contentsOf: other + other, at: middle)
    try expectSame(bytes + bytes.prefix(bytes.count - 37))
    try expectSame(bytes + [UInt8](repeating: 0x61, count: 1 << 19) + [10] + bytes)
  }
}
