/// The kmalloc size classes: which class serves a request of so many bytes.
public struct SizeClasses: Sendable {
  /// The copy of a class that a request uses, chosen by its flags.
  public enum Variant: Int, CaseIterable, Sendable {
    case normal
    case dma
    case reclaimable
    case accounted
  }

  public let policy: KmallocPolicy
  /// The classes' sizes in ascending order.
  public let sizes: [Int]
  // The class for each request of up to 192 bytes, by eights.
  private let small: [UInt8]

  public init(policy: KmallocPolicy) {
    self.policy = policy
    var sizes: [Int] = []
    var size = policy.minimumSize
    while size <= policy.maximumCacheSize {
      sizes.append(size)
      size *= 2
    }
    // SLOB's limit is no power of two.
    if let last = sizes.last, last < policy.maximumCacheSize, last * 2 > policy.maximumCacheSize {
      sizes.append(policy.maximumCacheSize)
    }
    if policy.has96 { sizes.append(96) }
    if policy.has192 { sizes.append(192) }
    sizes += policy.extraSizes.filter { $0 > 0 && $0 < policy.maximumCacheSize && !sizes.contains($0) }
    sizes.sort()
    self.sizes = sizes
    small = (0..<24).map { slot in
      UInt8(sizes.firstIndex { $0 >= slot * 8 + 8 } ?? 0)
    }
  }

  /// The index of the class that serves `bytes` (more than zero); `nil` when the page allocator does.
  /// Follows `kmalloc_slab` in mm/slab_common.c, Linux 6.1.
  public func index(bytes: UInt64) -> Int? {
    if bytes <= 192 {
      if bytes == 0 { return nil }
      return Int(small[Int(bytes - 1) >> 3])
    }
    if bytes > UInt64(policy.maximumCacheSize) { return nil }
    return sizes.firstIndex { UInt64($0) >= bytes }
  }

  /// The copy of a class that a request with `flags` uses. Follows `kmalloc_type` in include/linux/slab.h, Linux 6.1.
  public func variant(flags: GFPFlags) -> Variant {
    if flags.contains(.dma), policy.hasDMACaches { return .dma }
    if flags.contains(.reclaimable), policy.hasReclaimableCaches { return .reclaimable }
    if flags.contains(.account), policy.hasAccountedCaches { return .accounted }
    return .normal
  }

  /// Whether a copy of the classes exists.
  public func has(_ variant: Variant) -> Bool {
    switch variant {
    case .normal: true
    case .dma: policy.hasDMACaches
    case .reclaimable: policy.hasReclaimableCaches
    case .accounted: policy.hasAccountedCaches
    }
  }

  /// The name of a class's cache as slabinfo prints it.
  public func name(index: Int, variant: Variant) -> String {
    let size = sizes[index]
    let text: String =
      if policy.usesUnitSuffixes, size >= 1 << 20 {
        "\(size >> 20)M"
      } else if policy.usesUnitSuffixes, size >= 1024 {
        "\(size >> 10)k"
      } else {
        "\(size)"
      }
    return switch variant {
    case .normal: "kmalloc-" + text
    case .dma: "dma-kmalloc-" + text
    case .reclaimable: "kmalloc-rcl-" + text
    case .accounted: "kmalloc-cg-" + text
    }
  }
}
