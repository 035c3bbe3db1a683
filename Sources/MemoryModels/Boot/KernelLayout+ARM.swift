import KernelTypes

extension KernelLayout {
  /// Gap between the end of memory and vmalloc (`VMALLOC_OFFSET`), on both 32-bit architectures.
  static let vmallocOffset: UInt64 = 8 << 20
  /// The offsets that a kernel can be configured with, ascending. Follows PAGE_OFFSET in arch/x86/Kconfig and
  /// arch/arm/Kconfig, Linux 6.1: those that give up the last of user space for low memory are not for large physical
  /// addresses.
  static func pageOffsets(_ architecture: Architecture, hasLargePhysicalAddresses isLarge: Bool) -> [UInt64] {
    if isLarge { return [0x4000_0000, 0x8000_0000, 0xC000_0000] }
    return architecture == .x86
      ? [0x4000_0000, 0x7800_0000, 0x8000_0000, 0xB000_0000, 0xC000_0000]
      : [0x4000_0000, 0x8000_0000, 0xB000_0000, 0xC000_0000]
  }

  func checkedPageOffset() throws(KernelLayoutError) -> UInt64 {
    let offset = machine.pageOffset ?? 0xC000_0000
    let known = Self.pageOffsets(
      machine.architecture, hasLargePhysicalAddresses: machine.hasLargePhysicalAddresses)
    if !known.contains(offset) { throw .pageOffset(offset, known) }
    if let bits = machine.addressBits, bits != 32 { throw .addressBits(bits, .x86_64) }
    return offset
  }

  /// 32-bit ARM with high memory.
  ///
  /// Low memory ends where `vmalloc=` starts to count; the area itself starts at the next 8 MiB that leave a gap, so it is
  /// up to 8 MiB smaller or larger than asked. Follows `early_vmalloc` and `adjust_lowmem_bounds` in arch/arm/mm/mmu.c,
  /// VMALLOC_OFFSET, VMALLOC_START and VMALLOC_END in arch/arm/include/asm/pgtable.h, TASK_SIZE, MODULES_VADDR and
  /// FDT_FIXED_BASE in memory.h, PKMAP_BASE and LAST_PKMAP in highmem.h, FIXADDR_START and FIXADDR_END in fixmap.h, and
  /// Documentation/arm/memory.rst, Linux 6.1 (`sanity_check_meminfo` in 3.5 to 5.4).
  mutating func layOutARM() throws(KernelLayoutError) {
    let kernel = machine.kernel
    let offset = try checkedPageOffset()
    let end: UInt64 = kernel >= KernelVersion(4, 3) ? 0xFF80_0000 : 0xFF00_0000
    let limit = armLowMemoryEnd(offset, end)
    if limit <= offset { throw .noRoom }
    let lowEnd = offset + min(machine.memoryBytes, limit - offset)
    lowMemoryBytes = lowEnd - offset
    highMemoryBytes = machine.memoryBytes - lowMemoryBytes
    kmapSlots = 512
    let start = Self.alignDown(lowEnd + Self.vmallocOffset, Self.vmallocOffset)
    let pkmap = offset - 2 * Self.mebibyte
    let taskSize = offset - 16 * Self.mebibyte
    add(.user, "user", 0..<taskSize, "a process's own addresses (TASK_SIZE)")
    add(.modules, "modules", taskSize..<pkmap, "near the kernel, so that branches reach")
    add(.pkmap, "pkmap", pkmap..<offset, "kmap: \(kmapSlots) pages of high memory at a time")
    add(.lowmem, "lowmem", offset..<lowEnd, "memory that is always mapped")
    add(.hole, "guard", lowEnd..<start, "nothing, so that overruns of lowmem fault")
    add(.vmalloc, "vmalloc", start..<end, "vmalloc, vmap and ioremap")
    addARMTop(end)
  }

  /// Where low memory has to end at the latest.
  private mutating func armLowMemoryEnd(_ offset: UInt64, _ end: UInt64) -> UInt64 {
    let kernel = machine.kernel
    let countsOffset = kernel >= KernelVersion(5, 11)
    guard let asked = machine.vmallocBytes else { return end - 240 * Self.mebibyte - Self.vmallocOffset }
    var size = Self.alignDown(asked, Self.pageSize)
    if size < 16 * Self.mebibyte {
      size = 16 * Self.mebibyte
      notes.append("vmalloc= is too small: the kernel takes 16 MiB")
    }
    let most = end - offset - 32 * Self.mebibyte - (countsOffset ? Self.vmallocOffset : 0)
    if size > most {
      size = most
      notes.append("vmalloc= is too large: the kernel takes \(most >> 20) MiB")
    }
    return end - size - (countsOffset ? Self.vmallocOffset : 0)
  }

  private mutating func addARMTop(_ end: UInt64) {
    if machine.kernel >= KernelVersion(4, 3) {
      add(.other, "device tree", end..<0xFFC0_0000, "read-only mapping of the firmware's device tree (5.11 and later)")
      add(.hole, "guard", 0xFFC0_0000..<0xFFC8_0000)
      add(.fixmap, "fixmap", 0xFFC8_0000..<0xFFF0_0000, "addresses fixed when the kernel is built; kmap_atomic")
      add(.other, "reserved", 0xFFF0_0000..<0xFFFF_0000, "tightly coupled memory, cache flushes of XScale")
    } else {
      add(.other, "reserved", end..<0xFFF0_0000, "coherent DMA memory of old platforms")
      add(.fixmap, "fixmap", 0xFFF0_0000..<0xFFFE_0000, "addresses fixed when the kernel is built; kmap_atomic")
      add(.other, "reserved", 0xFFFE_0000..<0xFFFF_0000, "tightly coupled memory, cache flushes of XScale")
    }
    add(.vectors, "vectors", 0xFFFF_0000..<0xFFFF_1000, "the processor's exception vectors")
    add(.other, "reserved", 0xFFFF_1000..<0x1_0000_0000, "cache aliases, copies of user pages")
  }
}
