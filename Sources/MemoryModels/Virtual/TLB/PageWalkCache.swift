/// Caches of the entries that name tables, one for each level but the last: walks begin below what they have.
///
/// Sizes and organisation of processors' own are not published; the defaults are small and fully associative. Follows the
/// Intel 64 manual, volume 3, section 4.10.3, for what is cached and when it goes.
struct PageWalkCache: ~Copyable {
  private let caches: UnsafeMutablePointer<SetAssociativeArray>
  // log₂ of what an entry covers, by level; 64 where there is no cache.
  private let shifts: UnsafeMutablePointer<UInt64>
  private let count: Int

  /// `entries` by level from the first table's; levels without any have no cache.
  init(scheme: TranslationScheme, entries: [Int], policy: ReplacementPolicy) {
    let levels = scheme.levelCount - 1
    let sizes = (0..<levels).map { $0 < entries.count ? min(max(entries[$0], 0), 128) : 0 }
    count = levels
    caches = .allocate(capacity: max(levels, 1))
    shifts = .allocate(capacity: max(levels, 1))
    for level in 0..<levels {
      let size = max(sizes[level], 1)
      (shifts + level).initialize(to: sizes[level] == 0 ? 64 : UInt64(scheme.shift(level)))
      (caches + level).initialize(to: SetAssociativeArray(entries: size, ways: size, policy: policy))
    }
  }

  deinit {
    caches.deinitialize(count: count)
    caches.deallocate()
    shifts.deallocate()
  }

  @inline(__always)
  private func key(_ address: UInt64, _ shift: UInt64, _ context: UInt64) -> UInt64 {
    1 &<< 63 | ((address & ((1 &<< 57) &- 1)) &>> shift) &<< 16 | context
  }

  /// How many entries a walk need not read, for a page whose entry is on `leafLevel`.
  @inline(__always)
  mutating func skippedEntries(_ address: UInt64, context: UInt64, leafLevel: Int) -> Int {
    var level = min(leafLevel, count) &- 1
    while level >= 0 {
      if shifts[level] < 64 {
        let place = caches[level].find(key(address, shifts[level], context), set: 0)
        if place >= 0 {
          caches[level].touch(place, set: 0)
          return level &+ 1
        }
      }
      level &-= 1
    }
    return 0
  }

  /// Keeps the entries that a walk read on its way to `leafLevel`, which are those it did not skip.
  @inline(__always)
  mutating func insert(_ address: UInt64, context: UInt64, leafLevel: Int, skipped: Int) {
    var level = skipped
    while level < min(leafLevel, count) {
      if shifts[level] < 64 { caches[level].insert(key(address, shifts[level], context), 1, set: 0) }
      level &+= 1
    }
  }

  /// Forgets what leads to an address.
  mutating func remove(_ address: UInt64, context: UInt64) {
    for level in 0..<count where shifts[level] < 64 {
      let place = caches[level].find(key(address, shifts[level], context), set: 0)
      if place >= 0 { caches[level].remove(place) }
    }
  }

  /// Forgets an address space, or everything.
  mutating func remove(context: UInt64?) {
    for level in 0..<count { _ = caches[level].removeAll { context == nil || $0 & 0xFFFF == context } }
  }
}
