import CZstd

/// The bytes of a tar archive, decompressed with zstd if they are compressed.
final class ArchiveBytes {
  /// Decompressed bytes that are read at most: no snapshot is as large, and damage must not fill the memory.
  static let limit = 1 << 33

  private let file: DescriptorBytes
  private let name: String
  private var decoder: OpaquePointer?
  private var stored: [UInt8] = []
  private var storedPosition = 0
  private var pending: [UInt8] = []
  private var position = 0
  private var total = 0
  private var isInsideFrame = false

  init(path: String) throws(SnapshotError) {
    file = try DescriptorBytes(path: path)
    name = path
    stored = try file.read() ?? []
    if stored.starts(with: [0x1F, 0x8B]) {
      throw SnapshotError(
        .wrongKind, file: path, found: "gzip data", expected: "a .tar or .tar.zst",
        remedy: "Unpack it, and name the directory.")
    }
    if stored.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
      decoder = ZSTD_createDCtx()
    }
    try fill()
  }

  deinit { if let decoder { ZSTD_freeDCtx(decoder) } }

  /// Whether the first bytes are those of a tar archive.
  var isArchive: Bool { pending.count >= 262 && pending[257..<262].elementsEqual("ustar".utf8) }

  /// Takes `count` bytes; fewer at the archive's end.
  func take(_ count: Int) throws(SnapshotError) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      if position == pending.count {
        try fill()
        if pending.isEmpty { break }
      }
      let part = pending[position..<min(position + count - bytes.count, pending.count)]
      bytes.append(contentsOf: part)
      position += part.count
    }
    return bytes
  }

  /// Passes over `count` bytes; `false` if the archive ends before.
  func skip(_ count: Int) throws(SnapshotError) -> Bool {
    var left = count
    while left > 0 {
      if position == pending.count {
        try fill()
        if pending.isEmpty { return false }
      }
      let step = min(left, pending.count - position)
      position += step
      left -= step
    }
    return true
  }

  private func fill() throws(SnapshotError) {
    position = 0
    if decoder == nil {
      pending = stored
      stored = stored.isEmpty ? [] : try file.read() ?? []
    } else {
      pending = try decompress()
    }
    total += pending.count
    if total > Self.limit {
      throw SnapshotError(.tooLarge, file: name, found: "more than \(Self.limit >> 30) GiB of files")
    }
  }

  private func decompress() throws(SnapshotError) -> [UInt8] {
    while true {
      if storedPosition == stored.count {
        stored = try file.read() ?? []
        storedPosition = 0
        if stored.isEmpty {
          if !isInsideFrame { return [] }
          throw damaged("the file ends in the middle of a frame")
        }
      }
      var result = 0
      var consumed = 0
      let output = [UInt8](unsafeUninitializedCapacity: 1 << 18) { buffer, initialized in
        stored.withUnsafeBytes { bytes in
          var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: storedPosition)
          var destination = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
          result = ZSTD_decompressStream(decoder, &destination, &input)
          consumed = input.pos
          initialized = destination.pos
        }
      }
      if ZSTD_isError(result) != 0 {
        throw damaged(ZSTD_getErrorName(result).map { String(cString: $0) } ?? "error")
      }
      storedPosition = consumed
      isInsideFrame = result != 0
      if !output.isEmpty { return output }
    }
  }

  private func damaged(_ reason: String) -> SnapshotError {
    SnapshotError(
      .damagedArchive, file: name, found: "damaged zstd data (\(reason))", expected: "an intact zstd stream",
      remedy: "Copy the file again.")
  }
}
