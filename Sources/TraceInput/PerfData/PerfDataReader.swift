import KernelTypes
import TraceEvents

/// Reads the records of a perf.data file or pipe, one after the other, and gives rows in the order of time.
///
/// Of samples only size, time and CPU are read as they come by. They are decoded when their turn comes.
struct PerfDataReader: ~Copyable {
  private static let windowBytes = 1 << 18
  private static let headerBytes = 8
  /// Pieces in front of which perf puts a record: formats and attributes.
  private static let attachmentLimit: UInt64 = 64 << 20
  /// How many records in a row must look right for reading to go on behind damage.
  private static let plausibleRecords = 4

  private let bytes: SeekableBytes
  private let strings: StringInterner
  private let isSwapped: Bool
  private let byteOrder: ByteOrder
  private var window: ReadAheadWindow
  private var layouts: PerfLayouts
  private var merger: SampleMerger
  private var tasks: PerfTasks
  private var compressed = PerfCompressedStream()
  private(set) var offset: UInt64
  private var end: UInt64
  private var isAtEnd = false
  private var isFinished = false
  private var isDamaged = false
  private var lost: UInt64 = 0
  private var lostSamples: UInt64 = 0
  private var ownStatistics = ImportStatistics()
  private(set) var records: UInt64 = 0

  init(
    _ bytes: SeekableBytes, _ header: PerfHeader, strings: StringInterner, stacks: StackTable,
    limits: RunLimits = RunLimits(), readsAhead: Bool = false
  ) {
    self.bytes = bytes
    self.strings = strings
    isSwapped = header.isSwapped
    byteOrder = header.byteOrder
    layouts = PerfLayouts(header.events, swapped: header.isSwapped)
    window = ReadAheadWindow(
      bytes, from: header.data.offset, capacity: Self.windowBytes, readsAhead: readsAhead)
    merger = SampleMerger(
      bytes, PerfSampleDecoder(strings: strings, stacks: stacks), swapped: header.isSwapped, limits: limits)
    tasks = PerfTasks(strings)
    offset = header.data.offset
    let (end, isTooFar) = header.data.offset.addingReportingOverflow(header.data.size)
    self.end = isTooFar || end > bytes.count ? bytes.count : end
    if isTooFar || end > bytes.count || header.data.offset > bytes.count {
      ownStatistics.count(
        .truncatedEnd, at: .byteOffset(bytes.count), text: "perf's header says that data go on to byte \(end)")
    }
  }

  /// Adds the next rows to `batch`, which is empty; `false` at the end. Throws `.cannotRead`.
  mutating func read(into batch: inout EventBatch) throws(TraceError) -> Bool {
    while !batch.isFull {
      if merger.isReleasing {
        let start = batch.count
        defer { tasks.name(start..<batch.count, of: &batch) }
        try merger.take(into: &batch, &layouts)
      } else if !isAtEnd {
        try step()
        if merger.isReleasing { tasks.sort() }
      } else if !isFinished {
        isFinished = true
        countLosses()
        merger.finish()
        tasks.sort()
      } else {
        return batch.count > 0
      }
    }
    return true
  }

  /// What the file says about its samples and its machine.
  var events: PerfEvents { layouts.events }

  /// What the formats tell about the kernel.
  var features: EraFeatures { merger.samples.features }

  /// Whether an event has an address of more than 32 bits.
  var sawLongPointer: Bool { merger.samples.sawLongPointer }

  var statistics: ImportStatistics {
    var statistics = ownStatistics
    statistics.merge(merger.samples.statistics)
    return statistics
  }

  mutating func otherEvents() -> (counts: [StringID: UInt64], total: UInt64) { merger.samples.otherEvents() }

  /// The kernel's counters of lost samples, which newer kernels keep, count the same losses as the records between the
  /// samples and those behind the last one too.
  private mutating func countLosses() {
    if lostSamples > lost { ownStatistics.count(.lostEvents, lostSamples - lost) }
  }

  // MARK: - Records

  private mutating func step() throws(TraceError) {
    if compressed.hasWork { return stepCompressed() }
    if offset > end {
      offset = end
      countCut("a part of what belongs to the last record")
    }
    let view = try window.view(at: offset, wanted: ReadAheadWindow.wantedLimit)
    let available = Int(min(UInt64(view.count), end - min(offset, end)))
    guard available >= Self.headerBytes, let base = view.baseAddress else {
      if available > 0 { countCut("\(available) bytes of a record") }
      isAtEnd = true
      return
    }
    isDamaged = false
    let used = consume(base, available, isPacked: false)
    offset += UInt64(used)
    if isDamaged { return try recover() }
    if used == 0, !merger.isReleasing {
      countCut("a record of \(base.load16(6, swapped: isSwapped)) bytes, of which \(available) are there")
      isAtEnd = true
    }
  }

  private mutating func stepCompressed() {
    let pending = compressed.pending
    isDamaged = false
    if let base = pending.baseAddress, pending.count >= Self.headerBytes {
      merger.beginBlock()
      let used = consume(base, pending.count, isPacked: true)
      merger.endBlock(UnsafeRawBufferPointer(rebasing: pending[..<used]), at: compressed.position)
      compressed.consume(used)
    }
    if merger.isReleasing { return }
    let trouble = isDamaged ? "a record that can't be, in a compressed record" : compressed.advance()
    if let trouble {
      ownStatistics.count(.malformedLines, at: .byteOffset(compressed.position), text: trouble)
      compressed.stop()
    }
  }

  private mutating func countCut(_ text: String) {
    if ownStatistics[.truncatedEnd] == 0 { ownStatistics.count(.truncatedEnd, at: .byteOffset(offset), text: text) }
  }

  /// Looks through whole records until there are no more, or rows are let go; returns how many bytes they take.
  private mutating func consume(_ base: UnsafeRawPointer, _ count: Int, isPacked: Bool) -> Int {
    isSwapped
      ? consume(base, count, isPacked: isPacked, swapped: true)
      : consume(base, count, isPacked: isPacked, swapped: false)
  }

  @inline(__always)
  private mutating func consume(_ base: UnsafeRawPointer, _ count: Int, isPacked: Bool, swapped: Bool) -> Int {
    // Where runs are: in the file, or in the block that these bytes become.
    let origin = isPacked ? 0 : Int(clamping: offset)
    var run = SampleRun.Extent()
    var number: UInt64 = 0
    var at = 0
    defer {
      merger.add(&run)
      records &+= number
      merger.limit()
    }
    while count - at >= Self.headerBytes {
      let record = base + at
      let type = record.load32(0, swapped: swapped)
      let size = Int(record.load16(6, swapped: swapped))
      guard size >= Self.headerBytes || type == PerfRecordType.compressed2, type != 0, type < PerfRecordType.limit
      else {
        isDamaged = true
        return at
      }
      guard at + size <= count else { return at }
      number &+= 1
      if type == PerfRecordType.sample {
        if !note(record, size, origin + at, &run, swapped: swapped) {
          merger.add(&run)
          countStray(size, isPacked ? compressed.position : offset + UInt64(at))
        }
        at += size
        continue
      }
      if PerfRecordType.endsRun(type) { merger.add(&run) }
      let position = isPacked ? compressed.position : offset + UInt64(at)
      let attached = rare(type, record, size, room: count - at, position, isPacked: isPacked)
      guard attached >= 0 else {
        number &-= 1
        return at
      }
      // What follows a record may be longer than what is in memory.
      if isPacked || UInt64(attached) <= UInt64(count - at - size) {
        at += size + min(attached, count - at - size)
      } else {
        return at + size + attached
      }
      if merger.isReleasing || compressed.hasWork && !isPacked { return at }
    }
    return at
  }

  /// Adds a sample to a run, or to a new one if it does not belong behind the last; `false` if it can't be read.
  @inline(__always)
  private mutating func note(
    _ record: UnsafeRawPointer, _ size: Int, _ start: Int, _ run: inout SampleRun.Extent,
    swapped: Bool
  ) -> Bool {
    guard let layout = layouts.layout(of: record, size) else { return false }
    guard layout.pointee.holdsEvent else {
      merger.samples.countOther()
      return true
    }
    let time = layout.pointee.time(record, swapped: swapped)
    let cpu = layout.pointee.cpu(record, swapped: swapped)
    if !run.extend(start, start + size, time: time, cpu: cpu) {
      merger.add(&run)
      run.begin(start, start + size, time: time, cpu: cpu)
    }
    return true
  }

  @inline(never)
  private mutating func countStray(_ size: Int, _ position: UInt64) {
    let isDescribed = layouts.events.layouts.count == 1
    ownStatistics.count(
      .malformedLines, at: .byteOffset(position),
      text: isDescribed ? "a sample of \(size) bytes" : "a sample of an event that no attribute describes")
  }
}

// Records that are no samples.
extension PerfDataReader {
  /// Reads a record that is no sample; returns how many bytes are attached to it, or −1 if it is not all there.
  private mutating func rare(
    _ type: UInt32, _ record: UnsafeRawPointer, _ size: Int, room: Int, _ position: UInt64, isPacked: Bool
  ) -> Int {
    let swapped = isSwapped
    switch type {
    case PerfRecordType.comm where size >= 16: addName(record, size)
    case PerfRecordType.fork where size >= 32:
      tasks.fork(
        Int32(bitPattern: record.load32(16, swapped: swapped)),
        from: Int32(bitPattern: record.load32(20, swapped: swapped)), time: record.load64(24, swapped: swapped))
    case PerfRecordType.lost where size >= 24:
      let count = record.load64(16, swapped: swapped)
      lost &+= count
      ownStatistics.count(.lostEvents, count, at: .byteOffset(position), text: "perf lost \(count) events here")
    case PerfRecordType.lostSamples where size >= 16:
      // PERF_RECORD_MISC_LOST_SAMPLES_BPF: left out by a filter, not lost.
      if record.load16(4, swapped: swapped) & 1 << 15 == 0 { lostSamples &+= record.load64(8, swapped: swapped) }
    case PerfRecordType.finishedRound:
      merger.finishRound()
    case PerfRecordType.headerAttribute: addAttribute(record, size)
    case PerfRecordType.headerFeature where size >= 16:
      layouts.addFeature(
        record.load64(8, swapped: swapped), UnsafeRawBufferPointer(start: record + 16, count: size - 16))
    case PerfRecordType.headerTracingData where size >= 12 && !isPacked: return addTracingData(record, size, position)
    case PerfRecordType.auxiliaryTrace where size >= 16 && !isPacked:
      return Int(clamping: min(record.load64(8, swapped: swapped), bytes.count))
    case PerfRecordType.compressed where !isPacked:
      compressed.add(UnsafeRawBufferPointer(start: record + 8, count: size - 8), at: position)
    case PerfRecordType.compressed2 where !isPacked: return addCompressed2(record, size, room, position)
    default: break
    }
    return 0
  }

  /// `PERF_RECORD_COMPRESSED2`: the size of the piece, the piece, padding. The record's own size may have overflowed.
  private mutating func addCompressed2(
    _ record: UnsafeRawPointer, _ size: Int, _ room: Int, _ position: UInt64
  ) -> Int {
    guard room >= 16 else { return -1 }
    let count = record.load64(8, swapped: isSwapped)
    let whole = Int(clamping: (count &+ 16 &+ 7) / 8 * 8)
    guard count <= 1 << 16, whole >= size else {
      isDamaged = true
      return -1
    }
    guard whole <= room else { return -1 }
    compressed.add(UnsafeRawBufferPointer(start: record + 16, count: Int(count)), at: position)
    return whole - size
  }

  private mutating func addName(_ record: UnsafeRawPointer, _ size: Int) {
    let task = Int32(bitPattern: record.load32(12, swapped: isSwapped))
    let text = (record + 16).assumingMemoryBound(to: UInt8.self)
    var count = 0
    while count < min(size - 16, 16), text[count] != 0 { count += 1 }
    var time: UInt64 = 0
    if let layout = layouts.events.layouts.first, layout.trailerTime >= 0, size >= 16 + layout.trailerBytes {
      time = record.load64(size - layout.trailerBytes + layout.trailerTime, swapped: isSwapped)
    }
    tasks.rename(task, strings.intern(text, count: count), time: time)
  }

  /// `PERF_RECORD_HEADER_ATTR` of a pipe: the attribute, which says its own size, and the identifiers.
  private mutating func addAttribute(_ record: UnsafeRawPointer, _ size: Int) {
    guard size >= 8 + PerfAttribute.minimumBytes else { return }
    let length = max(Int(record.load32(12, swapped: isSwapped)), PerfAttribute.minimumBytes)
    guard 8 + length <= size,
      let attribute = PerfAttribute(
        UnsafeRawBufferPointer(start: record + 8, count: length), swapped: isSwapped, byteOrder: byteOrder)
    else { return }
    var ids: [UInt64] = []
    var at = 8 + length
    while at + 8 <= size {
      ids.append(record.load64(at, swapped: isSwapped))
      at += 8
    }
    layouts.add(attribute, ids: ids)
  }

  /// `PERF_RECORD_HEADER_TRACING_DATA` of a pipe: the size of what follows.
  private mutating func addTracingData(_ record: UnsafeRawPointer, _ size: Int, _ position: UInt64) -> Int {
    let count = UInt64(record.load32(8, swapped: isSwapped))
    let place = position + UInt64(size)
    guard count <= Self.attachmentLimit, place <= end else { return 0 }
    let room = Int(min(count, end - place))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(room, 1), alignment: 8)
    defer { buffer.deallocate() }
    do throws(TraceError) {
      let got = try bytes.read(at: place, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<room]))
      layouts.addFeature(PerfFeature.tracingData, UnsafeRawBufferPointer(rebasing: buffer[..<got]))
    } catch {
      // The records behind can't be read either, which is said then.
    }
    return (Int(count) + 7) / 8 * 8
  }

  /// Goes on behind damage, where a few records in a row look right; records begin at multiples of eight bytes.
  private mutating func recover() throws(TraceError) {
    let start = offset
    let swapped = isSwapped
    offset += 8
    search: while offset < end {
      let view = try window.view(at: offset, wanted: ReadAheadWindow.wantedLimit)
      let available = Int(min(UInt64(view.count), end - offset))
      guard available >= Self.headerBytes, let base = view.baseAddress else { break }
      var at = 0
      while at + Self.headerBytes <= available {
        switch Self.isPlausible(base, at, available, swapped) {
        case true?:
          offset += UInt64(at)
          break search
        case false?: at += 8
        case nil where UInt64(available) == end - offset || at == 0: at += 8
        case nil:
          // Not enough in memory to tell.
          offset += UInt64(at)
          continue search
        }
      }
      offset += UInt64(at)
    }
    offset = min(offset, end)
    ownStatistics.count(
      .malformedLines, at: .byteOffset(start), text: "no record of perf; \(offset - start) bytes are left out")
  }

  /// Whether records begin at `at`; `nil` if too few bytes are there to tell.
  private static func isPlausible(_ base: UnsafeRawPointer, _ at: Int, _ count: Int, _ swapped: Bool) -> Bool? {
    var place = at
    for _ in 0..<plausibleRecords {
      if place == count { return true }
      guard place + headerBytes <= count else { return nil }
      let type = (base + place).load32(0, swapped: swapped)
      let size = Int((base + place).load16(6, swapped: swapped))
      guard type > 0, type < PerfRecordType.limit, size >= headerBytes, size % 8 == 0 else { return false }
      place += size
    }
    return true
  }
}
