/// Reads the regular files of a tar archive: POSIX ustar and pax, and GNU's long names.
struct TarReader {
  struct Entry {
    var name: String
    var bytes: [UInt8]
  }

  private let stream: ArchiveBytes
  private let archive: String
  private var longName: String?

  init(_ stream: ArchiveBytes, name: String) {
    self.stream = stream
    archive = name
  }

  /// The next file whose path `isWanted`; `nil` at the end.
  mutating func next(_ isWanted: (String) -> Bool) throws(SnapshotError) -> Entry? {
    while true {
      let header = try stream.take(512)
      if header.isEmpty || header.count == 512 && header.allSatisfy({ $0 == 0 }) { return nil }
      guard header.count == 512, Self.checksumIsRight(header), let size = Self.number(header[124..<136]),
        size <= SnapshotReader.fileLimit
      else { throw damaged("an entry without a proper header") }
      let padding = (512 - size % 512) % 512
      switch header[156] {
      case UInt8(ascii: "L"):
        longName = Self.text(try whole(size)[...])
        try pass(padding)
      case UInt8(ascii: "x"):
        longName = Self.paxPath(try whole(size)) ?? longName
        try pass(padding)
      case UInt8(ascii: "0"), 0, UInt8(ascii: "7"):
        let prefix = header[257..<263].elementsEqual("ustar\0".utf8) ? Self.text(header[345..<500]) : ""
        let name = longName ?? (prefix.isEmpty ? "" : prefix + "/") + Self.text(header[0..<100])
        longName = nil
        if isWanted(name) {
          let bytes = try whole(size)
          try pass(padding)
          return Entry(name: name, bytes: bytes)
        }
        try pass(size + padding)
      default:
        longName = nil
        try pass(size + padding)
      }
    }
  }

  private func whole(_ size: Int) throws(SnapshotError) -> [UInt8] {
    let bytes = try stream.take(size)
    if bytes.count < size { throw damaged("the archive ends in the middle of a file") }
    return bytes
  }

  private func pass(_ count: Int) throws(SnapshotError) {
    if try !stream.skip(count) { throw damaged("the archive ends in the middle of a file") }
  }

  private func damaged(_ found: String) -> SnapshotError {
    SnapshotError(
      .damagedArchive, file: archive, found: found, expected: "an intact tar archive", remedy: "Copy the file again.")
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// An octal number, or with the top bit set a binary one.
  private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
    if let first = bytes.first, first & 0x80 != 0 {
      return bytes.dropFirst().reduce(0) { ($0 & 0x7F_FFFF_FFFF_FFFF) << 8 | Int($1) }
    }
    let digits = bytes.drop { $0 == 0x20 }.prefix { 0x30...0x37 ~= $0 }
    return digits.isEmpty ? nil : digits.reduce(0) { $0 << 3 | Int($1 - 0x30) }
  }

  private static func checksumIsRight(_ header: [UInt8]) -> Bool {
    let sum = header.enumerated().reduce(0) { $0 + (148..<156 ~= $1.offset ? 0x20 : Int($1.element)) }
    return number(header[148..<156]) == sum
  }

  /// The value of `path` among pax records such as `21 path=mini/t0.maps\n`.
  private static func paxPath(_ bytes: [UInt8]) -> String? {
    for record in bytes.split(separator: 0x0A) {
      guard let blank = record.firstIndex(of: 0x20) else { continue }
      let pair = record[(blank + 1)...]
      if pair.starts(with: "path=".utf8) { return String(decoding: pair.dropFirst(5), as: UTF8.self) }
    }
    return nil
  }
}
