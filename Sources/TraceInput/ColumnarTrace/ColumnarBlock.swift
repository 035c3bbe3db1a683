import KernelTypes
import TraceEvents

/// The events of one block, unpacked but still in their columns: small tables, and row columns that point into them.
///
/// Everything that a row can refer to is checked when the block is opened, so that filling a batch needs no checks and a
/// block is used as a whole or not at all.
final class ColumnarBlock {
  /// What most rows share with many others.
  private struct Shape {
    var requestedBytes: UInt64
    var allocatedBytes: UInt64
    var callSite: StringID
    var gfp: StringID
    var name: StringID
    var node: Int16
    var kind: EventKind
    var order: UInt8
    var migrateType: UInt8
    var flags: EventFlags
  }

  private struct Task {
    var comm: StringID
    var pid: Int32
    var cpu: UInt16
  }

  /// Rows that the source of the events delivered in one batch, and what it knew by then.
  struct Portion {
    var rows: Int
    var eventsByKind: [UInt64]
    var hashedPointers: UInt64
    var unknownPointers: UInt64
    var context: TraceContext?
  }

  private var shapes: [Shape] = []
  private var tasks: [Task] = []
  private var addresses: [UInt64] = []
  private var stackIDs: [StackID] = [.none]
  private(set) var portions: [Portion] = []
  /// What was counted up to the block's end.
  private(set) var statistics = ImportStatistics()

  private var shapeColumn: IntegerColumn
  private var taskColumn: IntegerColumn
  private var addressColumn: IntegerColumn
  private var timeColumn: IntegerColumn
  private var positionColumn: IntegerColumn
  private var stackColumn: IntegerColumn
  private let identifiers: ColumnarIdentifiers

  /// Why a block can't be used.
  struct Damage: Error {
    var reason: String
  }

  /// Opens the block in `bytes`, which must stay as long as it is read. Throws `Damage` if anything makes no sense.
  init(
    _ bytes: UnsafePointer<UInt8>, count: Int, rows: Int, identifiers: ColumnarIdentifiers
  ) throws(Damage) {
    self.identifiers = identifiers
    var cursor = PlainCursor(bytes, count: count)
    let empty = IntegerColumn(&cursor, count: 0)
    (shapeColumn, taskColumn, addressColumn) = (empty, empty, empty)
    (timeColumn, positionColumn, stackColumn) = (empty, empty, empty)

    let kinds = try Self.kinds(&cursor)
    Self.readStrings(&cursor, identifiers)
    readStacks(&cursor, identifiers)
    readShapes(&cursor, kinds, identifiers)
    readTasks(&cursor, identifiers)
    addresses = cursor.integers(cursor.count(upTo: ColumnarFormat.rowLimit))
    readPortions(&cursor, kinds)
    readContexts(&cursor)
    var record = cursor.record()
    statistics = ColumnarRecords.statistics(&record) { identifiers.string($0) }
    if record.isBad { cursor.fail() }
    readRowColumns(&cursor, rows)
    if portions.reduce(0, { $0 + $1.rows }) != rows { cursor.fail() }
    if cursor.isBad || !cursor.isAtEnd || identifiers.isBad {
      identifiers.isBad = false
      throw Damage(reason: "its tables contradict each other")
    }
  }

  /// Puts the next `count` rows into an empty batch with room for them.
  func fill(_ batch: inout EventBatch, count: Int) {
    timeColumn.take(count, into: batch.time)
    positionColumn.take(count, into: batch.position)
    fillAddresses(batch, count)
    fillTasks(batch, count)
    fillShapes(batch, count)
    fillStacks(batch, count)
    batch.count = count
  }

  private func fillAddresses(_ batch: borrowing EventBatch, _ count: Int) {
    let scratch = identifiers.scratch
    let output = batch.address
    addressColumn.take(count, into: scratch)
    addresses.withUnsafeBufferPointer { table in
      guard let table = table.baseAddress else { return }
      for row in 0..<count { output[row] = table[Int(scratch[row])] }
    }
  }

  private func fillTasks(_ batch: borrowing EventBatch, _ count: Int) {
    let scratch = identifiers.scratch
    let (comm, pid, cpu) = (batch.comm, batch.pid, batch.cpu)
    taskColumn.take(count, into: scratch)
    tasks.withUnsafeBufferPointer { table in
      guard let table = table.baseAddress else { return }
      for row in 0..<count {
        let task = table[Int(scratch[row])]
        comm[row] = task.comm
        pid[row] = task.pid
        cpu[row] = task.cpu
      }
    }
  }

  private func fillShapes(_ batch: borrowing EventBatch, _ count: Int) {
    let scratch = identifiers.scratch
    let (requested, allocated) = (batch.requestedBytes, batch.allocatedBytes)
    let (callSite, gfp, name) = (batch.callSite, batch.gfp, batch.name)
    let (node, kind, order) = (batch.node, batch.kind, batch.order)
    let (migrateType, flags) = (batch.migrateType, batch.flags)
    shapeColumn.take(count, into: scratch)
    shapes.withUnsafeBufferPointer { table in
      guard let table = table.baseAddress else { return }
      for row in 0..<count {
        let shape = table + Int(scratch[row])
        requested[row] = shape.pointee.requestedBytes
        allocated[row] = shape.pointee.allocatedBytes
        callSite[row] = shape.pointee.callSite
        gfp[row] = shape.pointee.gfp
        name[row] = shape.pointee.name
        node[row] = shape.pointee.node
        kind[row] = shape.pointee.kind
        order[row] = shape.pointee.order
        migrateType[row] = shape.pointee.migrateType
        flags[row] = shape.pointee.flags
      }
    }
  }

  private func fillStacks(_ batch: borrowing EventBatch, _ count: Int) {
    let output = batch.stack
    if stackIDs.count == 1 {
      output.update(repeating: .none, count: count)
      return
    }
    let scratch = identifiers.scratch
    stackColumn.take(count, into: scratch)
    for row in 0..<count { output[row] = stackIDs[Int(scratch[row])] }
  }
}

// Opening a block.
extension ColumnarBlock {
  private static func kinds(_ cursor: inout PlainCursor) throws(Damage) -> [EventKind] {
    var kinds: [EventKind] = []
    for _ in 0..<cursor.count(upTo: EventKind.allCases.count) {
      let name = cursor.text()
      if cursor.isBad { break }
      guard let kind = EventKind(named: name) else {
        throw Damage(reason: "it has events that this version doesn't know (\(name.prefix(40)))")
      }
      kinds.append(kind)
    }
    return kinds
  }

  private static func readStrings(_ cursor: inout PlainCursor, _ identifiers: ColumnarIdentifiers) {
    let count = cursor.count(upTo: min(ColumnarFormat.stringLimit, cursor.remaining))
    let numbers = cursor.integers(count)
    let lengths = cursor.integers(count)
    for (number, length) in zip(numbers, lengths) {
      guard let start = cursor.skip(Int(clamping: length)) else { return }
      identifiers.define(string: number, start, count: Int(length))
    }
  }

  private func readStacks(_ cursor: inout PlainCursor, _ identifiers: ColumnarIdentifiers) {
    let count = cursor.count(upTo: min(ColumnarFormat.stackLimit, cursor.remaining))
    let numbers = cursor.integers(count)
    let depths = cursor.integers(count)
    let all = cursor.count(upTo: min(count * 512, ColumnarFormat.blockByteLimit / 4))
    let frames = cursor.integers(all)
    var next = 0
    for (number, depth) in zip(numbers, depths) {
      guard depth <= UInt64(frames.count - next) else { return cursor.fail() }
      let stack = frames[next..<next + Int(depth)].map { identifiers.string($0) }
      next += Int(depth)
      stackIDs.append(identifiers.define(stack: number, stack))
    }
    if next != frames.count { cursor.fail() }
  }

  private func readShapes(_ cursor: inout PlainCursor, _ kinds: [EventKind], _ identifiers: ColumnarIdentifiers) {
    let count = cursor.count(upTo: ColumnarFormat.rowLimit)
    var columns: [[UInt64]] = []
    for _ in 0..<10 { columns.append(cursor.integers(count)) }
    if cursor.isBad { return }
    shapes.reserveCapacity(count)
    for row in 0..<count {
      guard columns[0][row] < UInt64(kinds.count) else { return cursor.fail() }
      shapes.append(
        Shape(
          requestedBytes: columns[8][row], allocatedBytes: columns[9][row],
          callSite: identifiers.string(columns[5][row]), gfp: identifiers.string(columns[6][row]),
          name: identifiers.string(columns[7][row]), node: Int16(truncatingIfNeeded: columns[4][row]),
          kind: kinds[Int(columns[0][row])], order: UInt8(truncatingIfNeeded: columns[2][row]),
          migrateType: UInt8(truncatingIfNeeded: columns[3][row]),
          flags: EventFlags(rawValue: UInt8(truncatingIfNeeded: columns[1][row]))))
    }
  }

  private func readTasks(_ cursor: inout PlainCursor, _ identifiers: ColumnarIdentifiers) {
    let count = cursor.count(upTo: ColumnarFormat.rowLimit)
    let comms = cursor.integers(count)
    let pids = cursor.integers(count)
    let cpus = cursor.integers(count)
    if cursor.isBad { return }
    for row in 0..<count {
      tasks.append(
        Task(
          comm: identifiers.string(comms[row]), pid: Int32(truncatingIfNeeded: pids[row]),
          cpu: UInt16(truncatingIfNeeded: cpus[row])))
    }
  }

  private func readPortions(_ cursor: inout PlainCursor, _ kinds: [EventKind]) {
    let count = cursor.count(upTo: ColumnarFormat.portionLimit)
    let rows = cursor.integers(count)
    let hashed = cursor.integers(count)
    let unknown = cursor.integers(count)
    let byKind = cursor.integers(count * kinds.count)
    if cursor.isBad { return }
    for index in 0..<count {
      guard rows[index] <= UInt64(ColumnarFormat.rowLimit) else { return cursor.fail() }
      var eventsByKind = [UInt64](repeating: 0, count: EventKind.allCases.count)
      for (column, kind) in kinds.enumerated() {
        eventsByKind[Int(kind.rawValue)] = byKind[index * kinds.count + column] & 0xFFFF_FFFF
      }
      portions.append(
        Portion(
          rows: Int(rows[index]), eventsByKind: eventsByKind, hashedPointers: hashed[index] & 0xFFFF_FFFF,
          unknownPointers: unknown[index] & 0xFFFF_FFFF))
    }
  }

  private func readContexts(_ cursor: inout PlainCursor) {
    for _ in 0..<cursor.count(upTo: ColumnarFormat.portionLimit) {
      let portion = cursor.number()
      var record = cursor.record()
      let context = ColumnarRecords.context(&record)
      guard !cursor.isBad, !record.isBad, portion < UInt64(portions.count) else { return cursor.fail() }
      portions[Int(portion)].context = context
    }
  }

  private func readRowColumns(_ cursor: inout PlainCursor, _ rows: Int) {
    shapeColumn = indexColumn(&cursor, rows, below: shapes.count)
    taskColumn = indexColumn(&cursor, rows, below: tasks.count)
    addressColumn = indexColumn(&cursor, rows, below: addresses.count)
    timeColumn = cursor.column(rows)
    positionColumn = cursor.column(rows)
    stackColumn = indexColumn(&cursor, rows, below: stackIDs.count)
  }

  /// A row column of indices into a table of `limit` rows; all are looked at.
  private func indexColumn(_ cursor: inout PlainCursor, _ rows: Int, below limit: Int) -> IntegerColumn {
    let column = cursor.column(rows)
    if cursor.isBad { return column }
    if rows > 0, column.highestOffset(rows) >= UInt64(limit) { cursor.fail() }
    return column
  }
}

/// What a file's identifiers stand for in this process: strings and stacks are the same ones if none was lost.
final class ColumnarIdentifiers {
  /// Room for the indices of a block's rows.
  let scratch: UnsafeMutablePointer<UInt32> = .allocate(capacity: ColumnarFormat.rowLimit)
  private let interner: StringInterner
  private let table: StackTable
  private var strings: [StringID] = [.none]
  private var stacks: [StackID] = [.none]
  private static let unset = UInt32.max
  /// Whether an identifier was used that nothing defined.
  var isBad = false

  init(strings: StringInterner, stacks: StackTable) {
    interner = strings
    table = stacks
  }

  deinit { scratch.deallocate() }

  /// The string of a file's identifier.
  func string(_ number: UInt64) -> StringID {
    guard number < UInt64(strings.count), strings[Int(number)].rawValue != Self.unset else {
      isBad = true
      return .none
    }
    return strings[Int(number)]
  }

  func define(string number: UInt64, _ start: UnsafePointer<UInt8>, count: Int) {
    guard number > 0, number <= UInt64(ColumnarFormat.stringLimit) else {
      isBad = true
      return
    }
    let index = Int(number)
    while strings.count <= index { strings.append(StringID(rawValue: Self.unset)) }
    if strings[index].rawValue == Self.unset { strings[index] = interner.intern(start, count: count) }
  }

  func define(stack number: UInt64, _ frames: [StringID]) -> StackID {
    guard number > 0, number <= UInt64(ColumnarFormat.stackLimit) else {
      isBad = true
      return .none
    }
    let index = Int(number)
    while stacks.count <= index { stacks.append(StackID(rawValue: Self.unset)) }
    if stacks[index].rawValue == Self.unset { stacks[index] = table.intern(frames) }
    return stacks[index]
  }
}
