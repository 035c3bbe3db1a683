import KernelTypes
import MemoryModels
import Testing

struct MachineTests {
  private func kinds(_ machine: borrowing Machine) -> [Zone.Kind] {
    var kinds: [Zone.Kind] = []
    for index in 0..<machine.zoneCount { kinds.append(machine[zone: index].kind) }
    return kinds
  }

  @Test func smallMachinesHaveNoNormalZone() {
    let machine = Machine(profile: KernelProfile(), totalBytes: 256 << 20)
    #expect(kinds(machine) == [.dma, .dma32])
    #expect(machine[zone: 0].end == PageFrame(4096) && machine[zone: 1].end == PageFrame(65_536))
    #expect(machine.freePages == 65_535)
  }

  @Test func zonesFollowTheArchitecture() {
    #expect(kinds(Machine(profile: KernelProfile(), totalBytes: 8 << 30)) == [.dma, .dma32, .normal])
    #expect(
      kinds(Machine(profile: KernelProfile(architecture: .x86), totalBytes: 2 << 30)) == [.dma, .normal, .highMemory])
    #expect(kinds(Machine(profile: KernelProfile(architecture: .arm), totalBytes: 512 << 20)) == [.normal])
    #expect(kinds(Machine(profile: KernelProfile(architecture: .arm64), totalBytes: 8 << 30)) == [.dma, .normal])
  }

  @Test func watermarksShareTheMinimumByManagedPages() {
    let expected = [
      (3840, Watermarks(minimum: 35, low: 43, high: 51)), (772_917, Watermarks(minimum: 7154, low: 8942, high: 10_730)),
      (1_048_576, Watermarks(minimum: 9706, low: 12_132, high: 14_558)),
    ]
    for (managed, marks) in expected {
      #expect(
        Watermarks(managedPages: managed, lowMemoryPages: 1_825_333, minimumPages: 16_896, policy: policy(6, 1))
          == marks)
    }
    #expect(Watermarks.recommendedPages(zones: 3, lowMemoryPages: 1_825_333, policy: policy(6, 1)) == 16_896)
  }

  @Test func highMemoryHasMarksOfItsOwn() {
    for (version, low, high, highLow, highHigh) in [
      (policy(3, 5), 837, 1005, 48, 65), (policy(6, 1), 837, 1004, 48, 64),
    ] {
      let normal = Watermarks(managedPages: 112_268, lowMemoryPages: 112_268, minimumPages: 670, policy: version)
      #expect(normal == Watermarks(minimum: 670, low: low, high: high))
      let highMemory = Watermarks(
        managedPages: 11_176, lowMemoryPages: 112_268, minimumPages: 670, isHighMemory: true, policy: version)
      #expect(highMemory == Watermarks(minimum: 32, low: highLow, high: highHigh))
    }
  }

  @Test func minimumFreeMemoryGrowsWithTheRootOfLowMemory() {
    let table = [
      16: 512, 32: 724, 64: 1024, 128: 1448, 256: 2048, 1024: 4096, 2048: 5792, 8192: 11_585, 16_384: 16_384,
    ]
    for (megabytes, kilobytes) in table {
      #expect(
        Watermarks.minimumFreeKilobytes(lowMemoryKilobytes: megabytes << 10, policy: policy(6, 1)) == kilobytes)
    }
    #expect(Watermarks.minimumFreeKilobytes(lowMemoryKilobytes: 449_072, policy: policy(6, 1)) == 2680)
    #expect(Watermarks.minimumFreeKilobytes(lowMemoryKilobytes: 1, policy: policy(6, 1)) == 128)
    #expect(Watermarks.minimumFreeKilobytes(lowMemoryKilobytes: 1 << 40, policy: policy(5, 4)) == 65_536)
  }

  @Test func lowZonesKeepMemoryFromRequestsThatCouldGoHigher() {
    let machine = Machine(
      profile: KernelProfile(),
      ranges: [
        PageFrame(256)..<PageFrame(4096), PageFrame(4096)..<PageFrame(777_013), PageFrame(1 << 20)..<PageFrame(2 << 20),
      ])
    #expect(machine[zone: 0].managedPages == 3840 && machine[zone: 1].managedPages == 772_917)
    #expect(machine[zone: 0].lowMemoryReserve == [0, 3019, 7115, 7115, 7115])
    #expect(machine[zone: 1].lowMemoryReserve == [0, 0, 4096, 4096, 4096])
    #expect(machine[zone: 1].watermarks == Watermarks(minimum: 7154, low: 8942, high: 10_730))
  }

  @Test func requestsStartInTheHighestZoneTheirFlagsAllow() throws {
    var machine = Machine(profile: KernelProfile(), totalBytes: 6 << 30)
    let normalRequest = machine.allocate(flags: .kernel)
    let normal = try #require(normalRequest)
    #expect(machine.zoneIndex(of: normal) == 2)
    let dma32Request = machine.allocate(flags: [.kernel, .dma32])
    let dma32 = try #require(dma32Request)
    #expect(machine.zoneIndex(of: dma32) == 1)
    let dmaRequest = machine.allocate(flags: [.kernel, .dma])
    let dma = try #require(dmaRequest)
    #expect(machine.zoneIndex(of: dma) == 0)
    for frame in [normal, dma32, dma] { #expect(machine.free(frame) == true) }
    #expect(machine.free(dma) == false)
    #expect(machine.counters.invalidFrees == 1)
  }

  @Test func exhaustedZonesFallToLowerOnesAndKeepTheirMinimum() {
    var machine = Machine(profile: KernelProfile(), totalBytes: 64 << 20)
    var taken: [PageFrame] = []
    var movedDown = false
    while let frame = machine.allocate(migrateType: .movable, flags: [.kernel, .highMemory, .movable]) {
      if machine.zoneIndex(of: frame) == 0 { movedDown = true }
      taken.append(frame)
    }
    #expect(movedDown && machine.counters.failed == 1 && machine.counters.belowLowMark > 0)
    #expect(Set(taken).count == taken.count)
    for index in 0..<2 {
      let zone = machine[zone: index].freePages
      #expect(zone > 0 && zone <= machine[zone: index].pages(at: .minimum) + machine[zone: index].lowMemoryReserve[4])
      #expect(machine[zone: index].checkInvariants() == nil)
    }
    // An atomic request may use a part of what is left.
    #expect(machine.allocate(flags: [.high, .atomic, .kswapdReclaim]) != nil)
    for frame in taken { #expect(machine.free(frame) == true) }
    machine.drain(cpu: 0)
    #expect(machine.freePages == 16_382)
  }

  @Test func aTraceMayNameTheZoneAndTheFrame() throws {
    var machine = Machine(profile: KernelProfile(), totalBytes: 256 << 20)
    let low = machine.allocate(inZone: 0, order: 0, migrateType: .unmovable, cpu: 0)
    #expect(machine.zoneIndex(of: try #require(low)) == 0)
    #expect(machine.isFree(PageFrame(5000)) == true)
    #expect(machine.take(PageFrame(5000)) == true)
    #expect(machine.isFree(PageFrame(5000)) == false)
    #expect(machine.take(PageFrame(5000)) == false)
    #expect(machine.take(PageFrame(1 << 40)) == false)
    #expect(machine.withZone(1) { $0.free(PageFrame(5000), order: 0, cpu: 0) } == true)
    #expect(machine.isFree(PageFrame(5000)) == true)
  }

  @Test func blocksOfASnapshotKeepTheirOrderAndTheirPlace() {
    var machine = Machine(
      profile: KernelProfile(), spans: [ZoneSpan(kind: .dma32, frames: PageFrame(4096)..<PageFrame(65_536))])
    machine.withZone(0) { zone in
      for frame in frames(5120, 4096, 8192) { zone.append(freeBlock: frame, order: 10, type: .movable) }
      zone.append(perCPUBlock: PageFrame(7168), order: 0, type: .unmovable, cpu: 0)
      zone.append(perCPUBlock: PageFrame(7169), order: 0, type: .unmovable, cpu: 0)
      #expect(zone.append(freeBlock: PageFrame(4100), order: 0, type: .movable) == false)
      #expect(zone.append(perCPUBlock: PageFrame(7170), order: 4, type: .movable, cpu: 0) == false)
    }
    // Two neighbours of the largest order, and a page beside another, stay as they were found.
    #expect(machine[zone: 0].freeList(order: 10, type: .movable) == frames(5120, 4096, 8192))
    #expect(machine[zone: 0].perCPUList(cpu: 0, order: 0, type: .unmovable) == frames(7168, 7169))
    #expect(machine[zone: 0].checkInvariants() == nil)
  }

  @Test func fallbacksRaiseTheMarks() {
    var zone = zone(policy(6, 1), end: 8192)
    zone.watermarks = Watermarks(minimum: 500, low: 600, high: 700)
    _ = zone.allocateDirectly(order: 8)
    for _ in 0..<15 { _ = zone.allocateDirectly(order: 9) }
    #expect(zone.watermarkBoost == 0)
    #expect(zone.allocateDirectly(type: .unmovable) == 256)
    #expect(zone.watermarkBoost == 512)
    #expect(zone.pages(at: .low) == 1112)
    zone.lowerBoost(by: 512)
    #expect(zone.watermarkBoost == 0)
  }
}
