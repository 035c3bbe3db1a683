import KernelTypes
import MemoryModels
import Testing

struct PerCPUPagesTests {
  private func limits(
    _ managed: Int, low: Int = 0, cpus: Int = 1, _ policy: PageAllocatorPolicy
  ) -> PerCPULimits {
    PerCPULimits(managedPages: managed, lowWatermark: low, cpuCount: cpus, policy: policy)
  }

  @Test func batchesAreOneLessThanAPowerOfTwoNearAThousandthOfTheZone() {
    let expected = [
      (1_048_576, 63), (772_917, 63), (262_144, 63), (112_268, 31), (65_536, 15), (16_384, 3), (11_176, 1), (3_840, 1),
    ]
    for (managed, batch) in expected { #expect(limits(managed, policy(6, 1)).batch == batch) }
    #expect(limits(262_144, policy(4, 9)).batch == 31)
  }

  @Test func highLimitsShareTheLowWatermarkAmongCPUs() {
    let dma32 = limits(772_917, low: 8942, cpus: 2, policy(6, 12))
    #expect(dma32 == PerCPULimits(batch: 63, high: 4471, highMaximum: 48_307))
    let dma = limits(3840, low: 43, cpus: 2, policy(6, 12))
    #expect(dma == PerCPULimits(batch: 1, high: 21, highMaximum: 240))
    #expect(limits(772_917, low: 8942, cpus: 2, policy(6, 1)).high == 4471)
    #expect(limits(772_917, low: 100, cpus: 2, policy(6, 1)).high == 252)
    #expect(limits(262_144, low: 8942, policy(4, 9)).high == 186)
  }

  /// A zone whose first `pages` frames are handed out and whose lists are empty.
  private func fullZone(_ policy: PageAllocatorPolicy, pages: UInt64, limits: PerCPULimits) -> Zone {
    var zone = Zone(kind: .normal, start: PageFrame(0), end: PageFrame(32_768), policy: policy, cpuLimit: 1)
    zone.perCPULimits = limits
    return zone
  }

  /// The numbers of pages given back at a time while pages are freed one by one.
  private func bulks(_ zone: consuming Zone, pages: UInt64) -> [Int] {
    var zone = zone
    var bulks: [Int] = []
    for page in 0..<pages {
      let before = zone.freePages
      zone.free(PageFrame(page), order: 0, cpu: 0)
      if zone.freePages > before { bulks.append(zone.freePages - before) }
    }
    return bulks
  }

  @Test func bulksDoubleUntilSomethingIsAllocated() {
    let zone = fullZone(
      policy(6, 1), pages: 16_384, limits: PerCPULimits(batch: 63, high: 6066, highMaximum: 6066))
    #expect(bulks(zone, pages: 14_000).prefix(7) == [63, 126, 252, 504, 1008, 2016, 2016])
  }

  @Test func allocatingHalvesTheNextBulk() {
    var zone = fullZone(policy(6, 1), pages: 16_384, limits: PerCPULimits(batch: 4, high: 64, highMaximum: 64))
    for page in UInt64(0)..<68 { zone.free(PageFrame(page), order: 0, cpu: 0) }
    #expect(zone.freePages == 4 + 8)
    _ = zone.allocate(order: 0, migrateType: .movable, cpu: 0)
    for page in UInt64(100)..<109 { zone.free(PageFrame(page), order: 0, cpu: 0) }
    #expect(zone.freePages == 4 + 8 + 8)
  }

  @Test func olderKernelsGiveBackOneBatch() {
    let zone = fullZone(policy(4, 9), pages: 4096, limits: PerCPULimits(batch: 31, high: 186, highMaximum: 186))
    #expect(Set(bulks(zone, pages: 2000)) == [31])
  }

  @Test func listsOfTheBootPassEveryPageOn() {
    let zone = fullZone(policy(6, 1), pages: 16, limits: .boot)
    #expect(bulks(zone, pages: 16) == Array(repeating: 1, count: 16))
  }

  @Test func aRefillIsHandedOutInAscendingOrderAndFreedPagesComeFirst() {
    var zone = zone(policy(6, 1), end: 1024)
    zone.perCPULimits = PerCPULimits(batch: 4, high: 64, highMaximum: 64)
    #expect(zone.allocate(order: 0, migrateType: .movable, cpu: 0) == PageFrame(0))
    #expect(zone.perCPUList(cpu: 0, order: 0, type: .movable) == frames(1, 2, 3))
    #expect(zone.pagesInPerCPULists == 3 && zone.freePages == 1020)
    zone.free(PageFrame(0), order: 0, cpu: 0)
    #expect(zone.perCPUList(cpu: 0, order: 0, type: .movable) == frames(0, 1, 2, 3))
    #expect(zone.isInPerCPUList(PageFrame(3)) == true)
    #expect(zone.isInPerCPUList(PageFrame(4)) == false)
  }

  @Test func refillsOfLargerBlocksAreSmallerButNeverOfOne() {
    var zone = zone(policy(6, 1), end: 4096)
    zone.perCPULimits = PerCPULimits(batch: 63, high: 4000, highMaximum: 4000)
    for (order, blocks) in [(1, 31), (2, 15), (3, 7), (9, 2)] {
      #expect(zone.allocate(order: order, migrateType: .movable, cpu: 0) != nil)
      #expect(zone.perCPUList(cpu: 0, order: order, type: .movable).count == blocks - 1)
    }
    #expect(zone.checkInvariants() == nil)
  }

  @Test func theListFreedToIsGivenBackFirst() {
    var zone = fullZone(policy(6, 1), pages: 2048, limits: PerCPULimits(batch: 2, high: 6, highMaximum: 6))
    zone.setPageblockType(of: PageFrame(512), to: .unmovable)
    for page: UInt64 in [512, 514, 516, 0, 2] { zone.free(PageFrame(page), order: 0, cpu: 0) }
    zone.recordsSteps = true
    zone.free(PageFrame(4), order: 0, cpu: 0)
    #expect(zone.steps.map(\.frame) == frames(0, 2))
    zone.removeSteps()
    zone.drain(cpu: 0)
    #expect(zone.steps.map(\.frame) == frames(512, 514, 516, 4))
    #expect(zone.steps.allSatisfy { $0.kind == .drained })
  }

  @Test func olderKernelsGiveBackInTurns() {
    var zone = fullZone(policy(4, 9), pages: 2048, limits: PerCPULimits(batch: 5, high: 6, highMaximum: 6))
    zone.setPageblockType(of: PageFrame(512), to: .unmovable)
    for page: UInt64 in [512, 514, 516, 0, 2] { zone.free(PageFrame(page), order: 0, cpu: 0) }
    zone.recordsSteps = true
    zone.free(PageFrame(4), order: 0, cpu: 0)
    // One movable page; then, the reclaimable list being empty, two unmovable ones; then movable again.
    #expect(zone.steps.map(\.frame) == frames(0, 512, 514, 2, 516))
  }

  @Test func aMultiPageFreeWhileDrainingEmptiesTheLists() {
    var zone = fullZone(policy(6, 1), pages: 2048, limits: PerCPULimits(batch: 4, high: 32, highMaximum: 32))
    for page in UInt64(0)..<32 { zone.free(PageFrame(page), order: 0, cpu: 0) }
    #expect(zone.pagesInPerCPULists == 28)
    zone.free(PageFrame(64), order: 1, cpu: 0)
    #expect(zone.pagesInPerCPULists == 0)
  }

  @Test func linux612RefillsDoubleWhileNothingIsFreed() {
    var zone = zone(policy(6, 12), end: 8192)
    zone.perCPULimits = PerCPULimits(batch: 4, high: 100, highMaximum: 1000)
    var refills: [Int] = []
    for _ in 0..<60 {
      let before = zone.freePages
      _ = zone.allocate(order: 0, migrateType: .movable, cpu: 0)
      if zone.freePages < before { refills.append(before - zone.freePages) }
    }
    #expect(refills == [4, 8, 16, 32])
  }

  @Test func linux612WaitsForABatchBeforeGivingMultiPageBlocksBack() {
    var zone = fullZone(policy(6, 12), pages: 2048, limits: PerCPULimits(batch: 15, high: 500, highMaximum: 900))
    let counts = (UInt64(0)..<9).map { block in
      zone.free(PageFrame(block * 8), order: 2, cpu: 0)
      return zone.pagesInPerCPULists
    }
    // Sixteen pages freed are the first batch; the block after them finds the lists long enough.
    #expect(counts == [4, 8, 12, 16, 0, 4, 8, 12, 0])
  }

  @Test func manyPagesAtOnceLeaveTheMemoryOfRecentFreesAlone() {
    for (flags, next) in [(PageRequestFlags.bulk, 16), ([], 8)] {
      var zone = fullZone(policy(6, 1), pages: 16_384, limits: PerCPULimits(batch: 4, high: 64, highMaximum: 64))
      for page in UInt64(0)..<68 { zone.free(PageFrame(page), order: 0, cpu: 0) }
      _ = zone.allocate(order: 0, migrateType: .movable, flags: flags, cpu: 0)
      let before = zone.freePages
      for page in UInt64(100)..<109 { zone.free(PageFrame(page), order: 0, cpu: 0) }
      #expect(zone.freePages - before == next)
    }
  }

  @Test func takingAPageFromACPUsListLeavesTheOthers() {
    var zone = zone(policy(6, 1), end: 1024)
    zone.perCPULimits = PerCPULimits(batch: 8, high: 64, highMaximum: 64)
    _ = zone.allocate(order: 0, migrateType: .movable, cpu: 0)
    #expect(zone.take(PageFrame(5), order: 0) == true)
    #expect(zone.perCPUList(cpu: 0, order: 0, type: .movable) == frames(1, 2, 3, 4, 6, 7))
    // Pages of a CPU's list and of the buddy allocator together.
    #expect(zone.take(PageFrame(0), order: 3) == false)
    zone.free(PageFrame(5), order: 0, cpu: 0)
    zone.free(PageFrame(0), order: 0, cpu: 0)
    #expect(zone.take(PageFrame(0), order: 4) == true)
    #expect(zone.pagesInPerCPULists == 0)
    #expect(zone.freePages == 1008)
    #expect(zone.checkInvariants() == nil)
  }

  @Test func takingAPartOfACPUsBlockFreesTheRest() {
    var zone = fullZone(policy(6, 1), pages: 64, limits: PerCPULimits(batch: 4, high: 64, highMaximum: 64))
    zone.free(PageFrame(8), order: 3, cpu: 0)
    #expect(zone.take(PageFrame(10), order: 1) == true)
    #expect(zone.pagesInPerCPULists == 0 && zone.freePages == 6)
    #expect(zone.checkInvariants() == nil)
  }
}
