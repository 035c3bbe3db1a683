import TraceEvents

/// Counts what can be counted a column at a time, once a batch, instead of in the line loop.
struct BatchSurvey: ~Copyable {
  /// What the positions of the events are.
  enum Positions {
    case line
    case byteOffset
  }

  private let positions: Positions
  private var events: UInt64 = 0
  private var outOfOrder: UInt64 = 0
  private var hashedPointers: UInt64 = 0
  private var unknownPointers: UInt64 = 0
  private var lastTime: UInt64 = 0
  private var highestCPU = -1
  private var kinds = [UInt64](repeating: 0, count: EventKind.allCases.count)
  private var samples: [ImportStatistics.Sample] = []

  init(positions: Positions = .line) { self.positions = positions }

  /// The highest CPU number seen plus one.
  var cpuCount: Int { highestCPU + 1 }

  mutating func add(_ batch: borrowing EventBatch) {
    events += UInt64(batch.count)
    countKinds(batch)
    countFlags(batch)
    countTimes(batch)
  }

  private mutating func countKinds(_ batch: borrowing EventBatch) {
    let column = batch.kind
    let count = batch.count
    kinds.withUnsafeMutableBufferPointer { kinds in
      for row in 0..<count { kinds[Int(column[row].rawValue)] += 1 }
    }
    var highest = highestCPU
    for row in 0..<count { highest = max(highest, Int(batch.cpu[row])) }
    highestCPU = highest
  }

  private mutating func countFlags(_ batch: borrowing EventBatch) {
    let rare: EventFlags = [.hashedPointer, .unknownPointer]
    for row in 0..<batch.count where !batch.flags[row].isDisjoint(with: rare) {
      if batch.flags[row].contains(.hashedPointer) { hashedPointers += 1 }
      if batch.flags[row].contains(.unknownPointer) { unknownPointers += 1 }
    }
  }

  private mutating func countTimes(_ batch: borrowing EventBatch) {
    var last = lastTime
    for row in 0..<batch.count {
      if batch.time[row] < last {
        outOfOrder += 1
        if samples.count < ImportStatistics.samplesPerCounter {
          samples.append(
            .init(
              counter: .outOfOrder,
              location: positions == .line ? .line(batch.position[row]) : .byteOffset(batch.position[row]),
              text: "time \(batch.time[row]) after \(last)"))
        }
      }
      last = batch.time[row]
    }
    lastTime = last
  }

  /// Puts the counts into `statistics`.
  func add(to statistics: inout ImportStatistics) {
    statistics.events = events
    statistics.eventsByKind = kinds
    statistics[.hashedPointers] = hashedPointers
    statistics[.unknownPointers] = unknownPointers
    for sample in samples { statistics.count(.outOfOrder, at: sample.location, text: sample.text) }
    statistics[.outOfOrder] = outOfOrder
  }
}
