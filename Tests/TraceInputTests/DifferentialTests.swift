import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

/// The fast path must come to the same result as the general path, whatever the bytes.
@Suite("Fast path against general path")
struct DifferentialTests {
  /// Everything that a trace came to, in words, so that differences can be read.
  static func describe(_ trace: ReadTrace) -> [String] {
    var lines = trace.events.map { event in
      "\(event.position) \(event.kind) \(event.time) \(event.cpu) \(event.pid) \(event.address) "
        + "\(event.requestedBytes) \(event.allocatedBytes) \(event.node) \(event.order) \(event.migrateType) "
        + "\(event.flags.rawValue) |\(trace.text(event.comm))|\(trace.text(event.callSite))|\(trace.text(event.gfp))|"
        + "\(trace.text(event.name))|\(trace.frames(event))"
    }
    let statistics = trace.statistics
    lines.append("\(statistics.lines) \(statistics.bytes) \(statistics.events) \(statistics.eventsByKind)")
    lines.append("\(statistics.otherEvents.map { "\(trace.text($0.key)) \($0.value)" }.sorted())")
    lines += ImportStatistics.Counter.allCases.map { "\($0) \(statistics[$0])" }
    lines += statistics.samples.map { "\($0)" }
    lines.append("\(trace.context)")
    return lines
  }

  static func expectSame(_ bytes: [UInt8], _ what: String) throws {
    let general = describe(try readTrace(bytes, usesFastPath: false))
    let fast = describe(try readTrace(bytes, usesFastPath: true))
    if general == fast { return }
    let first = zip(general, fast).first { $0 != $1 }
    Issue.record("\(what): general \(first?.0 ?? "\(general.count)"), fast \(first?.1 ?? "\(fast.count)")")
  }

  @Test("on lines of all eras, intact", arguments: 1...4)
  func intact(seed: Int) throws {
    var lines = LineGenerator(seed: UInt64(seed))
    let bytes = (0..<3000).flatMap { _ in lines.next() }
    try Self.expectSame(bytes, "seed \(seed)")
    let withReturns = (0..<1000).flatMap { _ -> [UInt8] in lines.next().dropLast() + [13, 10] }
    try Self.expectSame(withReturns, "seed \(seed), CRLF")
  }

  @Test("on lines of all eras, one in three damaged", arguments: 1...10)
  func damaged(seed: Int) throws {
    var lines = LineGenerator(seed: UInt64(1000 + seed))
    let bytes = (0..<2000).flatMap { index in index % 3 == 2 ? lines.nextDamaged() : lines.next() }
    try Self.expectSame(bytes, "seed \(seed)")
  }

  @Test("on lines of one layout, each damaged after an intact one", arguments: 1...10)
  func pairs(seed: Int) throws {
    var lines = LineGenerator(seed: UInt64(2000 + seed))
    let layout = seed % LineGenerator.layoutCount
    let bytes = (0..<2000).flatMap { index in
      index % 2 == 1 ? lines.nextDamaged(layout: layout) : lines.next(layout: layout)
    }
    try Self.expectSame(bytes, "seed \(seed)")
  }

  @Test("on a slice of each capture beside the package, if there are any")
  func captures() throws {
    let names = CaptureFolder.traces()
    for name in names {
      // Debug builds read 0.1 GB/s at best: a slice at the beginning and what is damaged of it.
      let bytes = try CaptureFolder.beginning(of: name, count: 60_000)
      try Self.expectSame(bytes, name)
      var random = SeededGenerator(seed: UInt64(bytes.count))
      var damaged = bytes
      for _ in 0..<200 {
        damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
      }
      try Self.expectSame(damaged, name + ", damaged")
    }
    if names.isEmpty { print("no captures beside the package: skipped") }
  }

  @Test("where tasks share the beginning of their columns")
  func similarTasks() throws {
    let tail = "kfree: call_site=f+0x10/0x20 ptr=ffff888160ea3500\n"
    let text = ["            bash-8242 ", "            bash-82421", "            bash-82422", "            bush-8242 "]
      .map { $0 + "   [003] d..1.  1423.994636: " + tail }.joined()
    let bytes = Array(String(repeating: text, count: 20).utf8)
    try Self.expectSame(bytes, "tasks")
    #expect(Set(try readTrace(bytes).events.map(\.pid)) == [8242, 82421, 82422])
  }
}
