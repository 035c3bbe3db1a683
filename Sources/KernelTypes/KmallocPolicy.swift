/// Which kmalloc size classes a kernel has.
public struct KmallocPolicy: Sendable, Hashable, Codable {
  /// The smallest class in bytes; a power of two.
  public var minimumSize: Int
  /// Whether there is a class of 96 bytes.
  public var has96: Bool
  /// Whether there is a class of 192 bytes.
  public var has192: Bool
  /// The largest class in bytes; larger requests go to the page allocator.
  public var maximumCacheSize: Int
  /// Whether names are written with k and M (`kmalloc-1k`): 5.4 and later.
  public var usesUnitSuffixes: Bool
  /// CONFIG_ZONE_DMA: `GFP_DMA` requests have caches of their own.
  public var hasDMACaches: Bool
  /// CONFIG_MEMCG_KMEM: `__GFP_ACCOUNT` requests have caches of their own (5.14 and later).
  public var hasAccountedCaches: Bool
  /// `__GFP_RECLAIMABLE` requests have caches of their own: 4.20 and later.
  public var hasReclaimableCaches: Bool

  /// Classes that no kernel has, to see what they would save: bytes, multiples of 8.
  public var extraSizes: [Int] = []

  /// The first kernel with kmalloc caches for accounted requests.
  public static let accountedCachesSince = KernelVersion(5, 14)

  /// The classes of SLUB. Follows `__kmalloc_index` in include/linux/slab.h, 6.1.
  public init(kernel: KernelVersion, architecture: Architecture, pageSize: Int) {
    minimumSize =
      switch architecture {
      case .x86_64, .x86: 8
      case .arm: 64
      case .arm64: kernel >= KernelVersion(6, 5) ? 8 : 128
      }
    has96 = minimumSize <= 32
    has192 = minimumSize <= 64
    maximumCacheSize = 2 * pageSize
    usesUnitSuffixes = kernel >= KernelVersion(5, 0)
    hasDMACaches = architecture == .x86_64 || architecture == .x86
    hasAccountedCaches = false
    hasReclaimableCaches = kernel >= KernelVersion(4, 20)
  }
  /// Turns the classes into those of SLAB on the same kernel: none below 32 bytes, and up to 4 MiB before 6.1.
  /// Follows `KMALLOC_SHIFT_LOW` and `KMALLOC_SHIFT_HIGH` in include/linux/slab.h, Linux 3.5 to 6.1.
  public mutating func useSLAB(kernel: KernelVersion, pageSize: Int) {
    minimumSize = max(minimumSize, 32)
    maximumCacheSize = kernel >= KernelVersion(6, 1) ? 2 * pageSize : min(pageSize << 10, 1 << 25)
  }

  /// Turns the classes into the groups in which SLOB's requests are reported: SLOB has no classes, and hands requests of
  /// a page less the header to the page allocator.
  public mutating func useSLOB(headerBytes: Int, pageSize: Int) {
    minimumSize = 8
    has96 = true
    has192 = true
    maximumCacheSize = pageSize - headerBytes - 1
    hasDMACaches = false
    hasAccountedCaches = false
    hasReclaimableCaches = false
  }
}
