public import KernelTypes
public import TraceEvents

/// What a trace is: its span, CPUs, tasks and markers.
public struct InfoResult: Sendable {
  /// A task and how many events it has.
  public struct Task: Sendable {
    public var name: String
    public var pid: Int32
    public var events: UInt64
  }

  /// A trace marker.
  public struct Mark: Sendable {
    public var text: String
    /// Nanoseconds (ticks with counter clocks) after the first event of the trace.
    public var time: UInt64
  }

  /// The time of the first event on the trace's own clock.
  public var clockAtFirstEvent: UInt64
  /// The window's first event: nanoseconds (ticks with counter clocks) after the first event of the trace.
  public var firstTime: UInt64
  /// The window's latest event: nanoseconds (ticks with counter clocks) after the first event of the trace.
  public var lastTime: UInt64
  /// Events in the window, by `EventKind.rawValue`.
  public var eventsByKind: [UInt64]
  /// Events by CPU, from CPU 0.
  public var eventsByCPU: [UInt64]
  /// By events, most first, then by name and number.
  public var tasks: [Task]
  public var marks: [Mark]
  /// Markers beyond `InfoAnalysis.markLimit`.
  public var marksOmitted: UInt64
}

/// Counts a trace's events by CPU and task, and keeps its markers.
public struct InfoAnalysis: ~Copyable {
  /// The most markers that are kept.
  public static let markLimit = 10_000

  private var tasks = KeyTable()
  private var taskEvents: [UInt64] = []
  private var cpuEvents: [UInt64] = []
  private var marks: [(time: UInt64, text: StringID)] = []
  private var marksOmitted: UInt64 = 0
  private var eventsByKind = [UInt64](repeating: 0, count: EventKind.allCases.count)
  private var origin: UInt64?
  private var firstTime: UInt64?
  private var lastTime: UInt64 = 0

  public init() {}

  /// Counts the events of a part of a batch, if it lies inside the window.
  public mutating func consume(_ batch: borrowing EventBatch, _ part: TimeWindowCursor.Part) {
    if part.rows.isEmpty { return }
    var runStart = part.rows.lowerBound
    if origin == nil { origin = batch.time[runStart] }
    if part.phase != .inside { return }
    if firstTime == nil { firstTime = batch.time[runStart] }
    for row in part.rows {
      eventsByKind[Int(batch.kind[row].rawValue)] &+= 1
      // Out-of-order events make the last one in the file not the last in time.
      if batch.time[row] > lastTime { lastTime = batch.time[row] }
      if batch.kind[row] == .mark { mark(batch, row) }
      if !Self.isSameRun(batch, runStart, row) {
        countRun(batch, runStart..<row)
        runStart = row
      }
    }
    countRun(batch, runStart..<part.rows.upperBound)
  }

  /// Whether two events are of one task on one CPU. Events come in long runs of those, so runs are counted.
  private static func isSameRun(_ batch: borrowing EventBatch, _ left: Int, _ right: Int) -> Bool {
    batch.pid[left] == batch.pid[right] && batch.cpu[left] == batch.cpu[right] && batch.comm[left] == batch.comm[right]
      && batch.flags[left].contains(.hasTask) == batch.flags[right].contains(.hasTask)
  }

  private mutating func countRun(_ batch: borrowing EventBatch, _ rows: Range<Int>) {
    let row = rows.lowerBound
    let cpu = Int(batch.cpu[row])
    while cpuEvents.count <= cpu { cpuEvents.append(0) }
    cpuEvents[cpu] += UInt64(rows.count)
    if !batch.flags[row].contains(.hasTask) { return }
    let task = tasks.index(UInt64(batch.comm[row].rawValue), UInt64(truncatingIfNeeded: batch.pid[row]))
    if task == taskEvents.count { taskEvents.append(0) }
    taskEvents[task] += UInt64(rows.count)
  }

  private mutating func mark(_ batch: borrowing EventBatch, _ row: Int) {
    if marks.count == Self.markLimit {
      marksOmitted += 1
    } else {
      marks.append((batch.time[row], batch.name[row]))
    }
  }

  /// The counts, with names.
  public consuming func finish(strings: StringInterner) -> InfoResult {
    let origin = self.origin ?? 0
    func sinceFirst(_ time: UInt64) -> UInt64 { time >= origin ? time - origin : 0 }
    var named: [InfoResult.Task] = []
    for index in 0..<tasks.count {
      let key = tasks[index]
      named.append(
        .init(
          name: strings.string(StringID(rawValue: UInt32(truncatingIfNeeded: key.first))),
          pid: Int32(truncatingIfNeeded: key.second), events: taskEvents[index]))
    }
    named.sort { ($1.events, $0.name, $0.pid) < ($0.events, $1.name, $1.pid) }
    return InfoResult(
      clockAtFirstEvent: origin, firstTime: sinceFirst(firstTime ?? 0), lastTime: sinceFirst(lastTime),
      eventsByKind: eventsByKind, eventsByCPU: cpuEvents, tasks: named,
      marks: marks.map { .init(text: strings.string($0.text), time: sinceFirst($0.time)) },
      marksOmitted: marksOmitted)
  }
}
