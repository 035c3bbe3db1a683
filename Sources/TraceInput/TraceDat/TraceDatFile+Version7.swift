import TraceEvents

// Version 7: sections that options point at; options are sections themselves.
extension TraceDatFile {
  private static let packedFlag: UInt64 = 1
  // Far more than files have; a chain that is longer goes in circles.
  private static let sectionLimit = 4096
  private static let unpackedLimit: UInt64 = 1 << 28

  private struct Section {
    var id: UInt64
    var isPacked: Bool
    var size: UInt64
    /// Where its content begins.
    var offset: UInt64
  }

  mutating func readSections(_ cursor: inout TraceDatCursor) throws(TraceError) {
    var next = try cursor.number(8)
    var found: [(option: TraceDatOption, offset: UInt64, at: UInt64)] = []
    var buffers: [(data: [UInt8], at: UInt64)] = []
    var count = 0
    while next != 0 {
      count += 1
      do throws(TraceError) {
        if count > Self.sectionLimit { throw cursor.damaged("options that lead back to themselves") }
        var options = try open(next, TraceDatOption.done.rawValue, cursor.byteOrder)
        next = try readOptions(&options, &found, &buffers)
      } catch {
        if error.code == .cannotRead { throw error }
        // Without options nothing leads to the formats, but sections can be found one by one from the start.
        note(.malformedLines, at: errorOffset(error) ?? next, "the file's options: \(error.found)")
        break
      }
    }
    let hasFormats = found.contains { $0.option == .eventFormats || $0.option == .tracerFormats }
    var stray: [(offset: UInt64, isPacked: Bool)] = []
    if !hasFormats || buffers.isEmpty {
      var walked = found
      stray = findSections(from: cursor.offset, cursor.byteOrder, &walked)
      if !hasFormats { found = walked }
    }
    // The page header decides how the others are read.
    for option in [TraceDatOption.headers, .tracerFormats, .eventFormats, .symbols, .printTexts, .tasks] {
      for part in found where part.option == option { try readPart(part, cursor.byteOrder) }
    }
    for buffer in buffers { try readBuffer(buffer.data, at: buffer.at, cursor.byteOrder) }
    if self.buffers.isEmpty {
      for (offset, isPacked) in stray { self.buffers.append(try recoveredBuffer(at: offset, isPacked: isPacked)) }
    }
  }

  private func errorOffset(_ error: TraceError) -> UInt64? {
    if case .byteOffset(let offset)? = error.location { offset } else { nil }
  }

  private func sectionHeader(at offset: UInt64, _ byteOrder: ByteOrder) throws(TraceError) -> Section {
    var cursor = TraceDatCursor(bytes, at: offset)
    cursor.byteOrder = byteOrder
    let id = try cursor.number(2)
    let flags = try cursor.number(2)
    _ = try cursor.number(4)
    let size = try cursor.number(8)
    return Section(id: id, isPacked: flags & Self.packedFlag != 0, size: size, offset: cursor.offset)
  }

  /// A cursor over the content of a section, unpacked if it is packed.
  private func open(_ offset: UInt64, _ id: UInt64, _ byteOrder: ByteOrder) throws(TraceError) -> TraceDatCursor {
    let section = try sectionHeader(at: offset, byteOrder)
    guard section.id == id else {
      throw TraceDatCursor(bytes, at: offset).damaged("a section with number \(section.id)", "number \(id)")
    }
    var cursor = TraceDatCursor(bytes, at: section.offset)
    cursor.byteOrder = byteOrder
    if section.size <= cursor.end - min(section.offset, cursor.end) { cursor.end = section.offset + section.size }
    guard section.isPacked else { return cursor }
    guard let codec else { throw cursor.damaged("a packed section in a file that says it has none") }
    let stored = try cursor.number(4)
    let size = try cursor.number(4)
    guard size <= Self.unpackedLimit else { throw cursor.damaged("a section of \(size) bytes when unpacked") }
    let packed = try cursor.bytes(stored)
    let content = [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
      count = packed.withUnsafeBytes { codec.unpack($0, into: UnsafeMutableRawBufferPointer(buffer)) } ?? 0
    }
    guard content.count == Int(size), size > 0 else {
      throw TraceDatCursor(bytes, at: section.offset).damaged("a packed section that can't be unpacked")
    }
    return TraceDatCursor(unpacked: content, name: bytes.name, from: section.offset, byteOrder)
  }

  /// Reads one section of options and returns where the next one is, 0 after the last.
  private mutating func readOptions(
    _ cursor: inout TraceDatCursor, _ found: inout [(option: TraceDatOption, offset: UInt64, at: UInt64)],
    _ buffers: inout [(data: [UInt8], at: UInt64)]
  ) throws(TraceError) -> UInt64 {
    while !cursor.isAtEnd {
      let place = cursor.place
      let id = try cursor.number(2)
      let data = try cursor.block(sizeBytes: 4)
      var content = TraceDatCursor(unpacked: data, name: bytes.name, from: place, cursor.byteOrder)
      switch TraceDatOption(rawValue: id) {
      case .done:
        return (try? content.number(8)) ?? 0
      case .buffer:
        buffers.append((data, place))
      case .bufferText:
        hasLatencyText = true
      case .headers?, .tracerFormats?, .eventFormats?, .symbols?, .printTexts?, .tasks?:
        if let option = TraceDatOption(rawValue: id), let offset = try? content.number(8) {
          found.append((option, offset, place))
        }
      default:
        readOption(id, data, content)
      }
    }
    return 0
  }

  private mutating func readPart(
    _ part: (option: TraceDatOption, offset: UInt64, at: UInt64), _ byteOrder: ByteOrder
  ) throws(TraceError) {
    do throws(TraceError) {
      var cursor = try open(part.offset, part.option.rawValue, byteOrder)
      switch part.option {
      case .headers: try readHeaders(&cursor)
      case .tracerFormats: try readTracerFormats(&cursor)
      case .eventFormats: try readEventFormats(&cursor)
      case .symbols: try readSymbols(&cursor)
      case .printTexts: try readPrintTexts(&cursor)
      case .tasks: try readTasks(&cursor)
      default: break
      }
    } catch {
      if error.code == .cannotRead { throw error }
      note(.malformedLines, at: errorOffset(error) ?? part.offset, "a section of the file: \(error.found)")
    }
  }

  // Offset, name, clock, page size, and the place of each CPU's pages.
  private mutating func readBuffer(_ data: [UInt8], at place: UInt64, _ byteOrder: ByteOrder) throws(TraceError) {
    var content = TraceDatCursor(unpacked: data, name: bytes.name, from: place, byteOrder)
    do throws(TraceError) {
      let offset = try content.number(8)
      var buffer = Buffer(name: try content.string(limit: 4096), clock: "", pageSize: 0, isPacked: false, cpus: [])
      let clock = try content.string(limit: 4096)
      buffer.clock = TraceDatClock.chosen(in: clock) ?? ""
      buffer.pageSize = Int(try content.number(4))
      let count = try content.number(4)
      for _ in 0..<count {
        let cpu = try content.number(4)
        let start = try content.number(8)
        let size = try content.number(8)
        if size > 0, cpu <= UInt64(UInt16.max) { buffer.cpus.append((UInt16(cpu), start, size)) }
      }
      buffer.isPacked = codec != nil
      if let section = try? sectionHeader(at: offset, byteOrder), section.id == TraceDatOption.buffer.rawValue {
        buffer.isPacked = section.isPacked
      }
      buffers.append(buffer)
    } catch {
      if error.code == .cannotRead { throw error }
      note(.malformedLines, at: place, "an option that describes a buffer: \(error.found)")
    }
  }

  /// Walks from section to section where no options lead to them: the file was cut, or its options are damaged.
  ///
  /// Adds the sections that options would lead to, and returns those that hold events.
  private mutating func findSections(
    from start: UInt64, _ byteOrder: ByteOrder,
    _ found: inout [(option: TraceDatOption, offset: UInt64, at: UInt64)]
  ) -> [(offset: UInt64, isPacked: Bool)] {
    var buffers: [(offset: UInt64, isPacked: Bool)] = []
    var offset = start
    for _ in 0..<Self.sectionLimit {
      guard offset < bytes.count, let section = try? sectionHeader(at: offset, byteOrder),
        let option = TraceDatOption(rawValue: section.id)
      else { break }
      switch option {
      case .headers, .tracerFormats, .eventFormats, .symbols, .printTexts, .tasks:
        found.append((option, offset, offset))
      case .buffer:
        buffers.append((section.offset, section.isPacked))
      case .done:
        if var options = try? open(offset, 0, byteOrder) { readPlainOptions(&options) }
      default: break
      }
      let next = section.offset.addingReportingOverflow(section.size)
      if next.overflow { break }
      offset = next.partialValue
    }
    return buffers
  }

  private mutating func readPlainOptions(_ cursor: inout TraceDatCursor) {
    while !cursor.isAtEnd {
      let place = cursor.place
      guard let id = try? cursor.number(2), id != 0, let data = try? cursor.block(sizeBytes: 4) else { return }
      readOption(id, data, TraceDatCursor(unpacked: data, name: bytes.name, from: place, cursor.byteOrder))
    }
  }
}
