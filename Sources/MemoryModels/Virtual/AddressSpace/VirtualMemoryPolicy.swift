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

  /// How addresses are translated.
  public let scheme: TranslationScheme
  /// The size of a page as an exponent of two.
  public let pageShift: Int
  /// How much of the address space a table of each level covers, as exponents of two, from the lowest; the root is left out.
  public let tableShifts: [Int]
  /// log₂ of what a lowest table covers, which is the size of a huge page where the architecture has them.
  public let hugeShift: Int
  /// The first address that users can't have (`TASK_SIZE_MAX`).
  public let userEnd: UInt64
  /// The end of what users get without asking for more (`DEFAULT_MAP_WINDOW`): the stack's, and where mappings go.
  public let windowEnd: UInt64
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

  /// The defaults of Linux 6.1 on a machine that translates like this.
  ///
  /// Ends of user space follow TASK_SIZE in arch/x86/include/asm/page_64_types.h and page_32_types.h (3 GiB for users),
  /// arch/arm/include/asm/memory.h and arch/arm64/include/asm/processor.h.
  public init(scheme: TranslationScheme = .x86_64) {
    self.scheme = scheme
    pageShift = scheme.pageShift
    let last = scheme.levelCount - 1
    // A page of ARM's paired tables covers two entries of the first table.
    tableShifts = (0..<last).map { scheme.shift(last - 1 - $0) + (scheme.isPaired ? 1 : 0) }
    hugeShift = scheme.shift(last - 1) + (scheme.isPaired ? 1 : 0)
    let end: UInt64
    switch scheme.format {
    case .ia32, .pae: end = 0xC000_0000
    case .x86_64: end = 1 << UInt64(scheme.virtualAddressBits - 1) - 4096
    case .armShort: end = 0xBF00_0000
    case .arm64: end = 1 << UInt64(scheme.virtualAddressBits)
    }
    userEnd = end
    windowEnd = scheme.format == .x86_64 ? min(end, 0x7FFF_FFFF_F000) : end
    if !hasHugePages { hugePages = .never }
  }

  /// Whether the kernel maps huge pages: not on 32-bit ARM with short descriptors.
  public var hasHugePages: Bool { scheme.format != .armShort }

  /// Whether faults are told by x86's error codes, and judged by its rules.
  var isX86: Bool { scheme.format != .armShort && scheme.format != .arm64 }

  /// Bytes in a page.
  @inline(__always)
  public var pageBytes: UInt64 { 1 << UInt64(pageShift) }
  /// Bytes that a huge page has: what a lowest table covers.
  public var hugeBytes: UInt64 { 1 << UInt64(hugeShift) }
  /// Pages in a huge page.
  public var hugePageCount: Int { 1 << (hugeShift - pageShift) }
  /// The order of a huge page.
  public var hugeOrder: Int { hugeShift - pageShift }

  /// Where mappings are placed downwards from, for a stack of at most `stackLimit` bytes and without randomisation.
  ///
  /// Follows `mmap_base` in arch/x86/mm/mmap.c, Linux 6.1.
  public func mappingBase(stackLimit: UInt64) -> UInt64 {
    let pad = stackGuardPages << UInt64(pageShift)
    var gap = stackLimit
    let (padded, overflows) = gap.addingReportingOverflow(pad)
    if !overflows { gap = padded }
    gap = min(max(gap, 128 << 20), windowEnd / 6 * 5)
    return (windowEnd - gap + pageBytes - 1) & ~(pageBytes - 1)
  }
}
