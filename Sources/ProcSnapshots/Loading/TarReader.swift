import KernelTypes

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
      let block = try stream.take(512)
      if block.isEmpty || block.count == 512 && block.allSatisfy({ $0 == 0 }) { return nil }
      guard let header = TarHeader(block), header.size <= UInt64(SnapshotReader.fileLimit) else {
        throw damaged("an entry without a proper header")
      }
      let size = Int(header.size)
      let padding = (512 - size % 512) % 512
      switch header.kind {
      case .longName:
        longName = TarHeader.text(try whole(size)[...])
        try pass(padding)
      case .extended:
        longName = TarHeader.path(inRecords: try whole(size)) ?? longName
        try pass(padding)
      case .file:
        let name = longName ?? header.name
        longName = nil
        if isWanted(name) {
          let bytes = try whole(size)
          try pass(padding)
          return Entry(name: name, bytes: bytes)
        }
        try pass(size + padding)
      case .other:
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
}
