import KernelTypes

/// The entries of an address space as the kernel reads and writes them, in the page tables that the processor walks.
///
/// Tables appear with `prepare` and go with `free`, as in the kernel: an emptied table stays until the mappings around
/// it are gone. `table` has the bytes; nothing else is kept but the tables set aside for huge pages.
struct PageEntries: ~Copyable {
  /// What the hot paths need, in one place that never moves.
  private struct State {
    let table: PageTable
    let supply: PhysicalSupply
    let codec: EntryCodec
    let root: TableNode
    let pageShift: UInt64
    /// log₂ of what a lowest table covers.
    let leafShift: UInt64
    let slotMask: Int
    let indexBits: UInt64
    /// The first table's links: how far down their index is, and how many there are.
    let rootShift: UInt64
    let rootMask: Int
    /// The first address that the tables don't translate.
    let limit: UInt64
    let isWide: Bool
    let isPaired: Bool
    // The lowest table that was used last: faults come in runs.
    var lastKey = UInt64.max
    var lastLeaf = UnsafeMutableRawPointer(bitPattern: 64).unsafelyUnwrapped
    var hugeCount = 0
    /// Lowest tables set aside for huge entries that may have to be split (`pgtable_trans_huge_deposit`).
    var deposits: [UInt64: PageFrame] = [:]
  }

  private let state: UnsafeMutablePointer<State>

  /// `nil` if there is no frame for the first table.
  init?(policy: VirtualMemoryPolicy, supply: PhysicalSupply, frames: inout PreparedFrames) {
    let scheme = policy.scheme
    guard let table = PageTable(scheme, frames: &frames) else { return nil }
    let last = scheme.levelCount - 1
    let leafShift = UInt64(policy.hugeShift)
    let rootShift = leafShift + UInt64(scheme.indexBits * (last - 1))
    state = .allocate(capacity: 1)
    state.initialize(
      to: State(
        table: table, supply: supply, codec: EntryCodec(format: scheme.format, pageShift: UInt64(scheme.pageShift)),
        root: table.root, pageShift: UInt64(scheme.pageShift), leafShift: leafShift,
        slotMask: 1 << (policy.hugeShift - scheme.pageShift) - 1, indexBits: UInt64(scheme.indexBits),
        rootShift: rootShift, rootMask: table.root.header.pointee.linkCount - 1,
        limit: 1 << UInt64(scheme.virtualAddressBits), isWide: scheme.entryBytes == 8,
        isPaired: scheme.isPaired))
  }

  deinit {
    state.deinitialize(count: 1)
    state.deallocate()
  }

  /// The tables that hold the entries.
  var table: PageTable { state.pointee.table }
  private var scheme: TranslationScheme { table.scheme }
  private var lastLevel: Int { table.scheme.levelCount - 1 }

  /// Tables by level, the lowest first, without the root.
  var tablesByLevel: [Int] {
    var pages = Array(table.tablePages.dropFirst().reversed())
    pages[0] += state.pointee.deposits.count
    return pages
  }

  var tables: Int { tablesByLevel.reduce(0, +) }

  /// What VmPTE counts, in bytes.
  var countedBytes: UInt64 {
    table.countedBytes + UInt64(state.pointee.deposits.count) * scheme.countedBytes(lastLevel)
  }

  // MARK: - Entries

  @inline(__always)
  private func slot(_ address: UInt64) -> Int {
    Int(truncatingIfNeeded: address &>> state.pointee.pageShift) & state.pointee.slotMask
  }

  @inline(__always)
  private func leaf(_ address: UInt64) -> TableNode? {
    let key = address &>> state.pointee.leafShift
    if key == state.pointee.lastKey { return TableNode(words: state.pointee.lastLeaf) }
    return findLeaf(address, key)
  }

  @inline(never)
  private func findLeaf(_ address: UInt64, _ key: UInt64) -> TableNode? {
    guard let node = node(address, downTo: state.pointee.leafShift) else { return nil }
    state.pointee.lastKey = key
    state.pointee.lastLeaf = node.words
    return node
  }

  /// The table for an address whose entries' links lie at `shift`; with that of the lowest tables, a lowest table.
  @inline(__always)
  private func node(_ address: UInt64, downTo end: UInt64) -> TableNode? {
    var shift = state.pointee.rootShift
    var node = state.pointee.root
    var mask = state.pointee.rootMask
    while true {
      guard let child = node.child(Int(truncatingIfNeeded: address &>> shift) & mask) else { return nil }
      if shift == end { return child }
      node = child
      shift &-= state.pointee.indexBits
      mask = 1 &<< Int(truncatingIfNeeded: state.pointee.indexBits) &- 1
    }
  }

  /// The table in which huge entries are, for an address.
  private func middle(_ address: UInt64) -> (node: TableNode, index: Int)? {
    let shift = state.pointee.leafShift
    if shift == state.pointee.rootShift {
      return (state.pointee.root, Int(truncatingIfNeeded: address &>> shift) & state.pointee.rootMask)
    }
    guard let node = node(address, downTo: shift + state.pointee.indexBits) else { return nil }
    return (node, Int(truncatingIfNeeded: address &>> shift) & (1 << Int(state.pointee.indexBits) - 1))
  }

  @inline(__always)
  private func word(_ leaf: TableNode, _ slot: Int) -> UInt64 {
    state.pointee.isWide ? leaf.word(at: slot &<< 3, isWide: true) : leaf.word(at: slot &<< 2, isWide: false)
  }

  @inline(__always)
  private func setWord(_ leaf: TableNode, _ slot: Int, _ raw: UInt64) {
    if state.pointee.isWide { return leaf.setWord(at: slot &<< 3, raw, isWide: true) }
    leaf.setWord(at: slot &<< 2, raw, isWide: false)
    if state.pointee.isPaired {
      leaf.setWord(at: 2048 &+ slot &<< 2, ARMShortEntry.hardwareEntry(linux: raw), isWide: false)
    }
  }

  @inline(__always)
  func entry(at address: UInt64) -> PageEntry {
    guard let leaf = leaf(address) else { return .none }
    return state.pointee.codec.decode(word(leaf, slot(address)))
  }

  /// Stores an entry whose table is there.
  @inline(__always)
  func set(_ entry: PageEntry, at address: UInt64) {
    guard let leaf = leaf(address) else { preconditionFailure("no table for the entry") }
    let place = slot(address)
    let raw = state.pointee.codec.encode(entry)
    leaf.header.pointee.used &+= (raw == 0 ? 0 : 1) &- (word(leaf, place) == 0 ? 0 : 1)
    setWord(leaf, place, raw)
  }

  /// Stores an entry, whose table is there, where there is none; `false` if there is one.
  @inline(__always)
  func setIfNone(_ entry: PageEntry, at address: UInt64) -> Bool {
    guard let leaf = leaf(address) else { return false }
    let place = slot(address)
    if word(leaf, place) != 0 { return false }
    leaf.header.pointee.used &+= 1
    setWord(leaf, place, state.pointee.codec.encode(entry))
    return true
  }

  /// The address of the first entry in a range that is not none.
  func next(from start: UInt64, below end: UInt64) -> UInt64? {
    var address = start
    let end = min(end, state.pointee.limit)
    while address < end {
      guard let leaf = nextLeaf(&address, below: end) else { return nil }
      if leaf.header.pointee.used > 0 {
        var place = slot(address)
        while place <= state.pointee.slotMask {
          if word(leaf, place) != 0 { return address < end ? address : nil }
          place &+= 1
          address &+= 1 &<< state.pointee.pageShift
          if address >= end { return nil }
        }
      } else {
        address = (address | (1 << state.pointee.leafShift - 1)) + 1
      }
    }
    return nil
  }

  /// The lowest table at an address, or the first behind it, to whose start the address then moves.
  private func nextLeaf(_ address: inout UInt64, below end: UInt64) -> TableNode? {
    while address < end {
      if let leaf = leaf(address) { return leaf }
      // Up to the end of what the missing table covers.
      var shift = state.pointee.rootShift
      var node = state.pointee.root
      var mask = state.pointee.rootMask
      while let child = node.child(Int(truncatingIfNeeded: address &>> shift) & mask) {
        node = child
        shift &-= state.pointee.indexBits
        mask = 1 << Int(state.pointee.indexBits) - 1
      }
      address = (address | (1 << shift - 1)) + 1
    }
    return nil
  }

  /// The addresses in a range with an entry, in ascending order.
  func addresses(in range: Range<UInt64>) -> [UInt64] {
    var found: [UInt64] = []
    var address = range.lowerBound
    while let next = next(from: address, below: range.upperBound) {
      found.append(next)
      address = next &+ 1 << state.pointee.pageShift
    }
    return found
  }

  // MARK: - Tables

  /// Whether the lowest table for an address is there.
  @inline(__always)
  func hasLeaf(_ address: UInt64) -> Bool { leaf(address) != nil }

  /// Whether a table is there, by its level from the lowest and what it covers.
  func hasTable(level: Int, key: UInt64) -> Bool {
    let shift = state.pointee.leafShift + UInt64(level) * state.pointee.indexBits
    return node(key << shift, downTo: shift) != nil
  }

  /// Removes a table by its level and what it covers, with those below it; returns how many went.
  func removeTable(level: Int, key: UInt64) -> Int {
    let shift = state.pointee.leafShift + UInt64(level) * state.pointee.indexBits
    state.pointee.lastKey = .max
    var frames = SuppliedFrames(supply: state.pointee.supply)
    return table.removeTable(key << shift, level: lastLevel - level, frames: &frames)
  }

  /// How many tables `prepare` would add.
  @inline(__always)
  func missingTables(_ address: UInt64, withLeaf: Bool = true) -> Int {
    leaf(address) != nil ? 0 : countMissing(address, withLeaf)
  }

  @inline(never)
  private func countMissing(_ address: UInt64, _ withLeaf: Bool) -> Int {
    max(lastLevel - table.deepestLevel(address) - (withLeaf ? 0 : 1), 0)
  }

  /// Adds the tables that an entry needs, in frames that were taken for them; returns how many were missing.
  @discardableResult
  func prepare(_ address: UInt64, withLeaf: Bool = true, frames: inout PreparedFrames) -> Int {
    let before = table.tablePageCount
    // With enough frames and nothing huge in the way this never fails.
    _ = try? table.makeTables(address, level: withLeaf ? lastLevel : lastLevel - 1, &frames)
    return table.tablePageCount - before
  }

  /// The lowest tables that overlap a range, by what they cover, in ascending order.
  func leafKeys(in range: Range<UInt64>) -> [UInt64] {
    var keys: [UInt64] = []
    var address = range.lowerBound
    let end = min(range.upperBound, state.pointee.limit)
    while nextLeaf(&address, below: end) != nil {
      keys.append(address >> state.pointee.leafShift)
      address = (address | (1 << state.pointee.leafShift - 1)) + 1
    }
    return keys
  }

  /// Moves a whole lowest table; both addresses are aligned to what one covers, and the new place has none but has the
  /// tables above it.
  func moveLeaf(from old: UInt64, to new: UInt64) {
    state.pointee.lastKey = .max
    table.moveLastTable(from: old, to: new)
  }

  /// Frees the tables of an unmapped range that no other mapping needs; returns how many.
  ///
  /// `floor` is where the mapping below ends, `ceiling` where the one above begins. Entries must be gone.
  /// Follows `free_pgtables` in mm/memory.c, Linux 6.1.
  func free(_ range: Range<UInt64>, floor: UInt64, ceiling: UInt64) -> Int {
    state.pointee.lastKey = .max
    var frames = SuppliedFrames(supply: state.pointee.supply)
    return table.freeTables(range, floor: floor, ceiling: ceiling, frames: &frames)
  }

  /// Frees all tables, the root among them; returns how many there were below it.
  func release() -> Int {
    state.pointee.lastKey = .max
    let count = tables
    for frame in state.pointee.deposits.values.sorted() { state.pointee.supply.free(frame.rawValue) }
    state.pointee.deposits = [:]
    var frames = SuppliedFrames(supply: state.pointee.supply)
    table.release(to: &frames)
    return count
  }

  // MARK: - Huge entries

  @inline(__always)
  func hugeEntry(at address: UInt64) -> PageEntry? { state.pointee.hugeCount == 0 ? nil : findHuge(address) }

  @inline(never)
  private func findHuge(_ address: UInt64) -> PageEntry? {
    guard let (node, index) = middle(address), node.child(index) == nil else { return nil }
    let raw = word(node, index)
    return raw == 0 ? nil : state.pointee.codec.decode(raw, isHuge: true)
  }

  /// The huge entries that overlap a range, by the addresses of their first pages.
  func hugeAddresses(in range: Range<UInt64>) -> [UInt64] {
    let end = min(range.upperBound, state.pointee.limit)
    if state.pointee.hugeCount == 0 || range.lowerBound >= end { return [] }
    var found: [UInt64] = []
    table.forEachEntry(in: range.lowerBound..<end) { _, level, _, address in
      if level < lastLevel { found.append((address >> state.pointee.leafShift) << state.pointee.leafShift) }
    }
    return found
  }

  /// Stores a huge entry, whose tables are there. `deposit` is the lowest table set aside for it, if it is new.
  func setHuge(_ entry: PageEntry, at address: UInt64, deposit: PageFrame? = nil) {
    guard let (node, index) = middle(address) else { preconditionFailure("no table for the huge entry") }
    if word(node, index) == 0 {
      node.header.pointee.used += 1
      state.pointee.hugeCount += 1
    }
    setWord(node, index, state.pointee.codec.encode(entry, isHuge: true))
    if let deposit { state.pointee.deposits[address >> state.pointee.leafShift] = deposit }
  }

  /// Removes a huge entry; returns the table that was set aside for it.
  func removeHuge(at address: UInt64) -> PageFrame? {
    guard let (node, index) = middle(address), node.child(index) == nil, word(node, index) != 0 else { return nil }
    setWord(node, index, 0)
    node.header.pointee.used -= 1
    state.pointee.hugeCount -= 1
    return state.pointee.deposits.removeValue(forKey: address >> state.pointee.leafShift)
  }

  /// Replaces a huge entry by the table set aside for it, with small entries in a row.
  func splitHuge(_ address: UInt64, _ entry: (Int) -> PageEntry) {
    let start = (address >> state.pointee.leafShift) << state.pointee.leafShift
    guard let deposit = removeHuge(at: start) else { preconditionFailure("no table was set aside") }
    var frames = PreparedFrames()
    frames.add(deposit.rawValue)
    prepare(start, frames: &frames)
    for slot in 0...state.pointee.slotMask { set(entry(slot), at: start + UInt64(slot) << state.pointee.pageShift) }
  }
}

/// Frames taken for tables before they are needed: at most as many as there are levels.
struct PreparedFrames: FrameSupplier {
  private var frames = SIMD8<UInt64>(repeating: 0)
  private(set) var count = 0

  mutating func add(_ frame: UInt64) {
    frames[count] = frame
    count += 1
  }

  mutating func take() -> UInt64? {
    if count == 0 { return nil }
    count -= 1
    return frames[count]
  }

  mutating func takeTableFrames(order: Int) -> PageFrame? { take().map { PageFrame($0) } }
  mutating func returnTableFrames(_ frame: PageFrame, order: Int) { add(frame.rawValue) }
}

/// The machine's frames, for tables that go.
private struct SuppliedFrames: FrameSupplier {
  let supply: PhysicalSupply

  func takeTableFrames(order: Int) -> PageFrame? {
    supply.allocate(order: order, isMovable: false).map { PageFrame($0) }
  }

  func returnTableFrames(_ frame: PageFrame, order: Int) { supply.free(frame.rawValue, order: order) }
}
