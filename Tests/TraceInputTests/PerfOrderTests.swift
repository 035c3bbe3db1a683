import KernelTypes
import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

/// Rounds of samples, and the order in which perf's own way of sorting lets them out.
private struct Rounds {
  var rounds: [[Event]] = []

  /// Rounds of four CPUs; each event has a number of its own as its address.
  ///
  /// Every fifth seed puts single samples in any order, so that each is a run of its own.
  init(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    var number: UInt64 = 0
    var lastRead = [UInt64](repeating: 0, count: 4)
    for round in 1...UInt64(24) {
      var samples: [Event] = []
      for cpu in 0..<4 {
        // The buffers are read one after the other, so each has events that are younger than the next one's first.
        let readTime = round * 100 + UInt64(cpu) * 20
        var time = lastRead[cpu]
        for _ in 0..<Int.random(in: 0...30, using: &generator) {
          time = min(time + UInt64.random(in: 0...5, using: &generator), readTime)
          number += 1
          var event = Event(kind: .kfree, time: 1_000_000 + time, cpu: UInt16(cpu))
          event.address = 0xFFFF_8880_0000_0000 + number * 8
          event.pid = 7
          // An interrupt's sample may come before that of the work it interrupted, which took its time earlier.
          let isNested = Int.random(in: 0..<8, using: &generator) == 0 && samples.count > 1
          samples.insert(event, at: isNested ? samples.count - 1 : samples.count)
        }
        lastRead[cpu] = readTime
      }
      if seed % 5 == 0 { samples.shuffle(using: &generator) }
      rounds.append(samples)
    }
  }

  /// All samples, in rounds or not, as `ordered_events` lets them go: at a round's end what is no younger than the
  /// youngest of the rounds before it, by time, then CPU, then as they came.
  func order() -> [UInt64] {
    var waiting: [Event] = []
    var out: [UInt64] = []
    var limit: UInt64 = 0
    var highest: UInt64 = 0
    func release(upTo limit: UInt64) {
      // The library's sort is stable.
      let leaving = waiting.filter { $0.time <= limit }.sorted { ($0.time, $0.cpu) < ($1.time, $1.cpu) }
      out += leaving.map(\.address)
      waiting.removeAll { $0.time <= limit }
    }
    for round in rounds {
      waiting += round
      highest = round.reduce(highest) { max($0, $1.time) }
      release(upTo: limit)
      limit = highest
    }
    release(upTo: .max)
    return out
  }
}

@Suite("The order of perf.data's samples")
struct PerfOrderTests {
  private static let writer = Result { try PerfDataWriter(formatsOf: try PerfDataTests.bytes("file.data.zst")) }

  /// The addresses of the events, in the order in which a reader with these limits gives them.
  private static func addresses(_ file: [UInt8], _ limits: RunLimits = RunLimits(), rows: Int = 64) throws -> [UInt64] {
    let bytes = SeekableBytes(memory: file, name: "rounds")
    let header = try PerfHeader(bytes, name: "rounds")
    let strings = StringInterner()
    var reader = PerfDataReader(bytes, header, strings: strings, stacks: StackTable(), limits: limits)
    var batch = EventBatch(capacity: rows)
    var out: [UInt64] = []
    while try reader.read(into: &batch) {
      for row in 0..<batch.count { out.append(batch.address[row]) }
      batch.removeAll()
    }
    let statistics = reader.statistics
    #expect(statistics.samples == [])
    return out
  }

  @Test("is perf's own whatever the rounds, packed or not", arguments: 1...20)
  func order(seed: Int) throws {
    let rounds = Rounds(seed: seed)
    let trace = try readTrace(PackedSamples.line)
    let wanted = rounds.order()
    #expect(wanted.count > 500)
    for form in PerfDataTests.forms {
      let file = try Self.writer.get().write(rounds: rounds.rounds, of: trace, form)
      #expect(try Self.addresses(file) == wanted, "\(form)")
      #expect(try Self.addresses(file, rows: 3) == wanted, "\(form), few rows at a time")
      // Windows that are given back after each turn change nothing.
      #expect(try Self.addresses(file, RunLimits(windowBytes: 0)) == wanted, "\(form), crowded")
    }
  }

  @Test("gives each sample once when more waits than may", arguments: 1...10)
  func overfull(seed: Int) throws {
    var rounds = Rounds(seed: seed)
    let inOrder = rounds.order()
    rounds.rounds = [rounds.rounds.flatMap { $0 }]
    let trace = try readTrace(PackedSamples.line)
    for form in PerfDataTests.forms {
      let file = try Self.writer.get().write(rounds: rounds.rounds, of: trace, form)
      #expect(try Self.addresses(file) == rounds.order(), "\(form)")
      let few = try Self.addresses(file, RunLimits(runs: 16, unpackedBytes: 1 << 12))
      #expect(few.sorted() == inOrder.sorted(), "\(form)")
    }
  }
}

@Suite("Runs of samples")
struct SampleRunsTests {
  @Test("beyond the limit let the half go that came first")
  func half() {
    var runs = SampleRuns()
    var generator = SeededGenerator(seed: 3)
    for number in 0..<1000 {
      var extent = SampleRun.Extent()
      let time = UInt64(number) * 10 + UInt64.random(in: 0..<50, using: &generator)
      extent.begin(number * 100, number * 100 + 50, time: time, cpu: 0)
      let goesOn = extent.extend(number * 100 + 50, number * 100 + 100, time: time + 5, cpu: 0)
      let goesBack = extent.extend(0, 0, time: time, cpu: 0)
      #expect(goesOn && !goesBack)
      runs.add(extent, block: -1)
    }
    runs.releaseHalf()
    var out: [(time: UInt64, number: UInt64)] = []
    while let run = runs.first() {
      out.append((run.pointee.time, run.pointee.number))
      runs.removeFirst()
    }
    let left = runs.count
    let gone = out.count
    #expect(gone + left == 1000)
    #expect((500..<520).contains(gone))
    let numbers = Set(out.map { $0.number })
    #expect(numbers.isSuperset(of: 0..<500))
    let times = out.map { $0.time }
    #expect(times == times.sorted())
    let isReleasing = runs.isReleasing
    #expect(!isReleasing)
  }
}
