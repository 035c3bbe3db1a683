/// A stretch of records, in the file or unpacked, in which each sample belongs behind the one before it.
struct SampleRun {
  /// The time of the next sample.
  var time: UInt64
  /// What decides between equal times: the sample's CPU, and which run came first.
  var rank: UInt64
  /// Where the record of the next sample begins.
  var next: Int
  /// Where the last record ends.
  let end: Int
  /// The time of the last sample.
  let lastTime: UInt64
  /// The number of the unpacked block that holds the run; −1 if the file does.
  let block: Int
  /// The bytes from `heldStart` up to `heldEnd` that are in memory, at `bytes`.
  var bytes: UnsafeRawPointer?
  var heldStart = 0
  var heldEnd = 0
  /// Memory of the run's own, which whoever drops the run gives back.
  var window: UnsafeMutableRawBufferPointer?

  private static let numberBits: UInt64 = 48

  init(_ extent: Extent, number: UInt64, block: Int) {
    time = extent.time
    rank = Self.rank(extent.cpu, number)
    next = extent.start
    end = extent.end
    lastTime = extent.lastTime
    self.block = block
  }

  /// Which run came first.
  var number: UInt64 { rank & (1 << Self.numberBits - 1) }

  /// What decides between equal times.
  @inline(__always)
  static func rank(_ cpu: UInt16, _ number: UInt64) -> UInt64 { UInt64(cpu) << numberBits | number }

  @inline(__always)
  func isBefore(_ other: SampleRun) -> Bool { time < other.time || time == other.time && rank < other.rank }

  /// Where a run is and what it begins and ends with, while records are looked through.
  struct Extent {
    var start = -1
    var end = 0
    var time: UInt64 = 0
    var cpu: UInt16 = 0
    var lastTime: UInt64 = 0
    var lastCPU: UInt16 = 0

    /// Adds the sample from `start` to `end`; `false` if it does not belong behind the last one.
    @inline(__always)
    mutating func extend(_ start: Int, _ end: Int, time: UInt64, cpu: UInt16) -> Bool {
      guard self.start >= 0, lastTime < time || lastTime == time && lastCPU <= cpu else { return false }
      (self.end, lastTime, lastCPU) = (end, time, cpu)
      return true
    }

    /// Begins with the sample from `start` to `end`.
    @inline(__always)
    mutating func begin(_ start: Int, _ end: Int, time: UInt64, cpu: UInt16) {
      self = Extent(start: start, end: end, time: time, cpu: cpu, lastTime: time, lastCPU: cpu)
    }
  }
}

/// What may wait for its turn; only damaged or hostile files have more.
struct RunLimits {
  /// Runs that wait at most; beyond these the older half is let go, in order or not.
  var runs = 1 << 17
  /// Unpacked bytes that wait at most, as runs: what a hundred or so buffers of the usual size hold.
  var unpackedBytes = 128 << 20
  /// Windows on the file in memory at most; beyond these each holds a few records, and only while it is its turn.
  var windowBytes = 32 << 20
}

/// The runs whose samples wait for their turn: by time, then CPU, then as they came.
///
/// perf reads the buffers of the CPUs in turn and marks the end of each round. What was in a buffer in one round may be
/// younger than what the next round finds in another's, but never than what the round after that finds: so a round's
/// end lets go what is no younger than the round before it. Follows `ordered_events__flush` in
/// tools/perf/util/ordered-events.c.
struct SampleRuns: ~Copyable {
  // A heap, the run with the oldest sample on top.
  private var heap: UnsafeMutablePointer<SampleRun>
  private(set) var count = 0
  private var capacity = 64
  private var added: UInt64 = 0
  private var highestTime: UInt64 = 0
  private var roundLimit: UInt64 = 0
  private var releaseLimit: UInt64?

  init() { heap = .allocate(capacity: capacity) }

  deinit {
    for index in 0..<count { heap[index].window?.deallocate() }
    heap.deallocate()
  }

  /// Whether samples are on their way out: take them before more are added.
  var isReleasing: Bool { releaseLimit != nil }

  /// Adds what came behind all other runs.
  mutating func add(_ extent: SampleRun.Extent, block: Int) {
    if count == capacity { grow() }
    (heap + count).initialize(to: SampleRun(extent, number: added, block: block))
    added += 1
    highestTime = max(highestTime, extent.lastTime)
    var child = count
    count += 1
    while child > 0 {
      let parent = (child - 1) / 2
      if !heap[child].isBefore(heap[parent]) { return }
      swapRuns(child, parent)
      child = parent
    }
  }

  /// Lets go what the end of a round allows.
  mutating func finishRound() {
    releaseLimit = roundLimit
    roundLimit = highestTime
  }

  /// Lets go the half that came first.
  mutating func releaseHalf() {
    let all = UnsafeBufferPointer(start: heap, count: count).sorted { $0.number < $1.number }
    releaseLimit = all.prefix((count + 1) / 2).reduce(0) { max($0, $1.lastTime) }
  }

  /// Lets go everything.
  mutating func finish() { releaseLimit = .max }

  /// The run whose turn it is, which may be changed and then must be `settled`, or `removed`; `nil` if all that was let
  /// go is out.
  mutating func first() -> UnsafeMutablePointer<SampleRun>? {
    guard let limit = releaseLimit else { return nil }
    if count > 0, heap.pointee.time <= limit { return heap }
    releaseLimit = nil
    return nil
  }

  /// How far the first run may go on: before this time, and at it before this rank.
  var bound: (time: UInt64, rank: UInt64) {
    let limit = (time: releaseLimit ?? 0, rank: UInt64.max)
    if count < 2 { return limit }
    let other = count > 2 && heap[2].isBefore(heap[1]) ? heap + 2 : heap + 1
    return other.pointee.time > limit.time ? limit : (other.pointee.time, other.pointee.rank)
  }

  /// Puts the first run where its next sample belongs.
  mutating func settleFirst() {
    var parent = 0
    while true {
      var least = 2 * parent + 1
      if least >= count { return }
      if least + 1 < count, heap[least + 1].isBefore(heap[least]) { least += 1 }
      if !heap[least].isBefore(heap[parent]) { return }
      swapRuns(parent, least)
      parent = least
    }
  }

  /// Drops the first run, which has no samples left.
  mutating func removeFirst() {
    heap.pointee.window?.deallocate()
    count -= 1
    if count == 0 { return }
    heap.pointee = heap[count]
    settleFirst()
  }

  private func swapRuns(_ left: Int, _ right: Int) {
    let run = heap[left]
    heap[left] = heap[right]
    heap[right] = run
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<SampleRun>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: heap, count: count)
    heap.deallocate()
    heap = larger
    capacity *= 2
  }
}
