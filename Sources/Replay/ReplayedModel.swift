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

  /// The slabs from before the trace that had room, in the order in which they are to be adopted.
  func oldSlabs(
    of identity: CacheEvidence.Identity, cache: Int, _ old: OldSlabs, pageShift: UInt64, cpuLimit: Int
  ) -> [OldSlabs.Slab]
  /// Adds a slab from before the trace, or a page of which a dump tells the free units; `nil` where a model can't.
  mutating func adopt(cache: Int, _ slab: OldSlabs.Slab) -> Int32?
  mutating func adopt(_ page: SLOBStartPage, base: UInt64) -> Int32?
  /// The object of a slab from before the trace at an address, if it is handed out.
  func heldObject(slab: Int32, address: UInt64, cache: Int) -> SlabObject?

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

  mutating func adopt(cache: Int, _ slab: OldSlabs.Slab) -> Int32? { nil }
  mutating func adopt(_ page: SLOBStartPage, base: UInt64) -> Int32? { nil }

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

extension SLUB {
  func oldSlabs(
    of identity: CacheEvidence.Identity, cache: Int, _ old: OldSlabs, pageShift: UInt64, cpuLimit: Int
  ) -> [OldSlabs.Slab] {
    old.slabs(
      of: identity, geometry: geometry(cache: cache), leftPadding: UInt64(leftPadding(cache: cache)),
      pageShift: pageShift, cpuLimit: cpuLimit)
  }

  mutating func adopt(cache: Int, _ slab: OldSlabs.Slab) -> Int32? {
    adoptSlab(cache: cache, base: slab.base, free: slab.free, activeOn: slab.activeOn)
  }

  func heldObject(slab: Int32, address: UInt64, cache: Int) -> SlabObject? {
    if self.cache(ofSlab: slab) != cache { return nil }
    return object(slab: slab, address: address).flatMap { isFree($0) ? nil : $0 }
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

extension SLAB {
  func oldSlabs(
    of identity: CacheEvidence.Identity, cache: Int, _ old: OldSlabs, pageShift: UInt64, cpuLimit: Int
  ) -> [OldSlabs.Slab] {
    let geometry = geometry(cache: cache)
    let bytes = UInt64(1) << (pageShift + UInt64(geometry.order))
    var slabs: [OldSlabs.Slab] = []
    var position: [UInt64: Int] = [:]
    for object in old.freeObjects(of: identity) {
      let base = object.address & ~(bytes - 1)
      // Colours are smaller than an object, or there would be room for one more.
      let index = (object.address - base) / UInt64(geometry.slotSize)
      if index >= UInt64(geometry.objectsPerSlab) { continue }
      if let known = position[base] {
        slabs[known].free.append(UInt16(index))
      } else {
        position[base] = slabs.count
        slabs.append(OldSlabs.Slab(base: base, free: [UInt16(index)], activeOn: nil))
      }
    }
    return slabs
  }

  mutating func adopt(cache: Int, _ slab: OldSlabs.Slab) -> Int32? {
    adoptSlab(cache: cache, base: slab.base, offset: 0, free: slab.free)
  }

  func heldObject(slab: Int32, address: UInt64, cache: Int) -> SlabObject? {
    if self.cache(ofSlab: slab) != cache { return nil }
    // The colour of an old slab is not known, and matters to nobody here.
    let index = (address &- base(ofSlab: slab)) / UInt64(geometry(cache: cache).slotSize)
    if index >= UInt64(geometry(cache: cache).objectsPerSlab) { return nil }
    let object = SlabObject(slab: slab, index: UInt16(index))
    return isHandedOut(object) ? object : nil
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

  func oldSlabs(
    of identity: CacheEvidence.Identity, cache: Int, _ old: OldSlabs, pageShift: UInt64, cpuLimit: Int
  ) -> [OldSlabs.Slab] { [] }

  mutating func adopt(_ page: SLOBStartPage, base: UInt64) -> Int32? {
    let id = adoptFullPage(base: base)
    _ = setFree(page: id, page.free, list: page.list)
    return id
  }

  func heldObject(slab: Int32, address: UInt64, cache: Int) -> SlabObject? { nil }

  func report(cache: Int) -> CacheReport? { nil }

  func addWaste(to figures: inout SlabFigures, liveBytes: UInt64) {
    figures.freeSlotBytes += UInt64(freeBytes)
    // What is neither free nor an object: blocks are rounded up to units and, for a page or more, to whole blocks.
    let used = Int64(slabPages) * Int64(profile.pageSize) - Int64(freeBytes) - Int64(liveBytes)
    figures.paddingBytes += UInt64(max(used, 0))
  }
}
