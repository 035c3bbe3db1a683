import TraceEvents

// Version 6: everything stands in one order, events last.
extension TraceDatFile {
  private static let partNameBytes: UInt64 = 10

  mutating func readOldHeaders(_ cursor: inout TraceDatCursor) throws(TraceError) {
    try readHeaders(&cursor)
    try readTracerFormats(&cursor)
    try readEventFormats(&cursor)
    // From here on events can be found only if all goes well, so that trouble is thrown with its place.
    try readSymbols(&cursor)
    try readPrintTexts(&cursor)
    try readTasks(&cursor)
    let cpus = try cursor.number(4)
    guard cpus <= UInt64(UInt16.max) else { throw cursor.damaged("\(cpus) CPUs") }
    cpuCount = Int(cpus)
    var instances: [(name: String, offset: UInt64)] = []
    let top = try readData(&cursor, name: "", instances: &instances)
    if let top { buffers.append(top) }
    for (name, offset) in instances {
      var place = TraceDatCursor(bytes, at: offset)
      place.byteOrder = cursor.byteOrder
      var nested: [(name: String, offset: UInt64)] = []
      do throws(TraceError) {
        if let buffer = try readData(&place, name: name, instances: &nested) { buffers.append(buffer) }
      } catch {
        if error.code == .cannotRead { throw error }
        note(.malformedLines, at: place.place, "the data of instance \(name): \(error.found)")
      }
    }
  }

  /// `options  `, then `flyrecord` with the place of each CPU's pages, or `latency  ` with text.
  private mutating func readData(
    _ cursor: inout TraceDatCursor, name: String, instances: inout [(name: String, offset: UInt64)]
  ) throws(TraceError) -> Buffer? {
    var part = try partName(&cursor)
    if part == "options  " {
      try readOldOptions(&cursor, &instances)
      part = try partName(&cursor)
    }
    if part == "latency  " {
      hasLatencyText = true
      return nil
    }
    guard part == "flyrecord" else { throw cursor.damaged("a part named \(part.debugDescription)", "flyrecord") }
    var buffer = Buffer(name: name, clock: "", pageSize: layout.pageSize, isPacked: false, cpus: [])
    for cpu in 0..<(cpuCount ?? 0) {
      let offset = try cursor.number(8)
      let size = try cursor.number(8)
      if size > 0 { buffer.cpus.append((UInt16(cpu), offset, size)) }
    }
    // Not in the documents: trace-cmd writes the content of trace_clock behind the table.
    if traceClock != nil || name.isEmpty, let clock = clockText(&cursor) { buffer.clock = clock }
    return buffer
  }

  private func partName(_ cursor: inout TraceDatCursor) throws(TraceError) -> String {
    let bytes = try cursor.bytes(Self.partNameBytes)
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  private func clockText(_ cursor: inout TraceDatCursor) -> String? {
    let start = cursor.offset
    if let text = try? cursor.block(sizeBytes: 8), text.count < 4096, text.contains(UInt8(ascii: "[")) {
      return TraceDatClock.chosen(in: String(decoding: text, as: UTF8.self))
    }
    cursor.offset = start
    return nil
  }

  private mutating func readOldOptions(
    _ cursor: inout TraceDatCursor, _ instances: inout [(name: String, offset: UInt64)]
  ) throws(TraceError) {
    while true {
      let id = try cursor.number(2)
      if id == 0 { return }
      let start = cursor.place
      let data = try cursor.block(sizeBytes: 4)
      var content = TraceDatCursor(unpacked: data, name: bytes.name, from: start, cursor.byteOrder)
      if id == TraceDatOption.buffer.rawValue {
        guard let offset = try? content.number(8), let name = try? content.string(limit: 4096) else {
          note(.malformedLines, at: start, "an option that names an instance and can't be read")
          continue
        }
        instances.append((name, offset))
      } else {
        readOption(id, data, content)
      }
    }
  }
}
