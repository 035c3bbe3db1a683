import KernelTypes
import MemoryModels
import TraceEvents

/// What follows the trace's own allocator step by step and grades a model: see `SlabFollower`.
protocol AllocatorFollower: ~Copyable {
  init(profile: KernelProfile, pageOffset: UInt64, survey: borrowing TraceSurvey)

  /// The number of events before the one looked at.
  var ordinal: UInt64 { get set }
  var grades: FollowGrades { get set }
  /// Changes of slab pages since the first event: by the model's own decisions, and by what the trace shows.
  var predictedPages: Int64 { get }
  var observedPages: Int64 { get }
  /// A snapshot taken at this moment tells more than the trace does. Returns whether grades count from here on.
  mutating func begin(with start: AllocatorStart, _ pages: inout PageClassifier) -> Bool
  mutating func addCaches(_ directory: borrowing CacheDirectory, _ pages: inout PageClassifier)
  /// Where several caches are served from one place, the page may say which.
  func servingCache(_ slab: Int32, _ cache: Int) -> Int
  mutating func allocation(
    _ address: UInt64, requested: UInt64, cpu: Int, cache: Int, claim: PageClassifier.Claim?,
    _ pages: inout PageClassifier)
  mutating func free(
    _ address: UInt64, name: StringID, cpu: Int, _ directory: borrowing CacheDirectory,
    _ pages: inout PageClassifier)
  mutating func pageTaken(frame: UInt64, stale: Int32, _ pages: inout PageClassifier)
  mutating func pageGivenBack(frame: UInt64, cpu: Int, time: UInt64, _ pages: inout PageClassifier)
  /// The block just taken became a slab of `cache` for requests without an event.
  mutating func growUnseen(_ claim: PageClassifier.Claim, cache: Int, cpu: Int, _ pages: inout PageClassifier)
  /// When `advance(to:)` has something to do, in nanoseconds of the trace's clock.
  var nextDue: UInt64 { get }
  mutating func advance(to time: UInt64, _ pages: inout PageClassifier)
  /// Tells the time of the event to come.
  mutating func note(time: UInt64)
}

extension AllocatorFollower where Self: ~Copyable {
  func servingCache(_ slab: Int32, _ cache: Int) -> Int { cache }
  mutating func begin(with start: AllocatorStart, _ pages: inout PageClassifier) -> Bool { false }
  mutating func growUnseen(_ claim: PageClassifier.Claim, cache: Int, cpu: Int, _ pages: inout PageClassifier) {}
  var nextDue: UInt64 { .max }
  mutating func note(time: UInt64) {}
  mutating func advance(to time: UInt64, _ pages: inout PageClassifier) {}
}

extension SlabFollower: AllocatorFollower {
  @inline(__always)
  mutating func allocation(
    _ address: UInt64, requested: UInt64, cpu: Int, cache: Int, claim: PageClassifier.Claim?,
    _ pages: inout PageClassifier
  ) {
    allocation(address, cpu: cpu, cache: cache, claim: claim, &pages)
  }

  @inline(__always)
  mutating func pageGivenBack(frame: UInt64, cpu: Int, time: UInt64, _ pages: inout PageClassifier) {
    pageGivenBack(frame: frame, &pages)
  }

  @inline(__always)
  mutating func free(
    _ address: UInt64, name: StringID, cpu: Int, _ directory: borrowing CacheDirectory,
    _ pages: inout PageClassifier
  ) {
    var slab = pages.owner(address: address)
    if slab == PageClassifier.unknownOwner || slab == PageClassifier.old {
      slab = oldSlab(address, name, directory, &pages)
    }
    if slab >= 0 {
      free(address, cpu: cpu, slab: slab, &pages)
    } else {
      grades.freesOfUnknown += 1
    }
  }
}
