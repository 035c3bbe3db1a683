import KernelTypes

/// The buddy allocator of one zone: lists of free blocks by order and migrate type, and the types of the pageblocks.
///
/// It hands out and takes back frame indices; `Zone` speaks of page frames and keeps the per-CPU lists in front of it.
/// Follows mm/page_alloc.c, Linux 6.1, with the policy's rules for other versions.
struct BuddyAllocator: ~Copyable {
  static let typeCount = 6

  let start: Int
  let end: Int
  let policy: PageAllocatorPolicy
  let maximumOrder: Int
  let pageblockOrder: Int
  let tailRuleMissesUpperHalf: Bool
  let movesToTail: Bool

  var frames: FrameTable
  // The list of order o and type t is at o × typeCount + t.
  var lists: [FrameList]
  // For each type, a bit for every order that has a block.
  var available: [UInt32]
  var blockTypes: [MigrateType]
  var isolatedPageblocks = 0

  /// Free pages, as `NR_FREE_PAGES` counts them: without isolated pageblocks.
  var freePages = 0
  /// Changes of `freePages` that the CPU's counter holds back from the zone's, up to `counterThreshold` pages.
  var heldBackPages = 0
  /// `stat_threshold` of a machine with one CPU; with 0 the zone's counter is always exact.
  var counterThreshold = 0
  /// Free pages on the contiguous allocator's lists.
  var freeContiguousPages = 0
  /// Pages in pageblocks kept for atomic requests, free or not.
  var reservedHighAtomicPages = 0
  /// Fallbacks below pageblock size that call for a higher watermark, since the zone last looked.
  var boostRequests = 0
  /// Requests served from another type's memory.
  var fallbackCount = 0

  var recordsSteps = false
  var steps: [PageStep] = []

  init(start: PageFrame, end: PageFrame, policy: PageAllocatorPolicy) {
    self.policy = policy
    maximumOrder = policy.maximumOrder
    pageblockOrder = min(policy.pageblockOrder, policy.maximumOrder)
    tailRuleMissesUpperHalf = policy.tailRuleMissesUpperHalf
    movesToTail = policy.movesToTail
    frames = FrameTable(start: start, end: end, maximumOrder: policy.maximumOrder)
    self.start = Int(start.rawValue - frames.base)
    self.end = Int(end.rawValue - frames.base)
    lists = Array(repeating: FrameList(), count: (policy.maximumOrder + 1) * Self.typeCount)
    available = Array(repeating: 0, count: Self.typeCount)
    blockTypes = Array(repeating: .movable, count: max(frames.count >> pageblockOrder, 1))
  }

  // MARK: - Lists

  @inline(__always)
  func slot(_ order: Int, _ type: MigrateType) -> Int { order &* Self.typeCount &+ Int(type.rawValue) }

  /// Puts a free block on a list and counts it.
  @inline(__always)
  mutating func insert(_ index: Int, order: Int, type: MigrateType, atTail: Bool) {
    frames.insert(
      index, into: &lists[slot(order, type)], place: .buddy, order: order, type: type, atTail: atTail)
    available[Int(type.rawValue)] |= 1 << UInt32(truncatingIfNeeded: order)
    count(type, 1 << order)
  }

  /// Takes a free block off its list and uncounts it.
  @inline(__always)
  mutating func remove(_ index: Int, order: Int, type: MigrateType) {
    let slot = slot(order, type)
    frames.remove(index, from: &lists[slot])
    if lists[slot].head < 0 { available[Int(type.rawValue)] &= ~(1 << UInt32(truncatingIfNeeded: order)) }
    count(type, -(1 << order))
  }

  @inline(__always)
  private mutating func count(_ type: MigrateType, _ pages: Int) {
    if type.rawValue < MigrateType.contiguous.rawValue {
      freePages &+= pages
    } else {
      countApart(type, pages)
    }
  }

  private mutating func countApart(_ type: MigrateType, _ pages: Int) {
    if type == .isolate { return }
    freePages += pages
    freeContiguousPages += pages
  }

  /// Counts pages as the CPU does. Follows `__mod_zone_page_state` in mm/vmstat.c, Linux 6.1.
  @inline(__always)
  mutating func holdBack(_ pages: Int) {
    if counterThreshold == 0 { return }
    let held = heldBackPages &+ pages
    heldBackPages = abs(held) > counterThreshold ? 0 : held
  }

  // MARK: - Pageblocks

  @inline(__always)
  func pageblockType(_ index: Int) -> MigrateType { blockTypes[index >> pageblockOrder] }

  mutating func setPageblockType(_ index: Int, _ type: MigrateType) {
    let block = index >> pageblockOrder
    if blockTypes[block] == .isolate { isolatedPageblocks -= 1 }
    if type == .isolate { isolatedPageblocks += 1 }
    blockTypes[block] = type
  }

  /// Gives all pageblocks of a block at least that large a type. Follows `change_pageblock_range`, Linux 6.1.
  mutating func setPageblockRange(_ index: Int, order: Int, _ type: MigrateType) {
    for block in 0..<(1 << (order - pageblockOrder)) {
      setPageblockType(index + block << pageblockOrder, type)
    }
  }

  /// Whether memory of this type may be used up by other types' requests and merged with theirs.
  @inline(__always)
  static func isMergeable(_ type: MigrateType) -> Bool { type.rawValue < MigrateType.highAtomic.rawValue }

  // MARK: - Counts

  func freeBlocks(order: Int, type: MigrateType) -> Int { Int(lists[slot(order, type)].count) }

  func freeBlocks(order: Int) -> Int {
    var total = 0
    for type in MigrateType.allCases { total += freeBlocks(order: order, type: type) }
    return total
  }

  func record(
    _ kind: PageStep.Kind, _ index: Int, order: Int, type: MigrateType, fallbackOrder: Int, fallbackType: MigrateType,
    changedOwnership: Bool
  ) -> PageStep {
    PageStep(
      kind: kind, order: UInt8(order), type: type, fallbackOrder: UInt8(fallbackOrder), fallbackType: fallbackType,
      changedOwnership: changedOwnership, frame: PageFrame(frames.base + UInt64(index)))
  }

  @inline(__always)
  mutating func note(_ kind: PageStep.Kind, _ index: Int, order: Int, type: MigrateType) {
    if recordsSteps {
      steps.append(
        record(
          kind, index, order: order, type: type, fallbackOrder: order, fallbackType: type, changedOwnership: false))
    }
  }
}
