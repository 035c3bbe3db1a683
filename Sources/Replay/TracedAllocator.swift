public import KernelTypes
import MemoryModels
public import TraceEvents

/// Which allocator made a trace, judged by the sizes it handed out.
///
/// SLOB adds its header to the request, SLAB has no class below 32 bytes and pads 96 to a cache line, SLUB hands out its
/// classes exactly. The first few thousand kmalloc events decide.
public struct TracedAllocator: Sendable {
  /// The allocators of Linux.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    case slub, slab, slob
  }

  private static let enough = 4096
  private static let debugVariants: [SLUBDebugFlags] = (0..<8).map { SLUBDebugFlags(rawValue: UInt8($0) << 1) }

  private let classes: SizeClasses
  // The distance between SLUB's objects, by variant of its debugging and by class.
  private let slubSlots: [[UInt64]]
  private var slub = [Int](repeating: 0, count: debugVariants.count)
  private var slab = 0
  private var slob = 0
  private var checked = 0

  /// Prepares to judge under a profile's size classes.
  public init(profile: KernelProfile) {
    let classes = SizeClasses(policy: profile.kmalloc)
    self.classes = classes
    slubSlots = Self.debugVariants.map { flags in
      var profile = profile
      profile.slub.debugFlags = flags
      return classes.sizes.map { UInt64(SLUBObjectLayout(kmallocClass: $0, profile: profile).slotSize) }
    }
  }

  /// Looks at a batch; returns whether enough was seen.
  public mutating func consume(_ batch: borrowing EventBatch) -> Bool {
    for row in 0..<batch.count where checked < Self.enough {
      let kind = batch.kind[row]
      guard kind == .kmalloc || kind == .kmallocNode else { continue }
      let requested = batch.requestedBytes[row]
      let allocated = batch.allocatedBytes[row]
      guard requested > 0, let index = classes.index(bytes: requested) else { continue }
      checked += 1
      let size = UInt64(classes.sizes[index])
      for variant in slubSlots.indices where slubSlots[variant][index] == allocated { slub[variant] += 1 }
      // From 32 bytes up SLAB has the classes of SLUB, except 96, which takes a whole cache line.
      if allocated == max(size == 96 ? 128 : size, 32) { slab += 1 }
      if allocated > requested, allocated - requested == 4 || allocated - requested == 8 || allocated - requested == 16
      {
        slob += 1
      }
    }
    return checked >= Self.enough
  }

  /// The verdict; `nil` when no rule fits nearly all of the events.
  public var kind: Kind? {
    if checked == 0 { return nil }
    let slub = slub.max() ?? 0
    let most = max(slub, slab, slob)
    if most * 100 < checked * 95 { return nil }
    if slub == most { return .slub }
    return slab == most ? .slab : .slob
  }

  /// The `slub_debug` that the sizes of a SLUB trace show; sanity checks alone change none.
  public var debugFlags: SLUBDebugFlags {
    guard kind == .slub, let most = slub.max(), let index = slub.firstIndex(of: most) else { return [] }
    return Self.debugVariants[index]
  }
}
