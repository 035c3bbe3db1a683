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
  // Where the formats are from if the file has lost its own.
  private let formatsPath: String?
  private var reader: PerfDataReader
  private var survey = BatchSurvey(positions: .byteOffset)
  private var pendingError: TraceError?
  private var isAtEnd = false

  /// Opens a file or pipe; `directory` is where the formats of a file are looked for that has lost its own. With
  /// `readsAhead` a thread of its own reads the bytes.
  ///
  /// Throws `.damagedStructure` for a header that can't be and for a file without formats, `.cannotRead`.
  init(
    _ bytes: SeekableBytes, summary: InputSummary, directory: String? = nil, readsAhead: Bool = false
  ) throws(TraceError) {
    var header = try PerfHeader(bytes, name: summary.name)
    var found: String?
    // perf writes the formats of a file at its end; without them records are only numbers.
    if !header.isPipe, header.events.catalogue == nil {
      found = try Self.findFormats(for: &header, directory)
      if found == nil { throw Self.lacksFormats(bytes, header, summary.name) }
    }
    self.bytes = bytes
    self.summary = summary
    strings = StringInterner()
    stacks = StackTable()
    isPipe = header.isPipe
    reader = PerfDataReader(bytes, header, strings: strings, stacks: stacks, readsAhead: readsAhead)
    formatsPath = found
    pendingError = bytes.damage
  }

  /// Takes the formats beside the file if they have events of the recording; returns where they are.
  private static func findFormats(for header: inout PerfHeader, _ directory: String?) throws(TraceError) -> String? {
    guard let directory, let found = try FormatFolder.catalogue(in: directory) else { return nil }
    var catalogue = found.catalogue
    let isKnown = header.events.tracepoints.contains { id in
      UInt16(exactly: id).map { catalogue.name(of: $0) != nil } ?? false
    }
    guard isKnown else { return nil }
    catalogue.byteOrder = header.byteOrder
    header.events.catalogue = catalogue
    return found.path
  }

  private static func lacksFormats(_ bytes: SeekableBytes, _ header: PerfHeader, _ name: String) -> TraceError {
    TraceError(
      .damagedStructure, input: name, at: .byteOffset(bytes.count),
      found: "the end of a perf.data file before its event formats, which stand behind the samples",
      expected: "formats from byte \(header.data.offset &+ header.data.size) on, or beside the file in a folder "
        + "`formats` or `events`",
      remedy: "If `perf record` was killed or the file cut off: on the recorded machine, under the same kernel, copy "
        + "/sys/kernel/tracing/events into the file's directory (as root: cp -r). Formats come first in what "
        + "`perf record -o -` writes.")
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
    if let formatsPath {
      statistics.count(
        .truncatedEnd, at: .byteOffset(bytes.count),
        text: "the file ends before its event formats; those in \(formatsPath) are used")
    }
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
