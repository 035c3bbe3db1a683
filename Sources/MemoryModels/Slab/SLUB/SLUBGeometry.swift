public import KernelTypes

/// How SLUB cuts slabs for one object size, and how many it keeps.
public struct SLUBGeometry: Hashable, Sendable {
  /// The distance between objects in bytes, metadata included (`s->size`).
  public let slotSize: Int
  /// The order of a slab's block.
  public let order: Int
  /// Objects in a slab.
  public let objectsPerSlab: Int
  /// The order fallen back to when a block of `order` can't be had.
  public let minimumOrder: Int
  /// How many empty slabs a node keeps (`min_partial`).
  public let minimumPartial: Int
  /// The limit of a CPU's partial list: slabs or free objects, as the policy counts them; 0 when there is no such list.
  public let perCPUPartialLimit: Int

  /// The most objects a slab can have: the kernel counts them in 15 bits (`MAX_OBJS_PER_PAGE`).
  static let maximumObjects = 32767

  /// The geometry of objects `slotSize` bytes apart under a profile's SLUB policy.
  public init(slotSize: Int, profile: KernelProfile) {
    let policy = profile.slub
    self.slotSize = slotSize
    let order = Self.order(slotSize: slotSize, profile: profile)
    self.order = order
    objectsPerSlab = min(max((profile.pageSize << order) / slotSize, 1), Self.maximumObjects)
    minimumOrder = Order.holding(bytes: UInt64(slotSize), pageSize: UInt64(profile.pageSize))
    minimumPartial = policy.isTiny ? 0 : min(max(Self.floorLog2(slotSize) / 2, 5), 10)
    let objects =
      switch slotSize {
      case profile.pageSize...: policy.perCPUPartialObjects[3]
      case 1024...: policy.perCPUPartialObjects[2]
      case 256...: policy.perCPUPartialObjects[1]
      default: policy.perCPUPartialObjects[0]
      }
    if !policy.hasPerCPUPartial || policy.takesSingly {
      perCPUPartialLimit = 0
    } else {
      switch policy.partialLimit {
      case .objects: perCPUPartialLimit = objects
      // Slabs are assumed half full on average, hence twice the objects. Follows `slub_set_cpu_partial`, Linux 6.1.
      case .slabs: perCPUPartialLimit = (objects * 2 + objectsPerSlab - 1) / objectsPerSlab
      }
    }
  }

  /// Bytes of a slab after its last object.
  public func paddingBytes(pageSize: Int) -> Int { (pageSize << order) - slotSize * objectsPerSlab }

  private static func floorLog2(_ value: Int) -> Int { Int.bitWidth - 1 - max(value, 1).leadingZeroBitCount }

  /// The order of the block a slab is cut from.
  /// Follows `calculate_order` in mm/slub.c, Linux 6.1 and, for later policies, 6.12.
  public static func order(slotSize: Int, profile: KernelProfile) -> Int {
    let policy = profile.slub
    let pageSize = profile.pageSize
    var wanted = policy.minimumObjects
    if wanted == 0 { wanted = 4 * (floorLog2(profile.cpuCount) + 2) }
    if (pageSize << policy.minimumOrder) / slotSize > maximumObjects {
      return Order.holding(bytes: UInt64(slotSize * maximumObjects), pageSize: UInt64(pageSize)) - 1
    }
    let smallest = Order.holding(bytes: UInt64(slotSize), pageSize: UInt64(pageSize))
    switch policy.orderRule {
    case .decreasingObjects:
      wanted = min(wanted, (pageSize << policy.maximumOrder) / slotSize)
      while wanted > 1 {
        for fraction in [16, 8, 4] {
          if let order = order(slotSize, wanted, fraction, policy.maximumOrder, policy.minimumOrder, pageSize) {
            return order
          }
        }
        wanted -= 1
      }
      return order(slotSize, 1, 1, policy.maximumOrder, policy.minimumOrder, pageSize)
        ?? max(smallest, policy.minimumOrder)
    case .increasingWaste:
      wanted = min(wanted, max((pageSize << policy.maximumOrder) / slotSize, 1))
      for fraction in [16, 8, 4, 2] {
        if let order = order(slotSize, wanted, fraction, policy.maximumOrder, policy.minimumOrder, pageSize) {
          return order
        }
      }
      return max(smallest, policy.minimumOrder)
    }
  }

  private static func order(
    _ slotSize: Int, _ objects: Int, _ fraction: Int, _ maximum: Int, _ minimum: Int, _ pageSize: Int
  ) -> Int? {
    var order = max(minimum, Order.holding(bytes: UInt64(objects * slotSize), pageSize: UInt64(pageSize)))
    while order <= maximum {
      let bytes = pageSize << order
      if bytes % slotSize <= bytes / fraction { return order }
      order += 1
    }
    return nil
  }
}
