import KernelTypes
import MemoryModels
import TestSupport
import Testing

@Suite("SLUB") struct SLUBTests {
  private let profile = KernelProfile(kernel: KernelVersion(6, 1), cpuCount: 1)

  private func fill(_ slub: inout SLUB, _ cache: Int, slabs: Int, firstBase: UInt64) -> [[SlabObject]] {
    let objects = slub.geometry(cache: cache).objectsPerSlab
    return (0..<slabs).map { number in
      var slab: [SlabObject] = []
      for index in 0..<objects {
        switch slub.allocate(cache: cache, cpu: 0) {
        case .object(let object): slab.append(object)
        case .needsSlab:
          #expect(index == 0)
          slab.append(slub.addSlab(cache: cache, cpu: 0, base: firstBase + UInt64(number) * 0x1_0000))
        }
      }
      return slab
    }
  }

  @Test("a new slab hands out its objects in address order and frees are taken again last in, first out")
  func newSlabOrder() {
    var slub = SLUB(profile: profile, cpuLimit: 1)
    let cache = slub.addCache(name: "kmalloc-256", slotSize: 256)
    let slab = fill(&slub, cache, slabs: 1, firstBase: 0x10_0000)[0]
    #expect(slab.map(\.index) == Array(0..<16))
    slub.free(slab[3], cpu: 0)
    slub.free(slab[9], cpu: 0)
    #expect(slub.allocate(cache: cache, cpu: 0) == .object(slab[9]))
    #expect(slub.allocate(cache: cache, cpu: 0) == .object(slab[3]))
    #expect(slub.allocate(cache: cache, cpu: 0) == .needsSlab(order: 0))
  }

  @Test("UT-18: limits of kmalloc-256, kmalloc-64, kmalloc-8k and kmalloc-4k on one CPU")
  func limits() {
    let kmalloc256 = SLUBGeometry(slotSize: 256, profile: profile)
    #expect(kmalloc256.order == 0 && kmalloc256.objectsPerSlab == 16)
    #expect(kmalloc256.perCPUPartialLimit == 7 && kmalloc256.minimumPartial == 5)
    #expect(SLUBGeometry(slotSize: 64, profile: profile).perCPUPartialLimit == 4)
    let kmalloc8k = SLUBGeometry(slotSize: 8192, profile: profile)
    #expect(kmalloc8k.order == 3 && kmalloc8k.objectsPerSlab == 4)
    #expect(kmalloc8k.perCPUPartialLimit == 3 && kmalloc8k.minimumPartial == 6)
    #expect(SLUBGeometry(slotSize: 4096, profile: profile).minimumPartial == 6)
  }

  @Test("UT-19: the eighth slab on a CPU's partial list moves the seven before it to the node, newest first")
  func partialListOverflow() {
    var slub = SLUB(profile: profile, cpuLimit: 1)
    let cache = slub.addCache(name: "kmalloc-256", slotSize: 256)
    let slabs = fill(&slub, cache, slabs: 9, firstBase: 0x10_0000)
    for number in 0..<7 { slub.free(slabs[number][0], cpu: 0) }
    #expect(slabs[..<7].allSatisfy { slub.place(ofSlab: $0[0].slab) == .perCPUPartial })
    slub.free(slabs[7][0], cpu: 0)
    #expect(slabs[..<7].allSatisfy { slub.place(ofSlab: $0[0].slab) == .nodePartial })
    #expect(slub.place(ofSlab: slabs[7][0].slab) == .perCPUPartial)
    #expect(slub.invariantViolations() == [])
    // The slab in use is full: next comes the CPU's list, then the node's from its head, where the newest stands; the
    // slabs taken along are used in reverse.
    var order: [Int32] = []
    for _ in 0..<8 {
      guard case .object(let object) = slub.allocate(cache: cache, cpu: 0) else { break }
      order.append(object.slab)
    }
    let expected = [7, 6, 2, 3, 4, 5, 1, 0].map { slabs[$0][0].slab }
    #expect(order == expected)
  }

  @Test("an exhausted slab stays in use until the slow path, so that its frees are private")
  func exhaustedSlabStaysInUse() {
    var slub = SLUB(profile: profile, cpuLimit: 1)
    let cache = slub.addCache(name: "kmalloc-256", slotSize: 256)
    let slab = fill(&slub, cache, slabs: 1, firstBase: 0x10_0000)[0]
    slub.free(slab[5], cpu: 0)
    #expect(slub.place(ofSlab: slab[5].slab) == .active)
    #expect(slub.prediction(cache: cache, cpu: 0) == .object(slab[5]))
  }

  @Test("a CPU leaves a slab only when that is full: what was free on it has come back, and is next in line")
  func slabThatWasLeft() {
    var slub = SLUB(profile: profile, cpuLimit: 1)
    let cache = slub.addCache(name: "kmalloc-256", slotSize: 256)
    let slabs = fill(&slub, cache, slabs: 3, firstBase: 0x10_0000)
    slub.free(slabs[0][3], cpu: 0)
    slub.free(slabs[1][7], cpu: 0)
    slub.free(slabs[2][4], cpu: 0)
    slub.free(slabs[2][9], cpu: 0)
    // The last slab is in use, the second stands before the first on the CPU's list.
    #expect(slub.take(slabs[0][3], cpu: 0) == 0)
    #expect(slub.place(ofSlab: slabs[0][3].slab) == .active)
    var order: [SlabObject] = []
    while case .object(let object) = slub.allocate(cache: cache, cpu: 0) { order.append(object) }
    #expect(order == [slabs[2][9], slabs[2][4], slabs[1][7]])
    #expect(slub.invariantViolations() == [])
  }

  @Test("kmem_cache_shrink releases every empty slab and puts the fullest first")
  func shrink() {
    var slub = SLUB(profile: profile, cpuLimit: 1)
    let cache = slub.addCache(name: "kmalloc-256", slotSize: 256)
    let slabs = fill(&slub, cache, slabs: 4, firstBase: 0x10_0000)
    for object in slabs[0] { slub.free(object, cpu: 0) }
    for object in slabs[1][..<5] { slub.free(object, cpu: 0) }
    slub.free(slabs[2][0], cpu: 0)
    slub.shrink(cache: cache)
    #expect(slub.released.map(\.base) == [0x10_0000])
    #expect(slub.invariantViolations() == [])
    #expect(slub.prediction(cache: cache, cpu: 0) == .object(slabs[2][0]))
  }

  @Test("slabinfo's active objects leave out the free ones of the node's list only")
  func slabinfo() {
    var slub = SLUB(profile: profile, cpuLimit: 1)
    let cache = slub.addCache(name: "kmalloc-256", slotSize: 256)
    let slabs = fill(&slub, cache, slabs: 9, firstBase: 0x10_0000)
    for number in 0..<8 { slub.free(slabs[number][0], cpu: 0) }
    #expect(slub.slabinfoActiveObjects(cache: cache) == 9 * 16 - 7)
    #expect(slub.occupancy(cache: cache).liveObjects == 9 * 16 - 8)
  }

  @Test("random requests give the same addresses and releases as a slow reference", arguments: [64, 256, 1024, 4096])
  func againstReference(slotSize: Int) {
    let twoCPUs = KernelProfile(kernel: KernelVersion(6, 1), cpuCount: 2)
    var slub = SLUB(profile: twoCPUs, cpuLimit: 2)
    let cache = slub.addCache(name: "cache", slotSize: slotSize)
    let geometry = slub.geometry(cache: cache)
    let slabBytes = 4096 << geometry.order
    let reference = ReferenceSLUB(
      objects: geometry.objectsPerSlab, slot: slotSize, slabBytes: slabBytes,
      perCPULimit: geometry.perCPUPartialLimit, minimumPartial: geometry.minimumPartial, cpus: 2)
    var random = SeededGenerator(seed: UInt64(slotSize))
    var live: [(SlabObject, UInt64)] = []
    var nextBase: UInt64 = 0x100_0000
    var released: [UInt64] = []
    for step in 0..<6000 {
      let cpu = Int.random(in: 0..<2, using: &random)
      // Long phases of growing and shrinking reach every list.
      let grows = step / 700 % 2 == 0 ? 7 : 3
      if live.isEmpty || Int.random(in: 0..<10, using: &random) < grows {
        let object: SlabObject
        let expected: UInt64
        switch slub.allocate(cache: cache, cpu: cpu) {
        case .object(let found):
          object = found
          let address = reference.allocate(cpu: cpu)
          #expect(address == slub.address(of: object))
          expected = address ?? 0
        case .needsSlab:
          #expect(reference.allocate(cpu: cpu) == nil)
          object = slub.addSlab(cache: cache, cpu: cpu, base: nextBase)
          expected = reference.addSlab(base: nextBase, cpu: cpu)
          nextBase += UInt64(slabBytes)
        }
        live.append((object, expected))
      } else {
        let (object, address) = live.remove(at: Int.random(in: 0..<live.count, using: &random))
        slub.free(object, cpu: cpu)
        reference.free(address, cpu: cpu)
        released += slub.released.map(\.base)
        slub.released.removeAll()
        #expect(released == reference.released)
      }
      if step % 50 == 0 { #expect(slub.invariantViolations() == []) }
    }
    // With 64 objects to a slab hardly any slab ever becomes empty.
    #expect(!released.isEmpty || slotSize == 64)
  }

  @Test("putting the model right keeps its data sound, whatever the kernel did", arguments: [1, 2, 3])
  func followingKeepsInvariants(seed: UInt64) {
    var slub = SLUB(profile: profile, cpuLimit: 2)
    let cache = slub.addCache(name: "cache", slotSize: 512)
    var random = SeededGenerator(seed: seed)
    var live: Set<SlabObject> = []
    var base: UInt64 = 0x100_0000
    for step in 0..<4000 {
      let cpu = Int.random(in: 0..<2, using: &random)
      switch Int.random(in: 0..<20, using: &random) {
      case 0:
        _ = slub.exhaust(cache: cache, cpu: cpu)
      case 1:
        if let victim = live.randomElement(using: &random) {
          live = live.filter { $0.slab != victim.slab }
          slub.removeSlab(victim.slab)
        }
      case 2:
        if let some = live.randomElement(using: &random) { _ = slub.take(some, cpu: cpu) }
      case 3:
        if case .object(let object) = slub.prediction(cache: cache, cpu: cpu) {
          slub.takeUnseen(object)
          live.insert(object)
        }
      case 4...12:
        switch slub.allocate(cache: cache, cpu: cpu) {
        case .object(let object): live.insert(object)
        case .needsSlab:
          live.insert(slub.addSlab(cache: cache, cpu: cpu, base: base))
          base += 0x1_0000
        }
      default:
        if let object = live.randomElement(using: &random) {
          live.remove(object)
          if !slub.isFree(object) { slub.free(object, cpu: cpu) }
        }
      }
      if !slub.released.isEmpty { live = live.filter { slub.place(ofSlab: $0.slab) != .unused } }
      slub.released.removeAll()
      let violations = slub.invariantViolations()
      #expect(violations == [], "after step \(step)")
      if !violations.isEmpty { return }
    }
  }
}
