import KernelTypes
import TraceEvents

/// The events of ring-buffer pages: `trace.dat` files and directories of raw per-CPU files.
///
/// The pages of each CPU are decoded in chunks, by all workers at once; the events come merged by time, those of the
/// same time by CPU, those of one CPU in their own order. Memory is some chunks for each CPU and the distinct texts,
/// whatever the length of the input. What can't be read is counted with its place in the input, and reading goes on
/// behind it.
final class RingBufferSource: TraceSource {
  /// Bytes of pages that make a chunk, unless there are many CPUs.
  private static let chunkBytes = 1 << 17
  private static let allChunkBytes = 1 << 23

  let strings = StringInterner()
  let stacks = StackTable()
  let summary: InputSummary
  private(set) var context: TraceContext
  private let pool: WorkerPool
  private let workers: [RingWorker]
  private let maps: UnsafeMutablePointer<IdentifierMap>
  private let streams: [RingStream]
  // A heap of streams with rows: the earliest head first, then the lowest place in `streams`.
  private var heap: [Int] = []
  private var isStarted = false
  private var survey = BatchSurvey(positions: .byteOffset)
  private var baseStatistics: ImportStatistics
  private var pendingError: TraceError?
  private let totalBytes: UInt64

  /// Reads sections that belong to one catalogue; `statistics` holds what was found wrong before.
  init(
    _ sections: [RingSection], catalogue: EventCatalogue, context: TraceContext, statistics: ImportStatistics,
    summary: InputSummary, threads: Int
  ) {
    self.summary = summary
    self.context = context
    baseStatistics = statistics
    totalBytes = sections.reduce(0) { $0 &+ $1.size }
    let pool = WorkerPool(threads: threads)
    self.pool = pool
    let workers = (0..<pool.workerCount).map { _ in RingWorker(catalogue) }
    self.workers = workers
    maps = .allocate(capacity: workers.count)
    for worker in 0..<workers.count { (maps + worker).initialize(to: IdentifierMap()) }
    let share = min(Self.chunkBytes, Self.allChunkBytes / max(sections.count, 1))
    let depth = max(RingStream.mostDepth / max(sections.count, 1), RingStream.leastDepth)
    streams = sections.map { RingStream($0, chunkBytes: share, depth: depth, workers: workers, pool: pool) }
  }

  deinit {
    maps.deinitialize(count: workers.count)
    maps.deallocate()
  }

  var progress: InputProgress {
    InputProgress(bytesRead: min(baseStatistics.bytes, totalBytes), totalBytes: totalBytes)
  }

  var statistics: ImportStatistics {
    var statistics = baseStatistics
    statistics.unit = .record
    survey.add(to: &statistics)
    statistics[.unknownEvents] = statistics.otherEvents.values.reduce(0, +)
    statistics[.internedOverflow] = UInt64(strings.overflowed + stacks.overflowed)
    return statistics
  }

  /// Fills `batch` with the next events; see `EventSource.read(into:)`. Throws `.cannotRead` after the events before it.
  func read(into batch: inout EventBatch) throws(TraceError) -> Bool {
    batch.removeAll()
    if !isStarted { start() }
    while !batch.isFull, let first = heap.first {
      let stream = streams[first]
      let (time, isFirst) = rival(of: first)
      stream.take(into: &batch, before: time, isFirst: isFirst)
      if stream.row == stream.end { reload(first) } else { siftDown() }
    }
    survey.add(batch)
    context.observedCPUCount = survey.cpuCount
    if batch.count > 0 { return true }
    if let error = pendingError {
      pendingError = nil
      throw error
    }
    return false
  }

  private func start() {
    isStarted = true
    do throws(TraceError) {
      for stream in streams { try stream.lookAhead() }
    } catch {
      pendingError = error
    }
    for index in streams.indices where load(index) { push(index) }
  }

  /// Makes the next rows of a stream ready; `false` if there are none.
  private func load(_ index: Int) -> Bool {
    let stream = streams[index]
    do throws(TraceError) {
      if try stream.advance({ receive($0, stream) }) { return true }
    } catch {
      pendingError = pendingError ?? error
    }
    if let (offset, text) = stream.structuralDamage {
      baseStatistics.count(.malformedLines, at: .byteOffset(offset), text: text)
    }
    if let offset = stream.cutAt {
      baseStatistics.count(.truncatedEnd, at: .byteOffset(offset), text: "the input ends before a CPU's data does")
    }
    return false
  }

  /// Translates a decoded chunk's rows and counts what it found.
  private func receive(_ chunk: RingChunk, _ stream: RingStream) {
    let worker = chunk.worker
    pool.locked { maps[worker].update(from: workers[worker].published) }
    chunk.withBatch { batch in
      let rows = RingChunk.firstRow..<batch.count
      maps[worker].translate(batch, rows, strings)
      maps[worker].translateStacks(batch, rows, stacks, strings)
      if let leading = chunk.leadingStack { batch.stack[0] = maps[worker].stack(leading, stacks, strings) }
    }
    if chunk.leadingStack != nil, stream.isUntouched { baseStatistics.count(.orphanStacks) }
    for finding in chunk.findings {
      baseStatistics.count(finding.counter, finding.amount, at: .byteOffset(finding.offset), text: finding.text)
    }
    for (name, count) in chunk.otherEvents {
      baseStatistics.otherEvents[maps[worker].string(name, strings), default: 0] += count
    }
    baseStatistics.lines += chunk.records
    baseStatistics.bytes += chunk.pageBytes
    if let error = chunk.trouble { pendingError = pendingError ?? error }
  }
}

// The heap of streams.
extension RingBufferSource {
  private func isBefore(_ left: Int, _ right: Int) -> Bool {
    let (first, second) = (streams[left].headTime, streams[right].headTime)
    return first < second || first == second && left < right
  }

  /// Up to when the rows of the first stream come before those of all others, and whether it comes first at that time.
  private func rival(of first: Int) -> (time: UInt64, isFirst: Bool) {
    guard heap.count > 1 else { return (.max, true) }
    let second = heap.count > 2 && isBefore(heap[2], heap[1]) ? heap[2] : heap[1]
    return (streams[second].headTime, first < second)
  }

  private func push(_ index: Int) {
    heap.append(index)
    var child = heap.count - 1
    while child > 0, isBefore(heap[child], heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private func siftDown() {
    var parent = 0
    while true {
      var child = 2 * parent + 1
      if child >= heap.count { return }
      if child + 1 < heap.count, isBefore(heap[child + 1], heap[child]) { child += 1 }
      if !isBefore(heap[child], heap[parent]) { return }
      heap.swapAt(child, parent)
      parent = child
    }
  }

  private func reload(_ index: Int) {
    if !load(index) {
      let last = heap.removeLast()
      if heap.isEmpty { return }
      heap[0] = last
    }
    siftDown()
  }
}
