import KernelTypes
import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

@Suite("Sources read ahead on another thread")
struct ReadAheadSourceTests {
  private static let lines = 50_000
  private static let text: [UInt8] = {
    var text = ""
    for line in 0..<lines {
      let site = line % 977
      let task = line % 13
      let time = "\(1 + line / 1000).\(100_000 + line % 1000 * 10)"
      text += " task\(task)-\(100 + task) [00\(line % 4)] d..1. \(time): "
      text += "kmalloc: call_site=function\(site)+0x10/0x20 ptr=00000000\(String(0x1000 + line * 64, radix: 16)) "
      text += "bytes_req=\(site + 1) bytes_alloc=1024 gfp_flags=GFP_KERNEL node=-1 accounted=false\n"
      if line % 10_000 == 9_999 { text += "something else\n" }
    }
    return Array(text.utf8)
  }()

  private func plain(_ text: [UInt8] = Self.text) -> FtraceTextSource {
    FtraceTextSource(
      MemoryBytes(text), summary: InputSummary(name: "t", compression: .none, byteSize: UInt64(text.count)),
      usesFastPath: true)
  }

  /// Everything that a reader may see of an event, with texts for identifiers.
  private func contents(_ source: any TraceSource, capacity: Int = EventBatch.standardCapacity) throws -> [String] {
    var batch = EventBatch(capacity: capacity)
    var rows: [String] = []
    while try source.read(into: &batch) {
      for row in 0..<batch.count {
        let event = batch[row]
        let texts = [event.callSite, event.comm, event.gfp, event.name].map { source.strings.string($0) }
        let frames = source.stacks[event.stack].map { source.strings.string($0) }
        rows.append("\(event.time) \(event.address) \(event.requestedBytes) \(event.position) \(texts) \(frames)")
      }
    }
    return rows
  }

  @Test("events, texts and counts are the source's, whatever the batches' size", arguments: [7, 1000, 4096, 9999])
  func same(capacity: Int) throws {
    let direct = plain()
    let ahead = try #require(ReadAheadSource(plain()))
    let rows = try contents(ahead, capacity: capacity)
    #expect(rows.count == Self.lines)
    let expected = try contents(direct)
    #expect(rows == expected)
    #expect(ahead.statistics.lines == direct.statistics.lines)
    #expect(ahead.statistics[.malformedLines] == direct.statistics[.malformedLines])
    #expect(ahead.statistics.samples == direct.statistics.samples)
    #expect(ahead.context.observedCPUCount == 4)
    #expect(ahead.progress == direct.progress)
  }

  @Test("stack traces and the names of other events are translated")
  func stacks() throws {
    let url = SampleTraces.path("6.1-slub-smp1-stack")
    let direct = try TraceInput.open(path: url, options: .init(threads: 1))
    let ahead = try #require(ReadAheadSource(try TraceInput.open(path: url, options: .init(threads: 1))))
    let rows = try contents(ahead)
    let expected = try contents(direct)
    #expect(rows == expected)
    func others(_ source: any TraceSource) -> [String: UInt64] {
      Dictionary(uniqueKeysWithValues: source.statistics.otherEvents.map { (source.strings.string($0.key), $0.value) })
    }
    #expect(others(ahead) == others(direct))
  }

  @Test("an error comes behind the events before it, and once")
  func error() throws {
    let packed = PackedSamples.storedZstd(Self.text) + PackedSamples.zstd.dropLast(2) + [1, 2]
    let bytes = try ZstdBytes(MemoryBytes(packed), name: "t")
    let inner = FtraceTextSource(
      bytes, summary: InputSummary(name: "t", compression: .zstd, byteSize: nil), usesFastPath: true)
    let ahead = try #require(ReadAheadSource(inner))
    var batch = EventBatch()
    var events = 0
    let error = #expect(throws: TraceError.self) {
      while try ahead.read(into: &batch) { events += batch.count }
    }
    #expect(error?.code == .damagedCompression)
    #expect(events >= Self.lines)
    let goesOn = try ahead.read(into: &batch)
    #expect(!goesOn)
    #expect(batch.count == 0)
  }

  @Test("a reader may leave in the middle")
  func leaves() throws {
    var batch = EventBatch()
    for parts in 0..<12 {
      let ahead = try #require(ReadAheadSource(plain()))
      for _ in 0..<parts { _ = try ahead.read(into: &batch) }
      #expect(ahead.progress.bytesRead <= UInt64(Self.text.count))
    }
  }
}
