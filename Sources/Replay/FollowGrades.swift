/// What a `SlabFollower` found out: how well the model predicted the kernel, in total and by cache.
public struct FollowGrades: Sendable {
  /// The grades of one cache.
  public struct CacheGrades: Sendable {
    /// Addresses of objects on slabs whose pages were taken in the trace.
    public var objectAddress = Grade()
    /// Addresses of objects on slabs from before the trace.
    public var oldObjectAddress = Grade()
    /// Moments at which the model or the kernel took a new slab: right when both did, with the same order.
    public var slabGrowth = Grade()
    /// Slabs given back: right when the model and the kernel both did.
    public var slabRelease = Grade()
    /// Slabs taken less slabs given back since the first event: by the model's own decisions, and as the trace shows.
    public var predictedSlabs: Int64 = 0
    public var observedSlabs: Int64 = 0
    public var misses = [UInt64](repeating: 0, count: AddressMiss.allCases.count)
    /// Objects that must have been taken by requests the trace doesn't show.
    public var takenUnseen: UInt64 = 0
    /// Objects that must have been given back by requests the trace doesn't show.
    public var freedUnseen: UInt64 = 0
  }

  /// Whether the kernel chains its free objects in random order, so that not addresses are graded, only their slabs.
  public var isOfSlabs = false
  /// `bytes_alloc` of kmalloc events against the size class the model gives.
  public var allocatedBytes = Grade()
  public var caches: [CacheGrades] = []
  /// Frees of objects whose slab is not known.
  public var freesOfUnknown: UInt64 = 0
  /// Objects on pages of unknown origin.
  public var objectsOnUnknownPages: UInt64 = 0

  /// All caches together.
  public var total: CacheGrades {
    var sum = CacheGrades()
    for cache in caches {
      sum.objectAddress.add(cache.objectAddress)
      sum.oldObjectAddress.add(cache.oldObjectAddress)
      sum.slabGrowth.add(cache.slabGrowth)
      sum.slabRelease.add(cache.slabRelease)
      sum.predictedSlabs += cache.predictedSlabs
      sum.observedSlabs += cache.observedSlabs
      sum.takenUnseen += cache.takenUnseen
      sum.freedUnseen += cache.freedUnseen
      for index in sum.misses.indices { sum.misses[index] += cache.misses[index] }
    }
    return sum
  }
}

extension FollowGrades {
  /// Starts counting anew.
  mutating func forget() {
    for index in caches.indices { caches[index] = CacheGrades() }
    allocatedBytes = Grade()
    freesOfUnknown = 0
    objectsOnUnknownPages = 0
  }

  /// Takes off the counts of an earlier moment of the same replay.
  mutating func subtract(_ earlier: FollowGrades) {
    allocatedBytes.subtract(earlier.allocatedBytes)
    freesOfUnknown -= earlier.freesOfUnknown
    objectsOnUnknownPages -= earlier.objectsOnUnknownPages
    for index in earlier.caches.indices {
      let old = earlier.caches[index]
      caches[index].objectAddress.subtract(old.objectAddress)
      caches[index].oldObjectAddress.subtract(old.oldObjectAddress)
      caches[index].slabGrowth.subtract(old.slabGrowth)
      caches[index].slabRelease.subtract(old.slabRelease)
      caches[index].predictedSlabs -= old.predictedSlabs
      caches[index].observedSlabs -= old.observedSlabs
      caches[index].takenUnseen -= old.takenUnseen
      caches[index].freedUnseen -= old.freedUnseen
      for miss in old.misses.indices { caches[index].misses[miss] -= old.misses[miss] }
    }
  }
}

extension Grade {
  mutating func subtract(_ other: Grade) {
    checked -= other.checked
    matched -= other.matched
  }

  mutating func add(_ other: Grade) {
    checked += other.checked
    matched += other.matched
  }
}
