import CZstd
public import TraceEvents
import TraceInput

/// Writes a `.kmr`: a header, blocks of up to 65,536 events in columns, and an end block. See the DocC page of
/// `TraceInput` for the bytes.
///
/// Each block has all the strings and stacks that it needs, so that any block can be understood alone. Memory is one
/// block.
public final class ColumnarTraceWriter: TraceWriter {
  /// The zstd level of blocks: a seventh smaller than level 3 and as quick to unpack; the next ones take far longer.
  public static let standardLevel: Int32 = 8

  private let output: OutputBytes
  private let encoder: OpaquePointer
  private var builder = ColumnarBlockBuilder()
  private var written: UInt64 = 0
  private var inspected = ImportStatistics()
  private var hasHeader = false

  public init(_ output: OutputBytes, level: Int32 = ColumnarTraceWriter.standardLevel) throws(OutputError) {
    guard let encoder = ZSTD_createCCtx() else { throw .failed("no memory for the zstd encoder") }
    ZSTD_CCtx_setParameter(encoder, ZSTD_c_compressionLevel, level)
    ZSTD_CCtx_setParameter(encoder, ZSTD_c_checksumFlag, 1)
    self.output = output
    self.encoder = encoder
  }

  deinit { ZSTD_freeCCtx(encoder) }

  public func write(_ batch: borrowing EventBatch, rows: Range<Int>, of trace: TraceTables) throws(OutputError) {
    try writeHeader()
    var first = rows.lowerBound
    while first < rows.upperBound {
      if builder.isFull { try flush(.events, trace) }
      let end = min(rows.upperBound, first + ColumnarFormat.rowLimit)
      if builder.rows + (end - first) > ColumnarFormat.rowLimit { try flush(.events, trace) }
      builder.add(batch, rows: first..<end, trace)
      first = end
    }
  }

  public func finish(_ trace: TraceTables) throws(OutputError) {
    try writeHeader()
    if builder.rows > 0 { try flush(.events, trace) }
    try flush(.end, trace)
    try output.finish()
  }

  private func writeHeader() throws(OutputError) {
    if hasHeader { return }
    hasHeader = true
    var header = ColumnarFormat.magic
    withUnsafeBytes(of: ColumnarFormat.version.littleEndian) { header.append(contentsOf: $0) }
    header += [0, 0]
    let checksum = header.withUnsafeBytes { ColumnarFormat.checksum($0) }
    withUnsafeBytes(of: checksum.littleEndian) { header.append(contentsOf: $0) }
    try output.write(header)
  }

  private func flush(_ kind: ColumnarBlockHeader.Kind, _ trace: TraceTables) throws(OutputError) {
    let rows = builder.rows
    builder.tally.add(to: &inspected)
    let plain = builder.finish(trace, statistics: statistics(trace.statistics, written + UInt64(rows)))
    let packed = try pack(plain)
    let header = ColumnarBlockHeader(
      kind: kind, firstEvent: written, rows: rows, plainBytes: plain.count, storedBytes: packed.count)
    try output.write(header.bytes)
    try output.write(packed)
    written += UInt64(rows)
  }

  /// What was counted, for the events that were written: all of the trace's, or those of a window.
  private func statistics(_ all: ImportStatistics, _ events: UInt64) -> ImportStatistics {
    if all.events == events { return all }
    var statistics = all
    statistics.events = events
    statistics.eventsByKind = inspected.eventsByKind
    statistics[.hashedPointers] = inspected[.hashedPointers]
    statistics[.unknownPointers] = inspected[.unknownPointers]
    return statistics
  }

  private func pack(_ plain: [UInt8]) throws(OutputError) -> [UInt8] {
    var result = 0
    let packed = [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(plain.count)) { output, initialized in
      result = plain.withUnsafeBytes {
        ZSTD_compress2(encoder, output.baseAddress, output.count, $0.baseAddress, $0.count)
      }
      initialized = ZSTD_isError(result) == 0 ? result : 0
    }
    if ZSTD_isError(result) != 0 {
      throw .failed("zstd: " + (ZSTD_getErrorName(result).map { String(cString: $0) } ?? "error"))
    }
    return packed
  }
}
