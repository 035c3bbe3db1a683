import TraceEvents

/// Finds the trace in a directory or a tar archive: raw per-CPU pages, or else one trace file.
enum TraceFolder {
  // What recorders call their files, the richest first.
  private static let traceNames = [
    "trace.dat", "trace.dat.zst", "trace.dat.gz", "trace.txt", "trace.txt.zst", "trace.txt.gz", "trace", "trace.zst",
  ]

  private static func isWanted(_ path: String) -> Bool { RawFolder.role(of: path) != nil || rank(path) != nil }

  // Not deep inside: other folders hold other things.
  private static func rank(_ path: String) -> Int? {
    let parts = path.split(separator: "/")
    if parts.count > 2 { return nil }
    return parts.last.flatMap { name in traceNames.firstIndex { $0 == name } }
  }

  /// Opens the trace in a directory. Throws `.isDirectory` if there is none, and what opening the trace throws.
  static func open(directory path: String, _ options: InputOptions) throws(TraceError) -> any TraceSource {
    let entries = try DirectoryListing.entries(of: path, isWanted)
    guard let found = try open(entries, path, .none, ImportStatistics(), options) else {
      throw TraceError(
        .isDirectory, input: path, found: "a directory without a trace",
        expected: "a trace file, or a directory with raw.cpu0 (or per_cpu/cpu0/trace_pipe_raw) and events/ in it",
        remedy: "Name the trace file inside it.")
    }
    return found
  }

  /// Opens the trace in an archive. Throws `.unsupportedFormat` if there is none, and what opening the trace throws.
  static func open(
    archive bytes: SeekableBytes, _ summary: InputSummary, _ options: InputOptions
  ) throws(TraceError) -> any TraceSource {
    var statistics = ImportStatistics()
    let entries = try ArchiveListing.entries(of: bytes, &statistics, isWanted)
    guard let found = try open(entries, summary.name, summary.compression, statistics, options) else {
      throw TraceError(
        .unsupportedFormat, input: summary.name, found: "a tar archive without a trace",
        expected: "raw.cpu0 (or per_cpu/cpu0/trace_pipe_raw) and events/ in it, or a trace file",
        remedy: "Unpack it, and name the trace.")
    }
    return found
  }

  private static func open(
    _ entries: [FolderEntry], _ name: String, _ compression: TraceContext.Compression,
    _ statistics: ImportStatistics, _ options: InputOptions
  ) throws(TraceError) -> (any TraceSource)? {
    if RawFolder.isRaw(entries) {
      let folder = try RawFolder(entries, name: name)
      var all = statistics
      all.merge(folder.statistics)
      var context = folder.context
      context.compression = compression
      let size = folder.sections.reduce(0) { $0 + $1.size }
      return RingBufferSource(
        folder.sections, catalogue: folder.catalogue, context: context, statistics: all,
        summary: InputSummary(name: name, compression: compression, byteSize: size),
        threads: options.threads ?? WorkerPool.processorCount)
    }
    let ranked = entries.compactMap { entry in rank(entry.path).map { (rank: $0, entry: entry) } }
    guard let best = ranked.min(by: { ($0.rank, $0.entry.path) < ($1.rank, $1.entry.path) }) else { return nil }
    let bytes = SectionBytes(best.entry)
    return try TraceInput.open(bytes, name: name + "/" + best.entry.path, options)
  }
}

/// A file inside a directory or an archive as a stream.
final class SectionBytes: ByteSource {
  private let entry: FolderEntry
  private var offset: UInt64 = 0

  init(_ entry: FolderEntry) { self.entry = entry }

  var progress: InputProgress { InputProgress(bytesRead: offset, totalBytes: entry.size) }

  var truncatedAt: UInt64? { nil }

  var seekable: SeekableBytes? { entry.offset == 0 && entry.size == entry.bytes.count ? entry.bytes : nil }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    let room = min(UInt64(buffer.count), entry.size - offset)
    if room == 0 { return 0 }
    let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(room)])
    let count = try entry.bytes.read(at: entry.offset + offset, into: target)
    offset += UInt64(count)
    return count
  }
}
