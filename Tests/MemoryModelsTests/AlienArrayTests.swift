import KernelTypes
import MemoryModels
import TestSupport
import Testing

/// SLAB and SLUB on machines with several memory nodes.
@Suite("Slabs on several memory nodes") struct AlienArrayTests {
  /// Two CPUs on each of two nodes.
  private static func profile(nodes: [Int] = [0, 0, 1, 1]) -> KernelProfile {
    var profile = KernelProfile(cpuCount: nodes.count)
    profile.nodeOfCPU = nodes
    return profile
  }

  private func cache(_ size: Int, name: String = "c") -> CacheDescription {
    CacheDescription(name: name, slotSize: size, objectSize: size, alignment: 64)
  }

  @Test("objects of another node wait until there are twelve, then go to that node's shared array, newest on top")
  func transfer() {
    var slab = SLAB(profile: Self.profile(), cpuLimit: 4)
    let cache = slab.addCache(cache(256))
    var next: UInt64 = 0
    let objects = (0..<40).map { _ in hold(&slab, cache, 0, &next) }
    for object in objects.prefix(12) { slab.free(object, cpu: 2) }
    #expect(slab.alienArray(cache: cache, from: 1, to: 0) == Array(objects.prefix(12)))
    #expect(slab.array(cache: cache, cpu: 2).isEmpty && slab.sharedArray(cache: cache, node: 0).isEmpty)
    // The other CPU of the node uses the same array; the thirteenth sends the twelve home.
    slab.free(objects[12], cpu: 3)
    #expect(slab.alienArray(cache: cache, from: 1, to: 0) == [objects[12]])
    #expect(slab.sharedArray(cache: cache, node: 0) == Array(objects.prefix(12)))
    #expect(slab.sharedArray(cache: cache, node: 1).isEmpty)
    // Objects of the own node don't go that way.
    slab.free(objects[13], cpu: 1)
    #expect(slab.array(cache: cache, cpu: 1) == [objects[13]])
    #expect(slab.checkInvariants() == [])
  }

  @Test("what doesn't fit into the shared array goes to the slabs: the oldest ones")
  func overflow() {
    var profile = Self.profile()
    profile.slab.sharedFactor = 0
    var slab = SLAB(profile: profile, cpuLimit: 4)
    let cache = slab.addCache(cache(1024))
    var next: UInt64 = 0
    let objects = (0..<26).map { _ in hold(&slab, cache, 0, &next) }
    let active = slab.slabinfoActiveObjects(cache: cache)
    for object in objects { slab.free(object, cpu: 2) }
    // Twice twelve went to their slabs at once; the rest still waits.
    #expect(slab.slabinfoActiveObjects(cache: cache) == active - 24)
    #expect(slab.alienArray(cache: cache, from: 1, to: 0) == Array(objects.suffix(2)))
    #expect(slab.checkInvariants() == [])
  }

  @Test("a cache whose arrays hold one object has alien arrays of one")
  func largeObjects() {
    var slab = SLAB(profile: Self.profile(nodes: [0, 1]), cpuLimit: 2)
    let cache = slab.addCache(cache(1 << 18))
    var next: UInt64 = 0
    let objects = (0..<3).map { _ in hold(&slab, cache, 0, &next) }
    for object in objects { slab.free(object, cpu: 1) }
    #expect(slab.alienArray(cache: cache, from: 1, to: 0) == [objects[2]])
    #expect(slab.checkInvariants() == [])
  }

  @Test("a CPU takes only its own node's objects, and its new slabs lie there")
  func local() {
    var slab = SLAB(profile: Self.profile(), cpuLimit: 4)
    let cache = slab.addCache(cache(256))
    var next: UInt64 = 0
    let first = hold(&slab, cache, 0, &next)
    let second = hold(&slab, cache, 2, &next)
    #expect(next == 2 && slab.node(ofSlab: first.slab) == 0 && slab.node(ofSlab: second.slab) == 1)
    #expect(slab.prediction(cache: cache, cpu: 3) == nil)
    #expect(slab.prediction(cache: cache, cpu: 1) == nil)
  }

  @Test("the reaper sends alien objects home, one node after the other")
  func reaper() {
    var slab = SLAB(profile: Self.profile(nodes: [0, 1, 2]), cpuLimit: 3)
    let cache = slab.addCache(cache(256))
    var next: UInt64 = 0
    slab.advance(to: 500_000_000)
    let second = hold(&slab, cache, 1, &next)
    let third = hold(&slab, cache, 2, &next)
    slab.free(second, cpu: 0)
    slab.free(third, cpu: 0)
    slab.reap(cpu: 0, at: 1_000_000_000)
    #expect(slab.alienArray(cache: cache, from: 0, to: 1).isEmpty)
    #expect(slab.alienArray(cache: cache, from: 0, to: 2) == [third])
    #expect(slab.sharedArray(cache: cache, node: 1) == [second])
    slab.reap(cpu: 0, at: 3_000_000_000)
    #expect(slab.sharedArray(cache: cache, node: 2) == [third])
    #expect(slab.checkInvariants() == [])
  }

  @Test("each node's limit of free objects counts its own CPUs")
  func limits() {
    var slab = SLAB(profile: Self.profile(nodes: [0, 0, 0, 1]), cpuLimit: 4)
    let (late, early) = (slab.addCache(cache(4096)), slab.addCache(cache(4096, name: "dentry")))
    for (cache, node, limit) in [
      (late, 0, 4 * 12 + 1), (late, 1, 2 * 12 + 1), (early, 0, 3 * 12 + 1), (early, 1, 12 + 1),
    ] {
      #expect(slab.freeLimit(cache: cache, node: node) == limit, "cache \(cache), node \(node)")
    }
  }

  @Test(
    "random requests keep the books on two and three nodes", arguments: [1, 2, 3], [[0, 1], [0, 0, 1, 1], [0, 1, 2]])
  func randomRequests(seed: UInt64, nodes: [Int]) {
    requestAtRandom(
      seed: seed, profile: Self.profile(nodes: nodes), caches: [64, 512, 2048, 8192].map { cache($0) })
  }

  // MARK: - SLUB

  @Test("SLUB takes another node's slabs only while that one has more than it keeps")
  func remotePartial() {
    var profile = Self.profile(nodes: [0, 1])
    profile.slub.hasPerCPUPartial = false
    var slub = SLUB(profile: profile, cpuLimit: 2)
    let cache = slub.addCache(name: "c", slotSize: 512)
    let slots = slub.geometry(cache: cache).objectsPerSlab
    var next: UInt64 = 0
    // Node 0 gets seven partly free slabs; min_partial is five.
    let objects = (0..<slots * 8).map { _ in hold(&slub, cache, 0, &next) }
    for index in 0..<7 { slub.free(objects[index * slots], cpu: 0) }
    let pages = next
    #expect(hold(&slub, cache, 1, &next).slab == objects[0].slab)
    #expect(hold(&slub, cache, 1, &next).slab == objects[slots].slab)
    #expect(next == pages)
    // Five are left: node 1 takes a slab of its own.
    _ = hold(&slub, cache, 1, &next)
    #expect(next == pages + 1)
    #expect(slub.invariantViolations() == [])
  }

  @Test("random requests keep SLUB's books on several nodes", arguments: [4, 5], [[0, 1], [0, 0, 1, 1], [0, 1, 2]])
  func randomSLUBRequests(seed: UInt64, nodes: [Int]) {
    var random = SeededGenerator(seed: seed)
    var slub = SLUB(profile: Self.profile(nodes: nodes), cpuLimit: nodes.count)
    let caches = [64, 512, 2048, 8192].map { slub.addCache(name: "\($0)", slotSize: $0) }
    var live: [SlabObject] = []
    var next: UInt64 = 0
    for step in 0..<6000 {
      let cpu = Int.random(in: 0..<nodes.count, using: &random)
      let grows = (step / 1000).isMultiple(of: 2)
      if live.isEmpty || Int.random(in: 0..<100, using: &random) < (grows ? 65 : 35) {
        live.append(hold(&slub, caches.randomElement(using: &random) ?? 0, cpu, &next))
      } else {
        slub.free(live.swapRemove(Int.random(in: 0..<live.count, using: &random)), cpu: cpu)
      }
      if step.isMultiple(of: 500) { #expect(slub.invariantViolations() == []) }
    }
    #expect(Set(live).count == live.count)
    for object in live { slub.free(object, cpu: 0) }
    #expect(slub.invariantViolations() == [])
  }
}
