import KernelTypes
import TraceEvents

/// Some neighbouring pages of one CPU, to be decoded by any worker; used again and again.
final class RingChunk: Job {
  /// Something bad in the pages.
  struct Finding {
    var counter: ImportStatistics.Counter
    var amount: UInt64
    var offset: UInt64
    var text: String
  }

  /// The row that is kept free in front, for the last event of the chunk before.
  static let firstRow = 1
  /// Findings kept of one chunk with their texts; the others are only counted.
  private static let findingLimit = 8

  private let section: RingSection
  private let workers: [RingWorker]
  private let pool: WorkerPool
  /// The stretches to decode; set before the job is submitted.
  var pieces: [RingPiece] = []

  // The outcome.
  private(set) var batch = EventBatch(capacity: 1)
  /// The worker that decoded it, whose identifiers the rows have.
  private(set) var worker = 0
  /// The frames of a stack trace that belongs to the last event of the chunk before.
  private(set) var leadingStack: StackID?
  /// Whether the last record has a row, which a stack trace in the next chunk would belong to.
  private(set) var endsWithEvent = false
  private(set) var findings: [Finding] = []
  private(set) var otherEvents: [(name: StringID, count: UInt64)] = []
  private(set) var records: UInt64 = 0
  private(set) var pageBytes: UInt64 = 0
  private(set) var trouble: TraceError?

  init(_ section: RingSection, workers: [RingWorker], pool: WorkerPool) {
    self.section = section
    self.workers = workers
    self.pool = pool
  }

  /// Changes the outcome's rows.
  func withBatch<Result>(_ body: (inout EventBatch) -> Result) -> Result { body(&batch) }

  override func run(worker number: Int) {
    let worker = workers[number]
    self.worker = number
    reset()
    worker.decoder.startStream()
    do throws(TraceError) {
      for piece in pieces { try decode(piece, worker) }
    } catch {
      trouble = error
    }
    endsWithEvent = worker.decoder.awaitsStack
    otherEvents = worker.decoder.otherEvents.takeAll()
    let news = worker.news()
    pool.locked {
      worker.published.strings.append(contentsOf: news.strings)
      worker.published.stacks.append(contentsOf: news.stacks)
    }
  }

  private func reset() {
    // Events of kmem take 24 bytes and more; where they are smaller, the batch grows.
    let bytes = pieces.reduce(0) { $0 + $1.size }
    let rows = bytes / 24 + RecordDecoder.rowLimit(pageBytes: min(section.layout.pageSize, bytes))
    if batch.capacity < rows { batch = EventBatch(capacity: rows) }
    batch.count = Self.firstRow
    leadingStack = nil
    findings.removeAll(keepingCapacity: true)
    records = 0
    pageBytes = 0
    trouble = nil
  }

  private func decode(_ piece: RingPiece, _ worker: RingWorker) throws(TraceError) {
    switch section.packing {
    case .none:
      let room = worker.pageRoom(piece.size)
      let count = try section.bytes.read(at: piece.offset, into: room)
      decodePages(UnsafeRawBufferPointer(rebasing: room[..<count]), piece, worker, isPacked: false)
    case .chunks(let codec):
      let stored = worker.storedRoom(piece.storedSize)
      let room = worker.pageRoom(piece.size)
      let count = try section.bytes.read(at: piece.offset, into: stored)
      guard count == piece.storedSize,
        let size = codec.unpack(UnsafeRawBufferPointer(stored), into: room), size == piece.size
      else {
        worker.decoder.startStream()
        return find(.malformedLines, 1, piece.offset, "a packed chunk of pages that can't be unpacked")
      }
      decodePages(UnsafeRawBufferPointer(room), piece, worker, isPacked: true)
    }
  }

  private func decodePages(
    _ bytes: UnsafeRawBufferPointer, _ piece: RingPiece, _ worker: RingWorker, isPacked: Bool
  ) {
    let layout = section.layout
    pageBytes += UInt64(bytes.count)
    var start = 0
    while start < bytes.count {
      let count = min(layout.pageSize, bytes.count - start)
      guard let base = bytes.baseAddress else { return }
      let position = isPacked ? piece.offset : piece.offset + UInt64(start)
      makeRoom(RecordDecoder.rowLimit(pageBytes: count))
      let firstRow = batch.count
      let outcome = worker.decoder.decodePage(
        base + start, count: count, layout: layout, cpu: section.cpu, position: position, into: &batch)
      if outcome.startsWithStack, records == 0 { leadingStack = worker.stacks.intern(worker.decoder.lastFrames) }
      records += UInt64(outcome.records)
      note(outcome, position, isPacked)
      convertTimes(from: firstRow)
      start += layout.pageSize
    }
  }

  private func makeRoom(_ rows: Int) {
    if batch.capacity - batch.count >= rows { return }
    var larger = EventBatch(capacity: batch.capacity * 2 + rows)
    larger.append(rows: 0..<batch.count, of: batch)
    batch = larger
  }

  private func convertTimes(from firstRow: Int) {
    let clock = section.clock
    if clock.isIdentity { return }
    for row in firstRow..<batch.count { batch.time[row] = clock.apply(batch.time[row]) }
  }

  private func note(_ outcome: RingPageOutcome, _ position: UInt64, _ isPacked: Bool) {
    if let lost = outcome.lostEvents {
      // A report without a number counts as one, as in text.
      find(.lostEvents, max(lost, 1), position, "CPU:\(section.cpu) [LOST \(lost == 0 ? "" : "\(lost) ")EVENTS]")
    }
    let place = isPacked ? " in a page unpacked from here" : ""
    if outcome.malformed > 0 {
      find(
        .malformedLines, UInt64(outcome.malformed), position + (isPacked ? 0 : UInt64(outcome.firstMalformed)),
        "records that are no event this trace describes" + place)
    }
    let offset = position + (isPacked ? 0 : UInt64(outcome.damageOffset))
    switch outcome.damage {
    case nil: break
    case .cut?: find(.truncatedEnd, 1, offset, "the input ends in a page of CPU \(section.cpu)")
    case .event?: find(.malformedLines, 1, offset, "an event that leads out of its page" + place)
    case .length(let length)?:
      find(
        .malformedLines, 1, offset,
        "a page with \(length) bytes of data, where \(section.layout.dataSize) fit" + place)
    }
  }

  private func find(_ counter: ImportStatistics.Counter, _ amount: UInt64, _ offset: UInt64, _ text: String) {
    if findings.count < Self.findingLimit {
      findings.append(Finding(counter: counter, amount: amount, offset: offset, text: text))
    } else if let last = findings.lastIndex(where: { $0.counter == counter }) {
      findings[last].amount += amount
    } else {
      findings.append(Finding(counter: counter, amount: amount, offset: offset, text: text))
    }
  }
}
