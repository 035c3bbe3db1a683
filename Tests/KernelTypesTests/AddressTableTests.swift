import KernelTypes
import Testing

struct AddressTableTests {
  /// A small generator with a fixed seed.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64 = 7
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let value = state ^ (state >> 33)
      return value &* 0xFF51_AFD7_ED55_8CCD
    }
  }

  @Test func randomOperationsAgreeWithADictionary() {
    var table = AddressTable<UInt32>(filler: 0)
    var model: [UInt64: UInt32] = [:]
    var random = Generator()
    for step in 0..<60_000 {
      // Phases of growing and shrinking.
      let removes = step / 10_000 % 2 == 1
      let key = UInt64.random(in: 0..<4000, using: &random) << 12
      let choice = Int.random(in: 0..<10, using: &random)
      if choice < (removes ? 3 : 6) {
        let value = UInt32(truncatingIfNeeded: step)
        let old = table.insert(key, value)
        #expect(old == model.updateValue(value, forKey: key))
      } else if choice < 9 {
        let old = table.remove(key)
        #expect(old == model.removeValue(forKey: key))
      } else {
        let found = table.value(key)
        #expect(found == model[key])
      }
    }
    #expect(table.count == model.count)
    #expect(table.sortedKeys() == model.keys.sorted())
  }

  @Test func removingFromARunOfNeighboursLosesNone() {
    // More than half full, so that long runs of occupied slots wrap around the end of the table.
    for removed in UInt64(0)..<9 {
      var table = AddressTable<UInt64>(filler: 0)
      for key in UInt64(0)..<9 { table.insert(key, key * 10) }
      #expect(table.remove(removed) == removed * 10)
      #expect(table.remove(removed) == nil)
      for key in UInt64(0)..<9 {
        let expected = key == removed ? nil : key * 10
        #expect(table.value(key) == expected)
      }
      #expect(table.count == 8)
    }
  }

  @Test func zeroAndTheLargestAddressesAreKeys() {
    var table = AddressTable<Int>(filler: 0)
    table.insert(0, 1)
    table.insert(UInt64.max - 1, 2)
    #expect(table.value(0) == 1)
    #expect(table.value(UInt64.max - 1) == 2)
    #expect(table.sortedKeys() == [0, UInt64.max - 1])
  }

  @Test func valuesChangeInPlace() {
    var table = AddressTable<Int>(filler: 0)
    table.insert(5, 1)
    let changed = table.update(5) { $0 += 41 }
    let missed = table.update(6) { $0 += 1 }
    #expect(changed && !missed)
    #expect(table.value(5) == 42)
    #expect(table.insert(5, 7) == 42)
  }

  @Test func anEmptiedTableCanBeUsedAgain() {
    var table = AddressTable<Int>(filler: 0, minimumCapacity: 1000)
    for key in 0..<1000 { table.insert(UInt64(key), key) }
    table.removeAll()
    #expect(table.count == 0)
    #expect(table.contains(3) == false)
    table.insert(3, 9)
    #expect(table.value(3) == 9)
  }

  @Test func operationsAloneDecideTheOrderOfIteration() {
    var orders: [[UInt64]] = []
    for _ in 0..<2 {
      var table = AddressTable<Int>(filler: 0)
      for key in 0..<500 { table.insert(UInt64(key) * 64, key) }
      for key in stride(from: 0, to: 500, by: 3) { table.remove(UInt64(key) * 64) }
      var keys: [UInt64] = []
      table.forEach { key, _ in keys.append(key) }
      orders.append(keys)
    }
    #expect(orders[0] == orders[1] && orders[0].count == 333)
  }

  @Test func theOneKeyThatIsNoAddressIsNeverThere() {
    var table = AddressTable(filler: 7)
    let inserted = table.insert(.max, 1)
    let (value, isThere, removed, count) = (table.value(.max), table.contains(.max), table.remove(.max), table.count)
    #expect(inserted == nil && value == nil && !isThere && removed == nil && count == 0)
  }
}
