public import KernelTypes

/// A model of the SLAB allocator: caches with an array of free objects per CPU, one shared by the CPUs of a node, and
/// lists of full, partial and free slabs behind them.
///
/// It is driven by plain calls, as `SLUB` is: `allocate` answers with an object or with the order of the block it needs,
/// `addSlab` completes the request, slabs given back are found in `released`. The reaper runs when the driver calls
/// `advance(to:)`.
///
/// With several memory nodes each has lists and a shared array of its own, and objects of other nodes wait in alien arrays
/// until enough of them go home together. Slabs come from the node of the CPU that asks, as long as no driver says otherwise.
///
/// Follows mm/slab.c, Linux 6.1, with older geometry from the profile.
public struct SLAB: ~Copyable {
  /// Where a slab stands.
  @frozen
  public enum Place: UInt8, Sendable {
    /// The record is not in use.
    case unused
    /// Every object is handed out or in an array.
    case full
    /// On the node's list of partly used slabs.
    case partial
    /// On the node's list of free slabs.
    case free
  }

  struct Slab {
    /// The address of the block's first byte.
    var base: UInt64 = 0
    /// Bytes from there to the first object: the colour.
    var offset: UInt32 = 0
    var cache: UInt16 = 0
    /// Objects that are not in the slab: handed out, or in an array (`slab->active`).
    var active: UInt16 = 0
    /// The first index of this slab in `indices`. Indices from `active` on name its free objects, first to go first.
    var list: Int = 0
    var next: Int32 = -1
    var previous: Int32 = -1
    var place: Place = .unused
    var order: UInt8 = 0
    /// The memory node's part of the cache, in `nodes`.
    var home: Int32 = 0
  }

  /// Free objects that move in and out at the top (`struct array_cache`).
  struct ObjectArray {
    var start: Int
    var count = 0
    let limit: Int
    let batch: Int
    /// For a CPU's array: its memory node's part of the cache, in `nodes`.
    var home = 0
    /// Whether somebody allocated from it since the reaper came by.
    var wasTouched = false
  }

  struct List {
    var head: Int32 = -1
    var tail: Int32 = -1
  }

  /// What a memory node keeps of a cache (`struct kmem_cache_node`).
  struct NodePart {
    /// The array that the node's CPUs share.
    var shared: ObjectArray
    var partial = List()
    var free = List()
    /// Free objects in slabs, arrays not counted (`n->free_objects`).
    var freeObjects = 0
    /// Free objects it keeps before it gives slabs back.
    let freeLimit: Int
    /// Whether the free slabs were needed since the reaper came by (`n->free_touched`).
    var freeWasTouched = false
    var colourNext = 0
    /// When the reaper looks at the shared array and the free slabs again, in nanoseconds of the trace's clock.
    var nextReap: UInt64
    /// The array that was filled from the shared one last, in `arrays`; −1 if none was.
    var lastSharedTaker = -1
  }

  struct Cache {
    let name: String
    let geometry: SLABGeometry
    var slabs = 0
    var liveObjects = 0
    var pages: UInt64 = 0
    var peakSlabs = 0
    var growths = 0
    var releases = 0
    var recycledLists: [Int] = []
  }

  // A CPU that allocated little takes no more than this at a time (`BATCHREFILL_LIMIT`).
  static let smallBatch = 16
  // Objects of another node that a node collects before it gives them back (`alloc_alien_cache`).
  static let alienLimit = 12

  public let profile: KernelProfile
  let pageSize: Int
  let cpuLimit: Int
  let nodeCount: Int
  /// The memory node of each CPU.
  let nodeOfCPU: [Int]

  var slabs: [Slab] = []
  var unusedSlabs: [Int32] = []
  var indices: [UInt16] = []
  var caches: [Cache] = []
  // What node n keeps of cache k is at k × nodeCount + n.
  var nodes: [NodePart] = []
  // Objects of node b that CPUs of node a freed are at (k × nodeCount + a) × nodeCount + b; none with one node.
  var aliens: [ObjectArray] = []
  // The array of CPU c in cache k is at k × cpuLimit + c; its objects are in `entries`.
  var arrays: [ObjectArray] = []
  var entries: [SlabObject] = []
  var nextReapOfCPU: [UInt64]
  // By CPU: the node whose objects its reaper sends home next (`slab_reap_node`).
  var nextAlienNode: [Int]

  /// Slabs given back since the driver last emptied this list, in the order the kernel frees them.
  public var released: [ReleasedSlab] = []
  /// Pages in slabs now.
  public internal(set) var slabPages: UInt64 = 0
  /// When `advance(to:)` has something to do again, in nanoseconds of the trace's clock.
  public internal(set) var nextDue: UInt64 = 0

  /// Creates an allocator without caches for at most `cpuLimit` CPUs.
  public init(profile: KernelProfile, cpuLimit: Int) {
    self.profile = profile
    pageSize = profile.pageSize
    let cpus = max(cpuLimit, 1)
    self.cpuLimit = cpus
    let nodeOfCPU = (0..<cpus).map { profile.node(ofCPU: $0) }
    let nodeCount = max(profile.nodeCount, (nodeOfCPU.max() ?? 0) + 1)
    self.nodeOfCPU = nodeOfCPU
    self.nodeCount = nodeCount
    nextReapOfCPU = [UInt64](repeating: 0, count: cpus)
    nextAlienNode = nodeOfCPU.map { ($0 + 1) % nodeCount }
  }

  /// Adds a cache and returns its index.
  public mutating func addCache(_ description: CacheDescription) -> Int {
    let geometry = SLABGeometry(description, profile: profile)
    let index = caches.count
    caches.append(Cache(name: description.name, geometry: geometry))
    // The kernel spreads the moments at which caches are reaped by their descriptors' addresses, which no trace tells.
    let phase = UInt64(index) &* 997_000_000 % profile.slab.nodeReapInterval
    let nextReap = nextDue &+ profile.slab.nodeReapInterval &+ phase
    for node in 0..<nodeCount {
      nodes.append(
        NodePart(
          shared: makeArray(geometry.sharedLimit, geometry.batch),
          freeLimit: geometry.freeLimit(cpus: limitingCPUs(of: node, description)), nextReap: nextReap))
    }
    for cpu in 0..<cpuLimit {
      var array = makeArray(geometry.limit, geometry.batch)
      array.home = index * nodeCount + nodeOfCPU[cpu]
      arrays.append(array)
    }
    if nodeCount > 1 {
      let limit = geometry.limit > 1 ? Self.alienLimit : geometry.limit
      for _ in 0..<(nodeCount * nodeCount) { aliens.append(makeArray(limit, limit)) }
    }
    return index
  }

  private mutating func makeArray(_ limit: Int, _ batch: Int) -> ObjectArray {
    let start = entries.count
    entries.append(contentsOf: repeatElement(SlabObject.none, count: limit))
    return ObjectArray(start: start, limit: limit, batch: batch)
  }

  /// The CPUs of a node that its limit of free objects counts: when it is last set for a cache that was made early, the last
  /// of them is not up yet. The first node has a CPU from the start.
  private func limitingCPUs(of node: Int, _ cache: CacheDescription) -> Int {
    if nodeCount == 1 { return SLABGeometry.limitingCPUs(cache, profile: profile) }
    let cpus = nodeOfCPU.reduce(0) { $0 + ($1 == node ? 1 : 0) }
    return EarlyCaches.contains(cache) ? max(cpus - 1, node == nodeOfCPU[0] ? 1 : 0) : cpus
  }

  /// The number of caches.
  public var cacheCount: Int { caches.count }

  /// How a cache cuts its slabs.
  public func geometry(cache: Int) -> SLABGeometry { caches[cache].geometry }

  /// A cache's name.
  public func name(cache: Int) -> String { caches[cache].name }

  // MARK: - Slab records

  mutating func makeSlab(cache: Int, base: UInt64, offset: Int, order: Int, home: Int) -> Int32 {
    let objects = caches[cache].geometry.objectsPerSlab
    let id: Int32
    if let unused = unusedSlabs.popLast() {
      id = unused
    } else {
      id = Int32(slabs.count)
      slabs.append(Slab())
    }
    var slab = Slab()
    if let recycled = caches[cache].recycledLists.popLast() {
      slab.list = recycled
    } else {
      slab.list = indices.count
      indices.append(contentsOf: repeatElement(0, count: objects))
    }
    for index in 0..<objects { indices[slab.list + index] = UInt16(truncatingIfNeeded: index) }
    slab.base = base
    slab.offset = UInt32(offset)
    slab.cache = UInt16(cache)
    slab.order = UInt8(order)
    slab.place = .full
    slab.home = Int32(home)
    slabs[Int(id)] = slab
    caches[cache].slabs += 1
    caches[cache].pages += Order.pages(order)
    caches[cache].peakSlabs = max(caches[cache].peakSlabs, caches[cache].slabs)
    slabPages += Order.pages(order)
    return id
  }

  /// Gives a slab that is on no list back to the page allocator. Follows `slab_destroy` in mm/slab.c, Linux 6.1.
  mutating func destroy(_ id: Int32) {
    let slab = slabs[Int(id)]
    let cache = Int(slab.cache)
    caches[cache].recycledLists.append(slab.list)
    caches[cache].slabs -= 1
    caches[cache].pages -= Order.pages(Int(slab.order))
    caches[cache].releases += 1
    slabPages -= Order.pages(Int(slab.order))
    slabs[Int(id)].place = .unused
    unusedSlabs.append(id)
    released.append(ReleasedSlab(base: slab.base, order: Int(slab.order), cache: cache))
  }

  // MARK: - The nodes' lists

  mutating func addToPartial(_ id: Int32, atTail: Bool) {
    let home = Int(slabs[Int(id)].home)
    slabs[Int(id)].place = .partial
    nodes[home].partial = adding(id, to: nodes[home].partial, atTail: atTail)
  }

  mutating func addToFree(_ id: Int32, atTail: Bool) {
    let home = Int(slabs[Int(id)].home)
    slabs[Int(id)].place = .free
    nodes[home].free = adding(id, to: nodes[home].free, atTail: atTail)
  }

  /// Takes a slab off the list it is on.
  mutating func unlink(_ id: Int32) {
    let slab = slabs[Int(id)]
    let home = Int(slab.home)
    switch slab.place {
    case .unused, .full: return
    case .partial: nodes[home].partial = removing(id, from: nodes[home].partial)
    case .free: nodes[home].free = removing(id, from: nodes[home].free)
    }
    slabs[Int(id)].place = .full
  }

  private mutating func adding(_ id: Int32, to list: List, atTail: Bool) -> List {
    var list = list
    if atTail {
      slabs[Int(id)].previous = list.tail
      slabs[Int(id)].next = -1
      if list.tail >= 0 { slabs[Int(list.tail)].next = id } else { list.head = id }
      list.tail = id
    } else {
      slabs[Int(id)].next = list.head
      slabs[Int(id)].previous = -1
      if list.head >= 0 { slabs[Int(list.head)].previous = id } else { list.tail = id }
      list.head = id
    }
    return list
  }

  private mutating func removing(_ id: Int32, from list: List) -> List {
    var list = list
    let next = slabs[Int(id)].next
    let previous = slabs[Int(id)].previous
    if previous >= 0 { slabs[Int(previous)].next = next } else { list.head = next }
    if next >= 0 { slabs[Int(next)].previous = previous } else { list.tail = previous }
    slabs[Int(id)].next = -1
    slabs[Int(id)].previous = -1
    return list
  }
}
