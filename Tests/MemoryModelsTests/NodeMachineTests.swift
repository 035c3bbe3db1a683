import KernelTypes
import MemoryModels
import Testing

/// A machine with several nodes: who is asked first, and what each node has of its own.
@Suite struct NodeMachineTests {
  private static let page: UInt64 = 256

  /// Node 0 has DMA32 and Normal, node 1 Normal alone, each of 64 MiB a zone.
  private func machine(_ settings: String...) throws -> Machine {
    var profile = KernelProfile(cpuCount: 2)
    var changed = profile.virtualMemory
    for setting in settings { try changed.set(assignment: setting) }
    profile.use(changed)
    let spans = [
      ZoneSpan(kind: .dma32, node: 0, frames: PageFrame(0x4000)..<PageFrame(0x8000)),
      ZoneSpan(kind: .normal, node: 0, frames: PageFrame(0x10_0000)..<PageFrame(0x10_4000)),
      ZoneSpan(kind: .normal, node: 1, frames: PageFrame(0x10_4000)..<PageFrame(0x10_8000)),
    ]
    var machine = Machine(profile: profile, spans: spans)
    for span in spans { machine.release(span.frames) }
    machine.setNode(1, cpu: 1)
    machine.setUpLimits()
    return machine
  }

  @Test func requestsAreServedAtHomeFirst() throws {
    var machine = try machine()
    #expect(machine.nodes == [0, 1])
    let orders = [machine.zoneOrder(cpu: 0), machine.zoneOrder(cpu: 1)]
    #expect(orders == [[1, 0, 2], [2, 1, 0]])
    let homes = [0, 1].map { machine.allocate(flags: .kernel, cpu: $0).flatMap { machine.zoneIndex(of: $0) } }
    #expect(homes == [1, 2])
    // Memory below 4 GiB is at node 0 only.
    let low = machine.allocate(flags: [.kernel, .dma32], cpu: 1).flatMap { machine.zoneIndex(of: $0) }
    #expect(low == 0)
  }

  @Test func aFullNodeSendsToTheNextUnlessBoundToItself() throws {
    var machine = try machine()
    var taken = 0
    while let frame = machine.allocate(migrateType: .movable, flags: [.kernel, .thisNode], cpu: 1) {
      #expect(machine.zoneIndex(of: frame) == 2)
      taken += 1
    }
    #expect(taken > 0x3000)
    let next = machine.allocate(migrateType: .movable, flags: .kernel, cpu: 1).flatMap { machine.zoneIndex(of: $0) }
    #expect(next == 1, "node 0's Normal, before its DMA32")
    let isShort = machine.isShort(.low, order: 0, flags: [.kernel, .thisNode], cpu: 1)
    let isShortAnywhere = machine.isShort(.low, order: 0, flags: .kernel, cpu: 1)
    #expect(isShort && !isShortAnywhere)
    let balanced = [0, 1].map { machine.isBalanced(node: $0, order: 0, highest: .movable) }
    #expect(balanced == [true, false])
  }

  @Test func localityIsWorthMoreThanUnmixedTypes() throws {
    var machine = try machine()
    // Every pageblock of node 1 is movable, and none is whole.
    for block in stride(from: UInt64(0x10_4000), to: 0x10_8000, by: 0x200) {
      _ = machine.take(PageFrame(block), order: 0, isMovable: true)
    }
    let unmovable = machine.allocate(flags: .kernel, cpu: 1).flatMap { machine.zoneIndex(of: $0) }
    #expect(unmovable == 2, "node 1 has no DMA32, so that it does not avoid mixing either")
  }

  @Test func nodesShareTheirListsAmongTheirOwnCPUs() throws {
    let machine = try machine()
    let limits = [1, 2].map { machine[zone: $0].perCPULimits.high }
    // A node's only CPU has all of the low mark.
    #expect(limits[0] == max(machine[zone: 1].watermarks.low, 4 * machine[zone: 1].perCPULimits.batch))
    #expect(limits[1] == max(machine[zone: 2].watermarks.low, 4 * machine[zone: 2].perCPULimits.batch))
    // Reserves count the memory above of the same node only.
    #expect(machine[zone: 0].lowMemoryReserve[Zone.Kind.normal.rawValue] == 0x4000 / 256)
  }

  @Test func aNodeReclaimsItsOwnPagesFirstIfItIsToldTo() throws {
    for (setting, expected) in [("vm.zone_reclaim_mode=0", false), ("vm.zone_reclaim_mode=1", true)] {
      var machine = try machine(setting)
      while machine.allocate(migrateType: .movable, flags: [.kernel, .thisNode], cpu: 1) != nil {}
      let before = machine.counters.nodeReclaims
      _ = machine.allocate(migrateType: .movable, flags: .kernel, cpu: 1)
      #expect((machine.counters.nodeReclaims > before) == expected, "\(setting)")
    }
  }

  @Test func oldKernelsMayTryTheHighestZonesOfAllNodesFirst() {
    let spans = [
      ZoneSpan(kind: .dma32, node: 0, frames: PageFrame(0x1000)..<PageFrame(0x1800)),
      ZoneSpan(kind: .normal, node: 0, frames: PageFrame(0x10_0000)..<PageFrame(0x10_4000)),
      ZoneSpan(kind: .normal, node: 1, frames: PageFrame(0x10_4000)..<PageFrame(0x10_8000)),
    ]
    let old = Machine(profile: KernelProfile(kernel: KernelVersion(3, 5)), spans: spans)
    #expect(old.zoneOrder(cpu: 0) == [1, 2, 0])
    let new = Machine(profile: KernelProfile(), spans: spans)
    #expect(new.zoneOrder(cpu: 0) == [1, 0, 2])
  }

  @Test func compactionTakesWholeBlocksFromTheLowEndOfARange() throws {
    var machine = try machine()
    for frame in [UInt64(0x4002), 0x4007] { _ = machine.take(PageFrame(frame), order: 0) }
    let taken = machine.isolate(PageFrame(0x4000)..<PageFrame(0x4008), pages: 3)
    #expect(taken == 3, "two pages at 0x4000, then one at 0x4003")
    let free = [UInt64(0x4000), 0x4001, 0x4003, 0x4004].map { machine.isFree(PageFrame($0)) }
    #expect(free == [false, false, false, true])
    let invariants = machine[zone: 0].checkInvariants()
    #expect(invariants == nil)
  }
}
