import KernelTypes
import TraceEvents

/// Lists the files of a tar archive: POSIX ustar and pax, and GNU's long names.
enum ArchiveListing {
  private static let blockBytes: UInt64 = 512
  private static let fileLimit = 100_000
  private static let nameLimit: UInt64 = 1 << 16

  /// The files whose path `isWanted`, sorted by path, up to damage, which is noted in `statistics`. Throws `.cannotRead`.
  static func entries(
    of bytes: SeekableBytes, _ statistics: inout ImportStatistics, _ isWanted: (String) -> Bool
  ) throws(TraceError) -> [FolderEntry] {
    var entries: [FolderEntry] = []
    var longName: String?
    var offset: UInt64 = 0
    while offset < bytes.count, entries.count < fileLimit {
      let block = try bytes.bytes(at: offset, count: Int(blockBytes))
      if block.count == Int(blockBytes), block.allSatisfy({ $0 == 0 }) { break }
      guard let header = TarHeader(block) else {
        let counter = block.count < Int(blockBytes) ? ImportStatistics.Counter.truncatedEnd : .malformedLines
        statistics.count(counter, at: .byteOffset(offset), text: "an entry of the archive without a proper header")
        break
      }
      let start = offset + blockBytes
      let room = bytes.count - min(start, bytes.count)
      if header.size > room {
        statistics.count(.truncatedEnd, at: .byteOffset(bytes.count), text: "the archive ends in \(header.name)")
      }
      let size = min(header.size, room)
      switch header.kind {
      case .longName where size <= nameLimit:
        longName = TarHeader.text(try bytes.bytes(at: start, count: Int(size))[...])
      case .extended where size <= nameLimit:
        longName = TarHeader.path(inRecords: try bytes.bytes(at: start, count: Int(size))) ?? longName
      case .file:
        let name = longName ?? header.name
        longName = nil
        if isWanted(name) { entries.append(FolderEntry(path: name, bytes: bytes, offset: start, size: size)) }
      default:
        longName = nil
      }
      offset = start + (size + blockBytes - 1) / blockBytes * blockBytes
    }
    return entries.sorted { $0.path < $1.path }
  }
}
