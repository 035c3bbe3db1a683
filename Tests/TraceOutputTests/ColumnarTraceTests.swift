import KernelTypes
import TestSupport
import Testing
import TraceEvents

@testable import TraceInput
@testable import TraceOutput

@Suite("A .kmr")
struct ColumnarTraceTests {
  @Test("gives the events, strings, stacks and counters of the trace it was made from", arguments: sampleNames)
  func same(name: String) throws {
    let original = try readAll(TraceInput.open(path: SampleTraces.path(name)))
    let bytes = try columnar(TraceInput.open(path: SampleTraces.path(name)))
    let again = try readAll(TraceInput.open(bytes: bytes))
    #expect(again.events.map(\.columns) == original.events.map(\.columns))
    #expect(again.strings.count == original.strings.count)
    for id in 0..<original.strings.count {
      let id = StringID(rawValue: UInt32(id))
      #expect(again.text(id) == original.text(id))
    }
    #expect(again.stacks.count == original.stacks.count)
    for id in 0...original.stacks.count {
      let id = StackID(rawValue: UInt32(id))
      #expect(again.stacks[id] == original.stacks[id])
    }
    expectSame(again.statistics, original.statistics)
    #expect(again.statistics.bytes == UInt64(bytes.count))
    expectSame(again.context, original.context)
    #expect(bytes.count * 10 < original.statistics.bytes)
  }

  private func expectSame(_ left: ImportStatistics, _ right: ImportStatistics) {
    #expect(left.unit == right.unit)
    #expect(left.lines == right.lines)
    #expect(left.events == right.events)
    #expect(left.eventsByKind == right.eventsByKind)
    #expect(left.otherEvents == right.otherEvents)
    #expect(left.samples == right.samples)
    for counter in ImportStatistics.Counter.allCases { #expect(left[counter] == right[counter]) }
  }

  private func expectSame(_ left: TraceContext, _ right: TraceContext) {
    #expect(left.container == .kmr)
    #expect(left.origin == right.container)
    #expect(left.clock == right.clock)
    #expect(left.tracer == right.tracer)
    #expect(left.headerCPUCount == right.headerCPUCount)
    #expect(left.observedCPUCount == right.observedCPUCount)
    #expect(left.kernelRelease == right.kernelRelease)
    #expect(left.entriesInBuffer == right.entriesInBuffer)
    #expect(left.entriesWritten == right.entriesWritten)
    #expect(left.pointerBytes == right.pointerBytes)
    #expect(left.features == right.features)
  }

  /// A property that is added to the context must be added to `ColumnarRecords`, its writer and the test above.
  @Test("keeps every property of the context")
  func contextIsWhole() {
    let names = Mirror(reflecting: TraceContext()).children.compactMap(\.label)
    #expect(
      names == [
        "container", "origin", "compression", "clock", "tracer", "headerCPUCount", "observedCPUCount",
        "kernelRelease", "entriesInBuffer", "entriesWritten", "pointerBytes", "features",
      ])
  }

  @Test("made twice over, or of small batches, gives the same events", arguments: [1, 7, 300])
  func again(capacity: Int) throws {
    let path = SampleTraces.path("6.1-slub-smp1-stack")
    let bytes = try columnar(TraceInput.open(path: path), capacity: capacity)
    let twice = try columnar(TraceInput.open(bytes: bytes), capacity: capacity)
    let original = try readAll(TraceInput.open(path: path))
    let again = try readAll(TraceInput.open(bytes: twice), capacity: 5)
    #expect(again.events.map(\.columns) == original.events.map(\.columns))
    #expect(again.context.origin == .ftraceText)
    expectSame(again.statistics, original.statistics)
  }

  @Test("counts records where its source did")
  func records() throws {
    let path = SampleTraces.file("6.1-slub-smp1-tcmd/trace.dat.zst")
    let original = try readAll(TraceInput.open(path: path))
    let again = try readAll(TraceInput.open(bytes: columnar(TraceInput.open(path: path))))
    #expect(original.statistics.unit == .record)
    expectSame(again.statistics, original.statistics)
  }

  @Test("delivers the batches of its source, each with the context known by then")
  func batches() throws {
    let path = SampleTraces.path("6.1-slub-smp2-script-s20k")
    let text = try TraceInput.open(path: path)
    let kmr = try TraceInput.open(bytes: columnar(TraceInput.open(path: path)))
    var left = EventBatch()
    var right = EventBatch()
    while try text.read(into: &left) {
      _ = try kmr.read(into: &right)
      #expect(left.count == right.count)
      #expect(text.context.features == kmr.context.features)
      #expect(text.context.observedCPUCount == kmr.context.observedCPUCount)
      #expect(text.statistics.eventsByKind == kmr.statistics.eventsByKind)
    }
    #expect(try !kmr.read(into: &right))
  }

  @Test("keeps events of every kind with every value")
  func extremes() throws {
    let trace = ScriptedTrace()
    var generator = SeededGenerator(seed: 7)
    for index in 0..<70_000 {
      let kind = EventKind.allCases[index % EventKind.allCases.count]
      trace.add(kind) { event in
        event.time = generator.next()
        event.address = index % 5 == 0 ? .max : generator.next()
        event.requestedBytes = generator.next() >> UInt64(index % 64)
        event.allocatedBytes = .max
        event.position = UInt64(index)
        event.callSite = trace.strings.intern("site\(index % 1000)")
        event.name = trace.strings.intern("name\(index % 70)")
        event.pid = index % 2 == 0 ? .min : .max
        event.node = index % 2 == 0 ? .min : .max
        event.cpu = .max
        event.order = UInt8(index % 256)
        event.migrateType = UInt8(index % 7)
        event.flags = EventFlags(rawValue: UInt8(index % 256))
        event.stack = trace.stacks.intern([event.callSite, event.name])
      }
    }
    // On one thread, for a reader ahead gives identifiers of its own.
    let again = try readAll(TraceInput.open(bytes: columnar(trace), options: .init(threads: 1)))
    let isSame = again.events.map(\.columns) == trace.events.map(\.columns)
    #expect(isSame)
    #expect(again.stacks.count == trace.stacks.count)
  }

  @Test("of a part of a trace counts the events it has")
  func part() throws {
    let bytes = try columnar(PartOfTrace(TraceInput.open(path: SampleTraces.path("6.1-slub-smp1-stack"))))
    let again = try readAll(TraceInput.open(bytes: bytes))
    #expect(again.events.count == 100)
    #expect(again.statistics.events == 100)
    #expect(again.statistics.eventsByKind.reduce(0, +) == 100)
  }

  @Test("keeps what other containers know of the kernel")
  func kernelRelease() throws {
    let trace = ScriptedTrace()
    trace.add(.kfree)
    trace.context.container = .perfetto
    trace.context.kernelRelease = "6.1.0-18-amd64"
    let again = try readAll(TraceInput.open(bytes: columnar(trace)))
    #expect(again.context.kernelRelease == "6.1.0-18-amd64")
    #expect(again.context.recordedIn == .perfetto)
  }

  @Test("without events can be read")
  func empty() throws {
    let again = try readAll(TraceInput.open(bytes: columnar(ScriptedTrace())))
    #expect(again.events.isEmpty)
    #expect(again.statistics.samples.isEmpty)
  }

  @Test("of a later version is refused with its number")
  func laterVersion() throws {
    var bytes = Array(try columnar(ScriptedTrace()))
    bytes[8] = 9
    let checksum = bytes[..<12].withUnsafeBytes { ColumnarFormat.checksum($0) }
    for index in 0..<4 { bytes[12 + index] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * index)) }
    let error = #expect(throws: TraceError.self) { try TraceInput.open(bytes: bytes) }
    #expect(error?.code == .unsupportedFormat)
    #expect(error?.found.contains("version 9") == true)
  }

  @Test("packed with zstd or gzip as a whole is read all the same")
  func packed() throws {
    let source = try TraceInput.open(path: SampleTraces.path("6.1-slub-smp1-stack"))
    let bytes = try converted(source, zstdLevel: 1) { try ColumnarTraceWriter($0) }
    let original = try readAll(TraceInput.open(path: SampleTraces.path("6.1-slub-smp1-stack")))
    #expect(try readAll(TraceInput.open(bytes: bytes)).events.count == original.events.count)
  }
}

/// The first hundred events of a trace, in its first batch.
private final class PartOfTrace: EventSource {
  private let source: any EventSource
  init(_ source: any EventSource) { self.source = source }
  var strings: StringInterner { source.strings }
  var stacks: StackTable { source.stacks }
  var context: TraceContext { source.context }
  var statistics: ImportStatistics { source.statistics }
  private var isDone = false

  func read(into batch: inout EventBatch) throws(TraceError) -> Bool {
    while try source.read(into: &batch) {
      if isDone { continue }
      isDone = true
      batch.count = min(batch.count, 100)
      return true
    }
    return false
  }
}
