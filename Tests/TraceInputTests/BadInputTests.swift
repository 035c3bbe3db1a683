import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

@Suite("Bad inputs")
struct BadInputTests {
  struct Foreign: Sendable, CustomTestStringConvertible {
    var head: [UInt8]
    var code: TraceError.Code
    var word: String
    var testDescription: String { word }
  }

  static let foreign: [Foreign] = [
    Foreign(head: [], code: .empty, word: "empty"),
    Foreign(head: [0x17, 0x08, 0x44] + Array("tracing7\0".utf8), code: .unsupportedFormat, word: "trace.dat"),
    Foreign(head: Array("PERFILE2".utf8) + [UInt8](0..<64), code: .unsupportedFormat, word: "perf.data"),
    Foreign(head: [0x7F] + Array("ELF".utf8) + [2, 1, 1, 0], code: .unsupportedFormat, word: "ELF"),
    Foreign(
      head: [UInt8](repeating: 0x61, count: 257) + Array("ustar\0".utf8), code: .damagedStructure, word: "tar archive"),
    Foreign(head: [0xFD] + Array("7zXZ\0".utf8), code: .unsupportedFormat, word: "xz"),
    Foreign(head: Array("BZh91AY".utf8), code: .unsupportedFormat, word: "bzip2"),
    Foreign(head: [0xFF, 0xFE, 0x20, 0x00], code: .unsupportedFormat, word: "UTF-16"),
    Foreign(head: [UInt8](0..<32) + [UInt8](0..<32), code: .unknownFormat, word: "binary"),
    Foreign(head: [UInt8](repeating: 0, count: 5000), code: .unknownFormat, word: "binary"),
    Foreign(head: PackedSamples.storedZstd(Array("PERFILE2xxx".utf8)), code: .unsupportedFormat, word: "inside zstd"),
    Foreign(head: PackedSamples.storedZstd(PackedSamples.gzip), code: .unsupportedFormat, word: "compressed data"),
    Foreign(head: Array("Dear diary,\nnothing happened.\n".utf8), code: .unknownFormat, word: "Dear diary"),
    Foreign(head: Array("{\"a\": [1, 2]}".utf8), code: .unknownFormat, word: "text"),
    Foreign(head: [0x28, 0xB5, 0x2F, 0xFD, 0, 0xA0, 1, 0, 0], code: .unsupportedFormat, word: "window"),
    Foreign(head: [0x28, 0xB5, 0x2F, 0xFD], code: .damagedCompression, word: "zstd stream"),
  ]

  @Test("are refused by name, with what to do", arguments: foreign)
  func refused(input: Foreign) throws {
    let error = #expect(throws: TraceError.self) { try readTrace(input.head) }
    #expect(error?.code == input.code)
    #expect(error?.found.contains(input.word) == true, "\(error?.description ?? "")")
    #expect(error?.expected != nil)
    #expect(error?.remedy != nil)
  }

  @Test("that don't exist or are folders say so")
  func paths() throws {
    let missing = #expect(throws: TraceError.self) { try TraceInput.open(path: "no/such/file") }
    #expect(missing?.code == .cannotOpen)
    let folder = #expect(throws: TraceError.self) { try TraceInput.open(path: "/") }
    #expect(folder?.code == .isDirectory)
  }

  struct BadLine: Sendable, CustomTestStringConvertible {
    var text: String
    var isOverflow = false
    var testDescription: String { text }
  }

  private static let prefix = "            bash-8242    [003] d..1.  1423.994636: "

  static let badLines: [BadLine] = [
    BadLine(text: "complete nonsense"),
    BadLine(text: "            bash-8242    [003] d..1.  1423.9946"),
    BadLine(text: "            bash-8242    [003"),
    BadLine(text: prefix + "kfree: call_site=f+0x10/0x20"),
    BadLine(text: prefix + "kfree: call_site=f+0x10/0x20 ptr="),
    BadLine(text: prefix + "kfree: call_site=f+0x10/0x20 ptr=ffff88816zea3500"),
    BadLine(text: prefix + "kfree: call_site=f+0x10/0x20 ptr=(what)"),
    BadLine(text: prefix + "kfree: ptr=ffff888160ea3500"),
    BadLine(text: prefix + "kfree: call_site= ptr=ffff888160ea3500"),
    BadLine(text: prefix + "kfree:"),
    BadLine(text: prefix + "kmalloc: call_site=f+0x1/0x2 ptr=ffff888160ea3500 bytes_req=64 bytes_al"),
    BadLine(
      text: prefix + "kmalloc: call_site=f+0x1/0x2 ptr=ffff888160ea3500 bytes_req=64x bytes_alloc=64 gfp_flags=0"),
    BadLine(text: prefix + "kmalloc: call_site=f+0x1/0x2 ptr=ffff888160ea3500 bytes_req=-1 bytes_alloc=64 gfp_flags=0"),
    BadLine(
      text: prefix + "kmalloc: call_site=f+0x1/0x2 ptr=ffff888160ea3500 bytes_req=99999999999999999999 "
        + "bytes_alloc=64 gfp_flags=0", isOverflow: true),
    BadLine(text: prefix + "kfree: call_site=f+0x1/0x2 ptr=0x1ffff888160ea3500", isOverflow: true),
    BadLine(text: prefix + "kfree: call_site=f+0x1/0x2 ptr=1ffff888160ea3500"),
    BadLine(text: prefix + "mm_page_free: page=ffffea000016ca00 pfn=0x12345678901234567 order=0", isOverflow: true),
    BadLine(text: prefix + "mm_page_free: page=ffffea000016ca00 pfn=0x order=0"),
    BadLine(text: prefix + "mm_page_free: page=ffffea000016ca00 pfn=0x12 order=256", isOverflow: true),
    BadLine(text: prefix + "rss_stat: mm_id=1 curr=1 type=A size=9999999999999999999B", isOverflow: true),
    BadLine(
      text: prefix
        + "kmalloc: call_site=f+0x1/0x2 ptr=ffff888160ea3500 bytes_req=1 bytes_alloc=8 gfp_flags=0 node=70000",
      isOverflow: true),
    BadLine(text: "            bash-8242    [003] d..1.  99999999999.994636: kfree: ptr=1", isOverflow: true),
    BadLine(text: "            bash-99999999999    [003] d..1.  1423.994636: kfree: ptr=1"),
    BadLine(text: "            bash-8242    [99999] d..1.  1423.994636: kfree: ptr=1"),
  ]

  @Test("lines are counted with a sample, and the lines around them are read", arguments: badLines, [false, true])
  func badLine(line: BadLine, usesFastPath: Bool) throws {
    let trace = try readTrace(
      PackedSamples.line + PackedSamples.line + line.text + "\n" + PackedSamples.line, usesFastPath: usesFastPath)
    #expect(trace.events.map(\.position) == [1, 2, 4])
    #expect(trace.statistics[.malformedLines] == 1)
    #expect(trace.statistics[.numberOverflows] == (line.isOverflow ? 1 : 0))
    let sample = try #require(trace.statistics.samples.first { $0.counter == .malformedLines })
    #expect(sample.location == .line(3))
    #expect(sample.text == String(line.text.prefix(120)))
  }

  @Test("a last line without line feed is read if it is whole and a cut end if not")
  func lastLine() throws {
    let whole = try readTrace(String((PackedSamples.line + PackedSamples.line).dropLast()))
    #expect(whole.events.count == 2)
    #expect(whole.statistics[.truncatedEnd] == 0)
    let cut = try readTrace(PackedSamples.line + PackedSamples.line.prefix(70))
    #expect(cut.events.count == 1)
    #expect(cut.statistics[.truncatedEnd] == 1)
    #expect(cut.statistics[.malformedLines] == 0)
    #expect(cut.statistics.bytes == UInt64(PackedSamples.line.utf8.count + 70))
  }

  @Test("an overlong line is counted and skipped to its end", arguments: [70_000, 262_144, 262_145, 3_000_000])
  func overlong(length: Int) throws {
    let line = Array(PackedSamples.line.utf8)
    let long = [UInt8](repeating: UInt8(ascii: "x"), count: length - 1) + [10]
    let trace = try readTrace(line + long + line + long + line)
    #expect(trace.events.map(\.position) == [1, 3, 5])
    #expect(trace.statistics[.overlongLines] == 2)
    #expect(trace.statistics[.malformedLines] == 0)
    #expect(trace.statistics.lines == 5)
    #expect(trace.statistics.bytes == UInt64(3 * line.count + 2 * length))
    #expect(trace.statistics.samples.first { $0.counter == .overlongLines }?.text.count == 120)
  }

  @Test("an overlong last line ends the input")
  func overlongEnd() throws {
    let line = Array(PackedSamples.line.utf8)
    let trace = try readTrace(line + [UInt8](repeating: UInt8(ascii: "x"), count: 600_000))
    #expect(trace.events.count == 1)
    #expect(trace.statistics[.overlongLines] == 1)
  }

  @Test("a 100 MB line takes no more memory than a short one and is skipped")
  func hugeLine() throws {
    let source = try TraceInput.open(RepeatingBytes(count: 100 << 20), name: "huge", InputOptions())
    let trace = try readAll(source)
    #expect(trace.events.count == 1)
    #expect(trace.statistics[.overlongLines] == 1)
  }

  @Test("NUL bytes and bytes that are no UTF-8 stay in their line")
  func strayBytes() throws {
    let line = Array(PackedSamples.line.utf8)
    var named = Array("            b\u{0}sh-8242    [003] d..1.  1423.994636: tracing_mark_write: ".utf8)
    named += [0xFF, 0xFE, 0x00, 0x41, 10]
    let trace = try readTrace(line + [0, 0, 0, 0xC3, 0x28, 10] + named + line)
    #expect(trace.events.map(\.position) == [1, 3, 4])
    #expect(trace.statistics[.malformedLines] == 1)
    #expect(trace.text(trace.events[1].name) == "\u{FFFD}\u{FFFD}\u{0}A")
  }

  @Test("a lost beginning full of NUL bytes is passed over")
  func lostBeginning() throws {
    let text = Array(String(repeating: PackedSamples.line, count: 40).utf8)
    let trace = try readTrace([UInt8](repeating: 0, count: 2048) + [10] + text)
    #expect(trace.events.count == 40)
  }

  @Test("a byte order mark is passed over")
  func byteOrderMark() throws {
    let trace = try readTrace([0xEF, 0xBB, 0xBF] + Array(PackedSamples.line.utf8))
    #expect(trace.events.count == 1)
    #expect(trace.text(trace.events[0].comm) == "bash")
  }
}

/// A line, then one endless line, then a line: made as it is read.
final class RepeatingBytes: ByteSource {
  private var rest: Int
  private var edges = [Array(PackedSamples.line.utf8)]

  init(count: Int) { rest = count }

  var progress: InputProgress { InputProgress(bytesRead: 0, totalBytes: nil) }
  var truncatedAt: UInt64? { nil }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    if let edge = edges.popLast() {
      buffer.copyBytes(from: edge)
      return edge.count
    }
    let count = min(rest, buffer.count)
    UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]).initializeMemory(as: UInt8.self, repeating: 0x78)
    rest -= count
    return count
  }
}
