public import KernelTypes
public import TraceEvents

/// The kmem events of a Perfetto trace (`perfetto`, `tracebox`, Android's system tracing), merged by time.
///
/// A first pass notes where each CPU's bundles of ftrace events are and what tasks are called, a second one decodes and
/// merges them. Memory is two small buffers a CPU, whatever the length of the trace, and 24 bytes a bundle.
///
/// Formats: protos/perfetto/trace of the Perfetto project. It records no gfp names, no `node=` of kmalloc and no cache
/// names; call sites are addresses.
public final class PerfettoSource: TraceSource {
  public let strings: StringInterner
  public let stacks = StackTable()
  public let summary: InputSummary

  private let bytes: SeekableBytes
  private let names: TaskNames
  private var shared: PerfettoLane.Shared?
  private var lanes: [PerfettoLane] = []
  private var survey = BatchSurvey(positions: .byteOffset)
  private var scanned = ImportStatistics()
  private var pendingError: TraceError?
  private var isAtEnd = false

  init(_ bytes: SeekableBytes, summary: InputSummary) {
    self.bytes = bytes
    self.summary = summary
    strings = StringInterner()
    names = TaskNames(strings)
    pendingError = bytes.damage
  }

  public var progress: InputProgress {
    // Packed inputs are unpacked before this one sees them; then the share is what counts.
    let read = lanes.map(\.fileOffset).max() ?? 0
    guard let total = summary.byteSize, bytes.count > 0 else { return InputProgress(bytesRead: read, totalBytes: nil) }
    let share = Double(isAtEnd ? bytes.count : read) / Double(bytes.count)
    return InputProgress(bytesRead: UInt64(share * Double(total)), totalBytes: total)
  }

  public var context: TraceContext {
    var context = TraceContext()
    context.container = .perfetto
    context.compression = summary.compression
    context.headerCPUCount = shared?.index.cpuCount
    context.kernelRelease = shared?.index.kernelRelease
    context.observedCPUCount = survey.cpuCount
    if let decoder = shared?.decoder, decoder.sawLongPointer || decoder.sawPointer {
      context.pointerBytes = decoder.sawLongPointer ? 8 : 4
    }
    return context
  }

  public var statistics: ImportStatistics {
    var statistics = scanned
    if let shared { statistics.merge(shared.statistics) }
    survey.add(to: &statistics)
    statistics.unit = .record
    statistics.lines = shared?.index.packets ?? 0
    statistics.bytes = shared == nil ? 0 : bytes.count
    if let decoder = shared?.decoder {
      statistics.otherEvents = decoder.otherEvents.snapshot()
      statistics[.unknownEvents] = decoder.otherEvents.total
    }
    statistics[.internedOverflow] = UInt64(strings.overflowed + stacks.overflowed)
    return statistics
  }

  /// Fills `batch` with the next events; see `EventSource.read(into:)`.
  ///
  /// Throws `.cannotRead`, or `.damagedCompression` behind the events of a packed file's intact part.
  public func read(into batch: inout EventBatch) throws(TraceError) -> Bool {
    batch.removeAll()
    if isAtEnd { return false }
    do throws(TraceError) {
      if shared == nil { try scan() }
      while !batch.isFull, try merge(into: &batch) {}
    } catch {
      pendingError = error
      lanes = []
    }
    survey.add(batch)
    if batch.count > 0 { return true }
    isAtEnd = true
    if let error = pendingError {
      pendingError = nil
      throw error
    }
    return false
  }

  private func scan() throws(TraceError) {
    var scanner = PerfettoScanner(bytes, names: names)
    try scanner.scan()
    scanned = scanner.statistics
    if let offset = bytes.truncatedAt {
      scanned.count(
        .truncatedEnd, at: .byteOffset(offset), text: "the \(summary.compression.rawValue) stream ends inside a frame")
    }
    let index = scanner.index
    let decoder = FtraceEventDecoder(
      strings: strings, names: names, kernel: index.kernelRelease.flatMap { KernelVersion(parsing: $0) })
    let shared = PerfettoLane.Shared(bytes, index, decoder)
    self.shared = shared
    lanes = index.lanes.map { PerfettoLane($0.cpu, $0.bundles, shared) }
  }

  /// Moves the next run of events of one CPU into the batch; `false` at the end.
  private func merge(into batch: inout EventBatch) throws(TraceError) -> Bool {
    var first = -1
    var firstTime = UInt64.max
    var limit = UInt64.max
    for number in lanes.indices {
      let lane = lanes[number]
      try lane.prepare()
      if lane.isDone { continue }
      let time = lane.nextTime
      if first < 0 || time < firstTime {
        // Equal times come in the order of CPUs, so this lane may only go on below the time of an earlier one.
        if first >= 0 { limit = firstTime > 0 ? firstTime - 1 : 0 }
        first = number
        firstTime = time
      } else if time < limit {
        limit = time
      }
    }
    guard first >= 0 else { return false }
    lanes[first].take(upTo: max(limit, firstTime), into: &batch)
    return true
  }
}
