public import KernelTypes

/// How SLAB cuts slabs for one cache, and how many objects its arrays hold.
public struct SLABGeometry: Hashable, Sendable {
  /// Where the list of a slab's free objects is kept.
  public enum FreeList: String, Sendable {
    /// In one of the free objects.
    case inObject
    /// In the slab, beside the objects.
    case onSlab
    /// In a kmalloc of its own.
    case offSlab
  }

  /// Bytes from one object to the next.
  public let slotSize: Int
  /// The order of a slab's block.
  public let order: Int
  /// Objects in a slab.
  public let objectsPerSlab: Int
  public let freeList: FreeList
  /// Bytes of the list of free objects, with the slab's header where there is one.
  public let freeListBytes: Int
  /// Bytes from the slab's first byte to its first object, for the first colour.
  public let firstObject: Int
  /// How many different places the first object can have.
  public let colours: Int
  /// Bytes from one colour to the next.
  public let colourBytes: Int
  /// Objects that a CPU's array holds.
  public let limit: Int
  /// Objects that move between a CPU's array and the slabs at a time.
  public let batch: Int
  /// Objects that the node's shared array holds; 0 when there is none.
  public let sharedLimit: Int
  /// Free objects that the only node keeps before it gives slabs back.
  public let freeLimit: Int

  // Kernels have no larger blocks.
  private static let highestOrder = 10

  private struct Cut {
    var order: Int
    var objects: Int
    var leftOver: Int
  }

  /// The geometry of a cache under a profile's SLAB policy. Follows `__kmem_cache_create` and `enable_cpucache` in
  /// mm/slab.c, Linux 6.1 and, for older policies, 3.5.
  public init(_ cache: CacheDescription, profile: KernelProfile) {
    let policy = profile.slab
    let indexBytes = profile.pageSize <= 4096 ? 1 : 2
    slotSize = max(cache.slotSize, 1)
    colourBytes = max(profile.cacheLineBytes, cache.alignment)
    let cut: Cut
    switch policy.management {
    case .indexArray:
      (cut, freeList) = Self.indexArray(cache, profile, indexBytes)
      freeListBytes = cut.objects * indexBytes
      firstObject = 0
      colours = cut.leftOver / colourBytes
    case .slabHeader:
      (cut, freeList, freeListBytes) = Self.slabHeader(cache, profile)
      firstObject = freeList == .onSlab ? freeListBytes : 0
      colours = cut.leftOver / colourBytes
    }
    order = cut.order
    objectsPerSlab = cut.objects
    limit =
      switch slotSize {
      case 131_073...: 1
      case (profile.pageSize + 1)...: 8
      case 1025...: 24
      case 257...: 54
      default: 120
      }
    batch = (limit + 1) / 2
    let isShared = slotSize <= profile.pageSize && profile.cpuCount > 1
    sharedLimit = isShared ? policy.sharedFactor * batch : 0
    freeLimit = (1 + Self.limitingCPUs(cache, profile: profile)) * batch + objectsPerSlab
  }

  /// The CPUs that the limit of free objects counts where there is one memory node.
  static func limitingCPUs(_ cache: CacheDescription, profile: KernelProfile) -> Int {
    profile.cpuCount > 1 && EarlyCaches.contains(cache) ? profile.cpuCount - 1 : profile.cpuCount
  }

  /// Free objects that a node with so many CPUs keeps before it gives slabs back.
  func freeLimit(cpus: Int) -> Int { (1 + cpus) * batch + objectsPerSlab }

  /// Bytes of a slab after its last object and its list.
  public func paddingBytes(pageSize: Int) -> Int {
    (pageSize << order) - slotSize * objectsPerSlab - (freeList == .onSlab ? freeListBytes : 0)
  }

  // MARK: - 4.6 and later

  /// The first of the three places for the list that fits: in a free object, off the slab, on the slab.
  private static func indexArray(
    _ cache: CacheDescription, _ profile: KernelProfile, _ indexBytes: Int
  ) -> (Cut, FreeList) {
    if !cache.keepsContents, let cut = order(cache, profile, indexBytes, .inObject),
      cut.objects * indexBytes <= cache.objectSize
    {
      return (cut, .inObject)
    }
    if let cut = order(cache, profile, indexBytes, .offSlab), cut.leftOver < cut.objects * indexBytes {
      return (cut, .offSlab)
    }
    let single = Order.holding(bytes: UInt64(cache.slotSize), pageSize: UInt64(profile.pageSize))
    return (
      order(cache, profile, indexBytes, .onSlab) ?? Cut(order: single, objects: 1, leftOver: 0), .onSlab
    )
  }

  /// Follows `calculate_slab_order` in mm/slab.c, Linux 6.1.
  private static func order(
    _ cache: CacheDescription, _ profile: KernelProfile, _ indexBytes: Int, _ freeList: FreeList
  ) -> Cut? {
    let most = indexBytes == 1 ? 255 : 65535
    let stride = cache.slotSize + (freeList == .onSlab ? indexBytes : 0)
    var best: Cut?
    for order in 0...highestOrder {
      let bytes = profile.pageSize << order
      let objects = bytes / max(stride, 1)
      if objects == 0 { continue }
      if objects > most { break }
      // A list as large as half an object is not worth a kmalloc of its own.
      if freeList == .offSlab, listCacheSize(objects * indexBytes, profile) > cache.slotSize / 2 { continue }
      let leftOver = bytes % stride
      best = Cut(order: order, objects: objects, leftOver: leftOver)
      if cache.isReclaimable || order >= profile.slab.maximumOrder || leftOver * 8 <= bytes { break }
    }
    return best
  }

  /// The size of the kmalloc slot that a list of free objects takes.
  private static func listCacheSize(_ bytes: Int, _ profile: KernelProfile) -> Int {
    var size = 32
    while size < bytes { size *= 2 }
    return bytes > 128 && bytes <= 192 && profile.cacheLineBytes <= 64 ? 192 : size
  }

  // MARK: - Before 4.6

  /// Follows `calculate_slab_order` and `cache_estimate` in mm/slab.c, Linux 3.5.
  private static func slabHeader(
    _ cache: CacheDescription, _ profile: KernelProfile
  ) -> (Cut, FreeList, Int) {
    let header = profile.slab.headerBytes
    func management(_ objects: Int) -> Int { (header + 4 * objects).roundedUp(to: cache.alignment) }
    // Large objects have their list elsewhere, to pack better.
    let wantsOff = cache.slotSize >= profile.pageSize / 8
    var best: Cut?
    for order in 0...highestOrder {
      let bytes = profile.pageSize << order
      var objects = wantsOff ? bytes / cache.slotSize : (bytes - header) / (cache.slotSize + 4)
      if !wantsOff, objects > 0, objects * cache.slotSize + management(objects) > bytes { objects -= 1 }
      if objects == 0 { continue }
      if wantsOff, objects > (cache.slotSize - header) / 4 { break }
      let leftOver = bytes - objects * cache.slotSize - (wantsOff ? 0 : management(objects))
      best = Cut(order: order, objects: objects, leftOver: leftOver)
      if cache.isReclaimable || order >= profile.slab.maximumOrder || leftOver * 8 <= bytes { break }
    }
    let single = Order.holding(bytes: UInt64(cache.slotSize), pageSize: UInt64(profile.pageSize))
    var cut = best ?? Cut(order: single, objects: 1, leftOver: 0)
    let bytes = management(cut.objects)
    if !wantsOff { return (cut, .onSlab, bytes) }
    if cut.leftOver >= bytes {
      cut.leftOver -= bytes
      return (cut, .onSlab, bytes)
    }
    return (cut, .offSlab, header + 4 * cut.objects)
  }
}
