/// A page-table entry as the model keeps it: what the hardware's and the kernel's bits say, and the page or swap slot.
@frozen
public struct PageEntry: Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt64

  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  @inlinable public static var none: PageEntry { PageEntry(rawValue: 0) }

  static let presentBit: UInt64 = 1 << 0
  static let writableBit: UInt64 = 1 << 1
  static let dirtyBit: UInt64 = 1 << 2
  static let accessedBit: UInt64 = 1 << 3
  static let zeroBit: UInt64 = 1 << 4
  static let swapBit: UInt64 = 1 << 5
  static let exclusiveSwapBit: UInt64 = 1 << 6

  init(page: PageID, flags: UInt64) {
    rawValue = UInt64(UInt32(bitPattern: page.rawValue)) << 12 | flags | Self.presentBit
  }

  init(swapSlot: Int, isExclusive: Bool) {
    rawValue = UInt64(swapSlot) << 12 | Self.swapBit | (isExclusive ? Self.exclusiveSwapBit : 0)
  }

  /// The shared page of zeros.
  static let zeroPage = PageEntry(rawValue: presentBit | zeroBit | accessedBit)

  public var isNone: Bool { rawValue == 0 }
  public var isPresent: Bool { rawValue & Self.presentBit != 0 }
  public var isWritable: Bool { rawValue & Self.writableBit != 0 }
  public var isDirty: Bool { rawValue & Self.dirtyBit != 0 }
  public var isAccessed: Bool { rawValue & Self.accessedBit != 0 }
  public var isZeroPage: Bool { rawValue & Self.zeroBit != 0 }
  public var isSwap: Bool { rawValue & Self.swapBit != 0 }
  public var isExclusiveSwap: Bool { rawValue & Self.exclusiveSwapBit != 0 }
  /// The page of a present entry that is not the page of zeros.
  public var page: PageID { PageID(rawValue: Int32(bitPattern: UInt32(truncatingIfNeeded: rawValue >> 12))) }
  public var swapSlot: Int { Int(rawValue >> 12) }

  @inline(__always) mutating func set(_ bits: UInt64) { rawValue |= bits }
  @inline(__always) mutating func clear(_ bits: UInt64) { rawValue &= ~bits }
}

/// The entries of an address space, held by the page-table pages that the kernel would hold them in.
///
/// Tables appear with `prepare` and go with `free`, as in the kernel: an emptied table stays until the mappings around
/// it are gone. The root is not counted, as VmPTE doesn't.
struct PageEntries: ~Copyable {
  private let pageShift: UInt64
  private let shifts: [UInt64]
  private let slotsPerTable: Int
  // Lowest tables by what they cover; upper ones are only known to be there.
  private var leaves: [UInt64: UnsafeMutablePointer<UInt64>] = [:]
  private var uppers: [Set<UInt64>]
  /// Huge entries by what a lowest table covers.
  private(set) var huge: [UInt64: PageEntry] = [:]
  // Lowest tables set aside for huge entries that may have to be split (`pgtable_trans_huge_deposit`).
  private var deposited: Set<UInt64> = []
  private var lastKey = UInt64.max
  private var lastLeaf: UnsafeMutablePointer<UInt64>?
  /// Entries that are not none.
  private(set) var usedEntries = 0

  init(policy: VirtualMemoryPolicy) {
    pageShift = UInt64(policy.pageShift)
    shifts = policy.tableShifts.map { UInt64($0) }
    slotsPerTable = policy.hugePageCount
    uppers = Array(repeating: [], count: max(policy.tableShifts.count - 1, 0))
  }

  deinit { for leaf in leaves.values { leaf.deallocate() } }

  /// Tables by level, the lowest first.
  var tablesByLevel: [Int] { [leaves.count + deposited.count] + uppers.map(\.count) }
  var tables: Int { leaves.count + deposited.count + uppers.reduce(0) { $0 + $1.count } }

  @inline(__always)
  private func slot(_ address: UInt64) -> Int {
    Int(truncatingIfNeeded: address >> pageShift) & (slotsPerTable &- 1)
  }

  @inline(__always)
  private mutating func leaf(_ address: UInt64) -> UnsafeMutablePointer<UInt64>? {
    let key = address >> shifts[0]
    if key == lastKey { return lastLeaf }
    guard let leaf = leaves[key] else { return nil }
    lastKey = key
    lastLeaf = leaf
    return leaf
  }

  @inline(__always)
  mutating func entry(at address: UInt64) -> PageEntry {
    guard let leaf = leaf(address) else { return .none }
    return PageEntry(rawValue: leaf[slot(address)])
  }

  /// Stores an entry whose table is there.
  @inline(__always)
  mutating func set(_ entry: PageEntry, at address: UInt64) {
    guard let leaf = leaf(address) else { preconditionFailure("no table for the entry") }
    let place = slot(address)
    usedEntries &+= (entry.isNone ? 0 : 1) &- (leaf[place] == 0 ? 0 : 1)
    leaf[place] = entry.rawValue
  }

  /// Whether the lowest table for an address is there.
  mutating func hasLeaf(_ address: UInt64) -> Bool { leaf(address) != nil }

  func hasTable(level: Int, key: UInt64) -> Bool {
    level == 0 ? leaves[key] != nil : uppers[level - 1].contains(key)
  }

  /// Removes a table by its level and what it covers; `false` if it isn't there.
  mutating func removeTable(level: Int, key: UInt64) -> Bool {
    if level > 0 { return uppers[level - 1].remove(key) != nil }
    guard let leaf = leaves.removeValue(forKey: key) else { return false }
    lastKey = .max
    for slot in 0..<slotsPerTable where leaf[slot] != 0 { usedEntries -= 1 }
    leaf.deallocate()
    return true
  }

  /// How many tables `prepare` would add.
  mutating func missingTables(_ address: UInt64, withLeaf: Bool = true) -> Int {
    if leaf(address) != nil { return 0 }
    var missing = withLeaf ? 1 : 0
    for level in uppers.indices where !uppers[level].contains(address >> shifts[level + 1]) { missing += 1 }
    return missing
  }

  /// Adds the tables that an entry needs; returns how many were missing.
  @discardableResult
  mutating func prepare(_ address: UInt64, withLeaf: Bool = true) -> Int {
    if leaf(address) != nil { return 0 }
    var added = 0
    for level in uppers.indices where uppers[level].insert(address >> shifts[level + 1]).inserted { added += 1 }
    if withLeaf {
      let leaf = UnsafeMutablePointer<UInt64>.allocate(capacity: slotsPerTable)
      leaf.initialize(repeating: 0, count: slotsPerTable)
      leaves[address >> shifts[0]] = leaf
      added += 1
    }
    return added
  }

  /// The addresses in a range with an entry, in ascending order.
  func addresses(in range: Range<UInt64>) -> [UInt64] {
    var found: [UInt64] = []
    for key in leafKeys(in: range) {
      guard let leaf = leaves[key] else { continue }
      for slot in 0..<slotsPerTable where leaf[slot] != 0 {
        let address = key << shifts[0] + UInt64(slot) << pageShift
        if range.contains(address) { found.append(address) }
      }
    }
    return found
  }

  /// The lowest tables that overlap a range, by what they cover, in ascending order.
  func leafKeys(in range: Range<UInt64>) -> [UInt64] {
    if range.isEmpty { return [] }
    let first = range.lowerBound >> shifts[0]
    let last = (range.upperBound - 1) >> shifts[0]
    if last - first < UInt64(leaves.count) { return (first...last).filter { leaves[$0] != nil } }
    return leaves.keys.filter { $0 >= first && $0 <= last }.sorted()
  }

  /// The huge entries that overlap a range, by the addresses of their first pages.
  func hugeAddresses(in range: Range<UInt64>) -> [UInt64] {
    if huge.isEmpty || range.isEmpty { return [] }
    return huge.keys.map { $0 << shifts[0] }.filter { $0 < range.upperBound && $0 + 1 << shifts[0] > range.lowerBound }
      .sorted()
  }

  @inline(__always)
  func hugeEntry(at address: UInt64) -> PageEntry? { huge.isEmpty ? nil : huge[address >> shifts[0]] }

  /// Stores or removes a huge entry, with the table set aside for it if `hasDeposit`.
  mutating func setHuge(_ entry: PageEntry?, at address: UInt64, hasDeposit: Bool = true) {
    let key = address >> shifts[0]
    huge[key] = entry
    if entry == nil { deposited.remove(key) } else if hasDeposit { deposited.insert(key) }
  }

  /// Replaces a huge entry by the table set aside for it, with small entries in a row.
  mutating func splitHuge(_ address: UInt64, _ entry: (Int) -> PageEntry) {
    setHuge(nil, at: address)
    prepare(address)
    let start = (address >> shifts[0]) << shifts[0]
    for slot in 0..<slotsPerTable { set(entry(slot), at: start + UInt64(slot) << pageShift) }
  }

  /// Moves a whole lowest table; both addresses are aligned to what one covers, and the new place has none.
  mutating func moveLeaf(from old: UInt64, to new: UInt64) {
    guard let leaf = leaves.removeValue(forKey: old >> shifts[0]) else { return }
    lastKey = .max
    leaves[new >> shifts[0]] = leaf
    for level in uppers.indices { uppers[level].insert(new >> shifts[level + 1]) }
  }

  /// Frees the tables of an unmapped range that no other mapping needs; returns how many.
  ///
  /// `floor` is where the mapping below ends, `ceiling` where the one above begins. Entries must be gone.
  /// Follows `free_pgtables` in mm/memory.c, Linux 6.1.
  @discardableResult
  mutating func free(_ range: Range<UInt64>, floor: UInt64, ceiling: UInt64) -> Int {
    var freed = 0
    for key in leafKeys(in: range) where isFree(key, shifts[0], floor, ceiling) {
      guard let leaf = leaves.removeValue(forKey: key) else { continue }
      for slot in 0..<slotsPerTable where leaf[slot] != 0 { usedEntries -= 1 }
      leaf.deallocate()
      freed += 1
    }
    lastKey = .max
    for level in uppers.indices {
      let shift = shifts[level + 1]
      let first = range.lowerBound >> shift
      let last = (range.upperBound - 1) >> shift
      for key in uppers[level].filter({ $0 >= first && $0 <= last }) where isFree(key, shift, floor, ceiling) {
        uppers[level].remove(key)
        freed += 1
      }
    }
    return freed
  }

  private func isFree(_ key: UInt64, _ shift: UInt64, _ floor: UInt64, _ ceiling: UInt64) -> Bool {
    floor <= key << shift && ceiling >> shift > key
  }
}
