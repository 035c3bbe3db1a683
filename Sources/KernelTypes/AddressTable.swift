/// A hash table from 64-bit addresses (or page frames) to small plain values, for the hot loops.
///
/// Open addressing with linear probing and backward-shift deletion: no tombstones, so the cost does not rise with the
/// number of operations, and memory follows the number of entries held at once. The key `UInt64.max`, which is no address,
/// is never stored.
///
/// - Complexity: O(1) for each operation; iteration order depends only on the operations made.
@frozen
public struct AddressTable<Value: BitwiseCopyable>: ~Copyable {
  @frozen
  @usableFromInline
  struct Slot {
    // The key plus one, so that zeroed memory is an empty table.
    @usableFromInline var tag: UInt64
    @usableFromInline var value: Value

    @inlinable
    init(tag: UInt64, value: Value) {
      self.tag = tag
      self.value = value
    }
  }

  @usableFromInline var slots: UnsafeMutablePointer<Slot>
  @usableFromInline var mask: Int
  @usableFromInline var shift: UInt64
  /// The number of entries.
  public private(set) var count: Int
  @usableFromInline let filler: Value

  /// Creates an empty table; `filler` only fills unused slots.
  public init(filler: Value, minimumCapacity: Int = 16) {
    var bits: UInt64 = 4
    while (1 << Int(bits)) < minimumCapacity * 2 { bits += 1 }
    mask = (1 << Int(bits)) - 1
    shift = 64 - bits
    slots = .allocate(capacity: mask + 1)
    slots.initialize(repeating: Slot(tag: 0, value: filler), count: mask + 1)
    count = 0
    self.filler = filler
  }

  deinit { slots.deallocate() }

  @inlinable
  func home(_ tag: UInt64) -> Int {
    Int(truncatingIfNeeded: (tag &* 0x9E37_79B9_7F4A_7C15) >> shift)
  }

  /// The slot of `key`, or −1.
  @inlinable
  func position(of key: UInt64) -> Int {
    let tag = key &+ 1
    var position = home(tag)
    while true {
      let found = slots[position].tag
      // Before the comparison with the tag, which is 0 too for the one key that can't be stored.
      if found == 0 { return -1 }
      if found == tag { return position }
      position = (position &+ 1) & mask
    }
  }

  /// The value of `key`, if it is there.
  @inlinable
  public func value(_ key: UInt64) -> Value? {
    let position = position(of: key)
    return position < 0 ? nil : slots[position].value
  }

  /// Whether `key` is there.
  @inlinable
  public func contains(_ key: UInt64) -> Bool { position(of: key) >= 0 }

  /// Sets the value of `key` and returns the value it had, if any.
  @discardableResult
  @inlinable
  public mutating func insert(_ key: UInt64, _ value: Value) -> Value? {
    let tag = key &+ 1
    if tag == 0 { return nil }
    var position = home(tag)
    while true {
      let found = slots[position].tag
      if found == tag {
        let old = slots[position].value
        slots[position].value = value
        return old
      }
      if found == 0 { break }
      position = (position &+ 1) & mask
    }
    slots[position] = Slot(tag: tag, value: value)
    added()
    return nil
  }

  @usableFromInline
  mutating func added() {
    count += 1
    if count * 8 > (mask + 1) * 5 { resize(bits: 64 - shift + 1) }
  }

  /// Removes `key` and returns its value, if it was there.
  @discardableResult
  @inlinable
  public mutating func remove(_ key: UInt64) -> Value? {
    var hole = position(of: key)
    if hole < 0 { return nil }
    let old = slots[hole].value
    var next = (hole &+ 1) & mask
    while true {
      let tag = slots[next].tag
      if tag == 0 { break }
      let distance = (next &- home(tag)) & mask
      if distance >= (next &- hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
      next = (next &+ 1) & mask
    }
    slots[hole].tag = 0
    removed()
    return old
  }

  @usableFromInline
  mutating func removed() {
    count -= 1
    if mask > 1023, count * 16 < mask { resize(bits: 64 - shift - 2) }
  }

  /// Changes the value of `key` in place, if it is there; returns whether it was.
  @discardableResult
  @inlinable
  public mutating func update(_ key: UInt64, _ change: (inout Value) -> Void) -> Bool {
    let position = position(of: key)
    if position < 0 { return false }
    change(&slots[position].value)
    return true
  }

  /// Calls `body` for each entry, in table order.
  public func forEach(_ body: (UInt64, Value) -> Void) {
    for position in 0...mask where slots[position].tag != 0 {
      body(slots[position].tag &- 1, slots[position].value)
    }
  }

  /// The keys in ascending order.
  public func sortedKeys() -> [UInt64] {
    var keys: [UInt64] = []
    keys.reserveCapacity(count)
    forEach { key, _ in keys.append(key) }
    keys.sort()
    return keys
  }

  /// Removes all entries.
  public mutating func removeAll() {
    for position in 0...mask { slots[position].tag = 0 }
    count = 0
  }

  private mutating func resize(bits: UInt64) {
    let old = slots
    let oldMask = mask
    mask = (1 << Int(bits)) - 1
    shift = 64 - bits
    slots = .allocate(capacity: mask + 1)
    slots.initialize(repeating: Slot(tag: 0, value: filler), count: mask + 1)
    for position in 0...oldMask where old[position].tag != 0 {
      var target = home(old[position].tag)
      while slots[target].tag != 0 { target = (target + 1) & mask }
      slots[target] = old[position]
    }
    old.deallocate()
  }
}
