import CZlib

/// The numbers of the `.kmr` container, shared by its reader and its writer; the DocC page of `TraceInput` explains it.
package enum ColumnarFormat {
  /// The first eight bytes. As with PNG, a transfer that changes line ends or drops the top bit is noticed at once.
  package static let magic: [UInt8] = [0x89, 0x4B, 0x4D, 0x52, 0x0D, 0x0A, 0x1A, 0x0A]
  package static let version: UInt16 = 1
  /// Magic, version (u16), zero (u16), CRC-32 of the twelve bytes before (u32).
  package static let fileHeaderBytes = 16

  /// `KMRB` in memory order.
  package static let blockMagic: UInt32 = 0x4252_4D4B
  package static let blockHeaderBytes = 32

  /// The most rows of a block: row columns hold indices of two bytes.
  package static let rowLimit = 1 << 16
  /// The most portions of a block: batches of the source that was converted.
  package static let portionLimit = 1 << 10
  /// The most bytes of a block, packed or plain; a header that claims more is damaged.
  package static let blockByteLimit = 1 << 26
  /// The highest identifiers of strings and stacks: what the tables of events hold.
  package static let stringLimit = 1 << 20
  package static let stackLimit = 1 << 18

  /// CRC-32 as in zlib.
  package static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32(0, bytes.bindMemory(to: UInt8.self).baseAddress, UInt32(bytes.count)))
  }

  /// How a column of integers is stored.
  package enum Encoding: UInt8 {
    /// One value for all rows.
    case constant = 0
    /// Each value's distance from a base, in 1, 2, 4 or 8 bytes.
    case offsets = 1
    /// The first value; then each difference to the value before as `least + unit × n`, n in 0, 1, 2, 4 or 8 bytes.
    case differences = 2
  }

  /// The fields of the context record.
  package enum ContextTag: UInt64 {
    case container = 1
    case clock, tracer, headerCPUCount, observedCPUCount, entriesInBuffer, entriesWritten, pointerBytes, features
    case compression, kernelRelease
  }

  /// The fields of the statistics record.
  package enum StatisticsTag: UInt64 {
    case lines = 1
    case bytes, events, eventsByKind, otherEvent, counter, sample
    /// The unit of `lines`, if it is not the line.
    case unit
  }
}

/// The 32 bytes in front of a block.
package struct ColumnarBlockHeader: Equatable {
  package enum Kind: UInt32 {
    case events = 1
    case end = 2
  }

  package var kind: Kind
  /// The number of events in the blocks before.
  package var firstEvent: UInt64
  package var rows: Int
  /// Bytes of the payload before and after packing.
  package var plainBytes: Int
  package var storedBytes: Int

  package init(kind: Kind, firstEvent: UInt64, rows: Int, plainBytes: Int, storedBytes: Int) {
    self.kind = kind
    self.firstEvent = firstEvent
    self.rows = rows
    self.plainBytes = plainBytes
    self.storedBytes = storedBytes
  }

  /// Reads a header; `nil` if its checksum is wrong or it claims what no writer writes.
  package init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= ColumnarFormat.blockHeaderBytes else { return nil }
    func word(_ offset: Int) -> UInt32 {
      UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
    let covered = UnsafeRawBufferPointer(rebasing: bytes[..<28])
    guard word(0) == ColumnarFormat.blockMagic, word(28) == ColumnarFormat.checksum(covered),
      let kind = Kind(rawValue: word(4))
    else { return nil }
    self.kind = kind
    firstEvent = UInt64(word(8)) | UInt64(word(12)) << 32
    rows = Int(word(16))
    plainBytes = Int(word(20))
    storedBytes = Int(word(24))
    let limit = ColumnarFormat.blockByteLimit
    if rows > ColumnarFormat.rowLimit || plainBytes > limit || storedBytes > limit { return nil }
    if firstEvent > 1 << 56 { return nil }
  }

  /// The header as it stands in the file.
  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    func append(_ word: UInt32) { withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) } }
    append(ColumnarFormat.blockMagic)
    append(kind.rawValue)
    append(UInt32(truncatingIfNeeded: firstEvent))
    append(UInt32(truncatingIfNeeded: firstEvent >> 32))
    append(UInt32(rows))
    append(UInt32(plainBytes))
    append(UInt32(storedBytes))
    append(bytes.withUnsafeBytes { ColumnarFormat.checksum($0) })
    return bytes
  }
}
