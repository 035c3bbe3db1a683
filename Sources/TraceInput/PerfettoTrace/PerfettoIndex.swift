import KernelTypes
import TraceEvents

/// Where the ftrace events of a Perfetto trace lie, and what its other packets say.
struct PerfettoIndex {
  /// One `FtraceEventBundle`: events of one CPU, in the order of their time.
  struct Bundle {
    /// The compressed packet that holds it, by its number in `compressedPackets`; −1 if none does.
    var packet: Int32
    /// Where it begins: in the file, or in the unpacked packet.
    var offset: UInt64
    var length: UInt64
  }

  /// A packet that holds packed packets: where the packed bytes lie in the file.
  struct CompressedPacket {
    var isZstd: Bool
    var offset: UInt64
    var length: Int
  }

  /// CPUs with events, in the order of their number, each with its bundles in the order of the file.
  var lanes: [(cpu: UInt16, bundles: [Bundle])] = []
  var compressedPackets: [CompressedPacket] = []
  var kernelRelease: String?
  var machine: String?
  var cpuCount: Int?
  /// Trace packets, those in compressed ones included.
  var packets: UInt64 = 0
  private var laneOfCPU: [UInt16: Int] = [:]

  /// More CPUs than any machine has are damage: each takes a buffer.
  static let laneLimit = 2048

  /// Adds a bundle; `false` if there are too many CPUs.
  mutating func add(_ bundle: Bundle, cpu: UInt16) -> Bool {
    if let lane = laneOfCPU[cpu] {
      lanes[lane].bundles.append(bundle)
      return true
    }
    guard lanes.count < Self.laneLimit else { return false }
    laneOfCPU[cpu] = lanes.count
    lanes.append((cpu, [bundle]))
    return true
  }

  /// Puts the CPUs in order, when all packets are there.
  mutating func finish() {
    lanes.sort { $0.cpu < $1.cpu }
    laneOfCPU = [:]
  }
}

/// The numbers of the fields that are read (protos/perfetto/trace of the Perfetto project, 2017 to 2026).
enum PerfettoField {
  enum Packet {
    static let ftraceEvents = fieldKey(1, WireCursor.WireType.bytes)
    static let processTree = fieldKey(2, WireCursor.WireType.bytes)
    static let ftraceStats = fieldKey(34, WireCursor.WireType.bytes)
    static let systemInfo = fieldKey(45, WireCursor.WireType.bytes)
    static let compressedPackets = fieldKey(50, WireCursor.WireType.bytes)
    static let cpuInfo = fieldKey(67, WireCursor.WireType.bytes)
    static let zstdCompressedPackets = fieldKey(133, WireCursor.WireType.bytes)
  }

  enum Bundle {
    static let cpu = fieldKey(1, WireCursor.WireType.varint)
    static let event = fieldKey(2, WireCursor.WireType.bytes)
    static let lostEvents = fieldKey(3, WireCursor.WireType.varint)
    static let compactSched = fieldKey(4, WireCursor.WireType.bytes)
    static let error = fieldKey(8, WireCursor.WireType.bytes)
  }
}
