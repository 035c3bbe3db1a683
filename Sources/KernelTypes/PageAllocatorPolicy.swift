/// What the page allocator does differently by version, architecture and configuration.
///
/// Orders are exponents of two, sizes are pages unless a name says otherwise.
public struct PageAllocatorPolicy: Sendable, Hashable, Codable {
  /// Which free blocks of pageblock size and above may not merge.
  public enum PageblockMergeRule: String, Sendable, Codable {
    /// All merge: 3.x.
    case always
    /// Exactly one of the two pageblocks is isolated: 4.x to 5.15.
    case notWithIsolated
    /// The types differ and one of them has no fallbacks: 5.16 and later.
    case mergeableTypesOnly
  }

  /// How pages of another migrate type are taken when the wanted type has none.
  public enum FallbackRule: String, Sendable, Codable {
    /// Largest block first; only large blocks or reclaimable requests take over a pageblock; last resort: reserve.
    case withReserve
    /// Largest block first; unmovable requests take over pageblocks as well: 4.x.
    case largestBlock
    /// As before, with alike pages counted, and movable requests content with the smallest block: 5.0 to 6.11.
    case countingAlike
    /// Claim a whole pageblock or take one block without moving the rest: 6.12.
    case claimThenSteal
  }

  /// How large a per-CPU page list may grow.
  public enum PerCPUHighRule: String, Sendable, Codable {
    /// Six batches: up to 5.13.
    case sixBatches
    /// A CPU's share of the low watermark: 5.14 to 6.6.
    case shareOfLowWatermark
    /// Between that share and a CPU's share of an eighth of the zone: 6.7 and later.
    case tuned
  }

  /// How much is given back when a per-CPU page list is too long.
  public enum PerCPUFreeRule: String, Sendable, Codable {
    /// One batch: up to 5.13.
    case oneBatch
    /// Twice as much each time, until something is allocated: 5.14 to 6.6.
    case doubling
    /// As much as was freed lately: 6.7 and later.
    case recentFrees
  }

  /// In which order the lists of a CPU are emptied.
  public enum PerCPUDrainOrder: String, Sendable, Codable {
    /// In turns, more pages from each after empty ones: up to 5.19.
    case roundRobin
    /// The list freed to last, whole, then the ones after it: 6.0 and later.
    case lastFreedList
  }

  /// The largest order there is (inclusive, whatever the kernel calls it).
  public var maximumOrder: Int
  /// The order of a pageblock, the unit that has a migrate type.
  public var pageblockOrder: Int
  public var numbering: MigrateType.Numbering
  /// CONFIG_CMA.
  public var hasContiguous: Bool
  /// Whether the tail rule looks at the wrong frame for the upper half of a pair, and so never holds there: 3.5.
  public var tailRuleMissesUpperHalf: Bool
  /// Whether memory released at boot goes to the tail of the lists: 5.10 and later.
  public var releasesToTail: Bool
  /// The order of the blocks released at boot, with single pages around them; 0 for blocks as large as they fit.
  public var releaseOrder: Int
  /// Whether blocks moved to another type's list go to its tail: 5.10 and later.
  public var movesToTail: Bool
  public var pageblockMergeRule: PageblockMergeRule
  public var fallbackRule: FallbackRule
  /// Whether movable requests use contiguous-allocator memory first once it is over half of what is free: 5.15.
  public var balancesContiguous: Bool
  /// Whether zones keep pageblocks for atomic high-order requests: 4.4 and later.
  public var reservesHighAtomic: Bool
  /// Whether normal-zone requests avoid mixing types while another zone has memory: 5.0 and later, with a DMA32 zone.
  public var avoidsFragmentation: Bool
  /// `watermark_boost_factor` in ten-thousandths of the high mark; 0 when there is no boost.
  public var watermarkBoostFactor: Int
  /// `watermark_scale_factor` in ten-thousandths of the zone; 0 before 4.6.
  public var watermarkScaleFactor: Int
  /// Whether low and high marks are a quarter and a half above the minimum, each rounded down by itself: 3.5.
  public var hasQuarterAndHalfMarks: Bool
  /// Whether high-order checks halve the mark at each order instead of looking for a block: up to 4.3.
  public var halvesMarkByOrder: Bool
  /// The upper limit of the computed `min_free_kbytes`.
  public var minimumFreeKilobytesLimit: Int
  /// Whether a large machine keeps more free for huge pages (`khugepaged`).
  public var raisesMinimumForHugePages: Bool

  /// The largest small order kept on per-CPU lists.
  public var perCPUMaximumOrder: Int
  /// How many per-CPU lists there are for blocks of pageblock size; 0, 2 or 3.
  public var perCPUPageblockLists: Int
  /// The limit on the memory of the batch computation, in bytes.
  public var perCPUBatchLimitBytes: Int
  public var perCPUHighRule: PerCPUHighRule
  public var perCPUFreeRule: PerCPUFreeRule
  public var perCPUDrainOrder: PerCPUDrainOrder
  /// How often the amount given back may double (`CONFIG_PCP_BATCH_SCALE_MAX`).
  public var perCPUScaleLimit: Int
  /// Whether a multi-page free on a draining CPU empties its lists: 6.0 and later.
  public var perCPUFreesHighOrders: Bool
  /// Whether such a free waits for a whole batch, as on CPUs whose share of the cache holds three: 6.7 and later.
  public var perCPUKeepsBatchOfHighOrders: Bool

  /// The defaults of a kernel version on an architecture, for pages of `pageSize` bytes.
  ///
  /// Follows mm/page_alloc.c and include/linux/mmzone.h of Linux 3.5, 4.9, 5.4, 5.11, 5.15, 6.1 and 6.12; a version in
  /// between does what the older of its neighbours does.
  public init(kernel: KernelVersion, architecture: Architecture, pageSize: Int = 4096) {
    let is64Bit = architecture.pointerBytes == 8
    maximumOrder = 10
    // Two megabytes where a page table maps huge pages at that level, else as large as blocks get.
    pageblockOrder =
      is64Bit
      ? min(Order.holding(bytes: UInt64(pageSize / 8 * pageSize), pageSize: UInt64(pageSize)), 10) : 10
    numbering = kernel < KernelVersion(4, 0) ? .reclaimableFirst : .movableFirst
    hasContiguous = false
    tailRuleMissesUpperHalf = kernel < KernelVersion(3, 6)
    releasesToTail = kernel >= KernelVersion(5, 10)
    // As many pages as an unsigned long has bits.
    releaseOrder = kernel < KernelVersion(4, 0) ? (is64Bit ? 6 : 5) : 0
    movesToTail = kernel >= KernelVersion(5, 10)
    let hasReserve = kernel < KernelVersion(4, 4)
    pageblockMergeRule =
      kernel < KernelVersion(4, 0)
      ? .always : kernel < KernelVersion(5, 16) ? .notWithIsolated : .mergeableTypesOnly
    fallbackRule =
      hasReserve
      ? .withReserve
      : kernel < KernelVersion(5, 0)
        ? .largestBlock : kernel < KernelVersion(6, 12) ? .countingAlike : .claimThenSteal
    balancesContiguous = kernel >= KernelVersion(5, 15)
    reservesHighAtomic = !hasReserve
    avoidsFragmentation = kernel >= KernelVersion(5, 0) && architecture == .x86_64
    watermarkBoostFactor = kernel >= KernelVersion(5, 0) ? 15_000 : 0
    watermarkScaleFactor = kernel >= KernelVersion(4, 6) ? 10 : 0
    hasQuarterAndHalfMarks = kernel < KernelVersion(4, 6)
    halvesMarkByOrder = hasReserve
    minimumFreeKilobytesLimit = kernel >= KernelVersion(5, 10) ? 262_144 : 65_536
    raisesMinimumForHugePages = is64Bit

    let hasMultiPageLists = kernel >= KernelVersion(5, 14)
    perCPUMaximumOrder = hasMultiPageLists ? 3 : 0
    perCPUPageblockLists = !hasMultiPageLists || !is64Bit ? 0 : kernel >= KernelVersion(6, 0) ? 2 : 3
    perCPUBatchLimitBytes = kernel >= KernelVersion(5, 0) ? 1 << 20 : 512 << 10
    let isTuned = kernel >= KernelVersion(6, 7)
    perCPUHighRule = isTuned ? .tuned : hasMultiPageLists ? .shareOfLowWatermark : .sixBatches
    perCPUFreeRule = isTuned ? .recentFrees : hasMultiPageLists ? .doubling : .oneBatch
    perCPUDrainOrder = kernel >= KernelVersion(6, 0) ? .lastFreedList : .roundRobin
    // 5.14 to 5.19 have no limit; the clamp to the list's size makes eight doublings the same as none.
    perCPUScaleLimit = kernel >= KernelVersion(6, 0) ? 5 : 8
    perCPUFreesHighOrders = kernel >= KernelVersion(6, 0)
    perCPUKeepsBatchOfHighOrders = isTuned
  }
}
