/// Which entry of a full set makes room.
public enum ReplacementPolicy: String, Hashable, Sendable, CaseIterable, BitwiseCopyable {
  /// The one that was used longest ago.
  case leastRecentlyUsed = "lru"
  /// The one that a binary tree of "other half was used last" bits points to.
  case pseudoLRU = "plru"
  /// The one that came first.
  case firstIn = "fifo"
  /// Any, by a generator with a fixed seed.
  case random
}

/// Sets of keys with a payload each: the store of a TLB buffer, a page-walk cache, or a data cache.
///
/// Keys are never 0. At most 128 ways.
struct SetAssociativeArray: ~Copyable {
  let sets: Int
  let ways: Int
  let policy: ReplacementPolicy
  private let setMask: UInt64
  private let keys: UnsafeMutablePointer<UInt64>
  private let payloads: UnsafeMutablePointer<UInt64>
  // A byte of each key's hash, by which large sets are searched; as many bytes a set as are searched at once.
  private let tags: UnsafeMutablePointer<UInt8>
  private let tagStride: Int
  // Time of the last use or of arrival, by entry.
  private let stamps: UnsafeMutablePointer<UInt64>
  // Tree bits, two words a set.
  private let trees: UnsafeMutablePointer<UInt64>
  // For each way, the bits of a tree of up to 64 ways on its path, and those of them that a use sets.
  private let paths: UnsafeMutablePointer<UInt64>
  private let leafCount: Int
  private var clock: UInt64 = 0
  private var generator: UInt64 = 0x2545_F491_4F6C_DD1D
  /// Entries that hold nothing.
  private var emptyCount: Int

  /// Sets with more ways are searched by tags.
  private static let scannedWays = 16

  init(entries: Int, ways: Int, policy: ReplacementPolicy) {
    precondition(entries > 0 && ways > 0 && ways <= 128 && entries % ways == 0, "no such array")
    let sets = entries / ways
    let leaves = ways == 1 ? 1 : 1 << (Int.bitWidth - (ways - 1).leadingZeroBitCount)
    self.sets = sets
    self.ways = ways
    self.policy = policy
    setMask = sets.nonzeroBitCount == 1 ? UInt64(sets - 1) : 0
    leafCount = leaves
    emptyCount = entries
    tagStride = ways > Self.scannedWays ? (ways + 15) & ~15 : 0
    keys = .allocate(capacity: entries)
    payloads = .allocate(capacity: entries)
    stamps = .allocate(capacity: entries)
    trees = .allocate(capacity: 2 * sets)
    tags = .allocate(capacity: max(sets * tagStride, 1))
    paths = .allocate(capacity: 2 * ways)
    keys.initialize(repeating: 0, count: entries)
    payloads.initialize(repeating: 0, count: entries)
    stamps.initialize(repeating: 0, count: entries)
    trees.initialize(repeating: 0, count: 2 * sets)
    tags.initialize(repeating: 0, count: max(sets * tagStride, 1))
    for way in 0..<ways {
      var path: UInt64 = 0
      var used: UInt64 = 0
      var node = leaves + way
      while node > 1, leaves <= 64 {
        path |= 1 << UInt64(node >> 1)
        if node & 1 == 0 { used |= 1 << UInt64(node >> 1) }
        node >>= 1
      }
      (paths + 2 * way).initialize(to: path)
      (paths + 2 * way + 1).initialize(to: used)
    }
  }

  deinit {
    keys.deallocate()
    payloads.deallocate()
    stamps.deallocate()
    trees.deallocate()
    tags.deallocate()
    paths.deallocate()
  }

  /// The set of an index; by a hash where their number is no power of two, since processors' own are not published.
  @inline(__always)
  func set(_ index: UInt64) -> Int {
    if sets == 1 { return 0 }
    if setMask != 0 { return Int(truncatingIfNeeded: index & setMask) }
    return Int(truncatingIfNeeded: (index &* 0x9E37_79B9_7F4A_7C15 &>> 32) % UInt64(truncatingIfNeeded: sets))
  }

  @inline(__always)
  private static func tag(_ key: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) &>> 56) }

  /// The place of a key in its set; −1 if it isn't there.
  @inline(__always)
  func find(_ key: UInt64, set: Int) -> Int {
    if tagStride != 0 { return findByTag(key, set) }
    let first = set &* ways
    var way = 0
    while way < ways {
      if keys[first &+ way] == key { return first &+ way }
      way &+= 1
    }
    return -1
  }

  private func findByTag(_ key: UInt64, _ set: Int) -> Int {
    let wanted = SIMD16<UInt8>(repeating: Self.tag(key))
    let first = set &* ways
    let row = UnsafeRawPointer(tags + set &* tagStride)
    var start = 0
    while start < tagStride {
      let equal = row.loadUnaligned(fromByteOffset: start, as: SIMD16<UInt8>.self) .== wanted
      let words = unsafeBitCast(equal, to: SIMD2<UInt64>.self)
      for half in 0..<2 {
        var matches = words[half]
        while matches != 0 {
          let byte = matches.trailingZeroBitCount &>> 3
          matches &= ~(0xFF &<< UInt64(truncatingIfNeeded: byte &<< 3))
          let way = start &+ half &<< 3 &+ byte
          if way < ways, keys[first &+ way] == key { return first &+ way }
        }
      }
      start &+= 16
    }
    return -1
  }

  @inline(__always)
  func payload(_ place: Int) -> UInt64 { payloads[place] }

  @inline(__always)
  func setPayload(_ place: Int, _ payload: UInt64) { payloads[place] = payload }

  @inline(__always)
  func key(_ place: Int) -> UInt64 { keys[place] }

  var entryCount: Int { sets * ways }

  /// Notes that an entry was used.
  @inline(__always)
  mutating func touch(_ place: Int, set: Int) {
    switch policy {
    case .leastRecentlyUsed:
      clock &+= 1
      stamps[place] = clock
    case .pseudoLRU: pointAway(place &- set &* ways, set)
    case .firstIn, .random: break
    }
  }

  /// Puts a key in, where it isn't yet; returns the key that made room, or 0.
  @discardableResult
  mutating func insert(_ key: UInt64, _ payload: UInt64, set: Int) -> UInt64 {
    let first = set &* ways
    var place = emptyCount == 0 ? -1 : findEmpty(first)
    if place < 0 { place = first &+ victim(set) }
    let old = keys[place]
    if old == 0 { emptyCount &-= 1 }
    keys[place] = key
    payloads[place] = payload
    if tagStride != 0 { tags[set &* tagStride &+ place &- first] = Self.tag(key) }
    if policy == .pseudoLRU {
      pointAway(place &- first, set)
    } else {
      clock &+= 1
      stamps[place] = clock
    }
    return old
  }

  private func findEmpty(_ first: Int) -> Int {
    var place = first
    while place < first &+ ways {
      if keys[place] == 0 { return place }
      place &+= 1
    }
    return -1
  }

  /// Takes an entry out.
  mutating func remove(_ place: Int) {
    if keys[place] != 0 { emptyCount &+= 1 }
    keys[place] = 0
  }

  /// Takes out the entries whose key meets a condition, and returns how many they were.
  mutating func removeAll(_ condition: (UInt64) -> Bool) -> Int {
    if emptyCount == entryCount { return 0 }
    var count = 0
    for place in 0..<entryCount where keys[place] != 0 && condition(keys[place]) {
      keys[place] = 0
      count += 1
    }
    emptyCount += count
    return count
  }

  private mutating func victim(_ set: Int) -> Int {
    switch policy {
    case .leastRecentlyUsed, .firstIn:
      let first = set &* ways
      var oldest = 0
      var way = 1
      while way < ways {
        if stamps[first &+ way] < stamps[first &+ oldest] { oldest = way }
        way &+= 1
      }
      return oldest
    case .pseudoLRU: return pointed(set)
    case .random:
      generator ^= generator << 13
      generator ^= generator >> 7
      generator ^= generator << 17
      return Int(truncatingIfNeeded: generator % UInt64(ways))
    }
  }

  // MARK: - The tree: node n has the children 2n and 2n + 1, the root is 1; a set bit points to the second child.

  @inline(__always)
  private func bit(_ node: Int, _ set: Int) -> Int {
    Int(truncatingIfNeeded: trees[2 &* set &+ node &>> 6] &>> UInt64(truncatingIfNeeded: node & 63) & 1)
  }

  @inline(__always)
  private func pointAway(_ way: Int, _ set: Int) {
    if leafCount <= 64 {
      trees[2 &* set] = trees[2 &* set] & ~paths[2 &* way] | paths[2 &* way &+ 1]
    } else {
      pointAwayInLargeTree(way, set)
    }
  }

  private func pointAwayInLargeTree(_ way: Int, _ set: Int) {
    var node = leafCount &+ way
    while node > 1 {
      let parent = node &>> 1
      let mask = UInt64(1) &<< UInt64(truncatingIfNeeded: parent & 63)
      if node & 1 == 0 {
        trees[2 &* set &+ parent &>> 6] |= mask
      } else {
        trees[2 &* set &+ parent &>> 6] &= ~mask
      }
      node = parent
    }
  }

  /// Follows the bits; where they lead to a way that isn't there, the other half is taken.
  @inline(__always)
  private func pointed(_ set: Int) -> Int {
    var node = 1
    var lowest = 0
    var span = leafCount
    while span > 1 {
      span &>>= 1
      let right = bit(node, set) & (lowest &+ span < ways ? 1 : 0)
      node = 2 &* node &+ right
      lowest &+= right &* span
    }
    return lowest
  }
}
