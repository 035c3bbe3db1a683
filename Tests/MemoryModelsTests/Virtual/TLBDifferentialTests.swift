import KernelTypes
import MemoryModels
import Testing

/// A TLB written for the reader: lists of entries, the least recently used first.
private struct ReferenceTLB {
  struct Entry {
    var page: UInt64
    var shift: UInt64
    var context: UInt16?
  }

  var sets: Int
  var ways: Int
  var entries: [[Entry]]

  init(sets: Int, ways: Int) {
    (self.sets, self.ways) = (sets, ways)
    entries = Array(repeating: [], count: sets)
  }

  private func matches(_ entry: Entry, _ address: UInt64, _ context: UInt16) -> Bool {
    entry.page == address >> entry.shift && (entry.context == nil || entry.context == context)
  }

  mutating func find(_ address: UInt64, _ context: UInt16) -> Bool {
    for set in entries.indices {
      guard let index = entries[set].firstIndex(where: { matches($0, address, context) }) else { continue }
      entries[set].append(entries[set].remove(at: index))
      return true
    }
    return false
  }

  mutating func insert(_ address: UInt64, _ shift: UInt64, _ context: UInt16?) {
    let set = Int((address >> shift) % UInt64(sets))
    if entries[set].count == ways { entries[set].removeFirst() }
    entries[set].append(Entry(page: address >> shift, shift: shift, context: context))
  }

  mutating func removeAll(_ condition: (Entry) -> Bool) {
    for set in entries.indices { entries[set].removeAll(where: condition) }
  }
}

@Suite("TLB against a slow reference") struct TLBDifferentialTests {
  @Test(arguments: [(1, 8), (4, 2), (8, 4), (16, 1)])
  func `hits and misses agree, whatever is flushed in between`(sets: Int, ways: Int) throws {
    var random: UInt64 = UInt64(sets * 100 + ways)
    func next(_ bound: UInt64) -> UInt64 {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (random >> 33) % bound
    }
    var frames = FrameSequence(from: PageFrame(1))
    let table = try #require(PageTable(.x86_64, frames: &frames))
    let attributes = PageAttributes([.read, .write, .user], isDirty: true)
    for page in 0..<64 as Range<UInt64> {
      var own = attributes
      own.isGlobal = page % 8 == 0
      try table.map(page << 12, to: page << 12, own, frames: &frames)
    }
    for page in 1..<16 as Range<UInt64> {
      try table.map(page << 21, to: page << 21, bytes: 1 << 21, attributes, frames: &frames)
    }
    let geometry = TLBGeometry(
      name: "test", buffers: [.init(level: 1, .unified, entries: sets * ways, ways: ways)], contexts: .none, source: "")
    var unit = MemoryManagementUnit(.x86_64, geometry, policy: .leastRecentlyUsed)
    var reference = ReferenceTLB(sets: sets, ways: ways)
    var misses: UInt64 = 0
    for _ in 0..<20000 {
      let context = UInt16(next(3))
      let address = next(3) == 0 ? (1 + next(15)) << 21 + next(1 << 21) : next(64) << 12 + next(4096)
      switch next(40) {
      case 0:
        unit.flush(page: address, context: context)
        reference.removeAll { $0.page == address >> $0.shift && ($0.context == nil || $0.context == context) }
      case 1:
        unit.flush(context: context)
        reference.removeAll { $0.context == context }
      case 2:
        unit.flushAll(keepsGlobal: true)
        reference.removeAll { $0.context != nil }
      default:
        let page = unit.translate(address, .userRead, table, context: context).page
        #expect(page?.physicalAddress == address)
        if !reference.find(address, context) {
          misses += 1
          let isLarge = address >= 1 << 21
          let isGlobal = !isLarge && (address >> 12) % 8 == 0
          reference.insert(address, isLarge ? 21 : 12, isGlobal ? nil : context)
        }
      }
      let counted = unit.counters.misses
      if counted != misses {
        Issue.record("\(counted) misses, the reference has \(misses)")
        return
      }
    }
    #expect(misses > 1000)
  }
}
