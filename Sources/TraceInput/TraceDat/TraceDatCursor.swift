import TraceEvents

/// Reads numbers and texts of a file (or of an unpacked section) one after the other, within its bounds.
struct TraceDatCursor {
  /// More than any part of a file but its events has: the symbols of a kernel take some 15 MiB.
  private static let blockLimit: UInt64 = 1 << 28

  private let source: SeekableBytes
  /// Where the next byte is read.
  var offset: UInt64
  /// What is read must lie before.
  var end: UInt64
  var byteOrder = ByteOrder.little
  // Where an unpacked section came from: places within it mean nothing to a reader of the file.
  private let origin: UInt64?
  // A stretch of the input that small reads are served from.
  private var window: [UInt8] = []
  private var windowStart: UInt64 = 0

  private static let windowBytes = 1 << 14

  init(_ source: SeekableBytes, at offset: UInt64 = 0) {
    self.source = source
    self.offset = offset
    end = source.count
    origin = nil
  }

  /// Reads an unpacked section of the file.
  init(unpacked bytes: [UInt8], name: String, from origin: UInt64, _ byteOrder: ByteOrder) {
    source = SeekableBytes(memory: bytes, name: name)
    offset = 0
    end = source.count
    self.origin = origin
    self.byteOrder = byteOrder
  }

  /// The place in the file that messages name.
  var place: UInt64 { origin ?? offset }

  var isAtEnd: Bool { offset >= end }

  func damaged(_ found: String, _ expected: String? = nil) -> TraceError {
    TraceError(
      .damagedStructure, input: source.name, at: .byteOffset(place), found: found,
      expected: expected ?? "an intact trace.dat file",
      remedy: "Copy the file again; if it was cut short, record it again.")
  }

  /// Exactly `count` bytes. Throws `.damagedStructure` if there are not so many.
  mutating func bytes(_ count: UInt64) throws(TraceError) -> [UInt8] {
    guard count <= end - min(offset, end) else {
      throw damaged("\(count) bytes that reach over the end of their part of the file")
    }
    guard count <= Self.blockLimit else { throw damaged("a part of \(count) bytes", "at most \(Self.blockLimit)") }
    if count > UInt64(Self.windowBytes) / 2 {
      let bytes = try source.bytes(at: offset, count: Int(count))
      guard bytes.count == Int(count) else { throw damaged("the end of the file") }
      offset += count
      return bytes
    }
    if offset < windowStart || offset + count > windowStart + UInt64(window.count) {
      window = try source.bytes(at: offset, count: Self.windowBytes)
      windowStart = offset
    }
    let start = Int(offset - windowStart)
    guard start + Int(count) <= window.count else { throw damaged("the end of the file") }
    offset += count
    return Array(window[start..<start + Int(count)])
  }

  /// A number of 1, 2, 4 or 8 bytes in the file's order.
  mutating func number(_ size: Int) throws(TraceError) -> UInt64 {
    let bytes = try bytes(UInt64(size))
    let ordered = byteOrder == .little ? bytes.reversed() : bytes
    return ordered.reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// A text that ends with a NUL, of at most `limit` bytes.
  mutating func string(limit: Int) throws(TraceError) -> String {
    var text: [UInt8] = []
    while true {
      guard let byte = try bytes(1).first else { throw damaged("the end of the file") }
      if byte == 0 { return String(decoding: text, as: UTF8.self) }
      text.append(byte)
      if text.count > limit { throw damaged("a text of more than \(limit) bytes", "a NUL at its end") }
    }
  }

  /// A size and as many bytes.
  mutating func block(sizeBytes: Int) throws(TraceError) -> [UInt8] {
    let start = offset
    let size = try number(sizeBytes)
    do throws(TraceError) {
      return try bytes(size)
    } catch {
      offset = start
      throw error
    }
  }
}
