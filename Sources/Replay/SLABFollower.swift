import KernelTypes
import MemoryModels
import TraceEvents

/// Drives a SLAB model along a trace that a SLAB kernel made, and grades every step, as `SlabFollower` does for SLUB.
///
/// What a trace that starts in the middle doesn't tell is what the arrays hold. The first growth of a cache does: it
/// proves that the CPU's array, the shared one and all slabs of the node have no free object. Predictions are graded
/// from there on.
struct SLABFollower: ~Copyable {
  /// A slab that the model gave back and whose pages the kernel has yet to free.
  struct Limbo: BitwiseCopyable {
    var base: UInt64
    var cache: Int32
    var order: UInt8
  }

  /// Objects taken without an event along with one that has one: a tree of maple nodes that is one level high takes 1 + 3
  /// beforehand, and mostly keeps them; one of three levels takes 1 + 9, keeps one or two, and returns the others in
  /// reverse (`mas_preallocate`, `mas_destroy`, lib/maple_tree.c, Linux 6.1).
  static let smallGroup = 3
  static let largeGroup = 8

  let pageShift: UInt64
  let pageOffset: UInt64
  let cpuLimit: Int
  var slab: SLAB

  let old: OldSlabs
  var unseen: UnseenAllocations
  let infersUnseen: Bool
  var ordinal: UInt64 = 0

  // By number of object: whether it is handed out.
  var isOut: [Bool] = []
  // By slab: whether its pages were taken in the trace.
  var born: [Bool] = []
  // By slab: whether the model took it of its own accord, or it was there before the trace.
  var isCounted: [Bool] = []
  // By cache × CPU: whether the model knows what the array holds.
  var isKnown: [Bool] = []
  // By cache × CPU: whether the array still holds one object at most, as before kmem_cache_init_late.
  var isStartingUp: [Bool] = []
  // By cache: whether the model knows the colours.
  var knowsColour: [Bool] = []
  var limbo = AddressTable(filler: Limbo(base: 0, cache: 0, order: 0))
  // By CPU: the cache of the last free, or −1 after anything else.
  var lastFreed: [Int32]
  // When the reaper is expected on a CPU, once it was seen: 0 before.
  var expectedReap: [UInt64]
  var reapStarted: [UInt64]

  var predictedPages: Int64 = 0
  var observedPages: Int64 = 0
  var grades = FollowGrades()

  init(profile: KernelProfile, pageOffset: UInt64, survey: borrowing TraceSurvey) {
    pageShift = UInt64(profile.pageSize.trailingZeroBitCount)
    self.pageOffset = pageOffset
    cpuLimit = max(profile.cpuCount, 1)
    slab = SLAB(profile: profile, cpuLimit: cpuLimit)
    lastFreed = [Int32](repeating: -1, count: cpuLimit)
    expectedReap = [UInt64](repeating: 0, count: cpuLimit)
    reapStarted = [UInt64](repeating: 0, count: cpuLimit)
    old = OldSlabs(survey)
    unseen = UnseenAllocations(survey.unseen)
    infersUnseen = !survey.unseen.isEmpty
  }

  // MARK: - Objects

  func isOut(_ object: SlabObject) -> Bool {
    let number = slab.number(of: object)
    return number < isOut.count && isOut[number]
  }

  mutating func mark(_ object: SlabObject, out: Bool) {
    let number = slab.number(of: object)
    if number >= isOut.count {
      isOut.append(contentsOf: repeatElement(false, count: number + 1 - isOut.count + 1024))
    }
    isOut[number] = out
  }

  mutating func register(
    _ id: Int32, born isBorn: Bool, counted: Bool, allOut: Bool, _ pages: inout PageClassifier
  ) {
    while born.count <= Int(id) {
      born.append(false)
      isCounted.append(false)
    }
    born[Int(id)] = isBorn
    isCounted[Int(id)] = counted
    for index in 0..<slab.geometry(cache: slab.cache(ofSlab: id)).objectsPerSlab {
      mark(SlabObject(slab: id, index: UInt16(index)), out: allOut)
    }
    pages.setOwner(id, base: slab.base(ofSlab: id), order: slab.order(ofSlab: id))
  }

  /// Adds a slab from before the trace; its objects are handed out as far as anybody knows.
  mutating func adopt(_ address: UInt64, _ cache: Int, _ pages: inout PageClassifier) -> Int32 {
    let geometry = slab.geometry(cache: cache)
    let base = address & ~((UInt64(1) << (pageShift + UInt64(geometry.order))) - 1)
    // Colours are smaller than an object, or there would be room for one more.
    let offset = (address - base) % UInt64(geometry.slotSize)
    let id = slab.adoptSlab(cache: cache, base: base, offset: Int(offset))
    register(id, born: false, counted: true, allOut: true, &pages)
    return id
  }

  // MARK: - Pages

  /// Remembers the slabs that the model has just given back until the kernel's mm_page_free confirms it.
  mutating func settleReleases(_ pages: inout PageClassifier) {
    for released in slab.released {
      let owner = Int(pages.owner(address: released.base))
      if isCounted.indices.contains(owner), isCounted[owner] {
        predictedPages -= Int64(Order.pages(released.order))
        grades.caches[released.cache].predictedSlabs -= 1
      }
      pages.setOwner(PageClassifier.unknownOwner, base: released.base, order: released.order)
      limbo.insert(
        released.base >> pageShift,
        Limbo(base: released.base, cache: Int32(released.cache), order: UInt8(released.order)))
    }
    slab.released.removeAll(keepingCapacity: true)
  }

  /// The kernel gave a slab back that the model still has.
  mutating func lose(_ id: Int32, isGraded: Bool, _ pages: inout PageClassifier) {
    let base = slab.base(ofSlab: id)
    let order = slab.order(ofSlab: id)
    if isGraded { grades.caches[slab.cache(ofSlab: id)].slabRelease.count(false) }
    observedPages -= Int64(Order.pages(order))
    grades.caches[slab.cache(ofSlab: id)].observedSlabs -= 1
    pages.setOwner(PageClassifier.unknownOwner, base: base, order: order)
    slab.removeSlab(id)
    settleReleases(&pages)
  }
}

extension SLABFollower: AllocatorFollower {
  @inline(never)
  mutating func addCaches(_ directory: borrowing CacheDirectory, _ pages: inout PageClassifier) {
    while slab.cacheCount < directory.entries.count {
      _ = slab.addCache(directory.entries[slab.cacheCount].description)
      grades.caches.append(FollowGrades.CacheGrades())
      knowsColour.append(false)
      for _ in 0..<cpuLimit {
        isKnown.append(false)
        isStartingUp.append(false)
      }
    }
  }

  func servingCache(_ slab: Int32, _ cache: Int) -> Int {
    if slab < 0 { return cache }
    let other = self.slab.cache(ofSlab: slab)
    return self.slab.geometry(cache: other).slotSize == self.slab.geometry(cache: cache).slotSize ? other : cache
  }

  mutating func pageTaken(frame: UInt64, stale: Int32, _ pages: inout PageClassifier) {
    if stale >= 0 { lose(stale, isGraded: true, &pages) }
    if limbo.count > 0, let waiting = limbo.remove(frame &+ pageOffset) {
      grades.caches[Int(waiting.cache)].slabRelease.count(false)
    }
  }

  mutating func pageGivenBack(frame: UInt64, cpu: Int, time: UInt64, _ pages: inout PageClassifier) {
    if confirm(frame) { return }
    let id = pages.owner(frame: frame)
    if id < 0 { return }
    let cache = slab.cache(ofSlab: id)
    if Int(lastFreed[cpu]) != cache {
      reapSeen(cache, cpu, time, &pages)
      if confirm(frame) { return }
    } else if slab.geometry(cache: cache).sharedLimit == 0, slab.flushEarly(cache: cache, cpu: cpu) {
      // Objects freed without an event had filled the array before its time.
      grades.caches[cache].freedUnseen += 1
      settleReleases(&pages)
      if limbo.remove(frame &+ pageOffset) != nil {
        grades.caches[cache].slabRelease.count(false)
        observedPages -= Int64(Order.pages(slab.geometry(cache: cache).order))
        grades.caches[cache].observedSlabs -= 1
        return
      }
    }
    lose(id, isGraded: isKnown[cache * cpuLimit + cpu], &pages)
  }

  private mutating func confirm(_ frame: UInt64) -> Bool {
    guard limbo.count > 0, let waiting = limbo.remove(frame &+ pageOffset) else { return false }
    grades.caches[Int(waiting.cache)].slabRelease.count(true)
    observedPages -= Int64(Order.pages(Int(waiting.order)))
    grades.caches[Int(waiting.cache)].observedSlabs -= 1
    return true
  }

  // MARK: - The reaper

  /// A slab was given back although nothing was freed just before: the reaper is at work on this CPU.
  private mutating func reapSeen(_ cache: Int, _ cpu: Int, _ time: UInt64, _ pages: inout PageClassifier) {
    // One pass takes milliseconds.
    if reapStarted[cpu] == 0 || time > reapStarted[cpu] + slab.profile.slab.reapInterval / 4 {
      startPass(cpu, time, &pages)
    }
    slab.reapFree(cache: cache, cpu: cpu, at: time)
    settleReleases(&pages)
  }

  private mutating func startPass(_ cpu: Int, _ time: UInt64, _ pages: inout PageClassifier) {
    reapStarted[cpu] = time
    expectedReap[cpu] = time + slab.profile.slab.reapInterval
    for cache in 0..<slab.cacheCount { slab.reapArray(cache: cache, cpu: cpu) }
    settleReleases(&pages)
  }

  var nextDue: UInt64 {
    var due = UInt64.max
    for expected in expectedReap where expected != 0 { due = min(due, expected) }
    return due
  }

  mutating func advance(to time: UInt64, _ pages: inout PageClassifier) {
    for cpu in 0..<cpuLimit where expectedReap[cpu] != 0 && time >= expectedReap[cpu] {
      startPass(cpu, expectedReap[cpu], &pages)
    }
  }
}
