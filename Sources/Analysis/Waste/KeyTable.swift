/// Gives each distinct pair of 64-bit numbers a dense index, in order of first appearance.
struct KeyTable: ~Copyable {
  struct Key: BitwiseCopyable, Equatable {
    var first: UInt64
    var second: UInt64
  }

  private(set) var count = 0
  private var keys: UnsafeMutablePointer<Key>
  private var capacity = 64
  // Each slot is the index plus one, so that zeroed memory is an empty table.
  private var slots: UnsafeMutablePointer<UInt32>
  private var mask = 127

  init() {
    keys = .allocate(capacity: 64)
    slots = .allocate(capacity: 128)
    slots.initialize(repeating: 0, count: 128)
  }

  deinit {
    keys.deallocate()
    slots.deallocate()
  }

  subscript(index: Int) -> Key { keys[index] }

  @inline(__always)
  private static func hash(_ first: UInt64, _ second: UInt64) -> Int {
    let mixed = (first &* 0x9E37_79B9_7F4A_7C15) ^ (second &* 0xC2B2_AE3D_27D4_EB4F)
    return Int(truncatingIfNeeded: ((mixed ^ (mixed >> 32)) &* 0x9E37_79B9_7F4A_7C15) >> 24)
  }

  /// The index of a pair; the pair is new if the index equals the `count` of before.
  @inline(__always)
  mutating func index(_ first: UInt64, _ second: UInt64) -> Int {
    var position = Self.hash(first, second) & mask
    while true {
      let found = slots[position]
      if found == 0 { return add(Key(first: first, second: second), at: position) }
      let index = Int(found) &- 1
      if keys[index].first == first, keys[index].second == second { return index }
      position = (position &+ 1) & mask
    }
  }

  @inline(never)
  private mutating func add(_ key: Key, at position: Int) -> Int {
    let index = count
    if count == capacity { growKeys() }
    keys[index] = key
    count += 1
    slots[position] = UInt32(count)
    if count * 2 > mask { growSlots() }
    return index
  }

  private mutating func growKeys() {
    let larger = UnsafeMutablePointer<Key>.allocate(capacity: capacity * 2)
    larger.update(from: keys, count: count)
    keys.deallocate()
    keys = larger
    capacity *= 2
  }

  private mutating func growSlots() {
    slots.deallocate()
    mask = mask * 2 + 1
    slots = .allocate(capacity: mask + 1)
    slots.initialize(repeating: 0, count: mask + 1)
    for index in 0..<count {
      var position = Self.hash(keys[index].first, keys[index].second) & mask
      while slots[position] != 0 { position = (position + 1) & mask }
      slots[position] = UInt32(index + 1)
    }
  }
}
