import KernelTypes
import TraceEvents

/// The events of one CPU of a Perfetto trace, decoded a few hundred ahead.
final class PerfettoLane {
  /// What all lanes of a trace share.
  final class Shared {
    let bytes: SeekableBytes
    let index: PerfettoIndex
    let decoder: FtraceEventDecoder
    var statistics = ImportStatistics()
    // The compressed packets unpacked last: bundles of all CPUs lie in the same ones.
    private var unpacked: [(number: Int32, packet: UnpackedPacket)] = []
    private static let unpackedLimit = 4

    init(_ bytes: SeekableBytes, _ index: PerfettoIndex, _ decoder: FtraceEventDecoder) {
      self.bytes = bytes
      self.index = index
      self.decoder = decoder
    }

    func packet(_ number: Int32) throws(TraceError) -> UnpackedPacket {
      if let known = unpacked.first(where: { $0.number == number }) { return known.packet }
      let place = index.compressedPackets[Int(number)]
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(place.length, 1), alignment: 8)
      defer { buffer.deallocate() }
      let count = try bytes.read(
        at: place.offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<place.length]))
      let packet = UnpackedPacket(UnsafeRawBufferPointer(rebasing: buffer[..<count]), isZstd: place.isZstd)
      if unpacked.count == Self.unpackedLimit { unpacked.removeFirst() }
      unpacked.append((number, packet))
      return packet
    }
  }

  private static let windowBytes = 1 << 16
  /// A larger event is damage: the kernel's are below a page.
  private static let eventLimit = 1 << 20
  private static let capacity = 256

  let cpu: UInt16
  private let shared: Shared
  private let bundles: [PerfettoIndex.Bundle]
  private var nextBundle = 0
  private var bundle = PerfettoIndex.Bundle(packet: -1, offset: 0, length: 0)
  private var position: UInt64 = 0
  private var packet: UnpackedPacket?
  private var window: ByteWindow
  private let events: UnsafeMutablePointer<Event>
  private var count = 0
  private var next = 0
  private var lastPID = Int32.min
  private var lastName = StringID.none
  /// Whether all events were taken.
  private(set) var isDone = false

  init(_ cpu: UInt16, _ bundles: [PerfettoIndex.Bundle], _ shared: Shared) {
    self.cpu = cpu
    self.bundles = bundles
    self.shared = shared
    // The lane of a CPU with one short bundle must not take much, because damage may make up CPUs.
    let total = bundles.reduce(UInt64(0)) { $0 &+ ($1.packet < 0 ? $1.length : 0) }
    window = ByteWindow(shared.bytes, capacity: Int(min(UInt64(Self.windowBytes), total)) + ByteWindow.padding)
    events = .allocate(capacity: Self.capacity)
    events.initialize(repeating: Event(kind: .mark), count: Self.capacity)
  }

  deinit { events.deallocate() }

  /// The time of the next event; the largest number at the end.
  var nextTime: UInt64 { isDone ? .max : events[next].time }

  /// How far into the file the lane has come.
  var fileOffset: UInt64 {
    bundle.packet < 0 ? bundle.offset + position : shared.index.compressedPackets[Int(bundle.packet)].offset
  }

  /// Makes sure that there is a next event or the end. Throws `.cannotRead`.
  func prepare() throws(TraceError) {
    if isDone || next < count { return }
    next = 0
    count = 0
    while count == 0 {
      if position >= bundle.length {
        if nextBundle == bundles.count {
          isDone = true
          return
        }
        bundle = bundles[nextBundle]
        nextBundle += 1
        position = 0
        packet = bundle.packet < 0 ? nil : try shared.packet(bundle.packet)
      }
      try decode()
    }
  }

  /// Moves events up to time `limit` into the batch, as many as are ready and fit.
  func take(upTo limit: UInt64, into batch: inout EventBatch) {
    while next < count, !batch.isFull, events[next].time <= limit {
      batch.append(events[next])
      next += 1
    }
  }

  private func decode() throws(TraceError) {
    var wanted = 1
    while position < bundle.length, count < Self.capacity {
      let rest = bundle.length - position
      let view = try view(Int(clamping: min(rest, UInt64(wanted))))
      let available = min(view.count, Int(clamping: rest))
      guard available > 0, let start = view.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
        // The file is shorter than it was.
        position = bundle.length
        return
      }
      let isWhole = UInt64(available) == rest
      var cursor = WireCursor(start, start + available)
      let used = decode(&cursor, isWhole: isWhole)
      position += UInt64(used)
      if used > 0 {
        wanted = 1
      } else if wanted < Self.eventLimit, !isWhole {
        wanted = min(max(wanted * 8, available + 1), Self.eventLimit)
      } else {
        countDamage("an event that does not end in its bundle")
        position = bundle.length
      }
    }
  }

  private func view(_ wanted: Int) throws(TraceError) -> UnsafeRawBufferPointer {
    if let packet { return packet.view(at: Int(clamping: bundle.offset + position)) }
    return try window.view(at: bundle.offset + position, wanted: wanted)
  }

  /// Decodes the fields that lie wholly before the cursor's end; returns how many bytes they take.
  private func decode(_ cursor: inout WireCursor, isWhole: Bool) -> Int {
    let start = cursor.next
    let decoder = shared.decoder
    let base = packet == nil ? bundle.offset + position : shared.index.compressedPackets[Int(bundle.packet)].offset
    let isPacked = packet != nil
    var done = start
    while !cursor.isAtEnd, count < Self.capacity {
      let key = cursor.varint()
      if key == PerfettoField.Bundle.event {
        let message = cursor.bytes()
        if cursor.isDamaged { break }
        let slot = events + count
        switch decoder.decode(message, into: &slot.pointee) {
        case .event:
          slot.pointee.cpu = cpu
          slot.pointee.position = isPacked ? base : base + UInt64(done - start)
          slot.pointee.comm = comm(slot.pointee.pid)
          count += 1
        case .other: break
        case .malformed:
          shared.statistics.count(
            .malformedLines, at: .byteOffset(isPacked ? base : base + UInt64(done - start)),
            text: "an event of \(message.end - message.next) bytes that can't be read")
        }
      } else {
        rare(key, &cursor)
        if cursor.isDamaged { break }
      }
      done = cursor.next
    }
    return done - start
  }

  private func rare(_ key: UInt64, _ cursor: inout WireCursor) {
    switch key {
    case PerfettoField.Bundle.lostEvents:
      if cursor.varint() != 0, !cursor.isDamaged {
        shared.statistics.count(
          .lostEvents, at: .byteOffset(fileOffset), text: "CPU \(cpu) lost events before this bundle")
      }
    case PerfettoField.Bundle.compactSched:
      let message = cursor.bytes()
      if !cursor.isDamaged { shared.decoder.readCompactSched(message) }
    case PerfettoField.Bundle.error:
      _ = cursor.bytes()
      if !cursor.isDamaged {
        shared.statistics.count(
          .malformedLines, at: .byteOffset(fileOffset), text: "Perfetto could not read CPU \(cpu)'s ring buffer here")
      }
    default: cursor.skip(key)
    }
  }

  private func comm(_ pid: Int32) -> StringID {
    if pid == lastPID { return lastName }
    lastPID = pid
    lastName = shared.decoder.names.name(of: pid)
    return lastName
  }

  private func countDamage(_ text: String) {
    // A bundle cut off at the file's end is counted there.
    if bundle.packet < 0, bundle.offset + bundle.length == shared.bytes.count { return }
    shared.statistics.count(.malformedLines, at: .byteOffset(fileOffset), text: text)
  }
}
