import KernelTypes
import MemoryModels

/// What `SlabReplay` needs of an allocator model. Replays are generic over it, so that each is compiled for its model.
protocol ReplayedModel: ~Copyable {
  init(profile: KernelProfile, cpuLimit: Int)

  var cacheCount: Int { get }
  mutating func add(_ cache: CacheDescription)
  /// What the kernel would report as `bytes_alloc`.
  func bytes(cache: Int, requested: UInt64) -> Int
  /// Whether that is the same for all requests of a cache.
  static var hasFixedSlots: Bool { get }
  /// `bytes` are what `bytes(cache:requested:)` says.
  mutating func allocate(cache: Int, bytes: Int, cpu: Int) -> AllocationOutcome
  mutating func addSlab(cache: Int, bytes: Int, cpu: Int, base: UInt64, order: Int) -> SlabObject
  mutating func free(_ object: SlabObject, cache: Int, bytes: Int, cpu: Int)

  /// When the model does something of its own again, in nanoseconds of the trace's clock.
  var nextDue: UInt64 { get }
  mutating func advance(to time: UInt64)

  var slabPages: UInt64 { get }
  var released: [ReleasedSlab] { get set }
  /// How a cache's slabs are and what is in them; `nil` where caches have no slabs of their own.
  func report(cache: Int) -> CacheReport?
  /// Adds up free slots, padding and management data. `liveBytes` are those of the live objects in slabs.
  func addWaste(to figures: inout SlabFigures, liveBytes: UInt64)
}

/// What a model says about one cache.
struct CacheReport {
  var order: Int
  var objectsPerSlab: Int
  var slotSize: Int
  /// Active objects as slabinfo prints them.
  var activeObjects: Int
  var occupancy: SlabOccupancy
}

extension ReplayedModel where Self: ~Copyable {
  var nextDue: UInt64 { .max }
  mutating func advance(to time: UInt64) {}

  func addWaste(to figures: inout SlabFigures, liveBytes: UInt64) {
    for cache in 0..<cacheCount {
      guard let occupancy = report(cache: cache)?.occupancy else { continue }
      figures.freeSlotBytes += UInt64(max(occupancy.freeSlotBytes, 0))
      figures.paddingBytes += UInt64(max(occupancy.paddingBytes, 0))
      figures.managementBytes += UInt64(max(occupancy.managementBytes, 0))
    }
  }
}

extension SLUB: ReplayedModel {
  mutating func add(_ cache: CacheDescription) {
    _ = addCache(name: cache.name, slotSize: cache.slotSize, leftPadding: cache.leftPadding)
  }

  @inline(__always)
  static var hasFixedSlots: Bool { true }
  func bytes(cache: Int, requested: UInt64) -> Int { geometry(cache: cache).slotSize }

  @inline(__always)
  mutating func allocate(cache: Int, bytes: Int, cpu: Int) -> AllocationOutcome { allocate(cache: cache, cpu: cpu) }

  mutating func addSlab(cache: Int, bytes: Int, cpu: Int, base: UInt64, order: Int) -> SlabObject {
    addSlab(cache: cache, cpu: cpu, base: base, order: order)
  }

  @inline(__always)
  mutating func free(_ object: SlabObject, cache: Int, bytes: Int, cpu: Int) { free(object, cpu: cpu) }

  func report(cache: Int) -> CacheReport? {
    let geometry = geometry(cache: cache)
    return CacheReport(
      order: geometry.order, objectsPerSlab: geometry.objectsPerSlab, slotSize: geometry.slotSize,
      activeObjects: slabinfoActiveObjects(cache: cache), occupancy: occupancy(cache: cache))
  }
}

extension SLAB: ReplayedModel {
  mutating func add(_ cache: CacheDescription) { _ = addCache(cache) }

  @inline(__always)
  static var hasFixedSlots: Bool { true }
  func bytes(cache: Int, requested: UInt64) -> Int { geometry(cache: cache).slotSize }

  @inline(__always)
  mutating func allocate(cache: Int, bytes: Int, cpu: Int) -> AllocationOutcome { allocate(cache: cache, cpu: cpu) }

  mutating func addSlab(cache: Int, bytes: Int, cpu: Int, base: UInt64, order: Int) -> SlabObject {
    addSlab(cache: cache, cpu: cpu, base: base)
  }

  @inline(__always)
  mutating func free(_ object: SlabObject, cache: Int, bytes: Int, cpu: Int) { free(object, cpu: cpu) }

  func report(cache: Int) -> CacheReport? {
    let geometry = geometry(cache: cache)
    return CacheReport(
      order: geometry.order, objectsPerSlab: geometry.objectsPerSlab, slotSize: geometry.slotSize,
      activeObjects: slabinfoActiveObjects(cache: cache), occupancy: occupancy(cache: cache))
  }
}

extension SLOB: ReplayedModel {
  init(profile: KernelProfile, cpuLimit: Int) { self.init(profile: profile) }

  mutating func add(_ cache: CacheDescription) { _ = addCache(cache) }

  @inline(__always)
  static var hasFixedSlots: Bool { false }
  func bytes(cache: Int, requested: UInt64) -> Int { allocatedBytes(cache: cache, requested: requested) }

  @inline(__always)
  mutating func allocate(cache: Int, bytes: Int, cpu: Int) -> AllocationOutcome {
    allocate(cache: cache, bytes: bytes)
  }

  mutating func addSlab(cache: Int, bytes: Int, cpu: Int, base: UInt64, order: Int) -> SlabObject {
    addSlab(cache: cache, bytes: bytes, base: base)
  }

  @inline(__always)
  mutating func free(_ object: SlabObject, cache: Int, bytes: Int, cpu: Int) {
    free(object, cache: cache, bytes: bytes)
  }

  func report(cache: Int) -> CacheReport? { nil }

  func addWaste(to figures: inout SlabFigures, liveBytes: UInt64) {
    figures.freeSlotBytes += UInt64(freeBytes)
    // What is neither free nor an object: blocks are rounded up to units and, for a page or more, to whole blocks.
    let used = Int64(slabPages) * Int64(profile.pageSize) - Int64(freeBytes) - Int64(liveBytes)
    figures.paddingBytes += UInt64(max(used, 0))
  }
}
