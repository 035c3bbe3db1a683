import KernelTypes

extension KernelLayout {
  private static let fixmapTop: UInt64 = 0xFFFF_F000
  /// Pages of a CPU's entry area: descriptor table, entry stack and double-fault stack with a guard page each, five pages
  /// of task state with its two I/O bitmaps, debug store, and 32 pages of its buffers. `struct cpu_entry_area` in
  /// arch/x86/include/asm/cpu_entry_area.h, Linux 6.1.
  private static let entryAreaPages: UInt64 = 43

  /// Pages of the fixmap that stay after boot, and all of them, in a usual configuration.
  ///
  /// From 5.11 on: three for consoles and the hole, local APIC, 64 I/O APICs, 16 atomic mappings a CPU, PCI configuration
  /// and two for error records; then 512 mappings that boot uses, which must not cross a page table, and one to test write
  /// protection. Follows `enum fixed_addresses` in arch/x86/include/asm/fixmap.h, MAX_IO_APICS in apicdef.h and KM_MAX_IDX
  /// in asm-generic/kmap_size.h, Linux 6.1. Before that, what kernels of 3.x printed at boot.
  private func fixmapPages() -> (permanent: UInt64, all: UInt64) {
    if machine.kernel < KernelVersion(5, 11) { return (0xEA, 0xEA) }
    let permanent = 71 + 16 * UInt64(max(machine.cpuLimit, 1))
    let entries: UInt64 = machine.hasLargePhysicalAddresses ? 512 : 1024
    let crosses = (permanent ^ (permanent + 511)) / entries != 0
    return (permanent, (crosses ? permanent + 512 - permanent % 512 : permanent) + 513)
  }

  /// 32-bit x86 with high memory, with or without PAE.
  ///
  /// Follows `find_low_pfn_range` in arch/x86/mm/init_32.c, `parse_vmalloc` in arch/x86/mm/pgtable_32.c, and MAXMEM,
  /// VMALLOC_START, PKMAP_BASE, LDT_BASE_ADDR and CPU_ENTRY_AREA_BASE in arch/x86/include/asm/pgtable_32_areas.h, Linux
  /// 6.1; the sizes before 5.11 are those that kernels of 3.x print.
  mutating func layOutX86() throws(KernelLayoutError) {
    let offset = try checkedPageOffset()
    let page = Self.pageSize
    let large = machine.hasLargePhysicalAddresses
    let pmd: UInt64 = large ? 2 << 20 : 4 << 20
    kmapSlots = large ? 512 : 1024
    let fixmapPages = fixmapPages()
    guard fixmapPages.all * page < Self.fixmapTop - offset else { throw .noRoom }
    let fixmap = Self.fixmapTop - fixmapPages.permanent * page
    let fixmapAndBoot = Self.fixmapTop - fixmapPages.all * page
    var pkmap: UInt64
    if machine.kernel >= KernelVersion(4, 15) {
      let areas = UInt64(max(machine.cpuLimit, 1)) * Self.entryAreaPages
      guard (areas + 1) * page + 3 * pmd < fixmapAndBoot - offset else { throw .noRoom }
      let entryAreas = Self.alignDown(fixmapAndBoot - page * (areas + 1), pmd)
      let descriptors = Self.alignDown(entryAreas - page, pmd)
      pkmap = Self.alignDown(descriptors - page, pmd)
      add(.other, "LDT", descriptors..<(descriptors + pmd), "a process's segment descriptors")
      add(
        .other, "CPU entry", entryAreas..<(entryAreas + page * (areas + 1)), "entry stacks of \(machine.cpuLimit) CPUs")
      notes.append("fixmap and CPU entry areas depend on the configuration; \(machine.cpuLimit) CPUs are assumed")
    } else {
      pkmap = Self.alignDown(fixmap - page * UInt64(kmapSlots + 1), pmd)
    }
    let end = pkmap - 2 * page
    // The command line's value does not count the gap; the default of 128 MiB does.
    var reserve = 128 * Self.mebibyte
    if let asked = machine.vmallocBytes { reserve = Self.alignDown(asked, page) + Self.vmallocOffset }
    guard end > offset, reserve < end - offset - page else { throw .noRoom }
    let most = end - offset - reserve
    lowMemoryBytes = min(machine.memoryBytes, most)
    highMemoryBytes = machine.memoryBytes - lowMemoryBytes
    if !large, machine.memoryBytes > 1 << 32 {
      lostMemoryBytes = machine.memoryBytes - 1 << 32
      highMemoryBytes -= lostMemoryBytes
      notes.append("without PAE, memory above 4 GiB can't be addressed")
    }
    let lowEnd = offset + lowMemoryBytes
    add(.user, "user", 0..<offset, "a process's own addresses")
    add(.lowmem, "lowmem", offset..<lowEnd, "memory that is always mapped")
    add(.hole, "guard", lowEnd..<(lowEnd + Self.vmallocOffset), "nothing, so that overruns of lowmem fault")
    add(.vmalloc, "vmalloc", (lowEnd + Self.vmallocOffset)..<end, "vmalloc, vmap and ioremap; modules too")
    add(.hole, "guard", end..<pkmap)
    add(
      .pkmap, "pkmap", pkmap..<(pkmap + UInt64(kmapSlots) * page), "kmap: \(kmapSlots) pages of high memory at a time")
    add(.fixmap, "fixmap", fixmap..<Self.fixmapTop, "addresses fixed when the kernel is built; kmap_atomic")
    add(.hole, "guard", Self.fixmapTop..<0x1_0000_0000)
  }

  private func checkNoOptionsOf32Bit() throws(KernelLayoutError) {
    if machine.vmallocBytes != nil { throw .onlyOn32Bit("a vmalloc size") }
    if machine.pageOffset != nil { throw .onlyOn32Bit("a page offset") }
    if machine.hasLargePhysicalAddresses { throw .onlyOn32Bit("PAE or LPAE") }
  }

  /// 64-bit x86, without randomisation. Follows Documentation/x86/x86_64/mm.rst, Linux 6.1; the direct map was elsewhere
  /// before 4.20.
  mutating func layOutX86_64() throws(KernelLayoutError) {
    try checkNoOptionsOf32Bit()
    let bits = machine.addressBits ?? 48
    if bits != 48, bits != 57 { throw .addressBits(bits, .x86_64) }
    let isLarge = bits == 57
    let hasDescriptorMap = machine.kernel >= KernelVersion(4, 20)
    let direct: UInt64 =
      isLarge ? 0xFF11_0000_0000_0000 : hasDescriptorMap ? 0xFFFF_8880_0000_0000 : 0xFFFF_8800_0000_0000
    let directSize: UInt64 = isLarge ? 1 << 55 : 1 << 46
    let vmalloc: UInt64 = isLarge ? 0xFFA0_0000_0000_0000 : 0xFFFF_C900_0000_0000
    let vmallocSize: UInt64 = isLarge ? 12_800 << 40 : 32 << 40
    let vmemmap: UInt64 = isLarge ? 0xFFD4_0000_0000_0000 : 0xFFFF_EA00_0000_0000
    let vmemmapSize: UInt64 = isLarge ? 1 << 49 : 1 << 40
    let kernelHalf: UInt64 = isLarge ? 0xFF00_0000_0000_0000 : 0xFFFF_8000_0000_0000
    lowMemoryBytes = min(machine.memoryBytes, directSize)
    lostMemoryBytes = machine.memoryBytes - lowMemoryBytes
    add(.user, "user", 0..<(1 << UInt64(bits - 1) - 4096), "a process's own addresses, less a guard page")
    add(.hole, "non-canonical", (1 << UInt64(bits - 1) - 4096)..<kernelHalf, "no address: the upper bits must be equal")
    let guardEnd = hasDescriptorMap || isLarge ? direct - (isLarge ? 1 << 48 : 1 << 39) : direct
    add(.hole, "guard", kernelHalf..<guardEnd, "kept for hypervisors")
    add(.other, "LDT", guardEnd..<direct, "a process's segment descriptors")
    add(.lowmem, "direct map", direct..<(direct + directSize), "all memory; in use up to the end of RAM")
    add(.vmalloc, "vmalloc", vmalloc..<(vmalloc + vmallocSize), "vmalloc, vmap and ioremap")
    add(.vmemmap, "vmemmap", vmemmap..<(vmemmap + vmemmapSize), "descriptors of page frames")
    if machine.kernel >= KernelVersion(4, 15) {
      add(.other, "CPU entry", 0xFFFF_FE00_0000_0000..<0xFFFF_FE80_0000_0000, "entry stacks of CPUs")
    }
    add(.other, "espfix", 0xFFFF_FF00_0000_0000..<0xFFFF_FF80_0000_0000, "stacks for returns to 16-bit code")
    add(.other, "EFI", 0xFFFF_FFEF_0000_0000..<0xFFFF_FFFF_0000_0000, "firmware's runtime services")
    add(.kernelImage, "kernel image", 0xFFFF_FFFF_8000_0000..<0xFFFF_FFFF_A000_0000, "text and data of the kernel")
    add(.modules, "modules", 0xFFFF_FFFF_A000_0000..<0xFFFF_FFFF_FF00_0000, "text and data of modules")
    add(
      .fixmap, "fixmap", 0xFFFF_FFFF_FF00_0000..<0xFFFF_FFFF_FF60_0000,
      "addresses fixed when the kernel is built, from the top down")
    add(.other, "vsyscall", 0xFFFF_FFFF_FF60_0000..<0xFFFF_FFFF_FF60_1000, "the old entry of time calls")
    notes.append(
      "without KASLR; with it, the direct map, vmalloc and vmemmap move, and modules get 1 GiB from 0xffffffffc0000000")
  }
}
