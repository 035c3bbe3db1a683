import KernelTypes
import TraceEvents

/// Goes through the packets of a Perfetto trace once and notes where the ftrace events are.
///
/// A trace is a row of `TracePacket` messages. Those of the CPUs stand in no order of time, so that reading needs this
/// pass first; it touches little of the bundles themselves. After damage it goes on behind the next synchronization
/// marker, which Perfetto writes for that every few seconds.
struct PerfettoScanner: ~Copyable {
  /// Messages that are read whole, such as process trees, may be this large.
  private static let messageLimit = 4 << 20
  /// `synchronization_marker` with its key and length (protos/perfetto/trace/trace_packet.proto).
  static let marker: [UInt8] = [
    0xA2, 0x02, 0x10, 0x82, 0x47, 0x7A, 0x76, 0xB2, 0x8D, 0x42, 0xBA, 0x81, 0xDC, 0x33, 0x32, 0x6D, 0x57, 0xA0, 0x79,
  ]
  private static let packetKey = fieldKey(1, WireCursor.WireType.bytes)

  private let bytes: SeekableBytes
  private let names: TaskNames
  private var window: ByteWindow
  private(set) var index = PerfettoIndex()
  var statistics = ImportStatistics()
  private var overrunsAtStart: [UInt64: UInt64] = [:]

  init(_ bytes: SeekableBytes, names: TaskNames) {
    self.bytes = bytes
    self.names = names
    window = ByteWindow(bytes, capacity: 1 << 18)
  }

  /// Reads all packets. Throws `.cannotRead`.
  mutating func scan() throws(TraceError) {
    var offset: UInt64 = 0
    while offset < bytes.count {
      let head = try key(at: offset, before: bytes.count)
      guard let head, head.key == Self.packetKey else {
        offset = try recover(from: offset, "no trace packet")
        continue
      }
      let body = offset + UInt64(head.keyBytes)
      guard let length = try varint(at: body, before: bytes.count) else {
        offset = try recover(from: offset, "a trace packet without a length")
        continue
      }
      let start = body + UInt64(length.bytes)
      let room = bytes.count - start
      if length.value > room {
        // Either the file was cut, or the length is damaged; then there is a marker behind it.
        if let next = try marker(from: start) {
          statistics.count(.malformedLines, at: .byteOffset(offset), text: "a trace packet of \(length.value) bytes")
          offset = next
          continue
        }
        statistics.count(
          .truncatedEnd, at: .byteOffset(offset),
          text: "a trace packet of \(length.value) bytes, of which \(room) are there")
        try packet(at: start, end: bytes.count)
        break
      }
      try packet(at: start, end: start + length.value)
      offset = start + length.value
    }
    index.finish()
  }

  private mutating func recover(from offset: UInt64, _ what: String) throws(TraceError) -> UInt64 {
    let next = try marker(from: offset + 1)
    let lost = (next ?? bytes.count) - offset
    statistics.count(.malformedLines, at: .byteOffset(offset), text: what + "; \(lost) bytes are left out")
    return next ?? bytes.count
  }

  /// The end of the next synchronization marker.
  private mutating func marker(from start: UInt64) throws(TraceError) -> UInt64? {
    let marker = Self.marker
    var offset = start
    while offset + UInt64(marker.count) <= bytes.count {
      let view = try window.view(at: offset, wanted: marker.count)
      if view.count < marker.count { return nil }
      for place in 0...(view.count - marker.count)
      where view[place] == marker[0] && view[place + 3] == marker[3] {
        if UnsafeRawBufferPointer(rebasing: view[place..<place + marker.count]).elementsEqual(marker) {
          return offset + UInt64(place + marker.count)
        }
      }
      offset += UInt64(view.count - marker.count + 1)
    }
    return nil
  }

  /// Reads the fields of a packet that lies in the file.
  private mutating func packet(at start: UInt64, end: UInt64) throws(TraceError) {
    index.packets += 1
    var offset = start
    while offset < end {
      guard let head = try key(at: offset, before: end) else { return countDamage(offset) }
      let value = offset + UInt64(head.keyBytes)
      switch head.key & 7 {
      case WireCursor.WireType.bytes:
        guard let length = try varint(at: value, before: end) else { return countDamage(offset) }
        let body = value + UInt64(length.bytes)
        // A packet cut at the file's end has a last field that is cut; `scan` has counted that.
        let isCut = length.value > end - body
        if isCut, end != bytes.count { return countDamage(offset) }
        let count = min(length.value, end - body)
        try field(head.key, at: body, count: count, isCut: isCut)
        offset = body + count
      case WireCursor.WireType.varint:
        guard let number = try varint(at: value, before: end) else { return countDamage(offset) }
        offset = value + UInt64(number.bytes)
      case WireCursor.WireType.fixed64: offset = value + 8
      case WireCursor.WireType.fixed32: offset = value + 4
      default: return countDamage(offset)
      }
    }
  }

  private mutating func countDamage(_ offset: UInt64) {
    statistics.count(.malformedLines, at: .byteOffset(offset), text: "a damaged field in a trace packet")
  }

  private mutating func field(_ key: UInt64, at offset: UInt64, count: UInt64, isCut: Bool) throws(TraceError) {
    switch key {
    case PerfettoField.Packet.ftraceEvents:
      guard let cpu = try cpu(at: offset, end: offset + count) else { return }
      add(PerfettoIndex.Bundle(packet: -1, offset: offset, length: count), cpu: cpu, at: offset)
    case PerfettoField.Packet.compressedPackets, PerfettoField.Packet.zstdCompressedPackets:
      let isZstd = key == PerfettoField.Packet.zstdCompressedPackets
      if count > UInt64(UnpackedPacket.packedLimit) {
        return statistics.count(
          .malformedLines, at: .byteOffset(offset), text: "a compressed packet of \(count) bytes")
      }
      try compressed(.init(isZstd: isZstd, offset: offset, length: Int(count)), isCut: isCut)
    case PerfettoField.Packet.processTree, PerfettoField.Packet.ftraceStats, PerfettoField.Packet.systemInfo,
      PerfettoField.Packet.cpuInfo:
      if isCut || count > UInt64(Self.messageLimit) { return }
      let view = try window.view(at: offset, wanted: Int(count))
      guard view.count >= Int(count) else { return }
      message(key, UnsafeRawBufferPointer(rebasing: view[..<Int(count)]))
    default: break
    }
  }

  private mutating func add(_ bundle: PerfettoIndex.Bundle, cpu: UInt64, at offset: UInt64) {
    guard let number = UInt16(exactly: cpu), index.add(bundle, cpu: number) else {
      return statistics.count(.malformedLines, at: .byteOffset(offset), text: "a bundle of CPU \(cpu)")
    }
  }

  /// The CPU of a bundle, which Perfetto writes first; 0 where the field is left out.
  private mutating func cpu(at start: UInt64, end: UInt64) throws(TraceError) -> UInt64? {
    var offset = start
    while offset < end, let head = try key(at: offset, before: end) {
      let value = offset + UInt64(head.keyBytes)
      guard let number = try varint(at: value, before: end) else { return nil }
      if head.key == PerfettoField.Bundle.cpu { return number.value }
      let after = value + UInt64(number.bytes)
      switch head.key & 7 {
      case WireCursor.WireType.varint: offset = after
      case WireCursor.WireType.bytes:
        if number.value > end - after { return nil }
        offset = after + number.value
      default: return nil
      }
    }
    return 0
  }

  private mutating func key(at offset: UInt64, before end: UInt64) throws(TraceError) -> (key: UInt64, keyBytes: Int)? {
    guard let number = try varint(at: offset, before: end), number.value >> 3 != 0 else { return nil }
    return (number.value, number.bytes)
  }

  private mutating func varint(at offset: UInt64, before end: UInt64) throws(TraceError) -> (value: UInt64, bytes: Int)?
  {
    let view = try window.view(at: offset, wanted: min(10, Int(clamping: end - min(offset, end))))
    guard let start = view.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
    var cursor = WireCursor(start, start + min(view.count, Int(clamping: end - min(offset, end))))
    let value = cursor.varint()
    return cursor.isDamaged ? nil : (value, cursor.next - start)
  }
}

// Messages that are read as a whole.
extension PerfettoScanner {
  private mutating func compressed(_ packet: PerfettoIndex.CompressedPacket, isCut: Bool) throws(TraceError) {
    let view = try window.view(at: packet.offset, wanted: packet.length)
    let unpacked = UnpackedPacket(
      UnsafeRawBufferPointer(rebasing: view[..<min(packet.length, view.count)]), isZstd: packet.isZstd)
    if let trouble = unpacked.trouble, !isCut {
      statistics.count(.malformedLines, at: .byteOffset(packet.offset), text: trouble)
    }
    guard let number = Int32(exactly: index.compressedPackets.count) else { return }
    index.compressedPackets.append(packet)
    let all = unpacked.view(at: 0)
    guard let base = all.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    var row = WireCursor(base, base + all.count)
    while !row.isAtEnd {
      let key = row.varint()
      guard key == Self.packetKey else {
        row.skip(key)
        continue
      }
      let before = row.next
      var inner = row.bytes()
      if row.isDamaged {
        // The last packet of a cut or damaged one: what is there of it.
        var length = WireCursor(before, base + all.count)
        _ = length.varint()
        inner = WireCursor(length.next, base + all.count)
      }
      innerPacket(inner, base: base, number, packet.offset)
    }
    if row.isDamaged, unpacked.trouble == nil, !isCut { countDamage(packet.offset) }
  }

  private mutating func innerPacket(
    _ message: WireCursor, base: UnsafePointer<UInt8>, _ number: Int32, _ offset: UInt64
  ) {
    index.packets += 1
    var message = message
    while !message.isAtEnd {
      let key = message.varint()
      guard key & 7 == WireCursor.WireType.bytes else {
        message.skip(key)
        continue
      }
      let before = message.next
      var field = message.bytes()
      if message.isDamaged {
        var length = WireCursor(before, message.end)
        _ = length.varint()
        field = WireCursor(length.next, message.end)
      }
      if key == PerfettoField.Packet.ftraceEvents {
        add(
          PerfettoIndex.Bundle(
            packet: number, offset: UInt64(field.next - base), length: UInt64(field.end - field.next)),
          cpu: Self.cpu(of: field), at: offset)
      } else if !message.isDamaged {
        self.message(key, UnsafeRawBufferPointer(start: field.next, count: field.end - field.next))
      }
    }
  }

  private static func cpu(of bundle: WireCursor) -> UInt64 {
    var bundle = bundle
    while !bundle.isAtEnd {
      let key = bundle.varint()
      if key == PerfettoField.Bundle.cpu { return bundle.varint() }
      bundle.skip(key)
    }
    return 0
  }

  private mutating func message(_ key: UInt64, _ body: UnsafeRawBufferPointer) {
    guard let start = body.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    let message = WireCursor(start, start + body.count)
    switch key {
    case PerfettoField.Packet.processTree: names.add(processTree: message)
    case PerfettoField.Packet.ftraceStats: addFtraceStats(message)
    case PerfettoField.Packet.systemInfo: addSystemInfo(message)
    case PerfettoField.Packet.cpuInfo: addCPUInfo(message)
    default: break
    }
  }

  /// perfetto/common/system_info.proto: `utsname` is field 1, in it `release` 3 and `machine` 4; `num_cpus` is field 8.
  private mutating func addSystemInfo(_ message: WireCursor) {
    var message = message
    while !message.isAtEnd {
      let key = message.varint()
      if key == fieldKey(8, WireCursor.WireType.varint) {
        let count = message.varint()
        if count > 0, count <= UInt64(PerfettoIndex.laneLimit) { index.cpuCount = Int(count) }
      } else if key == fieldKey(1, WireCursor.WireType.bytes) {
        var name = message.bytes()
        while !name.isAtEnd {
          let part = name.varint()
          switch part {
          case fieldKey(3, WireCursor.WireType.bytes): index.kernelRelease = name.bytes().text
          case fieldKey(4, WireCursor.WireType.bytes): index.machine = name.bytes().text
          default: name.skip(part)
          }
        }
      } else {
        message.skip(key)
      }
    }
  }

  /// perfetto/trace/system_info/cpu_info.proto: field 1 once a CPU.
  private mutating func addCPUInfo(_ message: WireCursor) {
    var message = message
    var count = 0
    while !message.isAtEnd {
      let key = message.varint()
      if key == fieldKey(1, WireCursor.WireType.bytes) { count += 1 }
      message.skip(key)
    }
    if count > 0, index.cpuCount == nil { index.cpuCount = min(count, PerfettoIndex.laneLimit) }
  }

  /// perfetto/trace/ftrace/ftrace_stats.proto: `phase` 1 (1 start, 2 end), `cpu_stats` 2 with `cpu` 1 and `overrun` 3.
  ///
  /// The ring buffers may have lost events before the trace began; those are not the trace's.
  private mutating func addFtraceStats(_ message: WireCursor) {
    var message = message
    var phase: UInt64 = 0
    var overruns: [(cpu: UInt64, count: UInt64)] = []
    while !message.isAtEnd {
      let key = message.varint()
      switch key {
      case fieldKey(1, WireCursor.WireType.varint): phase = message.varint()
      case fieldKey(2, WireCursor.WireType.bytes):
        var cpu = message.bytes()
        var entry = (cpu: UInt64(0), count: UInt64(0))
        while !cpu.isAtEnd {
          let part = cpu.varint()
          switch part {
          case fieldKey(1, WireCursor.WireType.varint): entry.cpu = cpu.varint()
          case fieldKey(3, WireCursor.WireType.varint): entry.count = cpu.varint()
          default: cpu.skip(part)
          }
        }
        if overruns.count < PerfettoIndex.laneLimit { overruns.append(entry) }
      default: message.skip(key)
      }
    }
    for entry in overruns {
      if phase == 1 {
        overrunsAtStart[entry.cpu] = entry.count
      } else if phase == 2, let start = overrunsAtStart[entry.cpu], entry.count > start {
        statistics.count(.overwrittenEntries, entry.count - start)
      }
    }
  }
}
