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

  let old: OldSlabs

  // Objects handed out unseen, and the number of events before the one looked at.
  var unseen: UnseenAllocations
  var ordinal: UInt64 = 0
  let infersUnseen: Bool
  var limbo = AddressTable(filler: Limbo(base: 0, cache: 0, order: 0))
  // The slab added for the request being looked at, or −1.
  var freshSlab: Int32 = -1
  // Whether a slab's pages were taken in the trace, by slab number.
  var born: [Bool] = []
  // Whether the model took a slab of its own accord, or it was there before the trace, by slab number: giving back any
  // other is no decision that leads anywhere from the state before.
  var isCounted: [Bool] = []

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
    old = OldSlabs(survey)
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
    let slabs = old.slabs(
      of: identity, geometry: slub.geometry(cache: cache), leftPadding: UInt64(slub.leftPadding(cache: cache)),
      pageShift: pageShift, cpuLimit: cpuLimit)
    for slab in slabs { adopt(cache, slab.base, slab.free, activeOn: slab.activeOn, &pages) }
  }

  @discardableResult
  mutating func adopt(
    _ cache: Int, _ base: UInt64, _ free: [UInt16], activeOn cpu: Int?, _ pages: inout PageClassifier
  ) -> Int32 {
    let slab = slub.adoptSlab(cache: cache, base: base, free: free, activeOn: cpu)
    register(slab, base, slub.order(ofSlab: slab), born: false, counted: true, &pages)
    return slab
  }

  mutating func register(
    _ slab: Int32, _ base: UInt64, _ order: Int, born isBorn: Bool, counted: Bool, _ pages: inout PageClassifier
  ) {
    while born.count <= Int(slab) {
      born.append(false)
      isCounted.append(false)
    }
    born[Int(slab)] = isBorn
    isCounted[Int(slab)] = counted
    pages.setOwner(slab, base: base, order: order)
  }
}
