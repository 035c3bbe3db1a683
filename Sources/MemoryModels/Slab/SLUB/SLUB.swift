public import KernelTypes

/// A model of the SLUB allocator: caches with a slab in use per CPU, partial lists per CPU and per node.
///
/// It is driven by plain calls and asks for nothing itself: `allocate` answers with an object or with the order of the
/// block it needs, `addSlab` completes the request, and slabs given back are found in `released`. Slots are named by
/// `SlabObject`; addresses appear only as the `base` a driver gives to a slab.
///
/// Caches under `slub_debug`, and all caches of CONFIG_SLUB_TINY, have no slab per CPU: objects are taken one by one from
/// the node's first slab.
///
/// With several memory nodes each has a partial list of its own; slabs come from the node of the CPU that asks.
///
/// Follows mm/slub.c, Linux 6.1, with other versions' limits from the profile.
public struct SLUB: ~Copyable {
  /// Where a slab stands.
  @frozen
  public enum Place: UInt8, Sendable {
    /// The record is not in use.
    case unused
    /// On no list: every object is handed out.
    case full
    /// In use by a CPU, which holds its free objects privately.
    case active
    /// On a CPU's partial list.
    case perCPUPartial
    /// On the node's partial list.
    case nodePartial
  }

  // A link is the index of the next free object; these two are not indices.
  static let endOfList: UInt16 = 0xFFFF
  static let handedOut: UInt16 = 0xFFFE

  struct Slab {
    var base: UInt64 = 0
    /// The first link of this slab in `links`.
    var links: Int = 0
    /// The list that frees from other CPUs go to (`slab->freelist`).
    var freelist: UInt16 = SLUB.endOfList
    /// Objects handed out, as the kernel counts it: all of them while a CPU holds the rest (`slab->inuse`).
    var inUse: UInt16 = 0
    var objects: UInt16 = 0
    var cache: Int32 = 0
    var cpu: UInt16 = 0
    var place: Place = .unused
    var order: UInt8 = 0
    var next: Int32 = -1
    var previous: Int32 = -1
    /// What the CPU partial list counted for this slab when it joined.
    var counted: Int32 = 0
    /// The memory node's part of the cache, in `nodes`.
    var home: Int32 = 0
  }

  struct CPUState {
    var active: Int32 = -1
    /// The active slab's objects that only this CPU takes (`c->freelist`).
    var freelist: UInt16 = SLUB.endOfList
    var partial: Int32 = -1
    /// Slabs, or objects, on the partial list, as the policy counts them.
    var partialCount: Int32 = 0
  }

  /// The partial list of a memory node (`struct kmem_cache_node`).
  struct NodePart {
    var head: Int32 = -1
    var tail: Int32 = -1
    var count = 0
  }

  struct Cache {
    var name: String
    let geometry: SLUBGeometry
    /// Bytes before each object in its slot.
    let leftPadding: UInt64
    var slabs = 0
    var slots = 0
    var pages: UInt64 = 0
    var liveObjects = 0
    var freeLinks: [Int] = []
    var peakSlabs = 0
    var growths = 0
    var releases = 0
  }

  public let profile: KernelProfile
  let pageSize: Int
  let countsSlabs: Bool
  let keepsAtMinimum: Bool
  /// Whether objects are taken one by one from the node's slabs.
  public let takesSingly: Bool
  let cpuLimit: Int
  let nodeCount: Int
  /// The memory node of each CPU.
  let nodeOfCPU: [Int]

  var slabs: [Slab] = []
  var unusedSlabs: [Int32] = []
  var links: [UInt16] = []
  var caches: [Cache] = []
  // The state of CPU c in cache k is at k × cpuLimit + c.
  var cpus: [CPUState] = []
  // The list of node n in cache k is at k × nodeCount + n.
  var nodes: [NodePart] = []
  // How often another node's list was thought of.
  var remoteTries = 0

  /// Objects that must have been handed out unseen, by slab, in the order of the free list they were on.
  var unseenObjects: [Int32: [UInt16]] = [:]

  /// Slabs given back since the driver last emptied this list, in the order the kernel frees them.
  public var released: [ReleasedSlab] = []
  /// Pages in slabs now.
  public private(set) var slabPages: UInt64 = 0

  /// Creates an allocator without caches for at most `cpuLimit` CPUs.
  public init(profile: KernelProfile, cpuLimit: Int) {
    self.profile = profile
    pageSize = profile.pageSize
    countsSlabs = profile.slub.partialLimit == .slabs
    keepsAtMinimum = profile.slub.releasesAboveMinimumPartial
    takesSingly = profile.slub.takesSingly
    let cpus = max(cpuLimit, 1)
    self.cpuLimit = cpus
    let nodeOfCPU = (0..<cpus).map { profile.node(ofCPU: $0) }
    nodeCount = max(profile.nodeCount, (nodeOfCPU.max() ?? 0) + 1)
    self.nodeOfCPU = nodeOfCPU
  }

  /// Adds a cache of objects `slotSize` bytes apart and returns its index. `leftPadding` bytes lie before each object.
  public mutating func addCache(name: String, slotSize: Int, leftPadding: Int = 0) -> Int {
    caches.append(
      Cache(
        name: name, geometry: SLUBGeometry(slotSize: slotSize, profile: profile), leftPadding: UInt64(leftPadding)))
    cpus.append(contentsOf: repeatElement(CPUState(), count: cpuLimit))
    nodes.append(contentsOf: repeatElement(NodePart(), count: nodeCount))
    return caches.count - 1
  }

  /// The number of caches.
  public var cacheCount: Int { caches.count }

  /// How a cache cuts its slabs.
  public func geometry(cache: Int) -> SLUBGeometry { caches[cache].geometry }

  /// A cache's name.
  public func name(cache: Int) -> String { caches[cache].name }

  // MARK: - Slab records

  mutating func makeSlab(cache: Int, base: UInt64, order: Int? = nil, node: Int = 0) -> Int32 {
    let geometry = caches[cache].geometry
    let order = order ?? geometry.order
    // A slab cut from a smaller block than usual has fewer objects; links are recycled at their full number.
    let objects = min(max((pageSize << order) / geometry.slotSize, 1), geometry.objectsPerSlab)
    let id: Int32
    if let unused = unusedSlabs.popLast() {
      id = unused
    } else {
      id = Int32(slabs.count)
      slabs.append(Slab())
    }
    let start: Int
    if let recycled = caches[cache].freeLinks.popLast() {
      start = recycled
    } else {
      start = links.count
      links.append(contentsOf: repeatElement(Self.handedOut, count: geometry.objectsPerSlab))
    }
    var slab = Slab()
    slab.base = base
    slab.links = start
    slab.objects = UInt16(objects)
    slab.cache = Int32(cache)
    slab.order = UInt8(order)
    slab.place = .full
    slab.home = Int32(cache * nodeCount + node)
    slabs[Int(id)] = slab
    caches[cache].slabs += 1
    caches[cache].slots += objects
    caches[cache].pages += Order.pages(order)
    caches[cache].peakSlabs = max(caches[cache].peakSlabs, caches[cache].slabs)
    slabPages += Order.pages(order)
    return id
  }

  /// Gives a slab that is on no list back to the page allocator. Follows `discard_slab` in mm/slub.c, Linux 6.1.
  mutating func discard(_ id: Int32) {
    let slab = slabs[Int(id)]
    let cache = Int(slab.cache)
    caches[cache].freeLinks.append(slab.links)
    caches[cache].slabs -= 1
    caches[cache].slots -= Int(slab.objects)
    caches[cache].pages -= Order.pages(Int(slab.order))
    caches[cache].releases += 1
    slabPages -= Order.pages(Int(slab.order))
    slabs[Int(id)].place = .unused
    if !unseenObjects.isEmpty { unseenObjects[id] = nil }
    unusedSlabs.append(id)
    released.append(ReleasedSlab(base: slab.base, order: Int(slab.order), cache: cache))
  }

  // MARK: - The nodes' partial lists

  mutating func addPartial(_ id: Int32, atTail: Bool) {
    let home = Int(slabs[Int(id)].home)
    slabs[Int(id)].place = .nodePartial
    if atTail {
      let tail = nodes[home].tail
      slabs[Int(id)].previous = tail
      slabs[Int(id)].next = -1
      if tail >= 0 { slabs[Int(tail)].next = id } else { nodes[home].head = id }
      nodes[home].tail = id
    } else {
      let head = nodes[home].head
      slabs[Int(id)].next = head
      slabs[Int(id)].previous = -1
      if head >= 0 { slabs[Int(head)].previous = id } else { nodes[home].tail = id }
      nodes[home].head = id
    }
    nodes[home].count += 1
  }

  mutating func removePartial(_ id: Int32) {
    let slab = slabs[Int(id)]
    let home = Int(slab.home)
    if slab.previous >= 0 {
      slabs[Int(slab.previous)].next = slab.next
    } else {
      nodes[home].head = slab.next
    }
    if slab.next >= 0 {
      slabs[Int(slab.next)].previous = slab.previous
    } else {
      nodes[home].tail = slab.previous
    }
    slabs[Int(id)].next = -1
    slabs[Int(id)].previous = -1
    nodes[home].count -= 1
  }

  /// Whether a slab is released when it is empty, instead of kept on its node's list.
  /// Follows the `min_partial` tests of mm/slub.c.
  @inline(__always)
  func isToBeReleased(_ id: Int) -> Bool {
    let count = nodes[Int(slabs[id].home)].count
    let minimum = caches[Int(slabs[id].cache)].geometry.minimumPartial
    return keepsAtMinimum ? count > minimum : count >= minimum
  }

  /// The list of a CPU's own node for a cache.
  @inline(__always)
  func localNode(cache: Int, cpu: Int) -> Int { nodeCount == 1 ? cache : cache * nodeCount + nodeOfCPU[cpu] }
}
