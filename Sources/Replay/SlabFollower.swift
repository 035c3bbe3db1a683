import KernelTypes
import MemoryModels
import TraceEvents

/// Drives a SLUB model along a trace that a SLUB kernel made, and grades every step.
///
/// Before each allocation the model says what it would do; the trace says what the kernel did. Where they differ the
/// difference is counted by kind and the model is put right, so that one miss doesn't spoil what follows. Slabs use the
/// page frames that the trace gave to the kernel, so that predicted and traced addresses can be compared byte for byte.
struct SlabFollower: ~Copyable {
  /// A slab that the model gave back and whose pages the kernel has yet to free.
  struct Limbo: BitwiseCopyable {
    var base: UInt64
    var cache: Int32
    var order: UInt8
  }

  let pageShift: UInt64
  let pageOffset: UInt64
  let cpuLimit: Int
  var slub: SLUB

  /// Free objects on slabs from before the trace, in the order they were handed out, by cache identity.
  var startObjects: [CacheEvidence.Identity: [TraceSurvey.StartObject]] = [:]
  var oldPageNodes: [UInt64: CacheEvidence.Identity] = [:]

  // Objects handed out unseen, and the number of events before the one looked at.
  var unseen: UnseenAllocations
  var ordinal: UInt64 = 0
  let infersUnseen: Bool
  var limbo = AddressTable(filler: Limbo(base: 0, cache: 0, order: 0))
  // The slab added for the request being looked at, or −1.
  var freshSlab: Int32 = -1
  // Whether a slab's pages were taken in the trace, by slab number.
  var born: [Bool] = []

  /// Pages in slabs by the model's own decisions, less those of slabs given back: a change since the first event.
  var predictedPages: Int64 = 0
  /// The same by what the trace shows.
  var observedPages: Int64 = 0

  /// The results.
  var grades = FollowGrades()

  /// Prepares to follow a trace; `survey` must be finished.
  init(profile: KernelProfile, pageOffset: UInt64, survey: borrowing TraceSurvey) {
    pageShift = UInt64(profile.pageSize.trailingZeroBitCount)
    self.pageOffset = pageOffset
    cpuLimit = max(profile.cpuCount, 1)
    slub = SLUB(profile: profile, cpuLimit: cpuLimit)
    for object in survey.startObjects {
      startObjects[survey.identity(node: object.node), default: []].append(
        TraceSurvey.StartObject(address: object.address, cpu: object.cpu))
    }
    var nodes: [UInt64: CacheEvidence.Identity] = [:]
    survey.oldPages.forEach { page, node in nodes[page] = survey.identity(node: node) }
    oldPageNodes = nodes
    unseen = UnseenAllocations(survey.unseen)
    infersUnseen = !survey.unseen.isEmpty
    grades.isOfSlabs = profile.slub.randomisesFreelist
  }

  /// Where several caches are served from one place, the page says which, once something else on it did.
  func servingCache(_ slab: Int32, _ cache: Int) -> Int {
    if slab < 0 { return cache }
    let other = slub.cache(ofSlab: slab)
    return slub.geometry(cache: other).slotSize == slub.geometry(cache: cache).slotSize ? other : cache
  }

  /// Makes sure that the model has all caches of the directory.
  @inline(never)
  mutating func addCaches(_ directory: borrowing CacheDirectory, _ pages: inout PageClassifier) {
    while slub.cacheCount < directory.entries.count {
      let entry = directory.entries[slub.cacheCount]
      let cache = slub.addCache(name: entry.name, slotSize: entry.slotSize, leftPadding: entry.description.leftPadding)
      grades.caches.append(FollowGrades.CacheGrades())
      seedOldSlabs(entry.identity, cache, &pages)
    }
  }

  /// Puts the slabs from before the trace that had free objects where they must have been, so that they are used in the
  /// order the kernel used them.
  private mutating func seedOldSlabs(
    _ identity: CacheEvidence.Identity, _ cache: Int, _ pages: inout PageClassifier
  ) {
    guard let objects = startObjects[identity] else { return }
    let geometry = slub.geometry(cache: cache)
    let leftPadding = UInt64(slub.leftPadding(cache: cache))
    let slabBytes = UInt64(1) << (pageShift + UInt64(geometry.order))
    var order: [UInt64] = []
    var free: [UInt64: [UInt16]] = [:]
    // The first slab that each CPU took objects from was the one in its use.
    var active: [UInt64: Int] = [:]
    var hasActive = Set<UInt16>()
    for object in objects {
      let base = object.address & ~(slabBytes - 1)
      let (index, rest) = (object.address &- base &- leftPadding).quotientAndRemainder(
        dividingBy: UInt64(geometry.slotSize))
      if rest != 0 || index >= UInt64(geometry.objectsPerSlab) { continue }
      if free[base] == nil { order.append(base) }
      free[base, default: []].append(UInt16(index))
      if hasActive.insert(object.cpu).inserted, active[base] == nil {
        active[base] = min(Int(object.cpu), cpuLimit - 1)
      }
    }
    for (base, cpu) in active.sorted(by: { $0.value < $1.value }) {
      adopt(cache, base, free[base] ?? [], activeOn: cpu, &pages)
    }
    // The kernel takes one slab from the node's list and moves the next few to the CPU's, where they are used last in,
    // first out: undo that reversal.
    var rest = order.filter { active[$0] == nil }
    let group = geometry.perCPUPartialLimit > 0 ? 2 + geometry.perCPUPartialLimit / 2 : 1
    while !rest.isEmpty {
      let part = Array(rest.prefix(group))
      rest.removeFirst(part.count)
      adopt(cache, part[0], free[part[0]] ?? [], activeOn: nil, &pages)
      for base in part.dropFirst().reversed() { adopt(cache, base, free[base] ?? [], activeOn: nil, &pages) }
    }
  }

  @discardableResult
  mutating func adopt(
    _ cache: Int, _ base: UInt64, _ free: [UInt16], activeOn cpu: Int?, _ pages: inout PageClassifier
  ) -> Int32 {
    let slab = slub.adoptSlab(cache: cache, base: base, free: free, activeOn: cpu)
    register(slab, base, slub.order(ofSlab: slab), born: false, &pages)
    return slab
  }

  mutating func register(
    _ slab: Int32, _ base: UInt64, _ order: Int, born isBorn: Bool, _ pages: inout PageClassifier
  ) {
    while born.count <= Int(slab) { born.append(false) }
    born[Int(slab)] = isBorn
    pages.setOwner(slab, base: base, order: order)
  }
}
