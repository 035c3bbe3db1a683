import KernelTypes
import TraceEvents

/// What a `trace.dat` file holds beside its events, and where they lie.
///
/// Follows trace-cmd's Documentation/trace-cmd/trace-cmd.dat.v6.5.txt and .v7.5.txt, and lib/trace-cmd/trace-input.c
/// where those say less.
struct TraceDatFile {
  static let magic: [UInt8] = [0x17, 0x08, 0x44] + Array("tracing".utf8)

  /// The events of one tracing instance.
  struct Buffer {
    /// The instance's name; empty for the top one.
    var name: String
    /// The clock that was chosen, `local` if the file doesn't say.
    var clock: String
    var pageSize: Int
    var isPacked: Bool
    var cpus: [(cpu: UInt16, offset: UInt64, size: UInt64)]
  }

  let bytes: SeekableBytes
  var version = 6
  var codec: BlockCodec?
  var layout = PageHeaderFormat()
  var catalogue = EventCatalogue()
  var buffers: [Buffer] = []
  /// `uname -a` of the recording machine, in short.
  var uname: String?
  var traceClock: String?
  var cpuCount: Int?
  /// The ticks-to-nanoseconds conversion of a time stamp counter.
  var tscConversion: (multiplier: UInt32, shift: UInt32)?
  /// Nanoseconds that the recording user wanted added (`--date`).
  var timeOffset: UInt64 = 0
  /// The kernel's own text about lost events, one a CPU.
  var cpuStatistics: [String] = []
  /// Whether the file holds the text of a latency tracer instead of events.
  var hasLatencyText = false
  var statistics = ImportStatistics()

  /// Reads everything but the events. Throws `.damagedStructure` if not even the formats of events can be found,
  /// `.unsupportedFormat` for versions and packings that aren't known, `.cannotRead`.
  static func read(_ bytes: SeekableBytes) throws(TraceError) -> TraceDatFile {
    var file = TraceDatFile(bytes: bytes)
    var cursor = TraceDatCursor(bytes)
    try file.readStart(&cursor)
    if file.version >= 7 {
      try file.readSections(&cursor)
    } else {
      try file.readOldHeaders(&cursor)
    }
    if file.hasLatencyText, file.buffers.isEmpty {
      throw TraceError(
        .unsupportedFormat, input: bytes.name, found: "a trace.dat file with the text of a latency tracer",
        expected: "recorded events", remedy: "Print it: trace-cmd report -i FILE > trace.txt")
    }
    if file.catalogue.count == 0 {
      throw TraceError(
        .damagedStructure, input: bytes.name, at: .byteOffset(cursor.offset),
        found: "a trace.dat file without the format of any event",
        expected: "formats of events in front of the events", remedy: "Copy the file again.")
    }
    return file
  }

  private init(bytes: SeekableBytes) { self.bytes = bytes }

  /// Notes a place where the file is not as it should be, but reading goes on.
  mutating func note(_ counter: ImportStatistics.Counter, at offset: UInt64, _ text: String) {
    statistics.count(counter, at: .byteOffset(offset), text: text)
  }

  // Magic, version, byte order, size of a long, page size; from version 7 on also the packing.
  private mutating func readStart(_ cursor: inout TraceDatCursor) throws(TraceError) {
    guard try cursor.bytes(10) == Self.magic else { throw cursor.damaged("no trace.dat magic") }
    let text = try cursor.string(limit: 16)
    guard let number = Int(text), (6...7).contains(number) else {
      throw TraceError(
        .unsupportedFormat, input: bytes.name, at: .byteOffset(10), found: "a trace.dat file of version \(text)",
        expected: "version 6 or 7", remedy: "Convert it: trace-cmd convert -i FILE -o NEW --file-version 7")
    }
    version = number
    let order = try cursor.number(1)
    let longSize = try cursor.number(1)
    guard order <= 1, longSize == 4 || longSize == 8 else {
      throw cursor.damaged("byte order \(order) and a long of \(longSize) bytes", "0 or 1, and 4 or 8")
    }
    cursor.byteOrder = order == 1 ? .big : .little
    catalogue.byteOrder = cursor.byteOrder
    catalogue.longSize = Int(longSize)
    let pageSize = try cursor.number(4)
    guard pageSize.nonzeroBitCount == 1, (256...1 << 24).contains(pageSize) else {
      throw cursor.damaged("pages of \(pageSize) bytes", "a power of two such as 4096")
    }
    layout = PageHeaderFormat(longSize: Int(longSize), pageSize: Int(pageSize))
    if version < 7 { return }
    let packing = try cursor.string(limit: 64)
    _ = try cursor.string(limit: 64)
    switch packing {
    case "none", "": codec = nil
    case "zstd": codec = .zstd
    case "zlib": codec = .zlib
    default:
      throw TraceError(
        .unsupportedFormat, input: bytes.name, at: .byteOffset(18), found: "a trace.dat file packed with \(packing)",
        expected: "zstd, zlib or none", remedy: "Convert it: trace-cmd convert -i FILE -o NEW --compression none")
    }
  }

  // MARK: - The parts both versions have

  /// `header_page` and `header_event`.
  mutating func readHeaders(_ cursor: inout TraceDatCursor) throws(TraceError) {
    guard try cursor.string(limit: 32) == "header_page" else { throw cursor.damaged("no header_page") }
    let start = cursor.offset
    let page = try cursor.block(sizeBytes: 8)
    if let layout = PageHeaderFormat(parsing: page) {
      self.layout = layout
      // The header's size of a long is that of user space; the kernel's is the commit word's.
      catalogue.longSize = layout.commitSize
    } else {
      note(.malformedLines, at: start, "a header_page that can't be read")
    }
    guard try cursor.string(limit: 32) == "header_event" else { throw cursor.damaged("no header_event") }
    _ = try cursor.block(sizeBytes: 8)
  }

  /// The formats of ftrace's own events.
  mutating func readTracerFormats(_ cursor: inout TraceDatCursor) throws(TraceError) {
    let count = try cursor.number(4)
    for _ in 0..<count { try readFormat(&cursor) }
  }

  /// The formats of all systems' events.
  mutating func readEventFormats(_ cursor: inout TraceDatCursor) throws(TraceError) {
    let systems = try cursor.number(4)
    for _ in 0..<systems {
      _ = try cursor.string(limit: 256)
      let count = try cursor.number(4)
      for _ in 0..<count { try readFormat(&cursor) }
    }
  }

  private mutating func readFormat(_ cursor: inout TraceDatCursor) throws(TraceError) {
    let start = cursor.offset
    let text = try cursor.block(sizeBytes: 8)
    if !catalogue.addFormat(text) { note(.malformedLines, at: start, "the format of an event that can't be read") }
  }

  mutating func readSymbols(_ cursor: inout TraceDatCursor) throws(TraceError) {
    let text = try cursor.block(sizeBytes: 4)
    let symbols = KernelSymbols(text)
    if symbols.count > 0 { catalogue.symbols = symbols }
  }

  mutating func readPrintTexts(_ cursor: inout TraceDatCursor) throws(TraceError) {
    catalogue.addPrintTexts(try cursor.block(sizeBytes: 4))
  }

  mutating func readTasks(_ cursor: inout TraceDatCursor) throws(TraceError) {
    catalogue.addTasks(try cursor.block(sizeBytes: 8))
  }
}
