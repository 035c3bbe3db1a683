import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

@Suite("Packed inputs")
struct PackedInputTests {
  struct Packing: Sendable, CustomTestStringConvertible {
    var bytes: [UInt8]
    var compression: TraceContext.Compression
    var testDescription: String { compression.rawValue }
  }

  static let packings = [
    Packing(bytes: PackedSamples.zstd, compression: .zstd), Packing(bytes: PackedSamples.gzip, compression: .gzip),
  ]

  @Test("are unpacked whatever their name", arguments: packings)
  func unpacked(packing: Packing) throws {
    let trace = try readTrace(packing.bytes)
    #expect(trace.events.count == PackedSamples.lineCount)
    #expect(trace.context.compression == packing.compression)
    #expect(trace.statistics[.truncatedEnd] == 0)
    #expect(trace.statistics.bytes == UInt64(PackedSamples.text.count))
  }

  @Test("may be several frames or members, one behind the other", arguments: packings)
  func concatenated(packing: Packing) throws {
    let trace = try readTrace(packing.bytes + packing.bytes + packing.bytes)
    #expect(trace.events.count == 3 * PackedSamples.lineCount)
    #expect(trace.statistics[.truncatedEnd] == 0)
  }

  @Test("that end early give what is there and a counted end", arguments: packings)
  func truncated(packing: Packing) throws {
    let whole = packing.bytes + packing.bytes
    let trace = try readTrace(Array(whole.dropLast(6)))
    #expect(trace.events.count >= PackedSamples.lineCount)
    #expect(trace.statistics[.truncatedEnd] == 1)
    #expect(trace.statistics[.malformedLines] == 0)
    let sample = try #require(trace.statistics.samples.first { $0.counter == .truncatedEnd })
    #expect(sample.location == .byteOffset(UInt64(whole.count - 6)))
  }

  @Test("that end at any byte never crash and never lose a whole frame", arguments: packings)
  func truncatedAnywhere(packing: Packing) throws {
    let whole = packing.bytes + packing.bytes
    for count in 1..<whole.count {
      do {
        let trace = try readTrace(Array(whole.prefix(count)))
        #expect(trace.events.count >= (count >= packing.bytes.count ? PackedSamples.lineCount : 0))
      } catch {
        #expect(count < packing.bytes.count)
        #expect([.unknownFormat, .damagedCompression, .empty].contains(error.code))
      }
    }
  }

  @Test("that are damaged give the events before the damage, then an error with a place", arguments: packings)
  func damaged(packing: Packing) throws {
    var second = packing.bytes
    second[second.count - 3] ^= 0xFF
    let source = try TraceInput.open(bytes: packing.bytes + second, name: "t.zst")
    var batch = EventBatch()
    var events = 0
    let error = #expect(throws: TraceError.self) {
      while try source.read(into: &batch) { events += batch.count }
    }
    #expect(error?.code == .damagedCompression)
    #expect(error?.input == "t.zst")
    #expect(error?.location != nil)
    #expect(events >= PackedSamples.lineCount)
    #expect(try !source.read(into: &batch))
  }

  @Test("with any damaged byte end in events or a typed error", arguments: packings)
  func damagedAnywhere(packing: Packing) throws {
    for index in packing.bytes.indices {
      var bytes = packing.bytes
      bytes[index] ^= 0x55
      do throws(TraceError) {
        _ = try readTrace(bytes)
      } catch {
        #expect(!error.description.isEmpty)
      }
    }
  }

  @Test("of gzip may be padded with zeros")
  func paddedGzip() throws {
    let trace = try readTrace(PackedSamples.gzip + [UInt8](repeating: 0, count: 512))
    #expect(trace.events.count == PackedSamples.lineCount)
    #expect(trace.statistics[.truncatedEnd] == 0)
  }

  @Test("of zstd may begin with a skippable frame")
  func skippableFrame() throws {
    let trace = try readTrace([0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4] + PackedSamples.zstd)
    #expect(trace.events.count == PackedSamples.lineCount)
  }

  @Test("of many chunks come out whole")
  func manyChunks() throws {
    let text = Array(String(repeating: PackedSamples.line, count: 8000).utf8)
    let trace = try readTrace(PackedSamples.storedZstd(text))
    #expect(trace.events.count == 8000)
    #expect(trace.events.last?.position == 8000)
  }

  @Test("say how far they are read")
  func progress() throws {
    let source = try TraceInput.open(bytes: PackedSamples.zstd, name: "x")
    #expect(source.summary == InputSummary(name: "x", compression: .zstd, byteSize: UInt64(PackedSamples.zstd.count)))
    var batch = EventBatch()
    while try source.read(into: &batch) {}
    #expect(
      source.progress
        == InputProgress(
          bytesRead: UInt64(PackedSamples.zstd.count), totalBytes: UInt64(PackedSamples.zstd.count)))
  }
}
