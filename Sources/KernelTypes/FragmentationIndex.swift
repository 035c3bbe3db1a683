/// How fragmented a zone's free memory is, in the kernel's own integer arithmetic, from its free blocks by order alone.
///
/// Free blocks of all migrate types count, also those that ordinary requests may not use; pages in per-CPU lists don't.
/// Follows mm/vmstat.c, Linux 6.1 (the same since 2.6.35).
public struct FragmentationIndex: Hashable, Sendable {
  /// The index of a request that would not fail.
  public static let wouldSucceed = -1000

  /// Free blocks, from order 0.
  public var freeBlocks: [UInt64]

  public init(freeBlocks: [UInt64]) { self.freeBlocks = freeBlocks }

  /// Pages in all free blocks.
  public var freePages: UInt64 {
    freeBlocks.enumerated().reduce(0) { $0 &+ $1.element << UInt64($1.offset) }
  }

  /// Free blocks of all orders.
  public var blockCount: UInt64 { freeBlocks.reduce(0, &+) }

  /// The largest order of which there is a free block.
  public var largestFreeOrder: Int? { freeBlocks.lastIndex { $0 > 0 } }

  /// How many blocks of an order the free blocks of that order and above can be cut into.
  /// Follows `fill_contig_page_info`.
  public func suitableBlocks(order: Int) -> UInt64 {
    freeBlocks.enumerated().reduce(0) { sum, block in
      block.offset >= order ? sum &+ block.element << UInt64(block.offset - order) : sum
    }
  }

  /// Why a request of an order would fail, in thousandths: near 0 for lack of memory, near 1000 because free memory is in
  /// too small blocks; −1000 if it would not fail.
  ///
  /// It can be negative without being −1000: a single free block smaller than the request gives such values.
  /// Follows `__fragmentation_index`.
  public func fragmentationIndex(order: Int) -> Int {
    let blocks = blockCount
    if !freeBlocks.indices.contains(order) || blocks == 0 { return 0 }
    if suitableBlocks(order: order) > 0 { return Self.wouldSucceed }
    // Two divisions, each rounded down, as in the kernel.
    let part = (1000 &+ freePages &* 1000 / (1 << UInt64(order))) / blocks
    // The kernel's result is an int.
    return Int(Int32(truncatingIfNeeded: 1000 &- Int64(bitPattern: part)))
  }

  /// The part of free memory, in thousandths, that a request of an order can't use because its blocks are too small.
  /// Follows `unusable_free_index`; no free memory at all counts as 1000.
  public func unusableFreeIndex(order: Int) -> Int {
    let pages = freePages
    if pages == 0 { return 1000 }
    return Int(truncatingIfNeeded: (pages &- suitableBlocks(order: order) << UInt64(order)) &* 1000 / pages)
  }

  /// The same in percent, 0 without free memory: the score by which proactive compaction works (5.9 and later).
  /// Follows `extfrag_for_order`.
  public func externalFragmentation(order: Int) -> Int {
    let pages = freePages
    if pages == 0 { return 0 }
    return Int(truncatingIfNeeded: (pages &- suitableBlocks(order: order) << UInt64(order)) &* 100 / pages)
  }
}
