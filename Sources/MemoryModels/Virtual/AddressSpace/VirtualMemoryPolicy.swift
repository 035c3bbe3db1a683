/// The numbers and switches of virtual memory that differ by kernel, architecture and administrator.
///
/// Sizes are bytes or pages as their names say. The defaults are those of Linux 6.1 on x86-64 with four levels.
public struct VirtualMemoryPolicy: Hashable, Sendable {
  /// What `vm.overcommit_memory` says.
  public enum Overcommit: Int, Hashable, Sendable, CaseIterable {
    /// Only a single request beyond all memory and swap is refused.
    case heuristic = 0
    case always = 1
    /// Nothing beyond CommitLimit.
    case never = 2
  }

  /// What /sys/kernel/mm/transparent_hugepage/enabled says.
  public enum HugePages: String, Hashable, Sendable, CaseIterable {
    case always, madvise, never
  }

  /// The size of a page as an exponent of two.
  public var pageShift = 12
  /// How much of the address space a table of each level covers, as exponents of two, from the lowest; the root is left out.
  public var tableShifts = [21, 30, 39]
  /// The first address that users can't have (`TASK_SIZE_MAX`).
  public var userEnd: UInt64 = 0x7FFF_FFFF_F000
  /// `vm.mmap_min_addr`.
  public var minimumAddress: UInt64 = 65536
  /// `stack_guard_gap`, in pages.
  public var stackGuardPages: UInt64 = 256
  /// `fault_around_bytes`.
  public var faultAroundBytes: UInt64 = 65536
  /// `vm.max_map_count`.
  public var maximumAreas = 65530
  public var overcommit = Overcommit.heuristic
  /// `vm.overcommit_ratio`.
  public var overcommitRatio = 50
  /// `vm.overcommit_kbytes`; 0 leaves it to the ratio.
  public var overcommitKilobytes = 0
  /// `vm.admin_reserve_kbytes` and `vm.user_reserve_kbytes`; computed from free memory when a machine is set up.
  public var adminReserveKilobytes = 8192
  public var userReserveKilobytes = 131_072
  /// `vm.page-cluster`.
  public var pageCluster = 3
  /// `vm.swappiness`.
  public var swappiness = 60
  public var hugePages = HugePages.always
  public var usesHugeZeroPage = true
  /// Whether swap is read synchronously and without a cache, as from zram.
  public var hasSynchronousSwap = false

  public init() {}

  /// Bytes in a page.
  public var pageBytes: UInt64 { 1 << UInt64(pageShift) }
  /// Bytes that a huge page has: what a lowest table covers.
  public var hugeBytes: UInt64 { 1 << UInt64(tableShifts[0]) }
  /// Pages in a huge page.
  public var hugePageCount: Int { 1 << (tableShifts[0] - pageShift) }
  /// The order of a huge page.
  public var hugeOrder: Int { tableShifts[0] - pageShift }

  /// Where mappings are placed downwards from, for a stack of at most `stackLimit` bytes and without randomisation.
  ///
  /// Follows `mmap_base` in arch/x86/mm/mmap.c, Linux 6.1.
  public func mappingBase(stackLimit: UInt64) -> UInt64 {
    let pad = stackGuardPages << UInt64(pageShift)
    var gap = stackLimit
    let (padded, overflows) = gap.addingReportingOverflow(pad)
    if !overflows { gap = padded }
    gap = min(max(gap, 128 << 20), userEnd / 6 * 5)
    return (userEnd - gap + pageBytes - 1) & ~(pageBytes - 1)
  }
}
