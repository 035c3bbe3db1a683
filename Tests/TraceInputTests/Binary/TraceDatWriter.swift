import CZlib
import CZstd

@testable import TraceInput

/// Writes ring-buffer pages as the kernel does, for any byte order and word size.
struct RingPageWriter {
  var byteOrder = ByteOrder.little
  var longSize = 8
  var pageSize = 4096

  var layout: PageHeaderFormat { PageHeaderFormat(longSize: longSize, pageSize: pageSize) }

  func number(_ value: UInt64, _ size: Int) -> [UInt8] {
    RecordWriter.number(value, size: size, byteOrder)
  }

  private func header(_ type: UInt32, _ delta: UInt32) -> [UInt8] {
    number(UInt64(byteOrder == .big ? type << 27 | delta : delta << 5 | type), 4)
  }

  /// A record with its header; long ones have their length behind it.
  func event(_ record: [UInt8], delta: UInt32) -> [UInt8] {
    let padded = record + [UInt8](repeating: 0, count: (4 - record.count % 4) % 4)
    if padded.count <= 112 { return header(UInt32(padded.count / 4), delta) + padded }
    return header(0, delta) + number(UInt64(padded.count + 4), 4) + padded
  }

  /// A time that lies too far ahead for a record's own delta.
  func timeExtend(_ delta: UInt64) -> [UInt8] {
    header(30, UInt32(delta & 0x7FF_FFFF)) + number(delta >> 27, 4)
  }

  func timeStamp(_ time: UInt64) -> [UInt8] {
    header(31, UInt32(time & 0x7FF_FFFF)) + number(time >> 27 & 0xFFFF_FFFF, 4)
  }

  /// A record that was discarded after its place was taken.
  func discarded(_ bytes: Int, delta: UInt32) -> [UInt8] {
    header(29, delta) + number(UInt64(bytes), 4) + [UInt8](repeating: 0xAA, count: bytes - 4)
  }

  /// A page with these events; `lost` is stored where there is room.
  func page(time: UInt64, _ events: [[UInt8]], lost: UInt64? = nil) -> [UInt8] {
    let data = Array(events.joined())
    var commit = UInt64(data.count)
    if lost != nil { commit |= 3 << 30 }
    var page = number(time, 8) + number(commit, longSize) + data
    if let lost { page += number(lost, longSize) }
    return page + [UInt8](repeating: 0, count: pageSize - page.count)
  }

  /// Pages filled with records, one a microsecond from `time` on.
  func pages(_ records: [[UInt8]], from time: UInt64) -> [UInt8] {
    var pages: [UInt8] = []
    var start = time
    var now = time
    var held: [[UInt8]] = []
    var bytes = layout.dataOffset
    for record in records {
      let event = self.event(record, delta: held.isEmpty ? 0 : 1000)
      if bytes + event.count > pageSize {
        pages += page(time: start, held)
        held = []
        bytes = layout.dataOffset
        start = now
        held.append(self.event(record, delta: 0))
      } else {
        held.append(event)
      }
      bytes += event.count
      now += 1000
    }
    return pages + page(time: start, held)
  }
}

/// Writes trace.dat files of version 6 and 7, as trace-cmd does.
struct TraceDatWriter {
  enum Packing: String {
    case none, zstd, zlib
  }

  var version = 7
  var packing = Packing.none
  var pages = RingPageWriter()
  var formats: [String] = []
  var symbols = ""
  var tasks = ""
  /// The pages of each CPU.
  var cpus: [(cpu: UInt32, pages: [UInt8])] = []
  var options: [(id: UInt64, data: [UInt8])] = []

  private func number(_ value: UInt64, _ size: Int) -> [UInt8] { pages.number(value, size) }

  private func text(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }

  private func block(_ text: String, _ sizeBytes: Int) -> [UInt8] {
    number(UInt64(text.utf8.count), sizeBytes) + Array(text.utf8)
  }

  private var headerPage: String {
    let layout = pages.layout
    return "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
      + "\tfield: local_t commit;\toffset:8;\tsize:\(layout.commitSize);\tsigned:1;\n"
      + "\tfield: char data;\toffset:\(layout.dataOffset);\tsize:\(layout.dataSize);\tsigned:1;\n"
  }

  private var start: [UInt8] {
    TraceDatFile.magic + text("\(version)") + [
      pages.byteOrder == .big ? 1 : 0, UInt8(pages.longSize),
    ]
      + number(UInt64(pages.pageSize), 4)
  }

  private var headers: [UInt8] {
    text("header_page") + block(headerPage, 8) + text("header_event") + block("", 8)
  }

  private var eventFormats: [UInt8] {
    number(1, 4) + text("kmem") + number(UInt64(formats.count), 4)
      + formats.flatMap { block($0, 8) }
  }

  private func aligned(_ file: inout [UInt8]) {
    while file.count % pages.pageSize != 0 { file.append(0) }
  }

  func file() -> [UInt8] { version == 6 ? version6() : version7() }

  private func version6() -> [UInt8] {
    var file =
      start + headers + number(0, 4) + eventFormats + block(symbols, 4) + block("", 4)
      + block(tasks, 8)
    file += number(UInt64(cpus.count), 4)
    file += text("options  ")
    for option in options {
      file += number(option.id, 2) + number(UInt64(option.data.count), 4) + option.data
    }
    file += number(0, 2) + text("flyrecord")
    let table = file.count
    file += [UInt8](repeating: 0, count: 16 * cpus.count)
    for (index, cpu) in cpus.enumerated() {
      aligned(&file)
      file.replaceSubrange(
        table + 16 * index..<table + 16 * index + 16,
        with: number(UInt64(file.count), 8) + number(UInt64(cpu.pages.count), 8))
      file += cpu.pages
    }
    return file
  }

  private func version7() -> [UInt8] {
    var file = start + text(packing.rawValue) + text("1")
    let optionsPlace = file.count
    file += number(0, 8)
    var places: [(id: UInt64, offset: UInt64)] = []
    func section(_ id: UInt64, _ content: [UInt8], isPacked: Bool) {
      places.append((id, UInt64(file.count)))
      let body =
        isPacked
        ? { number(UInt64($0.count), 4) + number(UInt64(content.count), 4) + $0 }(pack(content))
        : content
      file +=
        number(id, 2) + number(isPacked ? 1 : 0, 2) + number(0, 4) + number(UInt64(body.count), 8)
        + body
    }
    let isPacked = packing != .none
    section(16, headers, isPacked: isPacked)
    section(17, number(0, 4), isPacked: isPacked)
    section(18, eventFormats, isPacked: isPacked)
    section(19, block(symbols, 4), isPacked: isPacked)
    section(21, block(tasks, 8), isPacked: isPacked)
    // The data comes before the options that say where it is.
    let dataPlace = file.count
    file += number(3, 2) + number(isPacked ? 1 : 0, 2) + number(0, 4)
    let sizePlace = file.count
    file += number(0, 8)
    var table: [UInt8] = []
    for cpu in cpus {
      aligned(&file)
      let offset = file.count
      if isPacked {
        let chunks = stride(from: 0, to: cpu.pages.count, by: 10 * pages.pageSize).map {
          Array(cpu.pages[$0..<min($0 + 10 * pages.pageSize, cpu.pages.count)])
        }
        file += number(UInt64(chunks.count), 4)
        for chunk in chunks {
          let packed = pack(chunk)
          file += number(UInt64(packed.count), 4) + number(UInt64(chunk.count), 4) + packed
        }
      } else {
        file += cpu.pages
      }
      table +=
        number(UInt64(cpu.cpu), 4) + number(UInt64(offset), 8)
        + number(UInt64(file.count - offset), 8)
    }
    let dataSize = UInt64(file.count - sizePlace - 8)
    file.replaceSubrange(sizePlace..<sizePlace + 8, with: number(dataSize, 8))
    let all =
      places.map { (id: $0.id, data: number($0.offset, 8)) } + options + [
        (
          id: 3,
          data: number(UInt64(dataPlace), 8) + text("") + text("local")
            + number(UInt64(pages.pageSize), 4)
            + number(UInt64(cpus.count), 4) + table
        ), (id: 0, data: number(0, 8)),
      ]
    file.replaceSubrange(optionsPlace..<optionsPlace + 8, with: number(UInt64(file.count), 8))
    section(
      0, all.flatMap { number($0.id, 2) + number(UInt64($0.data.count), 4) + $0.data },
      isPacked: isPacked)
    return file
  }

  private func pack(_ plain: [UInt8]) -> [UInt8] {
    switch packing {
    case .none: return plain
    case .zstd:
      return [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(plain.count)) {
        buffer, count in
        let size = plain.withUnsafeBytes {
          ZSTD_compress(buffer.baseAddress, buffer.count, $0.baseAddress, $0.count, 3)
        }
        count = ZSTD_isError(size) == 0 ? size : 0
      }
    case .zlib:
      var size = compressBound(uLong(plain.count))
      return [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
        let status = compress2(buffer.baseAddress, &size, plain, uLong(plain.count), 9)
        count = status == Z_OK ? Int(size) : 0
      }
    }
  }
}
