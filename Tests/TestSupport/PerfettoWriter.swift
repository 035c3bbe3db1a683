import CZlib
import CZstd
import KernelTypes
public import TraceEvents

/// Writes events as a Perfetto trace, the way `traced` lays one out: bundles of each CPU, round after round.
///
/// Perfetto records no names of gfp flags and no symbols: flags are written as the numbers of `gfp`, and call sites as
/// the addresses of `callSites`.
public struct PerfettoWriter {
  /// How packets are packed inside the trace.
  public enum Packing: Sendable {
    case none
    case zlib
    case zstd
  }

  public private(set) var bytes: [UInt8] = []
  private let packing: Packing
  private var pending: [UInt8] = []
  private static let pendingLimit = 100_000

  public init(packing: Packing = .none) { self.packing = packing }

  /// Adds a packet with one message field.
  public mutating func addPacket(_ field: UInt64, _ message: [UInt8]) {
    var packet: [UInt8] = []
    packet.field(field, message)
    // trusted_packet_sequence_id, as the service adds it behind.
    packet.field(10, 1)
    var framed: [UInt8] = []
    framed.field(1, packet)
    if packing == .none {
      bytes += framed
    } else {
      pending += framed
      if pending.count > Self.pendingLimit { flush() }
    }
  }

  /// Writes what is held back.
  public mutating func flush() {
    if pending.isEmpty { return }
    var packet: [UInt8] = []
    packet.field(packing == .zlib ? 50 : 133, packing == .zlib ? Self.zlib(pending) : Self.zstd(pending))
    bytes.field(1, packet)
    pending = []
  }

  private static func zlib(_ plain: [UInt8]) -> [UInt8] {
    var packed = [UInt8](repeating: 0, count: Int(compressBound(UInt(plain.count))))
    var count = UInt(packed.count)
    compress2(&packed, &count, plain, UInt(plain.count), 6)
    return Array(packed.prefix(Int(count)))
  }

  private static func zstd(_ plain: [UInt8]) -> [UInt8] {
    var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(plain.count))
    let count = ZSTD_compress(&packed, packed.count, plain, plain.count, 3)
    return Array(packed.prefix(count))
  }

  /// Adds a `SystemInfo` packet.
  public mutating func addSystemInfo(release: String, cpuCount: Int) {
    var name: [UInt8] = []
    name.field(1, Array("Linux".utf8))
    name.field(3, Array(release.utf8))
    name.field(4, Array("x86_64".utf8))
    var message: [UInt8] = []
    message.field(1, name)
    message.field(8, UInt64(cpuCount))
    addPacket(45, message)
  }

  /// Adds a `ProcessTree` packet with threads.
  public mutating func addThreads(_ threads: [(pid: Int32, name: String)]) {
    var tree: [UInt8] = []
    for thread in threads {
      var message: [UInt8] = []
      message.field(1, UInt64(bitPattern: Int64(thread.pid)))
      message.field(2, Array(thread.name.utf8))
      message.field(3, UInt64(bitPattern: Int64(thread.pid)))
      tree.field(2, message)
    }
    addPacket(2, tree)
  }

  /// Adds the packet with the synchronization marker, whose bytes are its last.
  public mutating func addMarker() {
    var packet: [UInt8] = []
    packet.field(3, 9999)
    packet.field(10, 1)
    packet.field(
      36, [0x82, 0x47, 0x7A, 0x76, 0xB2, 0x8D, 0x42, 0xBA, 0x81, 0xDC, 0x33, 0x32, 0x6D, 0x57, 0xA0, 0x79])
    bytes.field(1, packet)
  }

  /// Adds events, in rounds of `roundCount`: in each the events of one CPU after those of the other.
  public mutating func add(
    _ trace: ReadTrace, roundCount: Int = 1000, gfp: (String) -> UInt64, callSites: (String) -> UInt64
  ) {
    let cpus = Set(trace.events.map(\.cpu)).sorted()
    var start = 0
    while start < trace.events.count {
      let end = min(start + roundCount, trace.events.count)
      for cpu in cpus {
        var bundle: [UInt8] = []
        bundle.field(1, UInt64(cpu))
        var isEmpty = true
        for event in trace.events[start..<end] where event.cpu == cpu {
          bundle.field(2, Self.message(event, trace, gfp, callSites))
          isEmpty = false
        }
        if !isEmpty { addPacket(1, bundle) }
      }
      start = end
    }
  }

  /// The `FtraceEvent` message of an event.
  public static func message(
    _ event: Event, _ trace: ReadTrace, _ gfp: (String) -> UInt64, _ callSites: (String) -> UInt64
  ) -> [UInt8] {
    var payload: [UInt8] = []
    var number: UInt64 = 0
    let site = callSites(trace.text(event.callSite))
    let flags = gfp(trace.text(event.gfp))
    let frame = event.flags.contains(.failed) ? .max : event.address
    let type = UInt64(event.migrateType)
    let order = UInt64(event.order)
    switch event.kind {
    case .kfree, .kmemCacheFree:
      number = event.kind == .kfree ? 298 : 303
      payload.fields(site, event.address)
    case .kmalloc, .kmemCacheAlloc:
      number = event.kind == .kmalloc ? 299 : 301
      payload.fields(event.allocatedBytes, event.requestedBytes, site, flags, event.address)
    case .kmallocNode, .kmemCacheAllocNode:
      number = event.kind == .kmallocNode ? 300 : 302
      let node = UInt64(bitPattern: Int64(event.node))
      payload.fields(event.allocatedBytes, event.requestedBytes, site, flags, node, event.address)
    case .mmPageAlloc:
      number = 307
      payload.fields(flags, type, order)
      payload.field(5, frame)
    case .mmPageAllocExtfrag:
      number = 308
      payload.fields(type, order, event.allocatedBytes, event.requestedBytes)
      payload.field(6, event.flags.contains(.changeOwnership) ? 1 : 0)
      payload.field(7, frame)
    case .mmPageAllocZoneLocked, .mmPagePCPUDrain:
      number = event.kind == .mmPagePCPUDrain ? 312 : 309
      payload.fields(type, order)
      payload.field(4, frame)
    case .mmPageFree, .mmPageFreeDirect:
      number = 310
      payload.field(1, order)
      payload.field(3, frame)
    case .mmPageFreeBatched:
      number = 311
      payload.field(3, frame)
    case .rssStat:
      number = 313
      let members = ["MM_FILEPAGES": 0, "MM_ANONPAGES": 1, "MM_SWAPENTS": 2, "MM_SHMEMPAGES": 3]
      payload.field(1, UInt64(members[trace.text(event.name)] ?? 0))
      payload.field(2, event.requestedBytes)
      payload.field(3, event.flags.contains(.changeOwnership) ? 1 : 0)
      payload.field(4, event.address)
    case .mark:
      number = 3
      payload.field(1, 0xFFFF_FFFF_8100_0000)
      payload.field(2, Array((trace.text(event.name) + "\n").utf8))
    default:
      // Not kmem events; a number that Perfetto uses for none of those either.
      number = 900
    }
    var message: [UInt8] = []
    message.field(1, event.time)
    message.field(2, UInt64(bitPattern: Int64(event.pid)))
    message.field(number, payload)
    return message
  }
}

extension [UInt8] {
  /// Adds a variable-length integer.
  public mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }

  /// Adds an integer field of a message.
  public mutating func field(_ number: UInt64, _ value: UInt64) {
    varint(number << 3)
    varint(value)
  }

  /// Adds a field with a length.
  public mutating func field(_ number: UInt64, _ value: [UInt8]) {
    varint(number << 3 | 2)
    varint(UInt64(value.count))
    self += value
  }

  /// Adds the integer fields 1, 2, ….
  fileprivate mutating func fields(_ values: UInt64...) {
    for (index, value) in values.enumerated() { field(UInt64(index + 1), value) }
  }
}
