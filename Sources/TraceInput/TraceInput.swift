import Glibc
public import TraceEvents

/// Opens traces: finds out what the bytes are and makes an event source of them.
public enum TraceInput {
  /// The path that means standard input.
  public static let standardInputPath = "-"
  /// Packed inputs below this size are not worth a thread.
  private static let backgroundBytes: UInt64 = 1 << 20
  private static let standardInputName = "standard input"

  /// Opens the trace at `path`, or standard input for `-`. A directory or tar archive that `CaptureFolder` knows is
  /// opened at the trace inside it.
  ///
  /// The format and the packing (plain, zstd, gzip) are recognised by the first bytes. Standard input can be opened
  /// once; who needs two passes copies it with `SpooledInput` first.
  ///
  /// Throws `.cannotOpen`, `.cannotRead`, `.isDirectory`, `.empty`, `.unsupportedFormat` (known by name, not read),
  /// `.unknownFormat` (binary), `.damagedCompression`.
  public static func open(path: String, options: InputOptions = InputOptions()) throws(TraceError) -> any TraceSource {
    if path == standardInputPath {
      let bytes = try FileBytes(descriptor: STDIN_FILENO, owned: false, name: standardInputName)
      return try open(bytes, name: standardInputName, options)
    }
    var options = options
    if let trace = CaptureFolder.trace(in: path) {
      if options.directory == nil { options.directory = path }
      return try open(FileBytes(path: trace), name: path, options)
    }
    if options.directory == nil { options.directory = folder(of: path) }
    if DirectoryListing.isDirectory(path) { return try TraceFolder.open(directory: path, options) }
    return try open(FileBytes(path: path), name: path, options)
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Opens a trace that is in memory; `name` stands for it in messages.
  public static func open(
    bytes: [UInt8], name: String = "memory", options: InputOptions = InputOptions()
  ) throws(TraceError) -> any TraceSource {
    try open(MemoryBytes(bytes), name: name, options)
  }

  /// Opens a spooled input from its beginning, as often as needed.
  public static func open(
    _ spooled: SpooledInput, options: InputOptions = InputOptions()
  ) throws(TraceError) -> any TraceSource {
    try open(spooled.bytes(), name: spooled.name, options)
  }

  static func open(_ bytes: any ByteSource, name: String, _ options: InputOptions) throws(TraceError)
    -> any TraceSource
  {
    // Asked before anything is read from it.
    let seekable = bytes.seekable
    let unpacked = try unpack(bytes, name: name)
    let isColumnar = unpacked.content == .kmr
    let byteSize = bytes.progress.totalBytes
    let summary = InputSummary(name: name, compression: unpacked.compression, byteSize: byteSize)
    let content: any ByteSource = unpacked.bytes
    if unpacked.content == .tar {
      let isPacked = unpacked.compression != .none && options.unpacksInBackground
      let archive = isPacked && byteSize != nil ? BackgroundBytes(content) ?? content : content
      return try open(archive, stored: seekable, summary, options)
    }
    if unpacked.content.isSeekable {
      let place =
        if unpacked.compression == .none, let seekable { seekable } else {
          try SeekableBytes(spooling: content, name: name)
        }
      return try open(place, unpacked.content, summary, options)
    }
    let threads = options.threads ?? WorkerPool.processorCount
    // A pipe may keep its reader waiting for ever, and a thread that waits can't be ended: files only.
    if unpacked.compression != .none, options.unpacksInBackground, let byteSize, byteSize >= backgroundBytes,
      let background = BackgroundBytes(content)
    {
      if isColumnar { return readAhead(try ColumnarTraceSource(background, summary: summary), options) }
      return FtraceTextSource(background, summary: summary, usesFastPath: options.usesFastPath, threads: threads)
    }
    if isColumnar { return readAhead(try ColumnarTraceSource(content, summary: summary), options) }
    return FtraceTextSource(content, summary: summary, usesFastPath: options.usesFastPath, threads: threads)
  }

  /// Opens the trace in an archive, which is read once if the trace is one file.
  private static func open(
    _ archive: any ByteSource, stored: SeekableBytes?, _ summary: InputSummary, _ options: InputOptions
  ) throws(TraceError) -> any TraceSource {
    let name = summary.name
    let member = try TarMember.find(in: archive, input: name) {
      CaptureFolder.isTrace($0) || RawFolder.isPages($0)
    }
    guard let member else {
      throw TraceError(
        .unsupportedFormat, input: name, found: "a tar archive without a trace in it",
        expected: "a file named trace.txt, trace.dat, trace.kmr or perf.data, as Tools/capture names it, or raw.cpu0 "
          + "with the formats of events", remedy: "Unpack it, and name the trace.")
    }
    if CaptureFolder.isTrace(member.name) { return try open(member, name: name, options) }
    guard let stored else {
      throw TraceError(
        .unsupportedFormat, input: name, found: "an archive of raw pages in a pipe",
        expected: "a file, which can be read more than once", remedy: "Save it to a file first.")
    }
    let again = try unpack(SectionBytes(stored), name: name)
    let place = again.compression == .none ? stored : try SeekableBytes(spooling: again.bytes, name: name)
    return try TraceFolder.open(archive: place, summary, options)
  }

  private static func open(
    _ bytes: SeekableBytes, _ content: FormatDetector.Content, _ summary: InputSummary, _ options: InputOptions
  ) throws(TraceError) -> any TraceSource {
    switch content {
    case .traceDat: return try RingBufferSource(traceDat: bytes, summary: summary, options: options)
    case .perfData:
      let source = try PerfDataSource(
        bytes, summary: summary, directory: options.directory, readsAhead: isWorthThreads(summary, options))
      return readAhead(source, options)
    default: return readAhead(PerfettoSource(bytes, summary: summary), options)
    }
  }

  /// Gives a source that decodes on one thread a thread of its own, where the input is large enough to be worth it.
  ///
  /// Not for pipes: one may keep its reader waiting for ever, and a thread that waits can't be ended.
  private static func readAhead(_ source: any TraceSource, _ options: InputOptions) -> any TraceSource {
    isWorthThreads(source.summary, options) ? ReadAheadSource(source) ?? source : source
  }

  private static func isWorthThreads(_ summary: InputSummary, _ options: InputOptions) -> Bool {
    guard let size = summary.byteSize else { return false }
    return (options.threads ?? WorkerPool.processorCount) > 1 && size >= backgroundBytes
  }

  /// The content of an input, decoded if it is packed.
  struct Unpacked {
    var bytes: PeekedBytes
    var content: FormatDetector.Content
    var compression: TraceContext.Compression
  }

  /// What is inside `bytes`; throws for what can't be read.
  static func unpack(_ bytes: any ByteSource, name: String) throws(TraceError) -> Unpacked {
    let stored = try PeekedBytes(bytes, count: FormatDetector.headBytes)
    let decoder: any ByteSource
    let compression: TraceContext.Compression
    let format = FormatDetector.detect(stored.head)
    switch format {
    case .zstd: (decoder, compression) = (try ZstdBytes(stored, name: name), .zstd)
    case .gzip: (decoder, compression) = (try GzipBytes(stored, name: name), .gzip)
    default:
      if let refusal = FormatDetector.refusal(of: format, input: name) { throw refusal }
      return Unpacked(bytes: skippingMark(stored), content: format, compression: .none)
    }
    let content = try PeekedBytes(decoder, count: FormatDetector.headBytes)
    let inner = FormatDetector.detect(content.head)
    let inside = " inside \(compression.rawValue) data"
    if inner == .zstd || inner == .gzip {
      throw TraceError(
        .unsupportedFormat, input: name, found: "compressed data" + inside, expected: FormatDetector.expectation,
        remedy: "Unpack one layer first.")
    }
    if inner == .empty, content.truncatedAt != nil {
      throw TraceError(
        .damagedCompression, input: name, at: content.truncatedAt.map { .byteOffset($0) },
        found: "a \(compression.rawValue) stream that ends before its first byte of text",
        expected: "an intact \(compression.rawValue) stream", remedy: "Copy the file again.")
    }
    if let refusal = FormatDetector.refusal(of: inner, input: name, inside: inside) { throw refusal }
    return Unpacked(bytes: skippingMark(content), content: inner, compression: compression)
  }

  /// Passes over the byte order mark that some editors put in front of UTF-8.
  private static func skippingMark(_ bytes: PeekedBytes) -> PeekedBytes {
    if bytes.head.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.skip(3) }
    return bytes
  }
}
