import KernelTypes

extension KernelLayout {
  /// 64-bit ARM with pages of 4 KiB.
  ///
  /// The linear map is the lower half of the kernel's part, everything else the upper one (5.4 and later). Follows
  /// Documentation/arm64/memory.rst and arch/arm64/include/asm/memory.h, Linux 6.1.
  mutating func layOutARM64() throws(KernelLayoutError) {
    if machine.vmallocBytes != nil { throw .onlyOn32Bit("a vmalloc size") }
    if machine.pageOffset != nil { throw .onlyOn32Bit("a page offset") }
    if machine.hasLargePhysicalAddresses { throw .onlyOn32Bit("PAE or LPAE") }
    let bits = machine.addressBits ?? 48
    if ![39, 42, 47, 48].contains(bits) { throw .addressBits(bits, .arm64) }
    if machine.kernel < KernelVersion(5, 11) || machine.kernel >= KernelVersion(6, 6) {
      notes.append("areas as in 5.11 to 6.5; other kernels have them in other places")
    }
    let half: UInt64 = 1 << UInt64(bits - 1)
    let offset = UInt64(0) &- 2 * half
    let pageEnd = offset + half
    // A descriptor has 64 bytes, a page 4096.
    let vmemmapSize = half >> 6
    let vmemmap = UInt64(0) &- (1 << UInt64(bits - 6))
    let moduleEnd = pageEnd + 128 * Self.mebibyte
    let vmallocEnd = vmemmap - 256 * Self.mebibyte
    let fixmapEnd = vmemmap - 32 * Self.mebibyte
    let portStart = vmemmap - 24 * Self.mebibyte
    let portEnd = vmemmap - 8 * Self.mebibyte
    lowMemoryBytes = min(machine.memoryBytes, half)
    lostMemoryBytes = machine.memoryBytes - lowMemoryBytes
    add(.user, "user", 0..<(2 * half), "a process's own addresses")
    add(.hole, "non-canonical", (2 * half)..<offset, "no address: the upper bits must be equal")
    add(.lowmem, "linear map", offset..<pageEnd, "all memory; in use up to the end of RAM")
    add(.modules, "modules", pageEnd..<moduleEnd, "text and data of modules")
    add(.vmalloc, "vmalloc", moduleEnd..<vmallocEnd, "vmalloc, vmap and ioremap; the kernel image")
    add(.fixmap, "fixmap", vmallocEnd..<fixmapEnd, "addresses fixed when the kernel is built, from the top down")
    add(.hole, "guard", fixmapEnd..<portStart)
    add(.other, "PCI I/O", portStart..<portEnd, "input and output ports")
    add(.hole, "guard", portEnd..<vmemmap)
    add(.vmemmap, "vmemmap", vmemmap..<(vmemmap + vmemmapSize), "descriptors of page frames")
    regions.append(
      Region(kind: .hole, name: "guard", first: vmemmap + vmemmapSize, last: .max, note: "error pointers fault"))
  }
}
