import KernelTypes
import MemoryModels
import Testing

@Suite struct VmallocSpaceTests {
  private let base: UInt64 = 0xFFFF_C900_0000_0000

  private func policy(_ major: Int, _ minor: Int, cpus: Int = 1) -> VmallocPolicy {
    VmallocPolicy(kernel: KernelVersion(major, minor), architecture: .x86_64, cpuCount: cpus)
  }

  private func space(_ policy: VmallocPolicy, pages: UInt64 = 256) -> VmallocSpace {
    VmallocSpace(range: base..<(base + pages * 4096), policy: policy)
  }

  @Test(arguments: [(3, 5), (4, 9), (5, 4), (6, 1)])
  func anAreaHasAGuardPageAndIsReusedAfterThePurge(major: Int, minor: Int) {
    var space = space(policy(major, minor))
    let first = space.allocate(bytes: 5000)
    #expect(first?.start == base && first?.size == 12_288)
    let second = space.allocate(bytes: 4096)
    #expect(second?.start == base + 0x3000 && second?.size == 8192)
    #expect(space.free(base) == true)
    #expect(space.allocate(bytes: 4096)?.start == base + 0x5000)
    space.purge()
    #expect(space.allocate(bytes: 4096)?.start == base)
    #expect(space.checkInvariants() == nil)
  }

  @Test func freedAddressesWaitUntilThereAreEnough() throws {
    #expect(policy(6, 1, cpus: 4).lazyPageLimit == 24_576)
    #expect(policy(6, 1, cpus: 1).lazyPageLimit == 8192)
    var space = space(policy(6, 1), pages: 1 << 20)
    var areas: [UInt64] = []
    for _ in 0..<5 {
      if let area = space.allocate(bytes: 2047 << 12) { areas.append(area.start) }
    }
    try #require(areas.count == 5)
    for area in areas.prefix(4) { space.free(area) }
    // 4 × 2048 pages are not more than the limit; the fifth is.
    #expect(space.waitingPages == 8192 && space.purges == 0)
    space.free(areas[4])
    #expect(space.waitingPages == 0 && space.purges == 1 && space.areas.isEmpty)
  }

  @Test func olderKernelsSearchOnAfterTheLastArea() {
    var old = space(policy(3, 5))
    var new = space(policy(6, 1))
    for _ in 0..<4 {
      _ = old.allocate(bytes: 4096)
      _ = new.allocate(bytes: 4096)
    }
    old.free(base + 0x2000)
    new.free(base + 0x2000)
    old.purge()
    new.purge()
    // Freeing moves the old search back to the area before the hole, so both find it.
    #expect(old.allocate(bytes: 4096)?.start == base + 0x2000)
    #expect(new.allocate(bytes: 4096)?.start == base + 0x2000)
    old.free(base)
    old.purge()
    // Larger than the hole: passes it, and remembers how large it was.
    #expect(old.allocate(bytes: 8192)?.start == base + 0x8000)
    #expect(old.allocate(bytes: 4096)?.start == base + 0xB000, "a hole of exactly the remembered size is missed")
  }

  @Test func mappingsOfDevicesAreAligned() {
    #expect(policy(6, 1).mappingAlignment(bytes: 65_536) == 65_536)
    #expect(policy(6, 1).mappingAlignment(bytes: 65_537) == 131_072)
    #expect(policy(3, 5).mappingAlignment(bytes: 65_536) == 131_072)
    #expect(policy(6, 1).mappingAlignment(bytes: 1) == 4096)
    let arm = VmallocPolicy(kernel: KernelVersion(6, 1), architecture: .arm)
    #expect(arm.mappingAlignment(bytes: 1 << 30) == 16 << 20)
    var space = space(policy(6, 1))
    _ = space.allocate(bytes: 4096)
    _ = space.allocate(bytes: 4096)
    #expect(space.allocate(bytes: 8192, use: .ioremap)?.start == base + 0x4000)
    #expect(space.allocate(bytes: 16_384, use: .stack)?.start == base + 0x8000)
  }

  @Test(arguments: [(3, 5), (6, 1)])
  func whateverIsAskedNothingOverlaps(major: Int, minor: Int) {
    var random = SeededGenerator(seed: 5)
    var space = space(policy(major, minor), pages: 768)
    var live: [UInt64] = []
    var refused = 0
    for step in 0..<6000 {
      if Bool.random(using: &random) || live.isEmpty {
        let use: VmallocSpace.Use = [.vmalloc, .ioremap, .vmap, .stack].randomElement(using: &random) ?? .vmalloc
        let bytes = UInt64.random(in: 1...(1 << 18), using: &random)
        if let area = space.allocate(bytes: bytes, use: use, hasGuard: use != .vmap) {
          #expect(area.size >= bytes)
          live.append(area.start)
        } else {
          refused += 1
        }
      } else {
        #expect(space.free(live.remove(at: Int.random(in: 0..<live.count, using: &random))) == true)
      }
      if step % 100 == 0 { #expect(space.checkInvariants() == nil) }
    }
    #expect(refused > 0, "the space was never full")
    for area in live { space.free(area) }
    space.purge()
    #expect(space.areas.isEmpty && space.holes == [space.range])
  }

  @Test func aLowestFitAgreesWithANaiveSearch() {
    var random = SeededGenerator(seed: 6)
    var space = space(policy(6, 1), pages: 512)
    var live: [UInt64] = []
    for _ in 0..<3000 {
      if Int.random(in: 0..<5, using: &random) < 3 || live.isEmpty {
        let pages = UInt64.random(in: 1...9, using: &random)
        let expected = space.holes.first { $0.upperBound - $0.lowerBound >= (pages + 1) * 4096 }?.lowerBound
        let area = space.allocate(bytes: pages * 4096)
        if let expected { #expect(area?.start == expected) }
        if let area { live.append(area.start) }
      } else {
        space.free(live.remove(at: Int.random(in: 0..<live.count, using: &random)))
        space.purge()
      }
    }
  }

  @Test func sizesBeyondAllAddressesAreRefused() {
    var space = space(policy(6, 1))
    #expect(space.allocate(bytes: 0) == nil)
    #expect(space.allocate(bytes: .max) == nil)
    #expect(space.allocate(bytes: 1 << 62) == nil)
    #expect(space.free(base) == false)
  }

  @Test func theWindowOfKmapGoesRoundBeforeItIsEmptied() {
    var window = KernelMappingWindow(base: 0xFFE0_0000, slotCount: 4)
    #expect(window.map(PageFrame(10)) == 0xFFE0_1000)
    #expect(window.map(PageFrame(11)) == 0xFFE0_2000)
    #expect(window.map(PageFrame(10)) == 0xFFE0_1000)
    #expect(window.unmap(PageFrame(11)) == true)
    // Let go, but still there: mapping it again is free.
    #expect(window.map(PageFrame(11)) == 0xFFE0_2000)
    #expect(window.unmap(PageFrame(11)) == true)
    #expect(window.map(PageFrame(12)) == 0xFFE0_3000)
    #expect(window.flushes == 0)
    #expect(window.map(PageFrame(13)) == 0xFFE0_0000)
    #expect(window.flushes == 1)
    #expect(window.map(PageFrame(14)) == 0xFFE0_2000)
    #expect(window.map(PageFrame(15)) == nil, "all four are in use: the kernel would wait")
    #expect(window.unmap(PageFrame(99)) == false)
    #expect(window.usedSlots == 4 && window.checkInvariants() == nil)
  }

  @Test func kvmallocTriesKmallocAbovePages() {
    let profile = KernelProfile()
    let classes = SizeClasses(policy: profile.kmalloc)
    func route(_ bytes: UInt64) -> AllocationRoute { AllocationRoute(bytes: bytes, classes: classes, profile: profile) }
    #expect(route(100).contiguous == .cache(slotBytes: 128) && route(100).choice == .kmallocOnly)
    #expect(route(4096).choice == .kmallocOnly)
    #expect(route(5000).contiguous == .cache(slotBytes: 8192) && route(5000).choice == .kmallocThenVmalloc(order: 1))
    #expect(route(9000).contiguous == .block(order: 2) && route(9000).contiguousWasteBytes == 7384)
    #expect(route(9000).virtualPages == 3 && route(9000).virtualAddressBytes == 16_384)
    #expect(route(9000).virtualWasteBytes(pageSize: 4096) == 3288)
    #expect(route(4 << 20).contiguous == .block(order: 10))
    #expect(route(4 << 20 + 1).contiguous == .tooLarge && route(4 << 20 + 1).choice == .vmalloc)
    #expect(route(1 << 31).choice == .refused)
  }
}
