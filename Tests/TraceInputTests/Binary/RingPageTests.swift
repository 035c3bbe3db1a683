import KernelTypes
import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

@Suite("Pages of the ring buffer")
struct RingPageTests {
  private let mark = EventFormat(parsing: Array(FormatTexts.print.utf8))

  private func record(_ text: String, _ order: ByteOrder = .little) throws -> [UInt8] {
    var writer = RecordWriter(try #require(mark), byteOrder: order)
    writer.append(Array(text.utf8) + [0])
    return writer.bytes
  }

  private func read(_ pages: [UInt8], _ writer: RingPageWriter = RingPageWriter(), cpu: UInt32 = 0)
    throws -> ReadTrace
  {
    var file = TraceDatWriter(version: 6, pages: writer)
    file.formats = [FormatTexts.print]
    file.cpus = [(cpu, pages)]
    return try readAll(TraceInput.open(bytes: file.file(), name: "pages"))
  }

  @Test func `Deltas, time extends, absolute time stamps and discarded records all move the clock`()
    throws
  {
    let writer = RingPageWriter()
    let page = writer.page(
      time: 5_000,
      [
        writer.event(try record("a"), delta: 10), writer.timeExtend(1 << 40),
        writer.event(try record("b"), delta: 5),
        writer.discarded(24, delta: 7), writer.event(try record("c"), delta: 1),
        writer.timeStamp(1 << 41 | 77),
        writer.event(try record("d"), delta: 0),
      ])
    let trace = try read(page)
    let base: UInt64 = 5_010 + 1 << 40
    #expect(trace.events.map(\.time) == [5_010, base + 5, base + 13, 1 << 41 | 77])
    #expect(trace.events.map { trace.text($0.name) } == ["a", "b", "c", "d"])
    #expect(trace.statistics.samples == [])
  }

  @Test func `An absolute time stamp keeps the bits it can't hold, and runs over`() throws {
    let writer = RingPageWriter()
    let top: UInt64 = 0xF8 << 56
    let start = top | 100
    let page = writer.page(
      time: start,
      [
        writer.timeStamp(200), writer.event(try record("a"), delta: 0), writer.timeStamp(150),
        writer.event(try record("b"), delta: 0),
      ])
    #expect(try read(page).events.map(\.time) == [top | 200, (top | 150) &+ 1 << 59])
  }

  @Test func `Long records have their length behind the header`() throws {
    let writer = RingPageWriter()
    let text = String(repeating: "x", count: 500)
    let trace = try read(writer.page(time: 1, [writer.event(try record(text), delta: 0)]))
    #expect(trace.events.map { trace.text($0.name) } == [text])
  }

  @Test func `Lost events are counted, with and without a number`() throws {
    let writer = RingPageWriter()
    let first = writer.page(time: 1, [writer.event(try record("a"), delta: 0)])
    let second = writer.page(time: 2, [writer.event(try record("b"), delta: 0)], lost: 41)
    var third = writer.page(time: 3, [writer.event(try record("c"), delta: 0)], lost: 9)
    // Without bit 30 the number is not there.
    third[11] &= 0xBF
    let trace = try read(first + second + third)
    #expect(trace.statistics[.lostEvents] == 42)
    #expect(trace.events.count == 3)
    let offsets = trace.statistics.samples.map(\.location)
    #expect(offsets.count == 2)
  }

  @Test func `Pages of a 32-bit big-endian machine are read by their header`() throws {
    let writer = RingPageWriter(byteOrder: .big, longSize: 4)
    var format = try #require(mark)
    format.fields = format.fields.map { field in
      var field = field
      if field.name == "ip" { field.size = 4 }
      if field.name == "buf" { field.offset = 12 }
      return field
    }
    var mark = RecordWriter(format, byteOrder: .big)
    mark.append(Array("far away".utf8) + [0])
    var file = TraceDatWriter(version: 7, pages: writer)
    file.formats = [
      FormatTexts.print.replacing("offset:8;\tsize:8", with: "offset:8;\tsize:4").replacing(
        "offset:16", with: "offset:12")
    ]
    file.cpus = [
      (
        2,
        writer.page(
          time: 9_000, [writer.timeExtend(1 << 30), writer.event(mark.bytes, delta: 6)], lost: 3)
      )
    ]
    let trace = try readAll(TraceInput.open(bytes: file.file(), name: "big"))
    #expect(trace.events.map { trace.text($0.name) } == ["far away"])
    #expect(trace.events.map(\.time) == [9_006 + 1 << 30])
    #expect(trace.events.map(\.cpu) == [2])
    #expect(trace.statistics[.lostEvents] == 3)
    #expect(trace.context.pointerBytes == 4)
  }

  @Test(arguments: [
    (6, TraceDatWriter.Packing.none), (7, .none), (7, .zstd), (7, .zlib),
  ])
  func `CPUs are merged by time in every kind of file, by any number of threads`(
    version: Int, packing: TraceDatWriter.Packing
  ) throws {
    let file = SyntheticTraces.file(version: version, packing: packing).file()
    var first: [FormComparison.Row]?
    for threads in 1...3 {
      let options = InputOptions(threads: threads)
      let trace = try readAll(TraceInput.open(bytes: file, name: "two", options: options))
      #expect(trace.events.count == 6000)
      #expect(trace.statistics.samples == [])
      #expect(zip(trace.events, trace.events.dropFirst()).allSatisfy { $0.time < $1.time })
      // Version 6 numbers CPUs by their place.
      let second: UInt16 = version == 6 ? 1 : 3
      #expect(trace.events.map(\.cpu) == (0..<6000).map { $0 % 2 == 0 ? 0 : second })
      #expect(Set(trace.events.map { trace.text($0.comm) }) == ["one", "two words", "<...>"])
      #expect(trace.events.contains { trace.text($0.callSite) == "one+0x40/0x100" })
      let rows = FormComparison.rows(trace, isBinary: true)
      #expect(rows == first ?? rows)
      first = rows
    }
  }

  @Test func `Ticks of a time stamp counter become nanoseconds by the file's own factor`() throws {
    let writer = RingPageWriter()
    var file = TraceDatWriter(version: 7, pages: writer)
    file.formats = [FormatTexts.print]
    file.cpus = [(0, writer.page(time: 1 << 62, [writer.event(try record("a"), delta: 0)]))]
    let factor = writer.number(3_000_000, 4) + writer.number(22, 4) + writer.number(0, 8)
    file.options = [
      (14, factor), (7, Array("1000".utf8) + [0]), (5, Array("Linux h 5.15.3-x x86_64".utf8) + [0]),
    ]
    let trace = try readAll(TraceInput.open(bytes: file.file(), name: "ticks"))
    let expected = ((1 << 62) as UInt64).multipliedFullWidth(by: 3_000_000)
    #expect(trace.events.map(\.time) == [(expected.low >> 22 | expected.high << 42) &+ 1000])
    #expect(trace.context.clock == .time)
    #expect(trace.context.kernelRelease == "5.15.3-x")
  }

  @Test func `A stack trace at the start of a chunk belongs to the event before it`() throws {
    let writer = RingPageWriter()
    let stackFormat = try #require(EventFormat(parsing: Array(FormatTexts.kernelStack.utf8)))
    var stack = RecordWriter(stackFormat)
    stack.set("size", 1)
    let frame = stack.bytes[..<16] + writer.number(0xFFFF_FFFF_8100_0110, 8)
    // Pages of one record each: events and their stack traces always lie in different pages.
    var pages: [UInt8] = []
    // One event more in front lets chunks, which have an even number of pages, begin with a stack trace.
    pages += writer.page(time: 0, [writer.event(try record("alone"), delta: 0)])
    for index in 0..<400 {
      let event = index % 2 == 0 ? try record("m\(index)") : Array(frame)
      pages += writer.page(time: UInt64(index), [writer.event(event, delta: 0)])
    }
    var file = TraceDatWriter(version: 6, pages: writer)
    file.formats = [FormatTexts.print, FormatTexts.kernelStack]
    file.symbols = SyntheticTraces.symbols
    file.cpus = [(0, pages)]
    for threads in 1...2 {
      let trace = try readAll(
        TraceInput.open(bytes: file.file(), name: "stacks", options: InputOptions(threads: threads))
      )
      #expect(trace.events.count == 201)
      #expect(trace.events.dropFirst().allSatisfy { trace.frames($0) == ["one"] })
      #expect(trace.statistics[.orphanStacks] == 0)
    }
  }
}
