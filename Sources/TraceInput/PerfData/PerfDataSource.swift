public import KernelTypes
public import TraceEvents

/// The events of a perf.data file, or of what `perf record -o -` writes, packed (`-z`) or not, with call chains or not.
///
/// Records come in rounds of the CPUs' buffers and are put in the order of time as perf does it. Memory is what two
/// rounds hold, whatever the length of the file.
///
/// Formats: tools/perf/Documentation/perf.data-file-format.txt, include/uapi/linux/perf_event.h.
public final class PerfDataSource: TraceSource {
  public let strings: StringInterner
  public let stacks: StackTable
  public let summary: InputSummary

  private let bytes: SeekableBytes
  private let isPipe: Bool
  private var reader: PerfDataReader
  private var survey = BatchSurvey(positions: .byteOffset)
  private var pendingError: TraceError?
  private var isAtEnd = false

  init(_ bytes: SeekableBytes, summary: InputSummary) throws(TraceError) {
    let header = try PerfHeader(bytes, name: summary.name)
    // perf writes the formats of a file at its end; without them records are only numbers.
    if !header.isPipe, header.events.catalogue == nil {
      throw TraceError(
        .damagedStructure, input: summary.name, at: .byteOffset(bytes.count),
        found: "the end of a perf.data file before its event formats, which stand behind the samples",
        expected: "formats from byte \(header.data.offset &+ header.data.size) on",
        remedy: "Was `perf record` killed, or the file cut off? Formats come first in what `perf record -o -` writes.")
    }
    self.bytes = bytes
    self.summary = summary
    strings = StringInterner()
    stacks = StackTable()
    isPipe = header.isPipe
    reader = PerfDataReader(bytes, header, strings: strings, stacks: stacks)
    pendingError = bytes.damage
  }

  public var progress: InputProgress {
    guard let total = summary.byteSize, bytes.count > 0 else {
      return InputProgress(bytesRead: reader.offset, totalBytes: nil)
    }
    // Packed inputs are unpacked before this one sees them; then the share is what counts.
    let share = Double(min(reader.offset, bytes.count)) / Double(bytes.count)
    return InputProgress(bytesRead: isAtEnd ? total : UInt64(share * Double(total)), totalBytes: total)
  }

  public var context: TraceContext {
    var context = TraceContext()
    context.container = .perfData
    context.compression = summary.compression
    context.headerCPUCount = reader.events.cpuCount
    context.kernelRelease = reader.events.kernelRelease
    context.observedCPUCount = survey.cpuCount
    context.features = reader.features
    if let catalogue = reader.events.catalogue { context.pointerBytes = catalogue.longSize }
    if reader.sawLongPointer { context.pointerBytes = 8 }
    return context
  }

  public var statistics: ImportStatistics {
    var statistics = reader.statistics
    survey.add(to: &statistics)
    statistics.unit = .record
    statistics.lines = reader.records
    statistics.bytes = reader.offset
    let others = reader.otherEvents()
    statistics.otherEvents = others.counts
    statistics[.unknownEvents] = others.total
    statistics[.internedOverflow] = UInt64(strings.overflowed + stacks.overflowed)
    if let offset = bytes.truncatedAt {
      statistics.count(
        .truncatedEnd, at: .byteOffset(offset), text: "the \(summary.compression.rawValue) stream ends inside a frame")
    }
    return statistics
  }

  /// Fills `batch` with the next events; see `EventSource.read(into:)`.
  ///
  /// Throws `.cannotRead`, or `.damagedCompression` behind the events of a packed file's intact part.
  public func read(into batch: inout EventBatch) throws(TraceError) -> Bool {
    batch.removeAll()
    if isAtEnd { return false }
    do throws(TraceError) {
      if try reader.read(into: &batch) {
        survey.add(batch)
        return true
      }
    } catch {
      pendingError = error
    }
    survey.add(batch)
    isAtEnd = true
    if batch.count > 0 { return true }
    if let error = pendingError {
      pendingError = nil
      throw error
    }
    return false
  }
}
