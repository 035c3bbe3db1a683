import CZstd
import KernelTypes
import TestSupport
import TraceEvents

@testable import TraceInput

/// Writes events as perf.data, with the event formats of a real file.
struct PerfDataWriter {
  enum Form: Sendable {
    case file
    case pipe
    /// A file whose records are packed.
    case packedFile
    case packedPipe
  }

  /// The real file whose formats are used, and the formats.
  private let tracingData: [UInt8]
  private let formats: [String: EventFormat]
  private static let sampleType =
    PerfAttribute.Sample.ip | PerfAttribute.Sample.tid | PerfAttribute.Sample.time
    | PerfAttribute.Sample.cpu | PerfAttribute.Sample.period | PerfAttribute.Sample.raw

  /// Takes the formats out of a perf.data file.
  init(formatsOf file: [UInt8]) throws {
    let header = try PerfHeader(SeekableBytes(memory: file, name: "formats"), name: "formats")
    let table = Int(header.data.offset + header.data.size)
    let place = (0..<2).map { Self.number(file, table + 8 * $0) }
    tracingData = Array(file[place[0]..<place[0] + place[1]])
    let catalogue = header.events.catalogue ?? EventCatalogue()
    var formats: [String: EventFormat] = [:]
    for id in UInt16(1)..<4096 {
      if let format = catalogue.format(of: id) { formats[format.name] = format }
    }
    self.formats = formats
  }

  private static func number(_ bytes: [UInt8], _ offset: Int) -> Int {
    (0..<8).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
  }

  /// The events of a trace in rounds of `roundCount`: in each those of one CPU after those of the other.
  func write(_ trace: ReadTrace, _ form: Form, roundCount: Int = 500) -> [UInt8] {
    var names: [Int32: String] = [:]
    for event in trace.events { names[event.pid] = trace.text(event.comm) }
    var records: [[UInt8]] = names.sorted { $0.key < $1.key }.map { Self.comm($0.key, $0.value) }
    let round = Self.record(PerfRecordType.finishedRound, [])
    let cpus = Set(trace.events.map(\.cpu)).sorted()
    for start in stride(from: 0, to: trace.events.count, by: roundCount) {
      for cpu in cpus {
        var packet: [UInt8] = []
        for event in trace.events[start..<min(start + roundCount, trace.events.count)] where event.cpu == cpu {
          packet += sample(event, trace)
        }
        records.append(packet)
      }
      records.append(round)
    }
    let isPacked = form == .packedFile || form == .packedPipe
    let data = isPacked ? Self.pack(records, round: round) : records.flatMap { $0 }
    return form == .pipe || form == .packedPipe ? pipe(data) : file(data)
  }

  /// Events in rounds, as they are given; packed records have the rounds' ends between them.
  func write(rounds: [[Event]], of trace: ReadTrace, _ form: Form) -> [UInt8] {
    let end = Self.record(PerfRecordType.finishedRound, [])
    let isPacked = form == .packedFile || form == .packedPipe
    var stream = PackedStream()
    var data: [UInt8] = []
    for round in rounds {
      let samples = round.flatMap { sample($0, trace) }
      if isPacked {
        let packed = stream.pack(samples)
        for start in stride(from: 0, to: packed.count, by: 777) {
          data += Self.record(PerfRecordType.compressed, Array(packed[start..<min(start + 777, packed.count)]))
        }
      } else {
        data += samples
      }
      data += end
    }
    return form == .pipe || form == .packedPipe ? pipe(data) : file(data)
  }

  private func file(_ data: [UInt8]) -> [UInt8] {
    let attribute = attribute + Self.bytes(0) + Self.bytes(0)
    let start = 104 + attribute.count
    var file = PerfHeader.magic
    for number in [104, attribute.count, 104, attribute.count, start, data.count, 0, 0, 1 << 1, 0, 0, 0] {
      file += Self.bytes(UInt64(number))
    }
    file += attribute + data
    let end = UInt64(file.count + 16)
    file += Self.bytes(end)
    file += Self.bytes(UInt64(tracingData.count))
    file += tracingData
    return file
  }

  private func pipe(_ data: [UInt8]) -> [UInt8] {
    let padding = [UInt8](repeating: 0, count: (8 - tracingData.count % 8) % 8)
    var pipe = PerfHeader.magic
    pipe += Self.bytes(16)
    pipe += Self.record(PerfRecordType.headerAttribute, attribute)
    pipe += Self.record(PerfRecordType.headerTracingData, Self.bytes(UInt64(tracingData.count + padding.count)))
    pipe += tracingData
    pipe += padding
    pipe += data
    return pipe
  }

  /// A tracepoint's attribute: type 2, 96 bytes, with `sample_id_all`.
  private var attribute: [UInt8] {
    let event = UInt64(formats["kmalloc"]?.id ?? 0)
    let numbers: [UInt64] = [2 | 96 << 32, event, 1, Self.sampleType, 0, 1 << 18, 0, 0, 0, 0, 0, 0]
    return numbers.flatMap { Self.bytes($0) }
  }

  /// The text of an event's format.
  func formatText(of event: String) -> [UInt8]? {
    let head = Array("name: \(event)\nID: ".utf8)
    // Its length stands before it.
    let start = (8..<tracingData.count - head.count).first { tracingData[$0...].starts(with: head) }
    return start.map { Array(tracingData[$0..<$0 + Self.number(tracingData, $0 - 8)]) }
  }

  private static func bytes(_ number: UInt64) -> [UInt8] { RecordWriter.number(number, size: 8, .little) }

  private static func record(_ type: UInt32, _ body: [UInt8]) -> [UInt8] {
    bytes(UInt64(type) | UInt64(body.count + 8) << 48) + body
  }

  private static func comm(_ task: Int32, _ name: String) -> [UInt8] {
    let id = UInt64(UInt32(bitPattern: task)) * 0x1_0000_0001
    let text = Array(name.utf8) + [UInt8](repeating: 0, count: 16 - name.utf8.count)
    return record(PerfRecordType.comm, bytes(id) + text + bytes(id) + bytes(0) + bytes(0))
  }

  /// One zstd stream, cut into records in the midst of anything.
  private static func pack(_ records: [[UInt8]], round: [UInt8]) -> [UInt8] {
    let plain = records.filter { $0 != round }.flatMap { $0 }
    var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(plain.count))
    let count = ZSTD_compress(&packed, packed.count, plain, plain.count, 1)
    var out: [UInt8] = []
    for start in stride(from: 0, to: count, by: 5001) {
      out += record(PerfRecordType.compressed, Array(packed[start..<min(start + 5001, count)]))
    }
    return out
  }

  private func sample(_ event: Event, _ trace: ReadTrace) -> [UInt8] {
    guard let format = formats[event.kind.name] else { return [] }
    var raw = RecordWriter(format)
    raw.set("common_pid", UInt64(UInt32(bitPattern: event.pid)))
    raw.set("call_site", 0xFFFF_FFFF_8100_0000 + UInt64(event.callSite.rawValue))
    raw.set("ptr", event.address)
    raw.set("bytes_req", event.requestedBytes)
    raw.set("bytes_alloc", event.allocatedBytes)
    raw.set("gfp_flags", PerfettoTests.number(gfp: trace.text(event.gfp)))
    raw.set("node", UInt64(bitPattern: Int64(event.node)))
    raw.set("accounted", event.flags.contains(.accounted) ? 1 : 0)
    raw.set("pfn", event.flags.contains(.failed) ? .max : event.address)
    raw.set("order", UInt64(event.order))
    raw.set("migratetype", UInt64(event.migrateType))
    raw.set("percpu_refill", event.flags.contains(.perCPURefill) ? 1 : 0)
    if format.field("name") != nil { raw.set("name", text: trace.text(event.name)) }
    var content = raw.bytes
    content += [UInt8](repeating: 0, count: (8 - (content.count + 4) % 8) % 8)
    var body = Self.bytes(0xFFFF_FFFF_8100_0000) + Self.bytes(UInt64(UInt32(bitPattern: event.pid)) * 0x1_0000_0001)
    body += Self.bytes(event.time) + Self.bytes(UInt64(event.cpu)) + Self.bytes(1)
    body += RecordWriter.number(UInt64(content.count), size: 4, .little) + content
    return Self.record(PerfRecordType.sample, body)
  }
}

/// One zstd stream through a whole file, flushed at each round as perf does it.
private struct PackedStream: ~Copyable {
  private let encoder = ZSTD_createCCtx()

  deinit { ZSTD_freeCCtx(encoder) }

  mutating func pack(_ bytes: [UInt8]) -> [UInt8] {
    var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count) + 1024)
    let room = packed.count
    var used = 0
    bytes.withUnsafeBytes { source in
      packed.withUnsafeMutableBytes { target in
        var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
        var output = ZSTD_outBuffer(dst: target.baseAddress, size: room, pos: 0)
        while ZSTD_compressStream2(encoder, &output, &input, ZSTD_e_flush) > 0 {}
        used = output.pos
      }
    }
    return Array(packed[..<used])
  }
}
