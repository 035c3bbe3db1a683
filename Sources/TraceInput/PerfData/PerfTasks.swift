import KernelTypes
import TraceEvents

/// What tasks are called as time goes on: records of names and forks, applied to the events behind them.
struct PerfTasks: ~Copyable {
  private struct Change {
    var time: UInt64
    var number: Int
    var task: Int32
    /// The task whose name is taken over; the new name counts if this is negative.
    var parent: Int32
    var name: StringID
  }

  /// More changes than a round of any machine has; only damage has so many.
  private static let limit = 1 << 20

  private let strings: Texts
  private var names = AddressTable<UInt32>(filler: 0, minimumCapacity: 256)
  private var changes: [Change] = []
  private var next = 0
  private var count = 0
  private var lastTask = Int32.min
  private var lastName = StringID.none

  init(_ strings: StringInterner) {
    self.strings = Texts(strings)
    // What perf calls the tasks of CPUs that have nothing to do.
    names.insert(0, strings.intern("swapper").rawValue)
  }

  mutating func rename(_ task: Int32, _ name: StringID, time: UInt64) { add(time, task, parent: -1, name) }

  mutating func fork(_ task: Int32, from parent: Int32, time: UInt64) { add(time, task, parent: parent, .none) }

  private mutating func add(_ time: UInt64, _ task: Int32, parent: Int32, _ name: StringID) {
    if changes.count - next >= Self.limit || task == 0 { return }
    count += 1
    changes.append(Change(time: time, number: count, task: task, parent: parent, name: name))
  }

  /// Puts the changes that came since in the order of time.
  mutating func sort() {
    changes.removeFirst(next)
    next = 0
    changes.sort { ($0.time, $0.number) < ($1.time, $1.number) }
  }

  /// Sets the names of rows that are in the order of time.
  mutating func name(_ rows: Range<Int>, of batch: inout EventBatch) {
    var nextTime = next < changes.count ? changes[next].time : .max
    for row in rows {
      if batch.time[row] >= nextTime { nextTime = apply(upTo: batch.time[row]) }
      let task = batch.pid[row]
      if task != lastTask {
        lastTask = task
        lastName = name(of: task)
      }
      batch.comm[row] = lastName
    }
  }

  private mutating func apply(upTo time: UInt64) -> UInt64 {
    while next < changes.count, changes[next].time <= time {
      let change = changes[next]
      next += 1
      let name = change.parent < 0 ? change.name.rawValue : names.value(Self.key(change.parent))
      if let name, names.count < Self.limit { names.insert(Self.key(change.task), name) }
    }
    lastTask = .min
    return next < changes.count ? changes[next].time : .max
  }

  /// The name of a task; `:123` as perf has it if nothing told.
  private func name(of task: Int32) -> StringID {
    if let known = names.value(Self.key(task)) { return StringID(rawValue: known) }
    var text = ":" + String(task)
    return text.withUTF8 { bytes in bytes.baseAddress.map { strings.intern($0, count: bytes.count) } ?? .none }
  }

  private static func key(_ task: Int32) -> UInt64 { UInt64(UInt32(bitPattern: task)) }
}
