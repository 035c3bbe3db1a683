public import KernelTypes

/// The conditions of a request inside a zone.
///
/// Follows the ALLOC_ flags of mm/internal.h, Linux 6.1.
public struct PageRequestFlags: OptionSet, Hashable, Sendable {
  public var rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Rather fail than take a part of another type's pageblock (`ALLOC_NOFRAGMENT`).
  public static let noFragment = PageRequestFlags(rawValue: 1 << 0)
  /// Memory of the contiguous allocator may be used (`ALLOC_CMA`).
  public static let contiguous = PageRequestFlags(rawValue: 1 << 1)
  /// Pageblocks kept for atomic requests are tried first (`ALLOC_HIGHATOMIC`).
  public static let highAtomic = PageRequestFlags(rawValue: 1 << 2)
  /// The caller can't wait (`ALLOC_NON_BLOCK`).
  public static let nonBlocking = PageRequestFlags(rawValue: 1 << 3)
  /// Half of the minimum mark may be used (`ALLOC_MIN_RESERVE`).
  public static let minimumReserve = PageRequestFlags(rawValue: 1 << 4)
  /// No mark is checked (`ALLOC_NO_WATERMARKS`).
  public static let noWatermarks = PageRequestFlags(rawValue: 1 << 5)
  /// The per-CPU lists are passed over, as when an interrupt finds them locked.
  public static let skipPerCPU = PageRequestFlags(rawValue: 1 << 6)
  /// One of many pages asked for at once (`alloc_pages_bulk`), which leaves the CPU's memory of recent frees alone.
  public static let bulk = PageRequestFlags(rawValue: 1 << 7)
}

/// One thing an allocator did to its lists, as a kernel's trace would show it.
public struct PageStep: Hashable, Sendable {
  public enum Kind: UInt8, Sendable {
    /// A block left the buddy lists for a caller or a CPU's list: `mm_page_alloc_zone_locked`.
    case removed
    /// A block went from a CPU's list to the buddy lists: `mm_page_pcpu_drain`.
    case drained
    /// A request was served from another type's memory: `mm_page_alloc_extfrag`.
    case fallback
  }

  public var kind: Kind
  /// The order of the request or block.
  public var order: UInt8
  /// The type of the request or block.
  public var type: MigrateType
  /// The order of the block found; `order` unless this is a fallback.
  public var fallbackOrder: UInt8
  /// The type the block had; `type` unless this is a fallback.
  public var fallbackType: MigrateType
  /// Whether the pageblock has the wanted type now.
  public var changedOwnership: Bool
  public var frame: PageFrame
}
