import TraceEvents

/// Opens raw per-CPU pages with the formats that describe them, in a directory or a tar archive.
enum TraceFolder {
  /// Opens the pages in a directory. Throws `.isDirectory` if there are none, and what `RawFolder` throws.
  static func open(directory path: String, _ options: InputOptions) throws(TraceError) -> any TraceSource {
    let entries = try DirectoryListing.entries(of: path) { RawFolder.role(of: $0) != nil }
    guard RawFolder.isRaw(entries) else {
      throw TraceError(
        .isDirectory, input: path, found: "a directory without a trace",
        expected: "a trace file, or a directory with raw.cpu0 (or per_cpu/cpu0/trace_pipe_raw) and events/ in it",
        remedy: "Name the trace file inside it.")
    }
    let summary = InputSummary(name: path, compression: .none, byteSize: nil)
    return try open(entries, summary, ImportStatistics(), options)
  }

  /// Opens the pages in an archive. Throws what `RawFolder` throws.
  static func open(
    archive bytes: SeekableBytes, _ summary: InputSummary, _ options: InputOptions
  ) throws(TraceError) -> any TraceSource {
    var statistics = ImportStatistics()
    let entries = try ArchiveListing.entries(of: bytes, &statistics) { RawFolder.role(of: $0) != nil }
    return try open(entries, summary, statistics, options)
  }

  private static func open(
    _ entries: [FolderEntry], _ summary: InputSummary, _ statistics: ImportStatistics, _ options: InputOptions
  ) throws(TraceError) -> any TraceSource {
    let folder = try RawFolder(entries, name: summary.name)
    var all = statistics
    all.merge(folder.statistics)
    var context = folder.context
    context.compression = summary.compression
    var summary = summary
    if summary.byteSize == nil { summary.byteSize = folder.sections.reduce(0) { $0 + $1.size } }
    return RingBufferSource(
      folder.sections, catalogue: folder.catalogue, context: context, statistics: all, summary: summary,
      threads: options.threads ?? WorkerPool.processorCount)
  }
}

/// Bytes that are read at any place as a stream from their beginning.
final class SectionBytes: ByteSource {
  private let bytes: SeekableBytes
  private var offset: UInt64 = 0

  init(_ bytes: SeekableBytes) { self.bytes = bytes }

  var progress: InputProgress { InputProgress(bytesRead: offset, totalBytes: bytes.count) }

  var truncatedAt: UInt64? { nil }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    let count = try bytes.read(at: offset, into: buffer)
    offset += UInt64(count)
    return count
  }
}
