/// How a processor finds physical addresses: the levels of its tables, their entries and the sizes of its pages.
///
/// Addresses and sizes are in bytes; level 0 is the table that the base register names. The schemes follow the
/// Intel 64 manual (volume 3, chapter 4) and the Arm architecture reference manuals for ARMv7-A (short descriptors) and
/// ARMv8-A.
public struct TranslationScheme: Hashable, Sendable {
  /// The layout of the entries.
  public enum Format: String, Hashable, Sendable, BitwiseCopyable {
    /// 32-bit entries of IA-32, two levels.
    case ia32
    /// 64-bit entries of IA-32 with physical address extension.
    case pae
    /// 64-bit entries of x86-64.
    case x86_64
    /// 32-bit short descriptors of ARMv7-A, in Linux's paired tables.
    case armShort
    /// 64-bit descriptors of ARMv8-A.
    case arm64
  }

  /// Which addresses one set of tables translates.
  public enum Half: String, Hashable, Sendable, BitwiseCopyable {
    case whole
    /// Addresses that begin with zeros: `TTBR0_EL1`, user space.
    case low
    /// Addresses that begin with ones: `TTBR1_EL1`, the kernel.
    case high
  }

  /// A size of page that the tables can map.
  public struct PageSize: Hashable, Sendable {
    /// Bytes that one mapping covers.
    public var bytes: UInt64
    /// The level of the entries that map it.
    public var level: Int
    /// Entries that are written alike for one page: 16 for ARM's large pages and supersections, else 1.
    public var repeats: Int
  }

  /// The name users choose it by, such as `x86_64`.
  public let name: String
  public let format: Format
  public let half: Half
  public let levelCount: Int
  /// log₂ of the smallest page.
  public let pageShift: Int
  /// Bits of an address that index a table below the first.
  public let indexBits: Int
  /// Bits that index the first table.
  public let topIndexBits: Int
  public let entryBytes: Int
  /// Bits that are translated.
  public let virtualAddressBits: Int
  /// Bits of a physical address.
  public let physicalAddressBits: Int
  /// For each level, from bit 0: whether its entries can map a page.
  let leafLevels: UInt8

  init(
    _ name: String, _ format: Format, half: Half = .whole, levels: Int, pageShift: Int, indexBits: Int,
    topIndexBits: Int, entryBytes: Int, virtualBits: Int, physicalBits: Int, leafLevels: UInt8
  ) {
    self.name = name
    self.format = format
    self.half = half
    levelCount = levels
    self.pageShift = pageShift
    self.indexBits = indexBits
    self.topIndexBits = topIndexBits
    self.entryBytes = entryBytes
    virtualAddressBits = virtualBits
    physicalAddressBits = physicalBits
    self.leafLevels = leafLevels
  }

  /// Bytes of the smallest page, and of the frames that tables take.
  public var pageBytes: UInt64 { 1 << UInt64(pageShift) }

  /// The number of address bits below those that index a level's table.
  @inline(__always)
  public func shift(_ level: Int) -> Int { pageShift &+ indexBits &* (levelCount &- 1 &- level) }

  /// Entries in a table of a level.
  public func entryCount(_ level: Int) -> Int { 1 << (level == 0 ? topIndexBits : indexBits) }

  /// The index of the entry for an address in its table of a level.
  @inline(__always)
  public func index(_ address: UInt64, _ level: Int) -> Int {
    let bits = level == 0 ? topIndexBits : indexBits
    return Int(truncatingIfNeeded: (address &>> UInt64(truncatingIfNeeded: shift(level))) & ((1 &<< UInt64(bits)) &- 1))
  }

  /// Whether an entry of a level can map a page.
  @inline(__always)
  public func canMapPage(_ level: Int) -> Bool { leafLevels &>> UInt8(truncatingIfNeeded: level) & 1 != 0 }

  /// Whether the tables translate such an address at all: on x86-64 one whose upper bits are all alike.
  @inline(__always)
  public func isCanonical(_ address: UInt64) -> Bool {
    let unused = UInt64(truncatingIfNeeded: 64 &- virtualAddressBits)
    switch half {
    case .low: return address &>> UInt64(truncatingIfNeeded: virtualAddressBits) == 0
    case .high: return ~address &>> UInt64(truncatingIfNeeded: virtualAddressBits) == 0
    case .whole:
      if virtualAddressBits == 32 { return address &>> 32 == 0 }
      return UInt64(bitPattern: Int64(bitPattern: address &<< unused) &>> Int64(bitPattern: unused)) == address
    }
  }

  /// All sizes, the smallest first.
  public var pageSizes: [PageSize] {
    var sizes: [PageSize] = []
    for level in (0..<levelCount).reversed() where canMapPage(level) {
      let bytes = UInt64(1) << UInt64(shift(level))
      sizes.append(PageSize(bytes: bytes, level: level, repeats: 1))
      let repeats = contiguousEntries(level)
      if repeats > 1 { sizes.append(PageSize(bytes: bytes * UInt64(repeats), level: level, repeats: repeats)) }
    }
    return sizes
  }

  /// The size of page with so many bytes.
  public func pageSize(bytes: UInt64) -> PageSize? { pageSizes.first { $0.bytes == bytes } }

  /// How many entries of a level one page can be spread over: ARM's large pages, ARM64's contiguous bit.
  /// Follows the Arm architecture reference manual and CONT_PTE_SHIFT, CONT_PMD_SHIFT in Linux 6.1.
  func contiguousEntries(_ level: Int) -> Int {
    switch format {
    case .ia32, .pae, .x86_64: 1
    case .armShort: 16
    case .arm64:
      switch (pageShift, levelCount - level) {
      case (12, 1...2): 16
      case (14, 1): 128
      case (14, 2), (16, 1...2): 32
      default: 1
      }
    }
  }

  /// The name of a level's table in the processor's manual.
  public func tableName(_ level: Int) -> String {
    switch format {
    case .ia32: ["PD", "PT"][level]
    case .pae: ["PDPT", "PD", "PT"][level]
    case .x86_64: ["PML5", "PML4", "PDPT", "PD", "PT"][level + 5 - levelCount]
    case .armShort: ["L1", "L2"][level]
    case .arm64: "L\(level + 4 - levelCount)"
    }
  }

  /// Linux's name for a level's table: `pgd`, `p4d`, `pud`, `pmd` or `pte`.
  public func linuxName(_ level: Int) -> String {
    if level == 0 { return "pgd" }
    return ["pte", "pmd", "pud", "p4d"][levelCount - 1 - level]
  }

  /// log₂ of the pages that the first table takes: 2 for ARM's 16 KiB, else 0.
  ///
  /// Where the table is smaller than a page (PAE's 32 bytes, some of ARM64's), Linux takes it from a slab cache; the model
  /// gives it a page of its own.
  public var rootOrder: Int { format == .armShort ? 2 : 0 }

  /// Whether two neighbouring entries of the first table share a table page: Linux on ARM.
  @inline(__always)
  var isPaired: Bool { format == .armShort }

  /// Bytes that Linux counts in VmPTE for a table page of a level; nothing for the first table.
  ///
  /// Follows `mm_inc_nr_ptes`, `mm_inc_nr_pmds` and `mm_inc_nr_puds` in include/linux/mm.h, Linux 6.1: no p4d tables, and on
  /// ARM half of the page of paired tables.
  public func countedBytes(_ level: Int) -> UInt64 {
    switch linuxName(level) {
    case "pgd", "p4d": 0
    default: isPaired ? 2048 : pageBytes
    }
  }
}
