import KernelTypes
import MemoryModels
import TraceEvents

/// Drives a SLOB model along a trace that a SLOB kernel made, and grades every step, as `SlabFollower` does for SLUB.
///
/// Pages from before the trace are only known by what is freed on them. A growth proves that none of them has a hole of
/// that size on the list that was searched, so that what happens on pages taken in the trace can be predicted more and
/// more. A dump of the lists makes everything known.
struct SLOBFollower: ~Copyable {
  /// An object that is handed out.
  struct Held: BitwiseCopyable {
    var bytes: UInt32
    var cache: Int32
  }

  struct Limbo: BitwiseCopyable {
    var base: UInt64
    var cache: Int32
  }

  /// A free that takes effect after an RCU grace period.
  struct Deferred: BitwiseCopyable {
    var due: UInt64
    var address: UInt64
    var held: Held
  }

  // No event shows the end of a grace period: this long fits the captures.
  static let gracePeriod: UInt64 = 12_000_000

  let pageShift: UInt64
  let pageOffset: UInt64
  let pageSize: Int
  var slob: SLOB
  var ordinal: UInt64 = 0
  var held = AddressTable(filler: Held(bytes: 0, cache: 0), minimumCapacity: 1024)
  var limbo = AddressTable(filler: Limbo(base: 0, cache: 0))
  // By page: the cache of the request that took it, and whether it was taken in the trace.
  var firstCache: [Int32] = []
  var born: [Bool] = []
  // Whether the lists are known from a dump: no page has free units that the model doesn't know of.
  var isKnown = false
  // By cache: whether it is freed after a grace period.
  var isDeferred: [Bool] = []
  var deferred: [Deferred] = []
  var deferredStart = 0
  var time: UInt64 = 0

  var predictedPages: Int64 = 0
  var observedPages: Int64 = 0
  var grades = FollowGrades()

  init(profile: KernelProfile, pageOffset: UInt64, survey: borrowing TraceSurvey) {
    pageShift = UInt64(profile.pageSize.trailingZeroBitCount)
    pageSize = profile.pageSize
    self.pageOffset = pageOffset
    slob = SLOB(profile: profile)
  }

  mutating func register(_ id: Int32, _ cache: Int, born isBorn: Bool, _ pages: inout PageClassifier) {
    while firstCache.count <= Int(id) {
      firstCache.append(0)
      born.append(false)
    }
    firstCache[Int(id)] = Int32(cache)
    born[Int(id)] = isBorn
    pages.setOwner(id, base: slob.base(ofPage: id), order: slob.order(ofPage: id))
  }

  /// Adds a page from before the trace.
  mutating func adopt(_ address: UInt64, _ cache: Int, _ pages: inout PageClassifier) -> Int32 {
    let base = address & ~UInt64(pageSize - 1)
    let id = isKnown ? slob.adoptFullPage(base: base) : slob.adoptPage(base: base)
    register(id, cache, born: false, &pages)
    return id
  }

  mutating func settleReleases(_ pages: inout PageClassifier) {
    for released in slob.released {
      predictedPages -= Int64(Order.pages(released.order))
      pages.setOwner(PageClassifier.unknownOwner, base: released.base, order: released.order)
      limbo.insert(released.base >> pageShift, Limbo(base: released.base, cache: Int32(released.cache)))
    }
    slob.released.removeAll(keepingCapacity: true)
  }

  /// The kernel gave a page back that the model still has.
  mutating func lose(_ id: Int32, _ pages: inout PageClassifier) {
    let base = slob.base(ofPage: id)
    let order = slob.order(ofPage: id)
    // What else lay on a page from before the trace is not known.
    if born[Int(id)] { grades.caches[Int(firstCache[Int(id)])].slabRelease.count(false) }
    observedPages -= Int64(Order.pages(order))
    pages.setOwner(PageClassifier.unknownOwner, base: base, order: order)
    slob.removePage(id)
  }
}

extension SLOBFollower: AllocatorFollower {
  /// Grades count from here on: before, the lists were guessed.
  mutating func begin(with start: AllocatorStart, _ pages: inout PageClassifier) -> Bool {
    guard let dumped = start.slobPages else { return false }
    slob.fillUp()
    isKnown = true
    for page in dumped {
      let base = (page.frame &+ pageOffset) << pageShift
      var id = pages.owner(address: base)
      if id == PageClassifier.unknownOwner || id == PageClassifier.old { id = adopt(base, 0, &pages) }
      if id >= 0, slob.order(ofPage: id) == 0 { _ = slob.setFree(page: id, page.free, list: page.list) }
    }
    grades.forget()
    return true
  }

  @inline(never)
  mutating func addCaches(_ directory: borrowing CacheDirectory, _ pages: inout PageClassifier) {
    while slob.cacheCount < directory.entries.count {
      let description = directory.entries[slob.cacheCount].description
      _ = slob.addCache(description)
      isDeferred.append(description.keepsContents)
      grades.caches.append(FollowGrades.CacheGrades())
    }
  }

  mutating func pageTaken(frame: UInt64, stale: Int32, _ pages: inout PageClassifier) {
    if stale >= 0 { lose(stale, &pages) }
    if limbo.count > 0, let waiting = limbo.remove(frame &+ pageOffset) {
      grades.caches[Int(waiting.cache)].slabRelease.count(false)
    }
  }

  mutating func pageGivenBack(frame: UInt64, cpu: Int, time: UInt64, _ pages: inout PageClassifier) {
    if limbo.count > 0, let waiting = limbo.remove(frame &+ pageOffset) {
      grades.caches[Int(waiting.cache)].slabRelease.count(true)
      observedPages -= 1
      return
    }
    let id = pages.owner(frame: frame)
    if id >= 0 { lose(id, &pages) }
  }

  var nextDue: UInt64 { deferredStart < deferred.count ? deferred[deferredStart].due : .max }

  mutating func note(time: UInt64) { self.time = time }

  mutating func advance(to time: UInt64, _ pages: inout PageClassifier) {
    while deferredStart < deferred.count, deferred[deferredStart].due <= time {
      let waiting = deferred[deferredStart]
      deferredStart += 1
      giveBack(waiting.address, waiting.held, &pages)
    }
    if deferredStart > 4096 {
      deferred.removeFirst(deferredStart)
      deferredStart = 0
    }
  }
}
