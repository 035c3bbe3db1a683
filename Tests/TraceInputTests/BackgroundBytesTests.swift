import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

@Suite("Reading ahead on another thread")
struct BackgroundBytesTests {
  private static let lines = 20_000
  private static let text = Array(String(repeating: PackedSamples.line, count: lines).utf8)

  private func source(_ bytes: [UInt8]) throws -> FtraceTextSource {
    let background = try #require(BackgroundBytes(try ZstdBytes(MemoryBytes(bytes), name: "t")))
    return FtraceTextSource(
      background, summary: InputSummary(name: "t", compression: .zstd, byteSize: nil), usesFastPath: true)
  }

  @Test("gives the same bytes in the same order")
  func same() throws {
    let background = try #require(BackgroundBytes(MemoryBytes(Self.text)))
    var bytes: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 10_007, alignment: 8)
    defer { buffer.deallocate() }
    while true {
      let count = try background.read(into: buffer)
      if count == 0 { break }
      bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
    #expect(bytes == Self.text)
    #expect(try background.read(into: buffer) == 0)
    #expect(background.progress.bytesRead == UInt64(Self.text.count))
  }

  @Test("gives the same events")
  func events() throws {
    let trace = try readAll(source(PackedSamples.storedZstd(Self.text)))
    #expect(trace.events.count == Self.lines)
    #expect(trace.statistics[.truncatedEnd] == 0)
  }

  @Test("counts an end that comes early")
  func truncated() throws {
    let packed = PackedSamples.storedZstd(Self.text)
    let trace = try readAll(source(Array(packed.dropLast(1000))))
    #expect(trace.events.count > Self.lines - 1000)
    #expect(trace.statistics[.truncatedEnd] == 1)
  }

  @Test("passes an error on behind the events before it")
  func damaged() throws {
    let source = try source(PackedSamples.storedZstd(Self.text) + PackedSamples.zstd.dropLast(2) + [1, 2])
    var batch = EventBatch()
    var events = 0
    let error = #expect(throws: TraceError.self) {
      while try source.read(into: &batch) { events += batch.count }
    }
    #expect(error?.code == .damagedCompression)
    #expect(events >= Self.lines)
  }

  @Test("can be left in the middle", arguments: 0..<20)
  func left(batches: Int) throws {
    let source = try source(PackedSamples.storedZstd(Self.text))
    var batch = EventBatch(capacity: 256)
    for _ in 0..<batches { _ = try source.read(into: &batch) }
  }
}
