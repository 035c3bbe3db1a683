/// Where the last walks found tables of the last level, so that the model need not go down to them again.
///
/// It spares the model work, never the machine: references are counted as if it weren't there. Slots name the generation
/// of the tables in which they were filled; what was found before a table went is not used.
struct LastTableCache: ~Copyable {
  private struct Slot {
    var key: UInt64
    var words: UnsafeMutableRawPointer
  }

  private static let keyBits: UInt64 = 40
  // Fewer tables than this are near anyway.
  private static let leastTables = 8
  private static let mostSlots = 1 << 20

  private var slots: UnsafeMutablePointer<Slot>?
  private var capacity = 0
  private var hashShift: UInt64 = 64
  private var generation: UInt64 = 1

  deinit { slots?.deallocate() }

  @inline(__always)
  private func index(_ number: UInt64) -> Int {
    Int(truncatingIfNeeded: (number &* 0x9E37_79B9_7F4A_7C15) &>> hashShift)
  }

  /// The table by its number: the address over what it covers.
  @inline(__always)
  func find(_ number: UInt64) -> TableNode? {
    guard let slots else { return nil }
    let slot = slots + index(number)
    return slot.pointee.key == number | generation &<< Self.keyBits ? TableNode(words: slot.pointee.words) : nil
  }

  /// Keeps where a table is; `tables` is how many there are.
  mutating func add(_ number: UInt64, _ node: TableNode, tables: Int) {
    if tables < Self.leastTables || number >> Self.keyBits != 0 { return }
    if capacity < 2 * tables, capacity < Self.mostSlots { grow(tables) }
    slots?[index(number)] = Slot(key: number | generation << Self.keyBits, words: node.words)
  }

  private mutating func grow(_ tables: Int) {
    slots?.deallocate()
    while capacity < 4 * tables, capacity < Self.mostSlots { capacity = max(capacity * 2, 64) }
    hashShift = UInt64(64 - capacity.trailingZeroBitCount)
    let fresh = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
    // No generation is 0, so that no slot with this key is ever found.
    fresh.initialize(repeating: Slot(key: 0, words: UnsafeMutableRawPointer(fresh)), count: capacity)
    slots = fresh
  }

  /// Forgets everything: a table was removed or moved.
  @inline(__always)
  mutating func invalidate() {
    generation &+= 1
    if generation >> (64 - Self.keyBits) != 0 {
      slots?.deallocate()
      slots = nil
      capacity = 0
      generation = 1
    }
  }
}
