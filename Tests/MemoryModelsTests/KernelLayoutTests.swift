import KernelTypes
import MemoryModels
import Testing

@Suite struct KernelLayoutTests {
  private let mebibyte: UInt64 = 1 << 20

  private func arm(_ megabytes: UInt64, vmalloc: UInt64?, _ kernel: KernelVersion) throws -> KernelLayout {
    try KernelLayout(
      .init(
        kernel: kernel, architecture: .arm, memoryBytes: megabytes << 20, vmallocBytes: vmalloc.map { $0 << 20 }))
  }

  /// MODEL: vmalloc= on ARM 3.5 with 1 GiB, by the end of lowmem, the start of vmalloc, its size and the hole.
  @Test(
    arguments: [
      (546, 0xDCE0_0000, 0xDD00_0000, 544, 2), (549, 0xDCB0_0000, 0xDD00_0000, 544, 5),
      (552, 0xDC80_0000, 0xDD00_0000, 544, 8), (553, 0xDC70_0000, 0xDC80_0000, 552, 1),
      (524, 0xDE40_0000, 0xDE80_0000, 520, 4), (0, 0xEF80_0000, 0xF000_0000, 240, 8),
    ] as [(UInt64, UInt64, UInt64, UInt64, UInt64)])
  func thePublishedLayoutsOfARM(asked: UInt64, lowEnd: UInt64, start: UInt64, size: UInt64, hole: UInt64) throws {
    let layout = try arm(1024, vmalloc: asked == 0 ? nil : asked, KernelVersion(3, 5))
    let lowmem = try #require(layout.region(.lowmem))
    let vmalloc = try #require(layout.region(.vmalloc))
    #expect(lowmem.last + 1 == lowEnd)
    #expect(vmalloc.first == start)
    #expect(vmalloc.last + 1 == 0xFF00_0000)
    #expect(vmalloc.size == size << 20)
    #expect(vmalloc.first - lowmem.last - 1 == hole << 20)
    #expect(layout.lowMemoryBytes + layout.highMemoryBytes == 1024 << 20)
  }

  /// The end moved up by 8 MiB in 4.3, and 5.11 takes the gap off what was asked.
  @Test func laterARMKernelsEndElsewhere() throws {
    for (asked, size, lowEnd) in [
      (546, 552, 0xDCE0_0000), (549, 552, 0xDCB0_0000), (552, 552, 0xDC80_0000), (553, 560, 0xDC70_0000),
    ] as [(UInt64, UInt64, UInt64)] {
      let layout = try arm(1024, vmalloc: asked, KernelVersion(6, 1))
      #expect(layout.region(.vmalloc)?.size == size << 20)
      #expect(layout.region(.lowmem)?.last == lowEnd - 1)
    }
    let standard = try arm(1024, vmalloc: nil, KernelVersion(6, 1))
    #expect(standard.region(.lowmem)?.last == 0xF000_0000 - 1)
    #expect(standard.region(.vmalloc)?.first == 0xF080_0000)
    #expect(standard.region(.vmalloc)?.last == 0xFF80_0000 - 1)
    let middle = try arm(1024, vmalloc: 546, KernelVersion(4, 9))
    #expect(middle.region(.lowmem)?.last == 0xDD60_0000 - 1)
    #expect(middle.region(.vmalloc)?.first == 0xDD80_0000)
    #expect(middle.region(.vmalloc)?.size == 544 << 20)
  }

  /// 1024 MB, 64 MB of them removed, 300 MB of vmalloc and 224 MB of I/O: 484 MB low, 476 MB high.
  @Test func theSplitOfAPublishedMachine() throws {
    let layout = try arm(1024 - 64, vmalloc: 300 + 224, KernelVersion(3, 5))
    #expect(layout.lowMemoryBytes == 484 << 20)
    #expect(layout.highMemoryBytes == 476 << 20)
    #expect(layout.region(.vmalloc)?.size == (296 + 224) << 20)
  }

  @Test func absurdVmallocSizesAreLimitedAsTheKernelDoes() throws {
    let small = try arm(1024, vmalloc: 1, KernelVersion(6, 1))
    #expect(small.region(.lowmem)?.last == 0xFF80_0000 - (24 << 20) - 1)
    #expect(small.notes.contains { $0.contains("16 MiB") })
    let large = try arm(1024, vmalloc: 4000, KernelVersion(3, 5))
    #expect(large.lowMemoryBytes == 32 << 20)
    #expect(large.notes.contains { $0.contains("too large") })
  }

  /// What 32-bit kernels of 3.x printed at boot: lowmem 887 MB, vmalloc 0xf7ffe000 to 0xff7fe000, pkmap at 0xff800000.
  @Test func x86PrintsTheSameNumbersAtBoot() throws {
    let layout = try KernelLayout(
      .init(kernel: KernelVersion(3, 5), architecture: .x86, memoryBytes: 2 << 30))
    #expect(layout.region(.lowmem)?.last == 0xF77F_E000 - 1)
    #expect(layout.lowMemoryBytes >> 20 == 887)
    #expect(layout.region(.vmalloc)?.first == 0xF7FF_E000)
    #expect(layout.region(.vmalloc)?.last == 0xFF7F_E000 - 1)
    #expect(layout.region(.pkmap)?.first == 0xFF80_0000)
    #expect(layout.region(.pkmap)?.size == 4096 << 10)
    #expect(layout.highMemoryBytes == 2 << 30 - layout.lowMemoryBytes)
    let large = try KernelLayout(
      .init(
        kernel: KernelVersion(3, 5), architecture: .x86, memoryBytes: 8 << 30, hasLargePhysicalAddresses: true))
    #expect(large.lowMemoryBytes >> 20 == 891)
    #expect(large.kmapSlots == 512)
    #expect(large.lostMemoryBytes == 0)
    let lost = try KernelLayout(.init(architecture: .x86, memoryBytes: 8 << 30))
    #expect(lost.lostMemoryBytes == 4 << 30)
    // vmalloc=120M is the default: the gap of 8 MiB is added to what is asked.
    let asked = try KernelLayout(
      .init(kernel: KernelVersion(3, 5), architecture: .x86, memoryBytes: 2 << 30, vmallocBytes: 120 << 20))
    #expect(asked.lowMemoryBytes == layout.lowMemoryBytes)
  }

  /// Computed by hand from asm/fixmap.h, asm/pgtable_32_areas.h and asm/cpu_entry_area.h of 6.1, for eight CPUs.
  @Test func newX86KernelsKeepTheEntryAreasBelowBootMappings() throws {
    let small = try KernelLayout(.init(architecture: .x86, memoryBytes: 2 << 30))
    #expect(small.region(.fixmap)?.first == 0xFFFF_F000 - 199 * 4096)
    #expect(small.region(containing: 0xFF80_0000)?.name == "CPU entry")
    #expect(small.region(containing: 0xFF40_0000)?.name == "LDT")
    #expect(small.region(.pkmap)?.first == 0xFF00_0000)
    #expect(small.region(.vmalloc)?.last == 0xFEFF_E000 - 1)
    #expect(small.lowMemoryBytes == 0xFEFF_E000 - 0xC000_0000 - (128 << 20))
    let large = try KernelLayout(
      .init(architecture: .x86, memoryBytes: 8 << 30, hasLargePhysicalAddresses: true))
    #expect(large.region(containing: 0xFFA0_0000)?.name == "CPU entry")
    #expect(large.region(.pkmap)?.first == 0xFF60_0000)
    #expect(large.lowMemoryBytes >> 20 == 885)
  }

  @Test func pageOffsetsAreThoseOfTheArchitecture() throws {
    _ = try KernelLayout(.init(architecture: .x86, memoryBytes: 1 << 30, pageOffset: 0x7800_0000))
    _ = try KernelLayout(.init(architecture: .arm, memoryBytes: 1 << 30, pageOffset: 0xB000_0000))
    #expect(throws: KernelLayoutError.self) {
      try KernelLayout(.init(architecture: .arm, memoryBytes: 1 << 30, pageOffset: 0x7800_0000))
    }
    #expect(throws: KernelLayoutError.self) {
      try KernelLayout(
        .init(
          architecture: .x86, memoryBytes: 1 << 30, pageOffset: 0xB000_0000, hasLargePhysicalAddresses: true))
    }
  }

  @Test func largerKernelsHaveFixedAreas() throws {
    let layout = try KernelLayout(.init(architecture: .x86_64, memoryBytes: 8 << 30))
    #expect(layout.region(.lowmem)?.first == 0xFFFF_8880_0000_0000)
    #expect(layout.region(.vmalloc)?.first == 0xFFFF_C900_0000_0000)
    // VmallocTotal of meminfo: 34359738367 kB.
    #expect(layout.region(.vmalloc).map { ($0.size - 1) >> 10 } == 34_359_738_367)
    #expect(layout.region(.vmemmap)?.first == 0xFFFF_EA00_0000_0000)
    #expect(layout.region(.kernelImage)?.first == 0xFFFF_FFFF_8000_0000)
    let old = try KernelLayout(.init(kernel: KernelVersion(3, 5), architecture: .x86_64, memoryBytes: 8 << 30))
    #expect(old.region(.lowmem)?.first == 0xFFFF_8800_0000_0000)
    let five = try KernelLayout(.init(architecture: .x86_64, memoryBytes: 8 << 30, addressBits: 57))
    #expect(five.region(.vmalloc)?.first == 0xFFA0_0000_0000_0000)
    #expect(five.region(.vmalloc)?.last == 0xFFD1_FFFF_FFFF_FFFF)

    let arm64 = try KernelLayout(.init(architecture: .arm64, memoryBytes: 8 << 30))
    #expect(arm64.region(.lowmem)?.first == 0xFFFF_0000_0000_0000)
    #expect(arm64.region(.modules)?.first == 0xFFFF_8000_0000_0000)
    #expect(arm64.region(.vmalloc)?.first == 0xFFFF_8000_0800_0000)
    #expect(arm64.region(.vmalloc)?.last == 0xFFFF_FBFF_EFFF_FFFF)
    #expect(arm64.region(.fixmap)?.last == 0xFFFF_FBFF_FDFF_FFFF)
    #expect(arm64.region(.vmemmap)?.first == 0xFFFF_FC00_0000_0000)
    #expect(arm64.region(.vmemmap)?.last == 0xFFFF_FDFF_FFFF_FFFF)
  }

  @Test func areasNeverOverlapAndHoldAllMemory() throws {
    var random = SeededGenerator(seed: 11)
    for _ in 0..<2000 {
      let architecture = Architecture.allCases.randomElement(using: &random) ?? .arm
      let is32Bit = architecture.pointerBytes == 4
      let machine = KernelLayout.Machine(
        kernel: [KernelVersion(3, 5), KernelVersion(4, 9), KernelVersion(5, 4), KernelVersion(6, 1)].randomElement(
          using: &random) ?? KernelVersion(6, 1), architecture: architecture,
        memoryBytes: UInt64.random(in: 1...(8 << 10), using: &random) << 20,
        vmallocBytes: is32Bit && Bool.random(using: &random) ? UInt64.random(in: 0...(5 << 30), using: &random) : nil,
        pageOffset: is32Bit ? [0x4000_0000, 0x8000_0000, 0xC000_0000].randomElement(using: &random) : nil,
        hasLargePhysicalAddresses: is32Bit && Bool.random(using: &random),
        cpuLimit: Int.random(in: 1...64, using: &random))
      // What is refused is refused with a reason; everything else must hold together.
      guard let layout = try? KernelLayout(machine) else { continue }
      for (left, right) in zip(layout.regions, layout.regions.dropFirst()) {
        #expect(left.last < right.first, "\(machine): \(left.name) and \(right.name)")
      }
      #expect(
        layout.lowMemoryBytes + layout.highMemoryBytes + layout.lostMemoryBytes == machine.memoryBytes, "\(machine)")
      #expect(layout.region(containing: layout.region(.vmalloc)?.first ?? 0)?.kind == .vmalloc)
    }
  }

  @Test func numbersThatMakeNoKernelAreRefused() {
    #expect(throws: KernelLayoutError.memory(0)) {
      try KernelLayout(.init(architecture: .arm, memoryBytes: 0))
    }
    #expect(throws: KernelLayoutError.pageOffset(0x1234, [0x4000_0000, 0x8000_0000, 0xB000_0000, 0xC000_0000])) {
      try KernelLayout(.init(architecture: .arm, memoryBytes: 1 << 30, pageOffset: 0x1234))
    }
    #expect(throws: KernelLayoutError.onlyOn32Bit("a vmalloc size")) {
      try KernelLayout(.init(architecture: .x86_64, memoryBytes: 1 << 30, vmallocBytes: 1 << 28))
    }
    #expect(throws: KernelLayoutError.noRoom) {
      try KernelLayout(.init(architecture: .x86, memoryBytes: 1 << 30, vmallocBytes: 1 << 31))
    }
  }

  /// A real System.map of 6.1: text and read-only data end short of the 2 MiB boundaries that follow them.
  @Test func alignmentOfSectionsLeavesHoles() {
    let image = KernelImage([
      .init(name: "bss", start: 0xFFFF_FFFF_81D4_4000, size: 0x4B_C000),
      .init(name: "text", start: 0xFFFF_FFFF_8100_0000, size: 0x60_1220),
      .init(name: "rodata", start: 0xFFFF_FFFF_8180_0000, size: 0x1B_D000),
      .init(name: "inside", start: 0xFFFF_FFFF_8180_1000, size: 0x10),
      .init(name: "data", start: 0xFFFF_FFFF_81A0_0000, size: 0x10_3A40),
    ])
    #expect(image.sections.map(\.section.name) == ["text", "rodata", "data", "bss"])
    #expect(image.sections.map(\.holeBefore) == [0, 0x1F_EDE0, 0x4_3000, 0x24_05C0])
    #expect(image.spanBytes == 0x120_0000)
    #expect(image.usedBytes + image.holeBytes == image.spanBytes)
    #expect(image.sections[1].section.actualAlignment == 8 << 20)
  }
}
