import KernelTypes
import MemoryModels
import TestSupport
import Testing

/// Allocates an object, from a new slab at the next free place if there must be one.
func hold(_ slab: inout SLAB, _ cache: Int, _ cpu: Int = 0, _ next: inout UInt64) -> SlabObject {
  switch slab.allocate(cache: cache, cpu: cpu) {
  case .object(let object): return object
  case .needsSlab(let order):
    next += 1
    return slab.addSlab(cache: cache, cpu: cpu, base: next << UInt64(12 + order))
  }
}

/// The same for SLUB.
func hold(_ slub: inout SLUB, _ cache: Int, _ cpu: Int, _ next: inout UInt64) -> SlabObject {
  switch slub.allocate(cache: cache, cpu: cpu) {
  case .object(let object): return object
  case .needsSlab(let order):
    next += 1
    return slub.addSlab(cache: cache, cpu: cpu, base: next << UInt64(12 + order))
  }
}

/// Requests and frees objects at random, in long phases of growing and shrinking, and checks the books all along.
func requestAtRandom(seed: UInt64, profile: KernelProfile, caches descriptions: [CacheDescription]) {
  var random = SeededGenerator(seed: seed)
  var slab = SLAB(profile: profile, cpuLimit: profile.cpuCount)
  let caches = descriptions.map { slab.addCache($0) }
  var live: [SlabObject] = []
  var next: UInt64 = 0
  for step in 0..<6000 {
    let cpu = Int.random(in: 0..<profile.cpuCount, using: &random)
    let grows = (step / 1000).isMultiple(of: 2)
    if live.isEmpty || Int.random(in: 0..<100, using: &random) < (grows ? 65 : 35) {
      live.append(hold(&slab, caches.randomElement(using: &random) ?? 0, cpu, &next))
    } else {
      slab.free(live.swapRemove(Int.random(in: 0..<live.count, using: &random)), cpu: cpu)
    }
    if step.isMultiple(of: 50) { slab.advance(to: UInt64(step) * 20_000_000) }
    if step.isMultiple(of: 500) { #expect(slab.checkInvariants() == []) }
  }
  #expect(Set(live).count == live.count)
  for object in live { slab.free(object, cpu: 0) }
  #expect(slab.checkInvariants() == [])
}

extension Array {
  /// Removes an element by putting the last one in its place.
  mutating func swapRemove(_ index: Int) -> Element {
    swapAt(index, count - 1)
    return removeLast()
  }
}
