public import KernelTypes
import MemoryModels

/// What a replay found.
public struct ReplayOutcome: Sendable {
  /// One cache of the replay.
  public struct Cache: Sendable {
    public var name: String
    /// Bytes of an object: the size class, or what callers asked for.
    public var objectSize: Int
    /// Bytes from one object to the next.
    public var slotSize: Int
    public var slabOrder: Int
    public var slotsPerSlab: Int
    public var slabs: Int
    public var slabPages: UInt64
    public var activeObjects: Int
    public var live: Amount
    public var freeSlotBytes: UInt64
    public var paddingBytes: UInt64
    public var peakSlabs: Int
    public var growths: Int
    public var releases: Int
    /// How well the model followed the kernel, if it could.
    public var grades: FollowGrades.CacheGrades?
  }

  /// The state at the end.
  public var end: ReplayMoment
  /// The most pages the model held.
  public var peakSlabPages: UInt64
  /// Blocks the model took and gave back, by order.
  public var pageAllocations: [UInt64]
  public var pageFrees: [UInt64]
  /// kmallocs that the page allocator served.
  public var largeAllocations: UInt64
  /// All requests served, cumulative.
  public var requests: Amount
  /// Pages in use at the end that the modelled machine did not have: it was assumed to be larger.
  public var borrowedPages: UInt64
  public var observedPeakSlabPages: UInt64?
  public var observedPageAllocations: [UInt64]?
  public var observedPageFrees: [UInt64]?
  /// By slab pages, then name.
  public var caches: [Cache]
  public var marks: [ReplayMoment]
  public var omittedMarks: UInt64
  public var timeline: [ReplayMoment]
  /// The grades of the model, if the trace was made by the same allocator.
  public var grades: FollowGrades?
  public var freesOfUnseen: UInt64
  public var freesOfNull: UInt64
  public var allocationsOfLive: UInt64
  public var failedAllocations: UInt64
  public var freesOfZeroSize: UInt64
  /// Allocations and frees whose pointer was printed as a placeholder: they are left out.
  public var unpairedAllocations: UInt64
  public var unpairedFrees: UInt64
}

/// Counts at the moment a window opens, which are taken off at the end.
struct WindowBaseline {
  var requests: Amount
  var grades: FollowGrades
  var pageAllocations: [UInt64]
  var pageFrees: [UInt64]
  var observedAllocations: [UInt64]
  var observedFrees: [UInt64]
  var largeAllocations: UInt64

  init<Model: ReplayedModel & ~Copyable, Follower: AllocatorFollower & ~Copyable>(
    _ engine: borrowing ReplayRun<Model, Follower>
  ) {
    requests = engine.replay.totalRequests
    grades = engine.follower.grades
    pageAllocations = engine.replay.pageAllocations
    pageFrees = engine.replay.pageFrees
    observedAllocations = engine.pages.observedAllocations
    observedFrees = engine.pages.observedFrees
    largeAllocations = engine.replay.largeAllocations
  }
}

extension ReplayRun where Model: ~Copyable, Follower: ~Copyable {
  /// The findings after the last event of the window.
  func finish() -> ReplayOutcome {
    let observes = pages.pageOffset != nil
    var grades = isFollowing ? follower.grades : nil
    if let baseline { grades?.subtract(baseline.grades) }
    func since(_ now: [UInt64], _ then: [UInt64]?) -> [UInt64] {
      guard let then else { return now }
      return zip(now, then).map { $0 &- $1 }
    }
    var requests = replay.totalRequests
    if let baseline { requests = requests - baseline.requests }
    return ReplayOutcome(
      end: moment(lastTime, text: ""), peakSlabPages: replay.peakSlabPages,
      pageAllocations: since(replay.pageAllocations, baseline?.pageAllocations),
      pageFrees: since(replay.pageFrees, baseline?.pageFrees),
      largeAllocations: replay.largeAllocations - (baseline?.largeAllocations ?? 0), requests: requests,
      borrowedPages: replay.pages.borrowedPages, observedPeakSlabPages: observes ? pages.observedPeakPages : nil,
      observedPageAllocations: observes ? since(pages.observedAllocations, baseline?.observedAllocations) : nil,
      observedPageFrees: observes ? since(pages.observedFrees, baseline?.observedFrees) : nil,
      caches: cacheFindings(grades), marks: marks, omittedMarks: omittedMarks, timeline: timeline.moments,
      grades: grades, freesOfUnseen: replay.freesOfUnseen, freesOfNull: freesOfNull,
      allocationsOfLive: replay.allocationsOfLive, failedAllocations: failedAllocations,
      freesOfZeroSize: freesOfZeroSize, unpairedAllocations: unpairedAllocations, unpairedFrees: unpairedFrees)
  }

  private func cacheFindings(_ grades: FollowGrades?) -> [ReplayOutcome.Cache] {
    var caches: [ReplayOutcome.Cache] = []
    for index in 0..<replay.model.cacheCount {
      let entry = directory.entries[index]
      var cache = ReplayOutcome.Cache(
        name: entry.name, objectSize: entry.objectSize, slotSize: entry.slotSize, slabOrder: 0, slotsPerSlab: 0,
        slabs: 0, slabPages: 0, activeObjects: Int(replay.liveByCache[index].objects),
        live: replay.liveByCache[index], freeSlotBytes: 0, paddingBytes: 0, peakSlabs: 0, growths: 0, releases: 0,
        grades: grades.flatMap { index < $0.caches.count ? $0.caches[index] : nil })
      if let report = replay.model.report(cache: index) {
        let occupancy = report.occupancy
        cache.slotSize = report.slotSize
        cache.slabOrder = report.order
        cache.slotsPerSlab = report.objectsPerSlab
        cache.slabs = occupancy.slabs
        cache.slabPages = UInt64(occupancy.pages)
        cache.activeObjects = report.activeObjects
        cache.freeSlotBytes = UInt64(max(occupancy.freeSlotBytes, 0))
        cache.paddingBytes = UInt64(max(occupancy.paddingBytes, 0))
        cache.peakSlabs = occupancy.peakSlabs
        cache.growths = occupancy.growths
        cache.releases = occupancy.releases
      }
      caches.append(cache)
    }
    return caches.sorted {
      ($1.slabPages, $1.live.allocatedBytes, $0.name) < ($0.slabPages, $0.live.allocatedBytes, $1.name)
    }
  }
}
