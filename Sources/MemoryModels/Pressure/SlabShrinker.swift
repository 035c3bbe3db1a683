/// A cache that gives objects back when memory is short: names, inodes, and others that registered themselves.
///
/// Follows `do_shrink_slab` in mm/vmscan.c and `vfs_pressure_ratio` in include/linux/dcache.h, Linux 6.1.
public struct SlabShrinker: Hashable, Sendable {
  /// Objects looked at in one go, unless the cache says otherwise (`SHRINK_BATCH`).
  public static let standardBatch = 128
  /// The cost of making an object again, unless the cache says otherwise (`DEFAULT_SEEKS`).
  public static let standardSeeks = 2

  /// Whether `vfs_cache_pressure` scales what it says it has: caches of names and inodes.
  public var obeysCachePressure: Bool
  /// How costly an object is to make again; 0 for those that need no input.
  public var seeks: Int
  public var batch: Int
  /// Objects that should have been looked at earlier.
  public private(set) var deferred = 0

  public init(
    obeysCachePressure: Bool = true, seeks: Int = standardSeeks, batch: Int = standardBatch
  ) {
    self.obeysCachePressure = obeysCachePressure
    self.seeks = seeks
    self.batch = max(batch, 1)
  }

  /// What a pass asked for and got.
  public struct Pass: Hashable, Sendable {
    /// Objects the cache said it could free, after `vfs_cache_pressure`.
    public var freeable: Int
    /// Objects to look at by this pass's priority, without deferred ones.
    public var delta: Int
    /// Objects that were looked at.
    public var scanned: Int
    /// Objects that were freed.
    public var freed: Int
  }

  /// What `vfs_cache_pressure` makes of a number of objects.
  public static func pressed(_ objects: Int, cachePressure: Int) -> Int {
    // Two steps, so that no product overflows: mult_frac.
    objects / 100 * cachePressure + objects % 100 * cachePressure / 100
  }

  /// How many of `objects` unused objects a pass of a priority would look at, up to whole batches.
  public func target(objects: Int, priority: Int, cachePressure: Int = 100) -> Int {
    let freeable =
      obeysCachePressure ? Self.pressed(objects, cachePressure: cachePressure) : objects
    let delta = seeks > 0 ? (freeable >> priority) * 4 / seeks : freeable / 2
    return min(deferred >> priority + delta, 2 * freeable)
  }

  /// Runs a pass of a priority over `objects` unused objects; `free` gets how many to look at and says how many went, or
  /// `nil` to stop the pass.
  public mutating func shrink(
    objects: Int, priority: Int, cachePressure: Int = 100, free: (Int) -> Int?
  ) -> Pass {
    let freeable =
      obeysCachePressure ? Self.pressed(objects, cachePressure: cachePressure) : objects
    if freeable <= 0 { return Pass(freeable: 0, delta: 0, scanned: 0, freed: 0) }
    let earlier = deferred
    let delta = seeks > 0 ? (freeable >> priority) * 4 / seeks : freeable / 2
    var left = target(objects: objects, priority: priority, cachePressure: cachePressure)
    var scanned = 0
    var freed = 0
    while left >= batch || left >= freeable {
      let part = min(batch, left)
      guard part > 0, let gone = free(part) else { break }
      freed += gone
      scanned += part
      left -= part
    }
    deferred = min(max(earlier + delta - scanned, 0), 2 * freeable)
    return Pass(freeable: freeable, delta: delta, scanned: scanned, freed: freed)
  }
}
