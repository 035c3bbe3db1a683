/// Gives each distinct group of five words a dense number, in the order of first appearance.
struct WordTable: ~Copyable {
  struct Key: Equatable {
    var first: UInt64 = 0
    var second: UInt64 = 0
    var third: UInt64 = 0
    var fourth: UInt64 = 0
    var fifth: UInt64 = 0
  }

  /// The distinct keys by number.
  private(set) var keys: [Key] = []
  private var slots: [UInt32] = [UInt32](repeating: 0, count: 1 << 12)

  var count: Int { keys.count }

  mutating func removeAll() {
    keys.removeAll(keepingCapacity: true)
    for index in slots.indices { slots[index] = 0 }
  }

  private func place(_ key: Key) -> Int {
    let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15
    var state = key.first &* multiplier
    state = (state ^ state >> 29 ^ key.second) &* multiplier
    state = (state ^ state >> 29 ^ key.third) &* multiplier
    state = (state ^ state >> 29 ^ key.fourth) &* multiplier
    state = (state ^ state >> 29 ^ key.fifth) &* multiplier
    return Int(truncatingIfNeeded: state >> 32) & (slots.count - 1)
  }

  /// The number of a key.
  mutating func number(_ key: Key) -> UInt64 {
    var position = place(key)
    while true {
      let found = slots[position]
      if found == 0 { break }
      if keys[Int(found) - 1] == key { return UInt64(found - 1) }
      position = (position + 1) & (slots.count - 1)
    }
    keys.append(key)
    slots[position] = UInt32(keys.count)
    if keys.count * 2 > slots.count { grow() }
    return UInt64(keys.count - 1)
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: slots.count * 2)
    for (number, key) in keys.enumerated() {
      var position = place(key)
      while slots[position] != 0 { position = (position + 1) & (slots.count - 1) }
      slots[position] = UInt32(number + 1)
    }
  }
}
