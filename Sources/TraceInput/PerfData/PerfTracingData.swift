import TraceEvents

/// Reads the formats that perf.data holds, the beginning of a trace.dat file of version 0.5 or 0.6.
///
/// Follows `trace_report` in tools/perf/util/trace-event-read.c, Linux 6.1. What is cut off is left out.
struct PerfTracingData {
  private static let magic: [UInt8] = [0x17, 0x08, 0x44] + Array("tracing".utf8)
  /// More systems or events than any kernel has (6.12 has some 2,500 events).
  private static let countLimit = 1 << 16

  private let bytes: UnsafeRawBufferPointer
  private var offset = 0
  private var isSwapped = false
  private var isCut = false

  private init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The formats, symbols and tasks in `bytes`; `nil` if they are something else.
  static func read(_ bytes: UnsafeRawBufferPointer) -> EventCatalogue? {
    guard bytes.starts(with: magic) else { return nil }
    var reader = PerfTracingData(bytes)
    return reader.catalogue()
  }

  private mutating func catalogue() -> EventCatalogue {
    var catalogue = EventCatalogue()
    offset = Self.magic.count
    let version = text()
    let isBig = number(1) == 1
    catalogue.byteOrder = isBig ? .big : .little
    isSwapped = catalogue.byteOrder.isForeign
    catalogue.longSize = number(1) == 4 ? 4 : 8
    _ = number(4)  // the page size
    // "header_page" and "header_event" describe ring-buffer pages, which perf.data has none of.
    for _ in 0..<2 {
      _ = text()
      _ = piece(number(8))
    }
    addFormats(to: &catalogue)
    for _ in 0..<min(number(4), Self.countLimit) where !isCut {
      _ = text()
      addFormats(to: &catalogue)
    }
    let symbols = piece(number(4))
    if !symbols.isEmpty { catalogue.symbols = KernelSymbols(Array(symbols)) }
    catalogue.addPrintTexts(piece(number(4)))
    if version != "0.5" { catalogue.addTasks(piece(number(8))) }
    return catalogue
  }

  private mutating func addFormats(to catalogue: inout EventCatalogue) {
    for _ in 0..<min(number(4), Self.countLimit) where !isCut { catalogue.addFormat(piece(number(8))) }
  }

  private mutating func number(_ size: Int) -> Int {
    guard let start = bytes.baseAddress, bytes.count - offset >= size else {
      isCut = true
      return 0
    }
    defer { offset += size }
    return Int(clamping: start.loadNumber(offset, size: size, isSigned: false, swapped: isSwapped))
  }

  private mutating func piece(_ count: Int) -> UnsafeRawBufferPointer {
    let taken = min(count, bytes.count - offset)
    if taken < count { isCut = true }
    defer { offset += taken }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + taken])
  }

  private mutating func text() -> String {
    let rest = bytes[min(offset, bytes.count)...]
    guard let end = rest.prefix(256).firstIndex(of: 0) else {
      isCut = true
      return ""
    }
    defer { offset = end + 1 }
    return String(decoding: rest[..<end], as: UTF8.self)
  }
}
