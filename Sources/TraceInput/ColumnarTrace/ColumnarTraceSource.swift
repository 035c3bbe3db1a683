public import KernelTypes
public import TraceEvents

/// The events of a `.kmr`, the container that `convert` writes.
///
/// Events, strings, stacks, context and statistics are those of the trace it was made from, batch by batch. Memory is two
/// blocks of 65,536 events and the distinct strings and stacks. A damaged block is left out: it counts as a malformed
/// line, its events as lost, and the sample says where it stands.
public final class ColumnarTraceSource: TraceSource {
  public let strings: StringInterner
  public let stacks: StackTable
  public let summary: InputSummary

  private var stream: ColumnarBlockStream
  private let identifiers: ColumnarIdentifiers
  private var block: ColumnarBlock?
  private var portion = 0
  private var rowsLeft = 0
  private var known = TraceContext()
  // What blocks that were read to their end say, and what goes beyond it.
  private var counted = ImportStatistics()
  private var damage = ImportStatistics()
  private var delivered = ImportStatistics()
  private var nextEvent: UInt64 = 0
  private var isComplete = false
  private var isAtEnd = false
  private var isIntact = true
  private var pendingError: TraceError?

  init(_ bytes: any ByteSource, summary: InputSummary) throws(TraceError) {
    strings = StringInterner()
    stacks = StackTable()
    self.summary = summary
    identifiers = ColumnarIdentifiers(strings: strings, stacks: stacks)
    stream = try ColumnarBlockStream(bytes, name: summary.name)
    known.container = .kmr
    try stream.readFileHeader(summary.name)
  }

  public var progress: InputProgress { stream.progress }

  public var context: TraceContext {
    var context = known
    context.compression = summary.compression
    return context
  }

  public var statistics: ImportStatistics {
    var statistics = counted
    statistics.bytes = stream.offset
    if !isComplete || !isIntact {
      statistics.events = delivered.events
      statistics.eventsByKind = delivered.eventsByKind
      statistics[.hashedPointers] = delivered[.hashedPointers]
      statistics[.unknownPointers] = delivered[.unknownPointers]
    }
    for counter in ImportStatistics.Counter.allCases {
      let (sum, isTooLarge) = statistics[counter].addingReportingOverflow(damage[counter])
      statistics[counter] = isTooLarge ? .max : sum
    }
    for sample in damage.samples {
      statistics.count(sample.counter, 0, at: sample.location, text: sample.text)
    }
    return statistics
  }

  /// Fills `batch` with the next events, as a rule those of one batch of the trace that was converted.
  ///
  /// Throws `.cannotRead` or `.damagedCompression` after the events before the trouble were delivered.
  public func read(into batch: inout EventBatch) throws(TraceError) -> Bool {
    batch.removeAll()
    while true {
      if let block, deliver(block, &batch) { return true }
      if isAtEnd {
        guard let error = pendingError else { return false }
        pendingError = nil
        throw error
      }
      do throws(TraceError) {
        try advance()
      } catch {
        isAtEnd = true
        isIntact = false
        pendingError = error
      }
    }
  }

  private func deliver(_ block: ColumnarBlock, _ batch: inout EventBatch) -> Bool {
    while rowsLeft == 0 {
      if portion == block.portions.count {
        counted = block.statistics
        self.block = nil
        return false
      }
      begin(block.portions[portion])
      portion += 1
    }
    let count = min(rowsLeft, batch.capacity)
    block.fill(&batch, count: count)
    rowsLeft -= count
    return true
  }

  private func begin(_ portion: ColumnarBlock.Portion) {
    rowsLeft = portion.rows
    if let context = portion.context { known = context }
    delivered.events += UInt64(portion.rows)
    for kind in delivered.eventsByKind.indices { delivered.eventsByKind[kind] += portion.eventsByKind[kind] }
    delivered[.hashedPointers] += portion.hashedPointers
    delivered[.unknownPointers] += portion.unknownPointers
  }

  private func advance() throws(TraceError) {
    switch try stream.next() {
    case .block(let header, let offset, let bytes):
      open(header, offset, bytes)
    case .damage(let offset, let reason):
      note(offset, reason)
    case .end(let offset):
      isAtEnd = true
      if isComplete { return }
      isIntact = false
      damage.count(.truncatedEnd, at: .byteOffset(offset), text: "the .kmr ends without its last block")
    }
  }

  private func open(_ header: ColumnarBlockHeader, _ offset: UInt64, _ bytes: UnsafePointer<UInt8>) {
    if isComplete { return note(offset, "a block behind the last one") }
    do throws(ColumnarBlock.Damage) {
      let block = try ColumnarBlock(
        bytes, count: header.plainBytes, rows: header.rows, identifiers: identifiers)
      if header.firstEvent > nextEvent {
        isIntact = false
        damage.count(
          .lostEvents, header.firstEvent - nextEvent, at: .byteOffset(offset),
          text: "events \(nextEvent + 1) to \(header.firstEvent) were in damaged blocks before this one")
      }
      nextEvent = header.firstEvent &+ UInt64(header.rows)
      self.block = block
      portion = 0
      rowsLeft = 0
      if header.kind == .end { isComplete = true }
    } catch {
      note(offset, error.reason)
    }
  }

  private func note(_ offset: UInt64, _ reason: String) {
    isIntact = false
    damage.count(.malformedLines, at: .byteOffset(offset), text: "damaged block of a .kmr: " + reason)
  }
}
