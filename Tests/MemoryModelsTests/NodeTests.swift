import KernelTypes
import MemoryModels
import Testing

@Suite struct NodeTests {
  private func nodes(_ pages: [[Zone.Kind: Int]], distances: [[Int]] = []) -> NodeTopology {
    NodeTopology(
      pages.enumerated().map { .init(number: $0.offset, pages: $0.element, cpuCount: 2) }, distances: distances)
  }

  @Test func oneNodeHasItsZonesFromTheTop() {
    let uniform = nodes([[.dma: 3840, .dma32: 700_000, .normal: 1_000_000]])
    #expect(uniform.isUniform)
    #expect(ZoneList(uniform, of: 0).entries.map(\.kind) == [.normal, .dma32, .dma])
    #expect(ZoneList(uniform, of: 0).zones(upTo: .dma32).map(\.kind) == [.dma32, .dma])
    #expect(uniform.states(0) == [.possible, .online, .normalMemory, .highMemory, .memory, .cpu])
  }

  @Test func nodeOrderAndZoneOrderMixNodesDifferently() {
    let two = nodes([[.dma: 4000, .dma32: 700_000, .normal: 1_000_000], [.normal: 1_700_000]])
    let byNode = ZoneList(two, of: 1, rule: .node).entries
    #expect(byNode.map(\.node) == [1, 0, 0, 0])
    #expect(byNode.map(\.kind) == [.normal, .normal, .dma32, .dma])
    let byZone = ZoneList(two, of: 0, rule: .zone).entries
    #expect(byZone.map(\.node) == [0, 1, 0, 0])
    #expect(byZone.map(\.kind) == [.normal, .normal, .dma32, .dma])
    #expect(ZoneList(two, of: 0).restricted(to: 1).entries.map(\.node) == [1])
  }

  @Test func nearNodesComeFirstAndLoadIsShared() {
    let distances = [[10, 21, 31, 31], [21, 10, 31, 31], [31, 31, 10, 21], [31, 31, 21, 10]]
    let four = nodes(Array(repeating: [.normal: 1000], count: 4), distances: distances)
    #expect(four.fallbackOrder(from: 0) == [0, 1, 2, 3])
    // Going up is cheaper than going down by one.
    #expect(four.fallbackOrder(from: 2) == [2, 3, 1, 0] || four.fallbackOrder(from: 2) == [2, 3, 0, 1])
    let even = nodes(Array(repeating: [.normal: 1000], count: 3))
    #expect(even.fallbackOrder(from: 0) == [0, 1, 2])
    #expect(even.fallbackOrder(from: 1) == [1, 2, 0])
    #expect(even.fallbackOrder(from: 2)[0] == 2)
  }

  @Test func nodesWithoutMemoryServeNobody() {
    let two = NodeTopology([
      .init(number: 0, pages: [:], cpuCount: 4), .init(number: 1, pages: [.movable: 100], cpuCount: 0),
    ])
    #expect(two.states(0) == [.possible, .online, .cpu])
    #expect(two.states(1) == [.possible, .online, .memory])
    #expect(two.fallbackOrder(from: 0) == [1])
    #expect(two.states(7) == [])
  }

  @Test func oldKernelsChooseZoneOrderOnlyWithLittleLowMemory() {
    let balanced = nodes([[.dma32: 1000, .normal: 6000], [.normal: 7000]])
    #expect(ZoneList.standardRule(balanced, kernel: KernelVersion(3, 5)) == .zone)
    #expect(ZoneList.standardRule(balanced, kernel: KernelVersion(6, 1)) == .node)
    #expect(ZoneList.standardRule(nodes([[.normal: 10], [.normal: 10]]), kernel: KernelVersion(3, 5)) == .node)
    #expect(ZoneList.standardRule(nodes([[.dma32: 900], [.normal: 10]]), kernel: KernelVersion(3, 5)) == .node)
  }

  @Test func flagsNameTheZone() {
    let all = Set(Zone.Kind.allCases)
    let small: Set<Zone.Kind> = [.normal, .movable]
    let cases: [(GFPFlags, Zone.Kind?, Zone.Kind?)] = [
      ([], .normal, .normal), (.dma, .dma, .normal), (.dma32, .dma32, .normal), (.highMemory, .highMemory, .normal),
      (.movable, .normal, .normal), ([.movable, .highMemory], .movable, .movable), ([.movable, .dma], .dma, .normal),
      ([.movable, .dma32], .dma32, .normal), ([.dma, .dma32], nil, nil), ([.dma, .highMemory], nil, nil),
    ]
    for (flags, kind, without) in cases {
      #expect(Zone.Kind.highest(for: flags, configured: all) == kind)
      #expect(Zone.Kind.highest(for: flags, configured: small) == without)
    }
    #expect(MigrateType(flags: .kernel) == .unmovable)
    #expect(MigrateType(flags: [.kernel, .reclaimable]) == .reclaimable)
    #expect(MigrateType(flags: [.kernel, .movable]) == .movable)
    #expect(MigrateType(flags: [.kernel, .movable], isGrouping: false) == .unmovable)
  }

  /// A published 32-bit machine: Normal 112268 and HighMem 11176 pages, ratios 32 and 32.
  @Test func thePublishedReservesFollow() {
    var profile = KernelProfile(kernel: KernelVersion(3, 5), architecture: .arm)
    var settings = profile.virtualMemory
    settings.lowMemoryReserveRatios = [32, 32]
    profile.use(settings)
    let limits = PhysicalLimits(
      zones: [.init(kind: .normal, pages: 112_268), .init(kind: .highMemory, pages: 11_176)], profile: profile,
      hasHugePages: false)
    #expect(limits.zones[0].reserve == [0, 0, 0, 349, 349])
    #expect(limits.zones[1].reserve == [0, 0, 0, 0, 0])
    #expect(limits.minimumFreeKilobytes == 2680)
    #expect(limits.zones[0].watermarks == Watermarks(minimum: 670, low: 837, high: 1005))
    #expect(limits.totalReservePages == 1005 + 349 + 65)

    var server = KernelProfile(kernel: KernelVersion(3, 5))
    settings = server.virtualMemory
    settings.lowMemoryReserveRatios = [256, 256, 32]
    server.use(settings)
    let large = PhysicalLimits(
      zones: [
        .init(kind: .dma, pages: 3809), .init(kind: .dma32, pages: 746_212), .init(kind: .normal, pages: 3_360_775),
      ], profile: server, hasHugePages: false)
    #expect(large.zones[0].reserve == [0, 2914, 16_042, 16_042, 16_042])
    #expect(large.zones[1].reserve == [0, 0, 13_128, 13_128, 13_128])
  }

  @Test func settingsMoveTheMarks() throws {
    var profile = KernelProfile(cpuCount: 2)
    let sizes: [PhysicalLimits.ZoneSize] = [
      .init(kind: .dma, pages: 3840), .init(kind: .dma32, pages: 772_917), .init(kind: .normal, pages: 1_048_576),
    ]
    let before = PhysicalLimits(zones: sizes, profile: profile, hasHugePages: true)
    #expect(before.minimumFreeKilobytes == 67_584)
    #expect(before.zones[1].watermarks == Watermarks(minimum: 7154, low: 8942, high: 10_730))
    #expect(before.zones[1].perCPU.high == 4471)
    var settings = profile.virtualMemory
    try settings.set(assignment: "vm.min_free_kbytes=135168")
    try settings.set(assignment: "vm.watermark_scale_factor=100")
    try settings.set(assignment: "vm.lowmem_reserve_ratio=256 0 32 0")
    try settings.set(assignment: "vm.percpu_pagelist_high_fraction=8")
    profile.use(settings)
    let after = PhysicalLimits(zones: sizes, profile: profile, hasHugePages: true)
    #expect(after.zones[1].watermarks.minimum == 14_308)
    #expect(after.zones[1].watermarks.low == 14_308 + 7729)
    #expect(after.zones[1].reserve == [0, 0, 0, 0, 0])
    #expect(after.zones[1].perCPU.high == 772_917 / 8 / 2)
  }
}
