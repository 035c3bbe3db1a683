import TraceEvents

/// Tells what an input is by its first bytes, never by its name.
enum FormatDetector {
  /// How many first bytes are looked at.
  static let headBytes = 4096

  /// What a stream of bytes holds.
  enum Content: Equatable {
    case text
    case zstd
    case gzip
    /// The tool's own container.
    case kmr
    /// An archive, which may hold a capture.
    case tar
    case empty
    case perfetto
    /// Something this tool knows by name but doesn't read; `remedy` says what turns it into text.
    case foreign(name: String, remedy: String)
    /// Bytes that are no text.
    case binary

    /// Whether a reader of the content jumps about in it.
    var isSeekable: Bool {
      switch self {
      case .perfetto: true
      default: false
      }
    }
  }

  static let expectation =
    "ftrace text as /sys/kernel/tracing/trace, trace-cmd report or perf script prints it, a Perfetto trace or a .kmr, plain, zstd or gzip"
  static let remedy = "See what recorded it, and save the trace as text."

  // Each magic number with where it stands; from the formats' own documents and file(1)'s database.
  private static let magics: [(offset: Int, bytes: [UInt8], content: Content)] = [
    (0, [0x28, 0xB5, 0x2F, 0xFD], .zstd),
    (0, [0x1F, 0x8B], .gzip),
    (0, ColumnarFormat.magic, .kmr),
    (
      0, [0x17, 0x08, 0x44] + Array("tracing".utf8),
      .foreign(name: "a trace.dat file of trace-cmd", remedy: "Convert it: trace-cmd report -i FILE > trace.txt")
    ),
    (
      0, Array("PERFILE2".utf8),
      .foreign(name: "a perf.data file", remedy: "Convert it: perf script -i FILE > trace.txt")
    ),
    (
      0, Array("2ELIFREP".utf8),
      .foreign(
        name: "a perf.data file of the other byte order", remedy: "Convert it: perf script -i FILE > trace.txt")
    ),
    (0, [0x7F] + Array("ELF".utf8), .foreign(name: "an ELF program or library", remedy: remedy)),
    (257, Array("ustar".utf8), .tar),
    (0, [0xFD] + Array("7zXZ".utf8), .foreign(name: "xz data", remedy: "Unpack it: xz -dc FILE | kmemreplay … -")),
    (0, Array("BZh".utf8), .foreign(name: "bzip2 data", remedy: "Unpack it: bzip2 -dc FILE | kmemreplay … -")),
    (0, [0x04, 0x22, 0x4D, 0x18], .foreign(name: "lz4 data", remedy: "Unpack it: lz4 -dc FILE | kmemreplay … -")),
    (0, Array("PK\u{3}\u{4}".utf8), .foreign(name: "a zip archive", remedy: "Unpack it: unzip FILE")),
    (0, [0xFF, 0xFE], .foreign(name: "UTF-16 text", remedy: "Convert it: iconv -f UTF-16 -t UTF-8 FILE > trace.txt")),
    (0, [0xFE, 0xFF], .foreign(name: "UTF-16 text", remedy: "Convert it: iconv -f UTF-16 -t UTF-8 FILE > trace.txt")),
  ]

  /// What the input is whose first bytes are `head`.
  static func detect(_ head: [UInt8]) -> Content {
    if head.isEmpty { return .empty }
    for magic in magics where head.dropFirst(magic.offset).starts(with: magic.bytes) { return magic.content }
    if isSkippableZstdFrame(head) { return .zstd }
    // Asked before text, for a Perfetto trace may consist of texts for the most part.
    if PerfettoSignature.isBeginning(head) { return .perfetto }
    return isText(head) ? .text : .binary
  }

  /// Throws the error for content that can't be read; `inside` names the packing around it.
  static func refusal(of content: Content, input: String, inside: String = "") -> TraceError? {
    switch content {
    case .text, .zstd, .gzip, .perfetto, .kmr, .tar:
      return nil
    case .empty:
      return TraceError(
        .empty, input: input, found: inside.isEmpty ? "an empty file" : "nothing" + inside, expected: expectation,
        remedy: "Was tracing on, and the buffer read before it was cleared?")
    case .foreign(let name, let remedy):
      return TraceError(.unsupportedFormat, input: input, found: name + inside, expected: expectation, remedy: remedy)
    case .binary:
      return TraceError(
        .unknownFormat, input: input, found: "binary data of an unknown format" + inside, expected: expectation,
        remedy: remedy)
    }
  }

  // Frames that only carry metadata; pzstd and others put one in front (RFC 8878, 3.1.2).
  private static func isSkippableZstdFrame(_ head: [UInt8]) -> Bool {
    head.count >= 4 && head[0] & 0xF0 == 0x50 && head[1...3].elementsEqual([0x2A, 0x4D, 0x18])
  }

  // Damaged texts have some stray bytes, and NUL bytes where pages of a file were lost; binaries have many.
  private static func isText(_ head: [UInt8]) -> Bool {
    let strange = head.count { $0 < 0x20 && !(0x09...0x0D).contains($0) && $0 != 0x1B || $0 == 0x7F }
    return strange * 10 <= head.count || head.contains(10) && isMostlyText(head)
  }

  // A file whose beginning was lost is NUL bytes up to a block's end, then text.
  private static func isMostlyText(_ head: [UInt8]) -> Bool {
    let printable = head.count { (0x20..<0x7F).contains($0) || $0 == 10 }
    let zeros = head.count { $0 == 0 }
    return printable * 10 >= (head.count - zeros) * 9 && printable > 64 && zeros > 0
  }
}
