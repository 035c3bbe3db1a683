import KernelTypes
import TraceEvents

/// Puts the samples of runs into one order and decodes them in it: only what leaves becomes rows.
struct SampleMerger: ~Copyable {
  private static let headerBytes = 8

  private(set) var runs = SampleRuns()
  private var memory: RunMemory
  var samples: PerfSampleDecoder
  private let isSwapped: Bool
  // The block that runs are being found in, and how many it has.
  private var block = -1
  private var blockRuns = 0

  private let runLimit: Int

  init(_ file: SeekableBytes, _ samples: consuming PerfSampleDecoder, swapped: Bool, limits: RunLimits) {
    memory = RunMemory(file, limits)
    runLimit = limits.runs
    self.samples = samples
    isSwapped = swapped
  }

  var isReleasing: Bool { runs.isReleasing }

  // MARK: - What waits

  /// Says that the runs which follow are in memory that `endBlock` shows.
  mutating func beginBlock() {
    block = memory.newBlock()
    blockRuns = 0
  }

  /// Keeps the bytes in which runs were found since `beginBlock`; `position` is where they come from in the file.
  mutating func endBlock(_ bytes: UnsafeRawBufferPointer, at position: UInt64) {
    memory.fill(block, bytes, at: position, users: blockRuns)
    block = -1
  }

  /// Adds a run if there is one, and forgets it.
  mutating func add(_ extent: inout SampleRun.Extent) {
    if extent.start < 0 { return }
    runs.add(extent, block: block)
    blockRuns += 1
    extent.start = -1
  }

  mutating func finishRound() { runs.finishRound() }

  mutating func finish() { runs.finish() }

  /// Lets the older half go if too much waits.
  mutating func limit() {
    if runs.count >= runLimit || memory.isOverfull, !runs.isReleasing { runs.releaseHalf() }
  }

  // MARK: - What leaves

  /// Adds rows to `batch` until it is full or everything that was let go is out. Throws `.cannotRead`.
  mutating func take(into batch: inout EventBatch, _ layouts: inout PerfLayouts) throws(TraceError) {
    samples.prepare(layouts)
    while !batch.isFull, let run = runs.first() {
      let bound = runs.bound
      let isLeft =
        isSwapped
        ? try takeForeignSegment(run, bound.time, bound.rank, &batch, &layouts)
        : try takeSegment(run, bound.time, bound.rank, &batch, &layouts, swapped: false)
      if isLeft {
        if memory.isCrowded { memory.release(run) }
        runs.settleFirst()
      } else {
        memory.finish(run)
        runs.removeFirst()
      }
    }
  }

  @inline(never)
  private mutating func takeForeignSegment(
    _ run: UnsafeMutablePointer<SampleRun>, _ boundTime: UInt64, _ boundRank: UInt64, _ batch: inout EventBatch,
    _ layouts: inout PerfLayouts
  ) throws(TraceError) -> Bool {
    try takeSegment(run, boundTime, boundRank, &batch, &layouts, swapped: true)
  }

  /// Decodes the samples of a run up to a bound; `false` if none is left in it.
  @inline(__always)
  private mutating func takeSegment(
    _ run: UnsafeMutablePointer<SampleRun>, _ boundTime: UInt64, _ boundRank: UInt64, _ batch: inout EventBatch,
    _ layouts: inout PerfLayouts, swapped: Bool
  ) throws(TraceError) -> Bool {
    let end = run.pointee.end
    let number = run.pointee.number
    var at = run.pointee.next
    while at < end {
      var held = run.pointee.heldEnd - at
      if held < Self.headerBytes {
        try memory.load(run, at, wanted: Self.headerBytes)
        held = run.pointee.heldEnd - at
      }
      guard held >= Self.headerBytes, var record = run.pointee.bytes.map({ $0 + (at - run.pointee.heldStart) }) else {
        break
      }
      let size = Int(record.load16(6, swapped: swapped))
      if held < size {
        try memory.load(run, at, wanted: size)
        held = run.pointee.heldEnd - at
        guard held >= size, let bytes = run.pointee.bytes else { break }
        record = bytes + (at - run.pointee.heldStart)
      }
      guard size >= Self.headerBytes else { break }
      if record.load32(0, swapped: swapped) == PerfRecordType.sample {
        guard let layout = layouts.layout(of: record, size) else {
          samples.countMalformed(memory.position(run, at), "a sample of an event that no attribute describes")
          at += size
          continue
        }
        if layout.pointee.holdsEvent {
          let time = layout.pointee.time(record, swapped: swapped)
          let cpu = layout.pointee.cpu(record, swapped: swapped)
          let rank = SampleRun.rank(cpu, number)
          if time > boundTime || time == boundTime && rank > boundRank || batch.isFull {
            (run.pointee.next, run.pointee.time, run.pointee.rank) = (at, time, rank)
            return true
          }
          let position = run.pointee.block < 0 ? UInt64(at) : memory.position(run, at)
          samples.decode(
            record, size, layout, time: time, cpu: cpu, position: position, into: &batch,
            swapped: swapped)
        }
      }
      at += size
    }
    return false
  }
}
