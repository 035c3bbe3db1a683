import KernelTypes
import TestSupport
import Testing
import TraceEvents

@testable import TraceInput
@testable import TraceOutput

@Suite("A damaged .kmr")
struct ColumnarDamageTests {
  /// Three blocks of a hundred events or so, and an end block.
  private static func sample() throws -> (bytes: [UInt8], blocks: [Range<Int>], events: Int) {
    let trace = ScriptedTrace()
    for index in 0..<150_000 {
      trace.add(index % 2 == 0 ? .kmalloc : .kfree) { event in
        event.address = 0xFFFF_8880_0000_0000 + UInt64(index / 2 % 977) * 64
        event.callSite = trace.strings.intern("site\(index % 50)+0x1/0x2")
        event.requestedBytes = UInt64(index % 100)
        event.allocatedBytes = 128
      }
    }
    let bytes = try columnar(trace)
    var blocks: [Range<Int>] = []
    var offset = ColumnarFormat.fileHeaderBytes
    while offset < bytes.count {
      let header = bytes[offset...].withUnsafeBytes { ColumnarBlockHeader($0) }
      let length = ColumnarFormat.blockHeaderBytes + (try #require(header)).storedBytes
      blocks.append(offset..<offset + length)
      offset += length
    }
    return (bytes, blocks, 150_000)
  }

  @Test("loses the events of a damaged block, names its offset, and keeps the rest", arguments: [0, 1, 2])
  func flippedPayload(victim: Int) throws {
    var (bytes, blocks, events) = try Self.sample()
    #expect(blocks.count == 4)
    bytes[blocks[victim].upperBound - 20] ^= 0x10
    let trace = try readAll(TraceInput.open(bytes: bytes))
    let lost = trace.statistics[.lostEvents]
    #expect(trace.events.count + Int(lost) == events)
    #expect(lost > 18_000 && lost <= 65_536)
    #expect(trace.statistics[.malformedLines] == 1)
    #expect(trace.statistics.samples.contains { $0.location == .byteOffset(UInt64(blocks[victim].lowerBound)) })
    #expect(trace.statistics.events == UInt64(trace.events.count))
    #expect(trace.statistics[.truncatedEnd] == 0)
    #expect(trace.events.allSatisfy { trace.text($0.callSite).hasPrefix("site") })
  }

  @Test("with a damaged block header goes on at the next block", arguments: [0, 1, 2])
  func flippedHeader(victim: Int) throws {
    var (bytes, blocks, events) = try Self.sample()
    bytes[blocks[victim].lowerBound + 21] ^= 0x01
    let trace = try readAll(TraceInput.open(bytes: bytes))
    #expect(trace.events.count + Int(trace.statistics[.lostEvents]) == events)
    #expect(trace.statistics[.malformedLines] == 1)
  }

  @Test("with a damaged file header is read from its blocks")
  func fileHeader() throws {
    var (bytes, _, events) = try Self.sample()
    bytes[9] ^= 0x01
    let trace = try readAll(TraceInput.open(bytes: bytes))
    #expect(trace.events.count == events)
    #expect(trace.statistics[.malformedLines] == 1)
  }

  @Test("cut anywhere keeps the blocks before the cut and says that the end is missing")
  func cuts() throws {
    let (bytes, blocks, events) = try Self.sample()
    var generator = SeededGenerator(seed: 1)
    var lengths = stride(from: 4096, to: bytes.count, by: 4096).map { $0 }
    for _ in 0..<100 { lengths.append(Int.random(in: 17..<bytes.count, using: &generator)) }
    for length in lengths {
      let trace = try readAll(TraceInput.open(bytes: Array(bytes[..<length])))
      let whole = blocks.count { $0.upperBound <= length }
      #expect(trace.events.count == min(whole * 65_536, events))
      #expect(trace.statistics[.truncatedEnd] == 1)
      #expect(trace.statistics[.malformedLines] == 0)
    }
  }

  @Test("with any byte flipped neither crashes nor invents events, and says so")
  func flips() throws {
    let (bytes, _, events) = try Self.sample()
    var generator = SeededGenerator(seed: 2)
    for _ in 0..<300 {
      var damaged = bytes
      let place = Int.random(in: 8..<bytes.count, using: &generator)
      damaged[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      let trace = try readAll(TraceInput.open(bytes: damaged))
      let statistics = trace.statistics
      #expect(statistics[.malformedLines] + statistics[.truncatedEnd] > 0, "flip at \(place)")
      #expect(trace.events.count + Int(statistics[.lostEvents]) <= events)
      #expect(statistics.events == UInt64(trace.events.count))
    }
  }

  @Test("whose tables lie under a right checksum is refused block by block")
  func lies() throws {
    let trace = ScriptedTrace()
    for _ in 0..<50 { trace.add(.kmalloc) { $0.callSite = trace.strings.intern("site") } }
    var builder = ColumnarBlockBuilder()
    var batch = EventBatch()
    for event in trace.events { batch.append(event) }
    builder.add(batch, rows: 0..<batch.count, TraceTables(of: trace))
    let plain = builder.finish(TraceTables(of: trace), statistics: ImportStatistics())
    var generator = SeededGenerator(seed: 3)
    var refused = 0
    for _ in 0..<5000 {
      var lie = plain
      lie[Int.random(in: 0..<lie.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: lie.count)
      defer { memory.deallocate() }
      memory.update(from: lie, count: lie.count)
      let identifiers = ColumnarIdentifiers(strings: StringInterner(), stacks: StackTable())
      do {
        let block = try ColumnarBlock(memory, count: lie.count, rows: 50, identifiers: identifiers)
        var output = EventBatch()
        block.fill(&output, count: 50)
      } catch {
        refused += 1
      }
    }
    #expect(refused > 500)
  }

  @Test("has integer columns that give back what was put in")
  func columns() {
    var generator = SeededGenerator(seed: 4)
    for round in 0..<400 {
      let count = Int.random(in: 1...300, using: &generator)
      let base = UInt64.random(in: 0 ... .max, using: &generator)
      let step = UInt64.random(in: 0...5000, using: &generator)
      let values = (0..<count).map { index -> UInt64 in
        switch round % 5 {
        case 0: base
        case 1: base &+ step &* UInt64(index)
        case 2: base &+ UInt64.random(in: 0...300, using: &generator)
        case 3: UInt64.random(in: 0 ... .max, using: &generator)
        default: base &+ UInt64(index) &* 1000 &- UInt64.random(in: 0...9, using: &generator) &* 1000
        }
      }
      for isIndex in [false, true] {
        var plain = PlainBytes()
        if isIndex { plain.indexColumn(values) } else { plain.column(values) }
        let read = plain.bytes.withUnsafeBufferPointer { bytes -> [UInt64] in
          guard let start = bytes.baseAddress else { return [] }
          var cursor = PlainCursor(start, count: bytes.count)
          var column = cursor.column(count)
          #expect(cursor.isAtEnd && !cursor.isBad)
          var output = [UInt64](repeating: 0, count: count)
          output.withUnsafeMutableBufferPointer { output in
            guard let base = output.baseAddress else { return }
            // In pieces, as a batch at a time is read.
            var row = 0
            while row < count {
              let piece = min(count - row, 1 + row)
              column.take(piece, into: base + row)
              row += piece
            }
          }
          return output
        }
        #expect(read == values)
      }
    }
  }
}
