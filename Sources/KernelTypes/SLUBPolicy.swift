/// What SLUB does differently by version, configuration and boot option.
public struct SLUBPolicy: Sendable, Hashable, Codable {
  /// How the limit of a CPU's partial list is counted.
  public enum PartialLimit: String, Sendable, Codable {
    /// Free objects, counted when a slab joins the list: up to 5.15.
    case objects
    /// Slabs: 5.16 and later.
    case slabs
  }

  /// Which candidates `calculate_order` tries.
  public enum OrderRule: String, Sendable, Codable {
    /// Fewer and fewer objects, for waste fractions 1/16, 1/8 and 1/4: up to 6.6.
    case decreasingObjects
    /// Waste fractions 1/16 to 1/2 from the order that holds the wanted objects: 6.7 and later.
    case increasingWaste
  }

  /// `slub_min_order`.
  public var minimumOrder: Int
  /// `slub_max_order`.
  public var maximumOrder: Int
  /// `slub_min_objects`; 0 derives it from the CPU count.
  public var minimumObjects: Int
  /// CONFIG_SLUB_CPU_PARTIAL.
  public var hasPerCPUPartial: Bool
  public var partialLimit: PartialLimit
  public var orderRule: OrderRule
  /// Free objects to keep per CPU, by object size: below 256, 1024, a page, and above.
  public var perCPUPartialObjects: [Int]
  /// Whether an empty slab is released only when more than (not at least) `min_partial` are kept: kernels before 4.x.
  public var releasesAboveMinimumPartial: Bool
  /// `slub_debug`, for all caches.
  public var debugFlags: SLUBDebugFlags
  /// CONFIG_SLUB_TINY (6.2 and later): no slabs per CPU, no empty slab is kept.
  public var isTiny: Bool
  /// CONFIG_SLAB_FREELIST_RANDOM: objects of a new slab are chained in random order.
  public var randomisesFreelist: Bool
  /// Bytes of a `struct track` on a 64-bit kernel, two of which `slub_debug=U` adds to each object.
  public var trackBytes: Int
  /// Whether red zones also lie before objects: 4.6 and later.
  public var hasLeftRedZone: Bool
  /// Whether `slub_debug=U` keeps the size that was asked of kmalloc: 6.1 and later.
  public var keepsRequestedSize: Bool

  /// Whether objects are taken one by one from the node's slabs, with no slab in use per CPU.
  public var takesSingly: Bool { isTiny || !debugFlags.isEmpty }

  /// The defaults of a kernel version. Follows `set_cpu_partial` and `calculate_order` in mm/slub.c, 3.5 to 6.12.
  public init(kernel: KernelVersion) {
    minimumOrder = 0
    maximumOrder = 3
    minimumObjects = 0
    hasPerCPUPartial = kernel >= KernelVersion(3, 2)
    let countsSlabs = kernel >= KernelVersion(5, 16)
    partialLimit = countsSlabs ? .slabs : .objects
    perCPUPartialObjects = countsSlabs ? [120, 52, 24, 6] : [30, 13, 6, 2]
    orderRule = kernel >= KernelVersion(6, 7) ? .increasingWaste : .decreasingObjects
    releasesAboveMinimumPartial = kernel < KernelVersion(3, 18)
    debugFlags = []
    isTiny = false
    randomisesFreelist = false
    // A stack depot handle took the place of sixteen addresses.
    trackBytes = kernel >= KernelVersion(5, 18) ? 32 : 152
    hasLeftRedZone = kernel >= KernelVersion(4, 6)
    keepsRequestedSize = kernel >= KernelVersion(6, 1)
  }

  /// Turns the policy into that of CONFIG_SLUB_TINY. Follows `slub_max_order` and `MIN_PARTIAL` in mm/slub.c, Linux 6.12.
  public mutating func useTiny() {
    isTiny = true
    hasPerCPUPartial = false
    maximumOrder = min(maximumOrder, 1)
  }
}
