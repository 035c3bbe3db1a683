import TraceEvents

/// Where the ring-buffer pages of one CPU lie in an input.
struct RingSection {
  /// How the pages are stored.
  enum Packing: Sendable {
    case none
    /// A count of chunks, then each with its packed and unpacked size in front (trace.dat version 7).
    case chunks(BlockCodec)
  }

  var bytes: SeekableBytes
  var cpu: UInt16
  var offset: UInt64
  var size: UInt64
  var packing: Packing = .none
  var layout: PageHeaderFormat
  var byteOrder = ByteOrder.little
  var clock = ClockConversion()
}

/// What turns a buffer's time stamps into nanoseconds.
struct ClockConversion: Sendable, Equatable {
  /// The factor and the shift that make nanoseconds of a time stamp counter's ticks; 0 leaves time stamps alone.
  var multiplier: UInt32 = 0
  var shift: UInt32 = 0
  /// Nanoseconds added in the end, modulo 2⁶⁴.
  var offset: UInt64 = 0

  var isIdentity: Bool { multiplier == 0 && offset == 0 }

  @inline(__always)
  func apply(_ time: UInt64) -> UInt64 {
    if multiplier == 0 { return time &+ offset }
    let product = time.multipliedFullWidth(by: UInt64(multiplier))
    let shift = UInt64(shift)
    let low = product.low >> shift
    let nanoseconds = shift == 0 ? low : low | product.high << (64 - shift)
    return nanoseconds &+ offset
  }
}

/// One stretch of an input that is read at once: whole pages, or one packed chunk of them.
struct RingPiece {
  var offset: UInt64
  var storedSize: Int
  var size: Int
}

/// Cuts the section of a CPU into pieces, in order.
struct RingPieces {
  /// The largest chunk that is believed, in pages: trace-cmd packs ten at a time.
  private static let chunkPages = 32

  private let section: RingSection
  private var offset: UInt64
  private let end: UInt64
  private var chunksLeft: UInt32?
  /// What is wrong with the section's own structure, once that is met.
  private(set) var damage: (offset: UInt64, text: String)?
  /// Where the input ends, if that is before the section's end.
  private(set) var cutAt: UInt64?

  init(_ section: RingSection) {
    self.section = section
    let claimed = section.offset.addingReportingOverflow(section.size)
    // The size of packed data that files give leaves the chunks' own headers out: their count says where it ends.
    let isPacked = if case .chunks = section.packing { true } else { false }
    end = isPacked || claimed.overflow ? section.bytes.count : min(claimed.partialValue, section.bytes.count)
    offset = min(section.offset, end)
    if claimed.overflow || claimed.partialValue > section.bytes.count { cutAt = section.bytes.count }
  }

  /// The next piece of about `wanted` bytes; `nil` at the end. Throws `.cannotRead`.
  mutating func next(_ wanted: Int) throws(TraceError) -> RingPiece? {
    switch section.packing {
    case .none:
      guard offset < end else { return nil }
      let pageSize = section.layout.pageSize
      let size = Int(min(UInt64(max(wanted / pageSize, 1) * pageSize), end - offset))
      defer { offset += UInt64(size) }
      return RingPiece(offset: offset, storedSize: size, size: size)
    case .chunks:
      return try nextChunk()
    }
  }

  private mutating func nextChunk() throws(TraceError) -> RingPiece? {
    if damage != nil || offset >= end { return nil }
    let isSwapped = section.byteOrder.isForeign
    if chunksLeft == nil {
      let head = try section.bytes.bytes(at: offset, count: Int(min(4, end - offset)))
      guard head.count == 4 else { return cut("a CPU's data of \(head.count) bytes") }
      chunksLeft = head.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
      if isSwapped { chunksLeft = chunksLeft?.byteSwapped }
      offset += 4
    }
    guard let left = chunksLeft, left > 0 else { return nil }
    chunksLeft = left - 1
    let head = try section.bytes.bytes(at: offset, count: Int(min(8, end - offset)))
    guard head.count == 8 else { return stop("the data ends before \(left) of its chunks") }
    let sizes = head.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) -> (UInt32, UInt32) in
      let first = bytes.loadUnaligned(as: UInt32.self)
      let second = bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
      return isSwapped ? (first.byteSwapped, second.byteSwapped) : (first, second)
    }
    let (stored, size) = (Int(sizes.0), Int(sizes.1))
    let limit = max(Self.chunkPages * section.layout.pageSize, 1 << 20)
    guard stored > 0, size > 0, size <= limit, stored <= 2 * limit else {
      return stop("a packed chunk of \(stored) bytes for \(size)")
    }
    guard UInt64(stored) <= end - offset - 8 else { return cut("a packed chunk that the data ends in") }
    defer { offset += 8 + UInt64(stored) }
    return RingPiece(offset: offset + 8, storedSize: stored, size: size)
  }

  private mutating func stop(_ text: String) -> RingPiece? {
    damage = (offset, text)
    offset = end
    return nil
  }

  private mutating func cut(_ text: String) -> RingPiece? {
    cutAt = offset
    offset = end
    return nil
  }
}
