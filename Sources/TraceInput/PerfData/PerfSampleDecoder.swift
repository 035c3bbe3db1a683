import KernelTypes
import TraceEvents

/// Turns samples into rows, which lack the names of their tasks.
struct PerfSampleDecoder: ~Copyable {
  private let strings: StringInterner
  private let stacks: StackTable
  private var decoder: RecordDecoder
  private var chains: PerfCallChains
  private var hasFormats = false
  private var otherSamples: UInt64 = 0
  private(set) var statistics = ImportStatistics()
  private(set) var sawLongPointer = false

  init(strings: StringInterner, stacks: StackTable) {
    self.strings = strings
    self.stacks = stacks
    decoder = RecordDecoder(EventCatalogue(), strings: strings, stacks: stacks, namesTasks: false)
    chains = PerfCallChains(strings: strings, stacks: stacks)
  }

  /// What the formats tell about the kernel.
  var features: EraFeatures { decoder.features }

  mutating func otherEvents() -> (counts: [StringID: UInt64], total: UInt64) {
    var counts = decoder.otherEvents.snapshot()
    if otherSamples > 0 { counts[strings.intern("sample without an event"), default: 0] += otherSamples }
    return (counts, decoder.otherEvents.total + otherSamples)
  }

  /// Counts a sample that is no tracepoint's.
  mutating func countOther() { otherSamples &+= 1 }

  /// Takes the formats that samples are read by; only the first ones count.
  @inline(__always)
  mutating func prepare(_ events: borrowing PerfLayouts) {
    if !hasFormats { useFormats(events.events.catalogue ?? EventCatalogue()) }
  }

  @inline(never)
  private mutating func useFormats(_ catalogue: EventCatalogue) {
    hasFormats = true
    decoder = RecordDecoder(catalogue, strings: strings, stacks: stacks, namesTasks: false)
    chains.symbols = catalogue.symbols
  }

  /// Reads a sample with its fields of fixed places; the batch must have room for a row.
  @inline(__always)
  mutating func decode(
    _ record: UnsafeRawPointer, _ size: Int, _ layout: UnsafeMutablePointer<PerfSampleLayout>, time: UInt64,
    cpu: UInt16, position: UInt64, into batch: inout EventBatch, swapped: Bool
  ) {
    var at = layout.pointee.variable
    if layout.pointee.hasRead {
      guard let bytes = layout.pointee.readBytes(record, at, size, swapped: swapped), bytes <= size - at else {
        return countMalformed(position, "a sample of \(size) bytes")
      }
      at += bytes
    }
    var chain = at
    var chainCount = 0
    if layout.pointee.hasCallChain {
      guard at + 8 <= size else { return countMalformed(position, "a sample of \(size) bytes") }
      let said = record.load64(at, swapped: swapped)
      guard said <= UInt64(size - at - 8) / 8 else {
        return countMalformed(position, "a call chain of \(said) entries in \(size) bytes")
      }
      chain = at + 8
      chainCount = Int(said)
      at = chain + 8 * chainCount
    }
    guard at + 4 <= size else { return countMalformed(position, "a sample of \(size) bytes") }
    let rawCount = Int(record.load32(at, swapped: swapped))
    guard rawCount <= size - at - 4 else {
      return countMalformed(position, "an event of \(rawCount) bytes in \(size) bytes")
    }
    // No stack trace reaches over from one sample to the next.
    decoder.startStream()
    let row = batch.count
    switch decoder.decode(
      record + at + 4, count: rawCount, time: time, cpu: cpu, position: position, into: &batch)
    {
    case .event:
      if !sawLongPointer, batch.address[row] >> 32 != 0, !batch.kind[row].isPageEvent { sawLongPointer = true }
      if chainCount > 0 { batch.stack[row] = chains.stack(record + chain, chainCount, swapped: swapped) }
    case .other, .stack, .strayStack: break
    case .malformed:
      let text = decoder.describe(record + at + 4, count: rawCount)
      countMalformed(position, text)
    }
  }

  @inline(never)
  mutating func countMalformed(_ position: UInt64, _ text: @autoclosure () -> String) {
    statistics.count(.malformedLines, at: .byteOffset(position), text: text())
  }
}
