public import KernelTypes
import MemoryModels
public import TraceEvents

/// What one replay models.
public struct ReplaySetup: Sendable {
  public var profile: KernelProfile
  public var allocator: TracedAllocator.Kind
  /// Who made the trace; `nil` when its sizes don't tell.
  public var tracedAllocator: TracedAllocator.Kind?
  /// The debugging of the SLUB that made the trace.
  public var tracedDebugFlags: SLUBDebugFlags
  /// What a snapshot says about the traced kernel's caches.
  public var knownCaches: [KnownCache] = []
  /// Call sites whose kmalloc requests of up to so many bytes get a cache of their own, to see what that would save.
  public var ownCaches: [StringID: Int] = [:]
  /// Whether the model is also led along the trace and graded: the trace must be the same allocator's.
  public var isFollowing: Bool
  /// Whether the model, if it is led along the trace, also runs alone from the start that the trace shows.
  public var runsAlone = false

  /// `profile` is the traced kernel's; its kmalloc classes are turned into the modelled allocator's.
  public init(
    profile: KernelProfile, allocator: TracedAllocator.Kind, tracedAllocator: TracedAllocator.Kind?,
    tracedDebugFlags: SLUBDebugFlags = [], isFollowing: Bool
  ) {
    self.profile = profile.adapted(to: allocator)
    self.allocator = allocator
    self.tracedAllocator = tracedAllocator
    self.tracedDebugFlags = tracedDebugFlags
    self.isFollowing = isFollowing
  }
}

extension KernelProfile {
  /// The same kernel built with another allocator. Classes below SLUB's minimum can't be brought back.
  public func adapted(to allocator: TracedAllocator.Kind) -> KernelProfile {
    var profile = self
    switch allocator {
    case .slub: break
    case .slab: profile.kmalloc.useSLAB(kernel: kernel, pageSize: pageSize)
    case .slob: profile.kmalloc.useSLOB(headerBytes: slob.headerBytes, pageSize: pageSize)
    }
    return profile
  }
}

/// Marks that a replay keeps in full; later ones are counted.
let replayMarkLimit = 10_000

/// Replays a trace's events through the model of one allocator, and grades it when the trace was made by the same.
public struct ReplayEngine: ~Copyable {
  private let driver: any ReplayDriver

  /// Prepares a replay of the trace that `survey` (finished) looked at.
  public init(
    _ setup: ReplaySetup, survey: borrowing TraceSurvey, strings: StringInterner,
    batchCapacity: Int = EventBatch.standardCapacity
  ) {
    driver = makeDriver(setup, survey: survey, strings: strings, batchCapacity: batchCapacity)
  }

  /// Prepares a replay through SLUB. `following` says that the trace was made by SLUB, so that the model can be graded.
  public init(
    profile: KernelProfile, survey: borrowing TraceSurvey, following: Bool, strings: StringInterner,
    batchCapacity: Int = EventBatch.standardCapacity
  ) {
    self.init(
      ReplaySetup(profile: profile, allocator: .slub, tracedAllocator: .slub, isFollowing: following), survey: survey,
      strings: strings, batchCapacity: batchCapacity)
  }

  /// Replays the rows of a batch that lie before or inside the window.
  public mutating func consume(_ batch: borrowing EventBatch, rows: Range<Int>, isInside: Bool) {
    driver.consume(batch, rows: rows, isInside: isInside)
  }

  /// The findings after the last event of the window.
  public func finish() -> ReplayOutcome { driver.finish() }
}

/// A replay whose model is known only to itself: asked once a batch, never once an event.
private protocol ReplayDriver: AnyObject {
  func begin(with start: AllocatorStart)
  func consume(_ batch: borrowing EventBatch, rows: Range<Int>, isInside: Bool)
  func finish() -> ReplayOutcome
}

private func makeDriver(
  _ setup: ReplaySetup, survey: borrowing TraceSurvey, strings: StringInterner, batchCapacity: Int
) -> any ReplayDriver {
  switch setup.allocator {
  case .slub:
    SLUBDriver(
      ReplayRun(setup, survey: survey, strings: strings, batchCapacity: batchCapacity))
  case .slab:
    SLABDriver(
      ReplayRun(setup, survey: survey, strings: strings, batchCapacity: batchCapacity))
  case .slob:
    SLOBDriver(
      ReplayRun(setup, survey: survey, strings: strings, batchCapacity: batchCapacity))
  }
}

// One class for each allocator, not one generic class: the methods of a generic class that are reached through a
// protocol are not specialised, and would run every event through witness tables.

private final class SLUBDriver: ReplayDriver {
  private var run: ReplayRun<SLUB, SlabFollower>

  init(_ run: consuming ReplayRun<SLUB, SlabFollower>) { self.run = run }

  func begin(with start: AllocatorStart) { run.begin(with: start) }

  func consume(_ batch: borrowing EventBatch, rows: Range<Int>, isInside: Bool) {
    run.consume(batch, rows: rows, isInside: isInside)
  }

  func finish() -> ReplayOutcome { run.finish() }
}

private final class SLABDriver: ReplayDriver {
  private var run: ReplayRun<SLAB, SLABFollower>

  init(_ run: consuming ReplayRun<SLAB, SLABFollower>) { self.run = run }

  func begin(with start: AllocatorStart) { run.begin(with: start) }

  func consume(_ batch: borrowing EventBatch, rows: Range<Int>, isInside: Bool) {
    run.consume(batch, rows: rows, isInside: isInside)
  }

  func finish() -> ReplayOutcome { run.finish() }
}

private final class SLOBDriver: ReplayDriver {
  private var run: ReplayRun<SLOB, SLOBFollower>

  init(_ run: consuming ReplayRun<SLOB, SLOBFollower>) { self.run = run }

  func begin(with start: AllocatorStart) { run.begin(with: start) }

  func consume(_ batch: borrowing EventBatch, rows: Range<Int>, isInside: Bool) {
    run.consume(batch, rows: rows, isInside: isInside)
  }

  func finish() -> ReplayOutcome { run.finish() }
}

/// Replays a trace's events through several models, each on a machine of its own with the same start: every batch is
/// read once and goes to all of them.
public struct ReplayFleet: ~Copyable {
  private var drivers: [any ReplayDriver] = []

  /// Prepares replays of the trace that `survey` (finished) looked at.
  public init(
    _ setups: [ReplaySetup], survey: borrowing TraceSurvey, strings: StringInterner,
    batchCapacity: Int = EventBatch.standardCapacity
  ) {
    for setup in setups {
      drivers.append(makeDriver(setup, survey: survey, strings: strings, batchCapacity: batchCapacity))
    }
  }

  /// Tells what a snapshot, taken at this moment of the trace, says about the traced kernel's allocator.
  public mutating func begin(with start: AllocatorStart) {
    for driver in drivers { driver.begin(with: start) }
  }

  /// Replays the rows of a batch that lie before or inside the window.
  public mutating func consume(_ batch: borrowing EventBatch, rows: Range<Int>, isInside: Bool) {
    for driver in drivers { driver.consume(batch, rows: rows, isInside: isInside) }
  }

  /// The findings after the last event of the window, in the order of the setups.
  public func finish() -> [ReplayOutcome] { drivers.map { $0.finish() } }
}
