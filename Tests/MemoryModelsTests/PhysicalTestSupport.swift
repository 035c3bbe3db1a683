import KernelTypes
import MemoryModels

/// A small generator with a fixed seed, the same on every platform.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

func frames(_ numbers: UInt64...) -> [PageFrame] { numbers.map { PageFrame($0) } }

func policy(_ major: Int, _ minor: Int, _ architecture: Architecture = .x86_64) -> PageAllocatorPolicy {
  PageAllocatorPolicy(kernel: KernelVersion(major, minor), architecture: architecture)
}

/// A zone of frames below `end`, all of them free, without per-CPU lists to speak of.
func zone(_ policy: PageAllocatorPolicy, start: UInt64 = 0, end: UInt64, cpuLimit: Int = 1) -> Zone {
  var zone = Zone(
    kind: .normal, start: PageFrame(start), end: PageFrame(end), policy: policy, cpuLimit: cpuLimit)
  zone.release(PageFrame(start)..<PageFrame(end))
  return zone
}

extension Zone {
  /// A request that passes the per-CPU lists over.
  mutating func allocateDirectly(order: Int = 0, type: MigrateType = .movable) -> UInt64? {
    allocate(order: order, migrateType: type, flags: .skipPerCPU, cpu: 0)?.rawValue
  }

  mutating func freeDirectly(_ frame: UInt64, order: Int = 0) {
    _ = free(PageFrame(frame), order: order, cpu: 0, skipsPerCPU: true)
  }

  mutating func allocateDirectly(count: Int, type: MigrateType) -> [UInt64?] {
    var frames: [UInt64?] = []
    for _ in 0..<count { frames.append(allocateDirectly(type: type)) }
    return frames
  }
}
