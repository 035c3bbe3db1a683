import KernelTypes
import TraceEvents
import TraceInput

/// What the rows of a block have in sum.
struct EventTally {
  var eventsByKind = [UInt64](repeating: 0, count: EventKind.allCases.count)
  var hashedPointers: UInt64 = 0
  var unknownPointers: UInt64 = 0

  func add(to statistics: inout ImportStatistics) {
    for kind in eventsByKind.indices { statistics.eventsByKind[kind] += eventsByKind[kind] }
    statistics[.hashedPointers] += hashedPointers
    statistics[.unknownPointers] += unknownPointers
  }
}

/// Collects the rows of a block and lays them out in columns.
struct ColumnarBlockBuilder: ~Copyable {
  private struct Portion {
    var rows: Int
    var tally: EventTally
    var context: PlainBytes?
  }

  /// Bytes of text beyond which a block ends early, so that long markers don't make huge blocks.
  private static let textLimit = 1 << 23

  private(set) var rows = 0
  /// The sums of the rows so far.
  private(set) var tally = EventTally()
  private var shapes = WordTable()
  private var tasks = WordTable()
  private var addresses = WordTable()
  private var shapeRows: [UInt64] = []
  private var taskRows: [UInt64] = []
  private var addressRows: [UInt64] = []
  private var times: [UInt64] = []
  private var positions: [UInt64] = []
  private var stackRows: [UInt64] = []
  private var stackNumbers: [UInt32: UInt64] = [:]
  private var stackOrder: [UInt32] = []
  private var portions: [Portion] = []
  private var lastContext: [UInt8] = []
  // Strings and stacks up to these were written with a block before.
  private var knownStrings = 1
  private var knownStacks = 1
  private var textBytes = 0

  /// Whether the block should be written before anything is added.
  var isFull: Bool { portions.count >= ColumnarFormat.portionLimit || textBytes >= Self.textLimit }

  /// Adds rows as one portion; they must fit.
  mutating func add(_ batch: borrowing EventBatch, rows range: Range<Int>, _ trace: TraceTables) {
    var portion = EventTally()
    for row in range {
      let kind = batch.kind[row]
      let flags = batch.flags[row]
      portion.eventsByKind[Int(kind.rawValue)] += 1
      if flags.contains(.hashedPointer) { portion.hashedPointers += 1 }
      if flags.contains(.unknownPointer) { portion.unknownPointers += 1 }
      if kind == .mark { textBytes += trace.strings.withBytes(of: batch.name[row]) { $0.count } }
      let small =
        UInt64(kind.rawValue) | UInt64(flags.rawValue) << 8 | UInt64(batch.order[row]) << 16
        | UInt64(batch.migrateType[row]) << 24 | UInt64(UInt16(bitPattern: batch.node[row])) << 32
      shapeRows.append(
        shapes.number(
          .init(
            first: small, second: UInt64(batch.callSite[row].rawValue) | UInt64(batch.gfp[row].rawValue) << 32,
            third: UInt64(batch.name[row].rawValue), fourth: batch.requestedBytes[row],
            fifth: batch.allocatedBytes[row])))
      taskRows.append(
        tasks.number(
          .init(
            first: UInt64(batch.comm[row].rawValue) | UInt64(UInt32(bitPattern: batch.pid[row])) << 32,
            second: UInt64(batch.cpu[row]))))
      addressRows.append(addresses.number(.init(first: batch.address[row])))
      stackRows.append(number(of: batch.stack[row]))
      times.append(batch.time[row])
      positions.append(batch.position[row])
    }
    rows += range.count
    tally.hashedPointers += portion.hashedPointers
    tally.unknownPointers += portion.unknownPointers
    for kind in tally.eventsByKind.indices { tally.eventsByKind[kind] += portion.eventsByKind[kind] }
    let context = ColumnarRecordWriter.context(trace.context)
    let isNew = portions.isEmpty || context.bytes != lastContext
    if isNew { lastContext = context.bytes }
    portions.append(Portion(rows: range.count, tally: portion, context: isNew ? context : nil))
  }

  private mutating func number(of stack: StackID) -> UInt64 {
    if stack == .none { return 0 }
    if let number = stackNumbers[stack.rawValue] { return number }
    stackOrder.append(stack.rawValue)
    stackNumbers[stack.rawValue] = UInt64(stackOrder.count)
    return UInt64(stackOrder.count)
  }

  /// The block's plain bytes; the builder is empty again.
  mutating func finish(_ trace: TraceTables, statistics: ImportStatistics) -> [UInt8] {
    if portions.isEmpty {
      // The end block has no rows, but it says what was known at the end.
      portions.append(Portion(rows: 0, tally: EventTally(), context: ColumnarRecordWriter.context(trace.context)))
    }
    // Stacks that no row has are kept as well, so that identifiers stay the same.
    let isEnd = rows == 0
    if trace.stacks.count >= knownStacks {
      for stack in knownStacks...trace.stacks.count { _ = number(of: StackID(rawValue: UInt32(stack))) }
      knownStacks = trace.stacks.count + 1
    }
    sortStacks()
    var plain = PlainBytes()
    plain.number(UInt64(EventKind.allCases.count))
    for kind in EventKind.allCases { plain.text(kind.name) }
    writeStrings(&plain, trace, statistics, isEnd: isEnd)
    writeStacks(&plain, trace)
    writeShapes(&plain)
    writeTasks(&plain)
    let order = addresses.keys.indices.sorted { addresses.keys[$0].first < addresses.keys[$1].first }
    plain.number(UInt64(order.count))
    plain.column(order.map { addresses.keys[$0].first })
    writePortions(&plain)
    plain.record(ColumnarRecordWriter.statistics(statistics))
    var ranks = [UInt64](repeating: 0, count: order.count)
    for (rank, number) in order.enumerated() { ranks[number] = UInt64(rank) }
    plain.indexColumn(shapeRows)
    plain.indexColumn(taskRows)
    plain.indexColumn(addressRows.map { ranks[Int($0)] })
    plain.column(times)
    plain.column(positions)
    plain.indexColumn(stackRows)
    removeAll()
    return plain.bytes
  }

  // A reader defines stacks as they are listed, and only ascending ones get the identifiers they had.
  private mutating func sortStacks() {
    if stackOrder.isEmpty { return }
    let sorted = stackOrder.sorted()
    var numbers: [UInt32: UInt64] = [:]
    for (index, stack) in sorted.enumerated() { numbers[stack] = UInt64(index + 1) }
    let renumbered = [0] + stackOrder.map { numbers[$0] ?? 0 }
    for row in stackRows.indices { stackRows[row] = renumbered[Int(stackRows[row])] }
    stackOrder = sorted
  }

  private mutating func removeAll() {
    rows = 0
    tally = EventTally()
    textBytes = 0
    shapes.removeAll()
    tasks.removeAll()
    addresses.removeAll()
    shapeRows.removeAll(keepingCapacity: true)
    taskRows.removeAll(keepingCapacity: true)
    addressRows.removeAll(keepingCapacity: true)
    times.removeAll(keepingCapacity: true)
    positions.removeAll(keepingCapacity: true)
    stackRows.removeAll(keepingCapacity: true)
    stackNumbers.removeAll(keepingCapacity: true)
    stackOrder.removeAll(keepingCapacity: true)
    portions.removeAll(keepingCapacity: true)
  }
}

// The tables of a block.
extension ColumnarBlockBuilder {
  private mutating func writeStrings(
    _ plain: inout PlainBytes, _ trace: TraceTables, _ statistics: ImportStatistics, isEnd: Bool
  ) {
    var used = Set<UInt32>()
    func use(_ number: UInt64) { if number > 0 { used.insert(UInt32(truncatingIfNeeded: number)) } }
    for key in shapes.keys {
      use(key.second & 0xFFFF_FFFF)
      use(key.second >> 32)
      use(key.third)
    }
    for key in tasks.keys { use(key.first & 0xFFFF_FFFF) }
    for stack in stackOrder {
      for frame in trace.stacks[StackID(rawValue: stack)] { use(UInt64(frame.rawValue)) }
    }
    for name in statistics.otherEvents.keys { use(UInt64(name.rawValue)) }
    // Strings that no row has are kept as well, so that identifiers stay the same.
    let count = trace.strings.count
    if knownStrings < count { for number in knownStrings..<count { used.insert(UInt32(number)) } }
    knownStrings = max(count, knownStrings)
    let numbers = used.sorted()
    plain.number(UInt64(numbers.count))
    plain.column(numbers.map { UInt64($0) })
    let lengths = numbers.map { number in
      trace.strings.withBytes(of: StringID(rawValue: number)) { UInt64($0.count) }
    }
    plain.column(lengths)
    for number in numbers {
      trace.strings.withBytes(of: StringID(rawValue: number)) { plain.raw($0) }
    }
  }

  private func writeStacks(_ plain: inout PlainBytes, _ trace: TraceTables) {
    let stacks = stackOrder.map { trace.stacks[StackID(rawValue: $0)] }
    plain.number(UInt64(stackOrder.count))
    plain.column(stackOrder.map { UInt64($0) })
    plain.column(stacks.map { UInt64($0.count) })
    let frames = stacks.flatMap { $0.map { UInt64($0.rawValue) } }
    plain.number(UInt64(frames.count))
    plain.column(frames)
  }

  private func writeShapes(_ plain: inout PlainBytes) {
    let keys = shapes.keys
    plain.number(UInt64(keys.count))
    plain.column(keys.map { $0.first & 0xFF })
    plain.column(keys.map { $0.first >> 8 & 0xFF })
    plain.column(keys.map { $0.first >> 16 & 0xFF })
    plain.column(keys.map { $0.first >> 24 & 0xFF })
    plain.column(keys.map { $0.first >> 32 })
    plain.column(keys.map { $0.second & 0xFFFF_FFFF })
    plain.column(keys.map { $0.second >> 32 })
    plain.column(keys.map { $0.third })
    plain.column(keys.map { $0.fourth })
    plain.column(keys.map { $0.fifth })
  }

  private func writeTasks(_ plain: inout PlainBytes) {
    plain.number(UInt64(tasks.count))
    plain.column(tasks.keys.map { $0.first & 0xFFFF_FFFF })
    plain.column(tasks.keys.map { $0.first >> 32 })
    plain.column(tasks.keys.map { $0.second })
  }

  private func writePortions(_ plain: inout PlainBytes) {
    plain.number(UInt64(portions.count))
    plain.column(portions.map { UInt64($0.rows) })
    plain.column(portions.map { $0.tally.hashedPointers })
    plain.column(portions.map { $0.tally.unknownPointers })
    plain.column(portions.flatMap { $0.tally.eventsByKind })
    let contexts = portions.enumerated().compactMap { index, portion in portion.context.map { (index, $0) } }
    plain.number(UInt64(contexts.count))
    for (index, context) in contexts {
      plain.number(UInt64(index))
      plain.record(context)
    }
  }
}
