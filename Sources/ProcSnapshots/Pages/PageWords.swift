/// A binary file of one 64-bit little-endian word a page.
public struct PageWords: Hashable, Sendable {
  public var words: [UInt64]
  /// Bytes behind the last whole word: the file was cut short.
  var tail: [UInt8]

  /// Throws if the file is empty, or is text.
  init(_ content: FileContent, kind: String) throws(SnapshotError) {
    if content.bytes.isEmpty {
      throw SnapshotError(
        .empty, file: content.name, found: "an empty file", expected: kind, remedy: "Copy it again with `cat`, as root."
      )
    }
    let isText = content.bytes.prefix(4096).allSatisfy { 0x20...0x7E ~= $0 || 0x09...0x0D ~= $0 }
    if isText {
      let start = String(decoding: content.bytes.prefix { $0 != 0x0A }.prefix(60), as: UTF8.self)
      throw SnapshotError(
        .wrongKind, file: content.name, line: 1, found: "text (`\(start)`)",
        expected: "\(kind), one 64-bit word a page",
        remedy: "Keep the kernel's own bytes, for example with `cat`.")
    }
    let count = content.bytes.count / 8
    words = [UInt64](unsafeUninitializedCapacity: count) { buffer, initialized in
      content.bytes.withUnsafeBytes { bytes in
        for index in 0..<count {
          buffer.initializeElement(
            at: index, to: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)))
        }
      }
      initialized = count
    }
    tail = Array(content.bytes[(8 * count)...])
  }

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 * words.count + tail.count)
    for word in words { withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) } }
    return bytes + tail
  }

  var damage: FileDamage {
    var damage = FileDamage()
    damage.isCutShort = !tail.isEmpty
    return damage
  }
}
