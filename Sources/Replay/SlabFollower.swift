import KernelTypes
import MemoryModels
import TraceEvents

/// Drives a SLUB model along a trace that a SLUB kernel made, and grades every step.
///
/// Before each allocation the model says what it would do; the trace says what the kernel did. Where they differ the
/// difference is counted by kind and the model is put right, so that one miss doesn't spoil what follows. Slabs use the
/// page frames that the trace gave to the kernel, so that predicted and traced addresses can be compared byte for byte.
struct SlabFollower: ~Copyable {
  /// A block of pages that the trace showed being taken.
  struct Block: BitwiseCopyable {
    enum Use: UInt8 { case unclaimed, slab, large }
    var order: UInt8
    var use: Use
  }

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
  var slabOfPage = AddressTable(filler: Int32(-1))
  var blocks = AddressTable(filler: Block(order: 0, use: .unclaimed))
  var limbo = AddressTable(filler: Limbo(base: 0, cache: 0, order: 0))
  // The slab added for the request being looked at, or −1.
  var freshSlab: Int32 = -1
  // Whether a slab's pages were taken in the trace, by slab number.
  var born: [Bool] = []

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
    unseen = survey.unseen
    infersUnseen = !survey.unseen.intervals.isEmpty
  }

  /// Replays the events of a batch; `caches` has the cache of each row.
  mutating func consume(
    _ batch: borrowing EventBatch, caches: UnsafeMutablePointer<Int32>, directory: borrowing CacheDirectory
  ) {
    for row in 0..<batch.count {
      ordinal &+= 1
      switch batch.kind[row] {
      case .kmalloc, .kmallocNode, .kmemCacheAlloc, .kmemCacheAllocNode:
        let cache = Int(caches[row])
        if cache == CacheDirectory.large { claimLarge(batch, row) }
        if cache < 0 { continue }
        if cache >= slub.cacheCount { addCaches(directory) }
        if batch.kind[row] == .kmalloc || batch.kind[row] == .kmallocNode {
          grades.allocatedBytes.count(batch.allocatedBytes[row] == UInt64(slub.geometry(cache: cache).slotSize))
        }
        allocation(batch, row, servingCache(batch, row, cache, directory))
      case .kfree, .kmemCacheFree: free(batch, row, directory)
      case .mmPageAlloc: pageAllocation(batch, row)
      case .mmPageFree, .mmPageFreeDirect: pageFree(batch, row)
      default: break
      }
    }
  }

  /// Where several caches are served from one place, the page says which, once something else on it did.
  private func servingCache(
    _ batch: borrowing EventBatch, _ row: Int, _ cache: Int, _ directory: borrowing CacheDirectory
  ) -> Int {
    guard directory.evidence.hasDividedSites, directory.isDivided(batch, row) else { return cache }
    let slab = slabOfPage.value(batch.address[row] >> pageShift) ?? -1
    if slab < 0 { return cache }
    let other = slub.cache(ofSlab: slab)
    return slub.geometry(cache: other).slotSize == slub.geometry(cache: cache).slotSize ? other : cache
  }

  private mutating func addCaches(_ directory: borrowing CacheDirectory) {
    while slub.cacheCount < directory.entries.count {
      let entry = directory.entries[slub.cacheCount]
      let cache = slub.addCache(name: entry.name, slotSize: entry.slotSize)
      grades.caches.append(FollowGrades.CacheGrades())
      seedOldSlabs(entry.identity, cache)
    }
  }

  /// Puts the slabs from before the trace that had free objects where they must have been, so that they are used in the
  /// order the kernel used them.
  private mutating func seedOldSlabs(_ identity: CacheEvidence.Identity, _ cache: Int) {
    guard let objects = startObjects[identity] else { return }
    let geometry = slub.geometry(cache: cache)
    let slabBytes = UInt64(1) << (pageShift + UInt64(geometry.order))
    var order: [UInt64] = []
    var free: [UInt64: [UInt16]] = [:]
    // The first slab that each CPU took objects from was the one in its use.
    var active: [UInt64: Int] = [:]
    var hasActive = Set<UInt16>()
    for object in objects {
      let base = object.address & ~(slabBytes - 1)
      let (index, rest) = (object.address - base).quotientAndRemainder(dividingBy: UInt64(geometry.slotSize))
      if rest != 0 || index >= UInt64(geometry.objectsPerSlab) { continue }
      if free[base] == nil { order.append(base) }
      free[base, default: []].append(UInt16(index))
      if hasActive.insert(object.cpu).inserted, active[base] == nil { active[base] = min(Int(object.cpu), cpuLimit - 1) }
    }
    for (base, cpu) in active.sorted(by: { $0.value < $1.value }) { adopt(cache, base, free[base] ?? [], activeOn: cpu) }
    // The kernel takes one slab from the node's list and moves the next few to the CPU's, where they are used last in,
    // first out: undo that reversal.
    var rest = order.filter { active[$0] == nil }
    let group = geometry.perCPUPartialLimit > 0 ? 2 + geometry.perCPUPartialLimit / 2 : 1
    while !rest.isEmpty {
      let part = Array(rest.prefix(group))
      rest.removeFirst(part.count)
      adopt(cache, part[0], free[part[0]] ?? [], activeOn: nil)
      for base in part.dropFirst().reversed() { adopt(cache, base, free[base] ?? [], activeOn: nil) }
    }
  }

  @discardableResult
  mutating func adopt(_ cache: Int, _ base: UInt64, _ free: [UInt16], activeOn cpu: Int?) -> Int32 {
    let slab = slub.adoptSlab(cache: cache, base: base, free: free, activeOn: cpu)
    register(slab, base, slub.order(ofSlab: slab), born: false)
    return slab
  }

  mutating func register(_ slab: Int32, _ base: UInt64, _ order: Int, born isBorn: Bool) {
    while born.count <= Int(slab) { born.append(false) }
    born[Int(slab)] = isBorn
    for page in 0..<Order.pages(order) { slabOfPage.insert((base >> pageShift) + page, slab) }
  }

  mutating func unregister(_ base: UInt64, _ order: Int) {
    for page in 0..<Order.pages(order) { slabOfPage.remove((base >> pageShift) + page) }
  }
}
