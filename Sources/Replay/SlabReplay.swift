import KernelTypes
import MemoryModels

/// An object that is handed out: by the traced kernel at an address, by a model somewhere else.
struct LiveObject: BitwiseCopyable {
  var object: SlabObject
  /// The cache, or `CacheDirectory.large`.
  var cache: Int32
  var requested: UInt32
  /// The slot's size, or for large objects the order of the block.
  var allocated: UInt32
  /// For large objects: the model's page frame.
  var frame: UInt64
}

/// Replays a trace's requests through an allocator model on a modelled machine, with no help from the trace's addresses.
///
/// The trace only says who asks for what and what is given back. The pages that the traced kernel took for its own slabs
/// are put back as soon as they are recognised, because the model takes its own; all other page events stay, as the
/// background against which the model runs.
struct SlabReplay<Model: ReplayedModel & ~Copyable>: ~Copyable {
  let pageSize: UInt64
  var model: Model
  var pages: PageSupply
  var live = AddressTable(
    filler: LiveObject(object: .none, cache: 0, requested: 0, allocated: 0, frame: 0), minimumCapacity: 1024)

  // By cache: the size of its slots, where that doesn't depend on the request. Asking the model for each request would
  // copy it to the stack.
  private var slotBytes: [Int] = []
  // By cache: what is live.
  private(set) var liveByCache: [Amount] = []
  private(set) var liveTotal = Amount()
  private(set) var totalRequests = Amount()
  private(set) var largePages: UInt64 = 0
  private(set) var largeAllocations: UInt64 = 0
  private(set) var pageAllocations = [UInt64](repeating: 0, count: 12)
  private(set) var pageFrees = [UInt64](repeating: 0, count: 12)
  private(set) var peakSlabPages: UInt64 = 0
  private(set) var freesOfUnseen: UInt64 = 0
  private(set) var allocationsOfLive: UInt64 = 0

  init(profile: KernelProfile, pages: consuming PageSupply) {
    pageSize = UInt64(profile.pageSize)
    model = Model(profile: profile, cpuLimit: profile.cpuCount)
    self.pages = pages
  }

  /// Makes sure that the model has all caches of the directory.
  @inline(never)
  mutating func addCaches(_ directory: borrowing CacheDirectory) {
    while model.cacheCount < directory.entries.count {
      let cache = model.cacheCount
      model.add(directory.entries[cache].description)
      liveByCache.append(Amount())
      slotBytes.append(Model.hasFixedSlots ? model.bytes(cache: cache, requested: 0) : 0)
    }
  }

  /// The caches that the model has.
  @inline(__always)
  var cacheCount: Int { slotBytes.count }

  /// Bytes that a request takes in a cache.
  @inline(__always)
  func bytes(cache: Int, requested: UInt64) -> Int {
    Model.hasFixedSlots ? slotBytes[cache] : model.bytes(cache: cache, requested: requested)
  }

  /// One allocation by a cache, or by the page allocator (`CacheDirectory.large`).
  mutating func allocate(_ address: UInt64, requested: UInt64, cache: Int32, cpu: Int) {
    if cache == CacheDirectory.large {
      allocateLarge(address, requested, cpu)
      return
    }
    let object: SlabObject
    let bytes = bytes(cache: Int(cache), requested: requested)
    switch model.allocate(cache: Int(cache), bytes: bytes, cpu: cpu) {
    case .object(let found): object = found
    case .needsSlab(let order): object = grow(Int(cache), bytes, cpu, order)
    }
    let size = UInt32(truncatingIfNeeded: bytes)
    remember(
      address,
      LiveObject(
        object: object, cache: cache, requested: UInt32(clamping: requested), allocated: size, frame: 0), cpu)
    liveByCache[Int(cache)].addObject(requested, UInt64(size))
    liveTotal.addObject(requested, UInt64(size))
    totalRequests.addObject(requested, UInt64(size))
  }

  @inline(never)
  private mutating func grow(_ cache: Int, _ bytes: Int, _ cpu: Int, _ order: Int) -> SlabObject {
    let frame = pages.allocate(order: order, cpu: cpu)
    pageAllocations[min(order, 11)] += 1
    let object = model.addSlab(cache: cache, bytes: bytes, cpu: cpu, base: frame * pageSize, order: order)
    notePeak()
    releaseSlabs(cpu)
    return object
  }

  private mutating func allocateLarge(_ address: UInt64, _ requested: UInt64, _ cpu: Int) {
    let order = Order.holding(bytes: requested, pageSize: pageSize)
    // No kernel has larger blocks: the line is damaged.
    if order > 11 { return }
    let frame = pages.allocate(order: order, cpu: cpu)
    largeAllocations += 1
    largePages += Order.pages(order)
    pageAllocations[min(order, 11)] += 1
    notePeak()
    remember(
      address,
      LiveObject(
        object: .none, cache: CacheDirectory.large, requested: UInt32(clamping: requested), allocated: UInt32(order),
        frame: frame), cpu)
    liveTotal.addObject(requested, pageSize << UInt64(order))
    totalRequests.addObject(requested, pageSize << UInt64(order))
  }

  @inline(__always)
  private mutating func remember(_ address: UInt64, _ object: LiveObject, _ cpu: Int) {
    if let old = live.insert(address, object) {
      // The old object's free was not seen.
      allocationsOfLive &+= 1
      giveBack(old, cpu)
    }
  }

  /// One free.
  mutating func free(_ address: UInt64, cpu: Int) {
    guard let object = live.remove(address) else {
      freesOfUnseen &+= 1
      return
    }
    giveBack(object, cpu)
  }

  private mutating func giveBack(_ object: LiveObject, _ cpu: Int) {
    if object.cache == CacheDirectory.large {
      let order = Int(object.allocated)
      pages.free(frame: object.frame, order: order, cpu: cpu)
      largePages -= Order.pages(order)
      pageFrees[min(order, 11)] += 1
      liveTotal.removeObject(UInt64(object.requested), pageSize << UInt64(order))
      return
    }
    liveByCache[Int(object.cache)].removeObject(UInt64(object.requested), UInt64(object.allocated))
    liveTotal.removeObject(UInt64(object.requested), UInt64(object.allocated))
    model.free(object.object, cache: Int(object.cache), bytes: Int(object.allocated), cpu: cpu)
    if !model.released.isEmpty { releaseSlabs(cpu) }
  }

  private mutating func releaseSlabs(_ cpu: Int) {
    for slab in model.released {
      pages.free(frame: slab.base / pageSize, order: slab.order, cpu: cpu)
      pageFrees[min(slab.order, 11)] += 1
    }
    model.released.removeAll(keepingCapacity: true)
  }

  /// Lets the model do what it does by the clock, until `time` in nanoseconds of the trace's clock.
  @inline(never)
  mutating func advance(to time: UInt64) {
    model.advance(to: time)
    if !model.released.isEmpty { releaseSlabs(0) }
  }

  @inline(__always)
  private mutating func notePeak() {
    let pages = model.slabPages + largePages
    if pages > peakSlabPages { peakSlabPages = pages }
  }

  /// What the model holds now. Large kmallocs count as slab pages, as in the kernel's nr_slab_unreclaimable.
  func figures() -> SlabFigures {
    var figures = SlabFigures()
    figures.slabPages = model.slabPages + largePages
    figures.live = liveTotal
    model.addWaste(to: &figures, liveBytes: liveTotal.allocatedBytes &- largePages * pageSize)
    return figures
  }
}
