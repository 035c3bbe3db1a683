import TraceEvents

extension EventBatch {
  /// Rows up to this many are copied one by one.
  private static let fewRows = 4

  /// Adds rows of another batch; there must be room.
  mutating func append(rows: Range<Int>, of other: borrowing EventBatch) {
    if rows.count <= Self.fewRows {
      for row in rows { append(other[row]) }
      return
    }
    let (start, target, length) = (rows.lowerBound, count, rows.count)
    precondition(target + length <= capacity, "batch is full")
    (time + target).update(from: other.time + start, count: length)
    (address + target).update(from: other.address + start, count: length)
    (requestedBytes + target).update(from: other.requestedBytes + start, count: length)
    (allocatedBytes + target).update(from: other.allocatedBytes + start, count: length)
    (position + target).update(from: other.position + start, count: length)
    (callSite + target).update(from: other.callSite + start, count: length)
    (comm + target).update(from: other.comm + start, count: length)
    (gfp + target).update(from: other.gfp + start, count: length)
    (name + target).update(from: other.name + start, count: length)
    (stack + target).update(from: other.stack + start, count: length)
    (pid + target).update(from: other.pid + start, count: length)
    (node + target).update(from: other.node + start, count: length)
    (cpu + target).update(from: other.cpu + start, count: length)
    (kind + target).update(from: other.kind + start, count: length)
    (order + target).update(from: other.order + start, count: length)
    (migrateType + target).update(from: other.migrateType + start, count: length)
    (flags + target).update(from: other.flags + start, count: length)
    count = target + length
  }

  /// Writes an event into a row below `count`.
  mutating func put(_ event: Event, row: Int) {
    let rows = count
    count = row
    append(event)
    count = max(rows, row + 1)
  }
}
