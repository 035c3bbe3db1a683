import KernelTypes
import TraceEvents

/// Puts rows that come in runs, each in the order of time, into one order; equal times by CPU, then as they came.
///
/// perf reads the buffers of the CPUs in turn and marks the end of each round. What was in a buffer in one round may be
/// younger than what the next round finds in another's, but never than what the round after that finds: so a round's
/// end lets go what is no younger than the round before it. Follows `ordered_events__flush` in
/// tools/perf/util/ordered-events.c.
struct TimeSorter: ~Copyable {
  private struct Run {
    var next: Int
    var end: Int
  }

  /// Rows held at most; beyond these the older half is let go, in order or not.
  static let limit = 1 << 20

  /// The rows that wait, as they came.
  var rows: EventBatch
  private var runs: [Run] = []
  private var heap: [Int] = []
  private var sortedCount = 0
  private var highestTime: UInt64 = 0
  private var roundLimit: UInt64 = 0
  private var releaseLimit: UInt64?

  init() { rows = EventBatch(capacity: 1 << 14) }

  /// Whether rows are on their way out: `take` them before more are added.
  var isReleasing: Bool { releaseLimit != nil }

  /// Makes room for another row.
  mutating func reserveRow() {
    if !rows.isFull { return }
    var larger = EventBatch(capacity: rows.capacity * 2)
    larger.append(from: rows, 0..<rows.count)
    rows = larger
  }

  /// Whether so many rows wait that they must be let go.
  var isOverfull: Bool { rows.count >= Self.limit }

  /// Lets go what the end of a round allows.
  mutating func finishRound() {
    noteNewRows()
    release(upTo: roundLimit)
    roundLimit = highestTime
  }

  /// Lets go the older half.
  mutating func releaseHalf() {
    noteNewRows()
    var limit: UInt64 = 0
    for row in 0..<rows.count / 2 { limit = max(limit, rows.time[row]) }
    release(upTo: limit)
  }

  /// Lets go everything.
  mutating func finish() {
    noteNewRows()
    release(upTo: .max)
  }

  /// Cuts the rows added since the last call into runs.
  private mutating func noteNewRows() {
    var row = sortedCount
    let count = rows.count
    while row < count {
      let start = row
      row += 1
      while row < count, isInOrder(row) { row += 1 }
      highestTime = max(highestTime, rows.time[row - 1])
      // A row may go on with the last run.
      if let last = runs.last, last.end == start, start > 0, last.next < last.end, isInOrder(start) {
        runs[runs.count - 1].end = row
      } else {
        runs.append(Run(next: start, end: row))
      }
    }
    sortedCount = count
  }

  /// Whether a row belongs behind the one that came before it.
  @inline(__always)
  private func isInOrder(_ row: Int) -> Bool {
    let (earlier, later) = (rows.time[row - 1], rows.time[row])
    return earlier < later || earlier == later && rows.cpu[row - 1] <= rows.cpu[row]
  }

  private mutating func release(upTo limit: UInt64) {
    heap.removeAll(keepingCapacity: true)
    for run in runs.indices where rows.time[runs[run].next] <= limit { push(run) }
    releaseLimit = limit
  }

  /// Moves rows that are let go into `batch` until it is full or there are no more.
  mutating func take(into batch: inout EventBatch) {
    guard let limit = releaseLimit else { return }
    while let run = heap.first {
      let room = batch.capacity - batch.count
      if room == 0 { return }
      pop()
      let start = runs[run].next
      let end = segmentEnd(run, start, min(runs[run].end, start + room), limit)
      batch.append(from: rows, start..<end)
      runs[run].next = end
      if end < runs[run].end, rows.time[end] <= limit { push(run) }
    }
    compact()
    releaseLimit = nil
  }

  /// How far a run may go on before another one's turn comes.
  private func segmentEnd(_ run: Int, _ start: Int, _ end: Int, _ limit: UInt64) -> Int {
    let time = rows.time
    var row = start + 1
    guard let other = heap.first else {
      while row < end, time[row] <= limit { row += 1 }
      return row
    }
    let otherRow = runs[other].next
    let bound = min(time[otherRow], limit)
    while row < end, time[row] < bound { row += 1 }
    return row
  }

  private mutating func compact() {
    var kept: [Run] = []
    var count = 0
    for run in runs where run.next < run.end {
      if run.next > count { rows.move(run.next..<run.end, to: count) }
      kept.append(Run(next: count, end: count + run.end - run.next))
      count += run.end - run.next
    }
    rows.count = count
    sortedCount = count
    runs = kept
  }

  // MARK: - The heap of runs, the one with the oldest row on top

  private func isBefore(_ left: Int, _ right: Int) -> Bool {
    let (leftRow, rightRow) = (runs[left].next, runs[right].next)
    let (leftTime, rightTime) = (rows.time[leftRow], rows.time[rightRow])
    if leftTime != rightTime { return leftTime < rightTime }
    return (rows.cpu[leftRow], leftRow) < (rows.cpu[rightRow], rightRow)
  }

  private mutating func push(_ run: Int) {
    heap.append(run)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if !isBefore(heap[child], heap[parent]) { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func pop() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(heap[child], heap[least]) {
        least = child
      }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}

extension EventBatch {
  /// Adds rows of another batch; there must be room.
  mutating func append(from other: borrowing EventBatch, _ range: Range<Int>) {
    precondition(count + range.count <= capacity && range.upperBound <= other.count, "rows outside the batch")
    let (start, length) = (range.lowerBound, range.count)
    (time + count).update(from: other.time + start, count: length)
    (address + count).update(from: other.address + start, count: length)
    (requestedBytes + count).update(from: other.requestedBytes + start, count: length)
    (allocatedBytes + count).update(from: other.allocatedBytes + start, count: length)
    (position + count).update(from: other.position + start, count: length)
    (callSite + count).update(from: other.callSite + start, count: length)
    (comm + count).update(from: other.comm + start, count: length)
    (gfp + count).update(from: other.gfp + start, count: length)
    (name + count).update(from: other.name + start, count: length)
    (stack + count).update(from: other.stack + start, count: length)
    (pid + count).update(from: other.pid + start, count: length)
    (node + count).update(from: other.node + start, count: length)
    (cpu + count).update(from: other.cpu + start, count: length)
    (kind + count).update(from: other.kind + start, count: length)
    (order + count).update(from: other.order + start, count: length)
    (migrateType + count).update(from: other.migrateType + start, count: length)
    (flags + count).update(from: other.flags + start, count: length)
    count += length
  }

  /// Moves rows to an earlier place.
  mutating func move(_ range: Range<Int>, to place: Int) {
    precondition(place <= range.lowerBound && range.upperBound <= count, "rows outside the batch")
    let (start, length) = (range.lowerBound, range.count)
    (time + place).update(from: time + start, count: length)
    (address + place).update(from: address + start, count: length)
    (requestedBytes + place).update(from: requestedBytes + start, count: length)
    (allocatedBytes + place).update(from: allocatedBytes + start, count: length)
    (position + place).update(from: position + start, count: length)
    (callSite + place).update(from: callSite + start, count: length)
    (comm + place).update(from: comm + start, count: length)
    (gfp + place).update(from: gfp + start, count: length)
    (name + place).update(from: name + start, count: length)
    (stack + place).update(from: stack + start, count: length)
    (pid + place).update(from: pid + start, count: length)
    (node + place).update(from: node + start, count: length)
    (cpu + place).update(from: cpu + start, count: length)
    (kind + place).update(from: kind + start, count: length)
    (order + place).update(from: order + start, count: length)
    (migrateType + place).update(from: migrateType + start, count: length)
    (flags + place).update(from: flags + start, count: length)
  }
}
