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
  // Time of the last use or of arrival, by entry.
  private let stamps: UnsafeMutablePointer<UInt64>
  // Tree bits, two words a set.
  private let trees: UnsafeMutablePointer<UInt64>
  private let leafCount: Int
  private var clock: UInt64 = 0
  private var generator: UInt64 = 0x2545_F491_4F6C_DD1D

  init(entries: Int, ways: Int, policy: ReplacementPolicy) {
    precondition(entries > 0 && ways > 0 && ways <= 128 && entries % ways == 0, "no such array")
    sets = entries / ways
    self.ways = ways
    self.policy = policy
    setMask = sets.nonzeroBitCount == 1 ? UInt64(sets - 1) : 0
    leafCount = ways == 1 ? 1 : 1 << (Int.bitWidth - (ways - 1).leadingZeroBitCount)
    keys = .allocate(capacity: entries)
    payloads = .allocate(capacity: entries)
    stamps = .allocate(capacity: entries)
    trees = .allocate(capacity: 2 * sets)
    keys.initialize(repeating: 0, count: entries)
    payloads.initialize(repeating: 0, count: entries)
    stamps.initialize(repeating: 0, count: entries)
    trees.initialize(repeating: 0, count: 2 * sets)
  }

  deinit {
    keys.deallocate()
    payloads.deallocate()
    stamps.deallocate()
    trees.deallocate()
  }

  /// The set of an index; by a hash where their number is no power of two, since processors' own are not published.
  @inline(__always)
  func set(_ index: UInt64) -> Int {
    if sets == 1 { return 0 }
    if setMask != 0 { return Int(truncatingIfNeeded: index & setMask) }
    return Int(truncatingIfNeeded: (index &* 0x9E37_79B9_7F4A_7C15 &>> 32) % UInt64(truncatingIfNeeded: sets))
  }

  /// The place of a key in its set; −1 if it isn't there.
  @inline(__always)
  func find(_ key: UInt64, set: Int) -> Int {
    let first = set &* ways
    var way = 0
    while way < ways {
      if keys[first &+ way] == key { return first &+ way }
      way &+= 1
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
    var place = find(0, set: set)
    if place < 0 { place = first &+ victim(set) }
    let old = keys[place]
    keys[place] = key
    payloads[place] = payload
    clock &+= 1
    stamps[place] = clock
    if policy == .pseudoLRU { pointAway(place &- first, set) }
    return old
  }

  /// Takes an entry out.
  func remove(_ place: Int) { keys[place] = 0 }

  /// Takes out the entries whose key meets a condition, and returns how many they were.
  func removeAll(_ condition: (UInt64) -> Bool) -> Int {
    var count = 0
    for place in 0..<entryCount where keys[place] != 0 && condition(keys[place]) {
      keys[place] = 0
      count += 1
    }
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

  private func bit(_ node: Int, _ set: Int) -> Bool { trees[2 &* set &+ node &>> 6] &>> UInt64(node & 63) & 1 != 0 }

  @inline(__always)
  private func pointAway(_ way: Int, _ set: Int) {
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
  private func pointed(_ set: Int) -> Int {
    var node = 1
    var lowest = 0
    var span = leafCount
    while span > 1 {
      span >>= 1
      let goesRight = bit(node, set) && lowest + span < ways
      node = 2 * node + (goesRight ? 1 : 0)
      if goesRight { lowest += span }
    }
    return lowest
  }
}
