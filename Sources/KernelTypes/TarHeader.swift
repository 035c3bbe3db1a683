/// The header of an entry of a tar archive: POSIX ustar, and what pax and GNU tar add to it.
public struct TarHeader: Sendable, Equatable {
  /// What an entry is.
  public enum Kind: Sendable, Equatable {
    case file
    /// The name of the next entry, as GNU tar writes names of more than 100 bytes.
    case longName
    /// Records that hold for the next entry, as pax has them.
    case extended
    /// A directory, a link, or anything else without bytes of its own that matter.
    case other
  }

  public var name: String
  public var kind: Kind
  /// The entry's bytes, which follow the header and are filled up to a multiple of 512.
  public var size: UInt64

  /// Reads a block of 512 bytes; `nil` if it is no header with the right checksum.
  public init?(_ block: [UInt8]) {
    guard block.count == 512, Self.checksumIsRight(block), let size = Self.number(block[124..<136]) else { return nil }
    self.size = size
    switch block[156] {
    case UInt8(ascii: "L"): kind = .longName
    case UInt8(ascii: "x"): kind = .extended
    case UInt8(ascii: "0"), 0, UInt8(ascii: "7"): kind = .file
    default: kind = .other
    }
    let prefix = block[257..<263].elementsEqual("ustar\0".utf8) ? Self.text(block[345..<500]) : ""
    name = (prefix.isEmpty ? "" : prefix + "/") + Self.text(block[0..<100])
  }

  /// The text of a field, which ends with its room or at a NUL.
  public static func text(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// The value of `path` among pax records such as `21 path=mini/t0.maps\n`.
  public static func path(inRecords bytes: [UInt8]) -> String? {
    for record in bytes.split(separator: 0x0A) {
      guard let blank = record.firstIndex(of: 0x20) else { continue }
      let pair = record[(blank + 1)...]
      if pair.starts(with: "path=".utf8) { return String(decoding: pair.dropFirst(5), as: UTF8.self) }
    }
    return nil
  }

  /// An octal number, or with the top bit set a binary one; `nil` if it is none or beyond any file's size.
  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    if let first = bytes.first, first & 0x80 != 0 {
      for byte in bytes.dropFirst() {
        if value >> 48 != 0 { return nil }
        value = value << 8 | UInt64(byte)
      }
      return value >> 48 == 0 ? value : nil
    }
    let digits = bytes.drop { $0 == 0x20 }.prefix { (0x30...0x37).contains($0) }
    for digit in digits { value = value << 3 | UInt64(digit - 0x30) }
    return digits.isEmpty ? nil : value
  }

  private static func checksumIsRight(_ header: [UInt8]) -> Bool {
    let sum = header.enumerated().reduce(0) { $0 + (148..<156 ~= $1.offset ? 0x20 : UInt64($1.element)) }
    return number(header[148..<156]) == sum
  }
}
