import TraceEvents

/// One file of a tar archive as a stream of its bytes: POSIX ustar and pax, and GNU's long names.
///
/// The archive is read once, up to the end of that file; what comes after it is never looked at.
final class TarMember: ByteSource {
  private static let blockBytes = 512
  /// Names longer than this are no paths.
  private static let nameLimit = 1 << 16

  private let archive: any ByteSource
  /// The path inside the archive.
  let name: String
  private var left: UInt64
  private(set) var truncatedAt: UInt64?

  private init(_ archive: any ByteSource, name: String, size: UInt64) {
    self.archive = archive
    self.name = name
    left = size
  }

  var progress: InputProgress { archive.progress }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
    if left == 0 || truncatedAt != nil { return 0 }
    let room = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(UInt64(buffer.count), left))])
    let count = try archive.read(into: room)
    left -= UInt64(count)
    if count == 0 { truncatedAt = archive.progress.bytesRead }
    return count
  }

  /// The first file whose path `isWanted`; `nil` if the archive has none. Throws `.damagedStructure` for a bad header.
  static func find(
    in archive: any ByteSource, input: String, where isWanted: (String) -> Bool
  ) throws(TraceError) -> TarMember? {
    var longName: String?
    while true {
      let header = try take(blockBytes, from: archive)
      if header.isEmpty || header.allSatisfy({ $0 == 0 }) { return nil }
      guard header.count == blockBytes, checksumIsRight(header), let size = number(header[124..<136]) else {
        throw TraceError(
          .damagedStructure, input: input, at: .byteOffset(archive.progress.bytesRead),
          found: "an entry of a tar archive without a proper header", expected: "an intact archive",
          remedy: "Copy the file again.")
      }
      let padded = (size + UInt64(blockBytes - 1)) / UInt64(blockBytes) * UInt64(blockBytes)
      switch header[156] {
      case UInt8(ascii: "L") where size <= UInt64(nameLimit):
        longName = text(try take(Int(padded), from: archive)[...])
      case UInt8(ascii: "x") where size <= UInt64(nameLimit):
        let records = try take(Int(padded), from: archive)
        longName = paxPath(records.prefix(Int(size))) ?? longName
      case UInt8(ascii: "0"), 0, UInt8(ascii: "7"):
        let isExtended = header[257..<263].elementsEqual("ustar\0".utf8)
        let prefix = isExtended ? text(header[345..<500]) : ""
        let path = longName ?? (prefix.isEmpty ? "" : prefix + "/") + text(header[0..<100])
        longName = nil
        if isWanted(path) { return TarMember(archive, name: path, size: size) }
        try skip(padded, in: archive)
      default:
        longName = nil
        try skip(padded, in: archive)
      }
    }
  }

  private static func take(_ count: Int, from archive: any ByteSource) throws(TraceError) -> [UInt8] {
    try PeekedBytes(archive, count: count).head
  }

  private static func skip(_ count: UInt64, in archive: any ByteSource) throws(TraceError) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 8)
    defer { buffer.deallocate() }
    var left = count
    while left > 0 {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(left, UInt64(buffer.count)))])
      let got = try archive.read(into: part)
      if got == 0 { return }
      left -= UInt64(got)
    }
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
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
    var sum: UInt64 = 0
    for (place, byte) in header.enumerated() { sum += (148..<156).contains(place) ? 0x20 : UInt64(byte) }
    return number(header[148..<156]) == sum
  }

  /// The value of `path` among pax records such as `21 path=mini/t0.maps\n`.
  private static func paxPath(_ bytes: ArraySlice<UInt8>) -> String? {
    for record in bytes.split(separator: 0x0A) {
      guard let blank = record.firstIndex(of: 0x20) else { continue }
      let pair = record[(blank + 1)...]
      if pair.starts(with: "path=".utf8) { return String(decoding: pair.dropFirst(5), as: UTF8.self) }
    }
    return nil
  }
}
