import TraceEvents

// A version 7 file says only at its very end where the events lie. Of a file that was cut, they are found by walking
// through the sections in front.
extension TraceDatFile {
  /// Finds the pages in a section of a buffer that no option describes.
  ///
  /// Each CPU's data begins at a page boundary behind the one before (lib/trace-cmd/trace-output.c). Packed data says
  /// where it ends; of unpacked data a new CPU is known by time stamps that go back.
  func recoveredBuffer(at offset: UInt64, isPacked: Bool) throws(TraceError) -> Buffer {
    var buffer = Buffer(name: "", clock: "", pageSize: layout.pageSize, isPacked: isPacked, cpus: [])
    let pageSize = UInt64(layout.pageSize)
    var start = (offset + pageSize - 1) / pageSize * pageSize
    var cpu: UInt16 = 0
    while start < bytes.count, cpu < 4096 {
      let end = isPacked ? try endOfChunks(from: start) : try endOfPages(from: start)
      if end <= start { break }
      buffer.cpus.append((cpu, start, end - start))
      cpu += 1
      start = (end + pageSize - 1) / pageSize * pageSize
    }
    return buffer
  }

  private func endOfChunks(from start: UInt64) throws(TraceError) -> UInt64 {
    var cursor = TraceDatCursor(bytes, at: start)
    cursor.byteOrder = catalogue.byteOrder
    guard let count = try? cursor.number(4), count > 0, count < 1 << 24 else { return start }
    for _ in 0..<count {
      guard let stored = try? cursor.number(4), let size = try? cursor.number(4), stored > 0, size > 0,
        size <= 1 << 24, stored <= 1 << 25
      else { return cursor.offset > start + 4 ? bytes.count : start }
      cursor.offset += stored
      if cursor.offset >= bytes.count { return bytes.count }
    }
    return cursor.offset
  }

  private func endOfPages(from start: UInt64) throws(TraceError) -> UInt64 {
    let pageSize = UInt64(layout.pageSize)
    var last: UInt64 = 0
    var offset = start
    while offset < bytes.count {
      var cursor = TraceDatCursor(bytes, at: offset + UInt64(layout.timeOffset))
      cursor.byteOrder = catalogue.byteOrder
      guard let time = try? cursor.number(8) else { return bytes.count }
      if time < last || time == 0 { return offset }
      last = time
      offset += pageSize
    }
    return bytes.count
  }
}
