import KernelTypes
import MemoryModels
import Testing

@Suite("Translation schemes") struct TranslationSchemeTests {
  private func indices(_ scheme: TranslationScheme?, _ address: UInt64) -> [Int]? {
    scheme.map { scheme in (0..<scheme.levelCount).map { scheme.index(address, $0) } }
  }

  @Test func `UT-30: x86 addresses fall apart into the indices of their levels`() {
    #expect(indices(.ia32, 0xC010_1234) == [0x300, 0x101])
    #expect(indices(.pae, 0xC010_1234) == [3, 0, 0x101])
    #expect(indices(.x86_64FiveLevel, 0xFFFF_8880_1234_5678) == [511, 273, 0, 145, 325])
    #expect(indices(.x86_64, 0x7F12_3456_7ABC) == [254, 72, 418, 359])
    #expect(0xFFFF_8880_1234_5678 & (TranslationScheme.x86_64.pageBytes - 1) == 0x678)
  }

  @Test func `UT-31: ARM addresses have one of 4096 sections and one of 256 small pages`() throws {
    #expect(indices(.arm, 0xC000_8123) == [0xC00, 0x08])
    // Linux's pgd covers two sections.
    #expect(0xC000_8123 >> VirtualMemoryPolicy(scheme: .arm).hugeShift == 0x600)
    var frames = FrameSequence(from: PageFrame(4))
    let table = try #require(PageTable(.arm, frames: &frames))
    try table.map(
      0xC000_0000, to: 0x6000_0000, bytes: 1 << 20, PageAttributes([.read, .write], isGlobal: true), frames: &frames)
    let page = table.translate(0xC000_8123, MemoryAccess(.read, isUser: false)).page
    #expect(page?.physicalAddress == 0x6000_0000 | 0x8123)
  }

  @Test func `UT-32: ARM64 addresses fall apart by the granule`() {
    #expect(indices(.arm64(granule: 4096), 0x7FAB_CDEF_1234) == [255, 175, 111, 241])
    #expect(indices(.arm64(granule: 16384), 0x7FAB_CDEF_1234) == [0, 2042, 1510, 1980])
    #expect(indices(.arm64(granule: 65536), 0x7FAB_CDEF_1234) == [31, 7518, 3567])
    #expect(TranslationScheme.arm64(granule: 4096, virtualAddressBits: 39)?.levelCount == 3)
    #expect(TranslationScheme.arm64(granule: 8192) == nil)
    #expect(TranslationScheme.arm64(virtualAddressBits: 60) == nil)
  }

  @Test func `pages have the sizes of the manuals`() {
    let sizes = Dictionary(uniqueKeysWithValues: TranslationScheme.all().map { ($0.name, $0.pageSizes.map(\.bytes)) })
    let (kib, mib, gib): (UInt64, UInt64, UInt64) = (1 << 10, 1 << 20, 1 << 30)
    #expect(sizes["ia32"] == [4 * kib, 4 * mib])
    #expect(sizes["pae"] == [4 * kib, 2 * mib])
    #expect(sizes["x86_64"] == [4 * kib, 2 * mib, gib])
    #expect(sizes["x86_64-5level"] == [4 * kib, 2 * mib, gib])
    #expect(sizes["arm"] == [4 * kib, 64 * kib, mib, 16 * mib])
    #expect(sizes["arm64-4k"] == [4 * kib, 64 * kib, 2 * mib, 32 * mib, gib])
    #expect(sizes["arm64-16k"] == [16 * kib, 2 * mib, 32 * mib, gib])
    #expect(sizes["arm64-64k"] == [64 * kib, 2 * mib, 512 * mib, 16 * gib])
  }

  @Test func `addresses that no table translates are not canonical`() {
    #expect(TranslationScheme.x86_64.isCanonical(0x7FFF_FFFF_FFFF))
    #expect(!TranslationScheme.x86_64.isCanonical(0x8000_0000_0000))
    #expect(TranslationScheme.x86_64.isCanonical(0xFFFF_8000_0000_0000))
    #expect(!TranslationScheme.x86_64.isCanonical(0xFFFF_7FFF_FFFF_FFFF))
    #expect(TranslationScheme.x86_64FiveLevel.isCanonical(0xFF00_0000_0000_0000))
    #expect(!TranslationScheme.x86_64FiveLevel.isCanonical(0xFE00_0000_0000_0000))
    #expect(!TranslationScheme.ia32.isCanonical(1 << 32))
    let (low, high) = (TranslationScheme(named: "arm64-4k"), TranslationScheme(named: "arm64-4k", half: .high))
    #expect(low?.isCanonical(0xFFFF_FFFF_FFFF) == true && low?.isCanonical(0xFFFF_0000_0000_0000) == false)
    #expect(high?.isCanonical(0xFFFF_0000_0000_0000) == true && high?.isCanonical(0) == false)
  }

  @Test func `levels have the names of the manuals and of Linux`() {
    let five = TranslationScheme.x86_64FiveLevel
    #expect((0..<5).map(five.tableName) == ["PML5", "PML4", "PDPT", "PD", "PT"])
    #expect((0..<5).map(five.linuxName) == ["pgd", "p4d", "pud", "pmd", "pte"])
    #expect((0..<3).map(TranslationScheme.pae.tableName) == ["PDPT", "PD", "PT"])
    #expect(
      TranslationScheme(named: "arm64-64k").map { scheme in (0..<3).map(scheme.tableName) } == ["L1", "L2", "L3"])
    #expect((0..<2).map(TranslationScheme.arm.linuxName) == ["pgd", "pte"])
  }
}
