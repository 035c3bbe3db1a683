import KernelTypes
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
      let block = try take(blockBytes, from: archive)
      if block.isEmpty || block.allSatisfy({ $0 == 0 }) { return nil }
      guard let header = TarHeader(block) else {
        throw TraceError(
          .damagedStructure, input: input, at: .byteOffset(archive.progress.bytesRead),
          found: "an entry of a tar archive without a proper header", expected: "an intact archive",
          remedy: "Copy the file again.")
      }
      let size = header.size
      let padded = (size + UInt64(blockBytes - 1)) / UInt64(blockBytes) * UInt64(blockBytes)
      switch header.kind {
      case .longName where size <= UInt64(nameLimit):
        longName = TarHeader.text(try take(Int(padded), from: archive)[...])
      case .extended where size <= UInt64(nameLimit):
        let records = try take(Int(padded), from: archive)
        longName = TarHeader.path(inRecords: Array(records.prefix(Int(size)))) ?? longName
      case .file:
        let path = longName ?? header.name
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
}
