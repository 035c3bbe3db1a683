import Glibc
import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

@Suite("Spooled standard input")
struct SpooledInputTests {
  @Test("can be read twice when it is a pipe", arguments: [PackedSamples.text, PackedSamples.zstd])
  func pipeTwice(bytes: [UInt8]) throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    try #require(write(ends[1], bytes, bytes.count) == bytes.count)
    close(ends[1])
    let spooled = try SpooledInput(descriptor: ends[0], name: "standard input")
    close(ends[0])
    for _ in 0..<2 {
      let source = try TraceInput.open(spooled)
      #expect(source.summary.byteSize == UInt64(bytes.count))
      #expect(try readAll(source).events.count == PackedSamples.lineCount)
    }
  }

  @Test("can be read by two readers at once")
  func interleaved() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    try #require(write(ends[1], PackedSamples.text, PackedSamples.text.count) == PackedSamples.text.count)
    close(ends[1])
    let spooled = try SpooledInput(descriptor: ends[0], name: "standard input")
    close(ends[0])
    let first = try TraceInput.open(spooled)
    let second = try TraceInput.open(spooled)
    #expect(try readAll(second).events.count == PackedSamples.lineCount)
    #expect(try readAll(first).events.count == PackedSamples.lineCount)
  }

  @Test("that is empty says so")
  func empty() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    close(ends[1])
    let spooled = try SpooledInput(descriptor: ends[0], name: "standard input")
    close(ends[0])
    let error = #expect(throws: TraceError.self) { try TraceInput.open(spooled) }
    #expect(error?.code == .empty)
  }
}
