import KernelTypes
import MemoryModels
import TestSupport
import Testing

@Suite("SLUB under slub_debug and without slabs per CPU") struct SLUBDebugTests {
  private func profile(_ flags: SLUBDebugFlags, kernel: KernelVersion = KernelVersion(6, 1)) -> KernelProfile {
    var profile = KernelProfile(kernel: kernel, cpuCount: 1)
    profile.slub.debugFlags = flags
    return profile
  }

  private static let all: SLUBDebugFlags = [.consistencyChecks, .redZone, .poison, .storeUser]

  @Test("UT-20: kmalloc-64 under FZPU has slots of 256 bytes, 64 of them before the object")
  func kmalloc64() {
    let layout = SLUBObjectLayout(kmallocClass: 64, profile: profile(Self.all))
    #expect(layout.slotSize == 256)
    #expect(layout.leftPadding == 64)
  }

  @Test(
    "slots of kmalloc classes under FZPU are what the kernel's bytes_alloc says",
    arguments: [(8192, 24576), (4096, 12288), (2048, 6144), (192, 296), (96, 200), (32, 160), (16, 128)])
  func slots(size: Int, slot: Int) {
    #expect(SLUBObjectLayout(kmallocClass: size, profile: profile(Self.all)).slotSize == slot)
  }

  @Test("without flags only what may not be overwritten is followed by a free pointer")
  func plain() {
    let plain = profile([])
    func slot(_ size: Int, _ alignment: Int, keeps: Bool) -> Int {
      SLUBObjectLayout(
        objectSize: size, alignment: alignment, keepsContents: keeps, isKmalloc: false, profile: plain
      ).slotSize
    }
    #expect(slot(190, 8, keeps: false) == 192)
    #expect(slot(192, 8, keeps: true) == 200)
    #expect(slot(192, 64, keeps: true) == 256)
    #expect(SLUBObjectLayout(kmallocClass: 64, profile: plain).leftPadding == 0)
  }

  @Test("before 5.18 a track holds sixteen addresses, before 6.1 kmalloc's request is not kept")
  func eras() {
    #expect(
      SLUBObjectLayout(kmallocClass: 64, profile: profile(.storeUser, kernel: KernelVersion(5, 15))).slotSize == 384)
    #expect(
      SLUBObjectLayout(kmallocClass: 96, profile: profile(.storeUser, kernel: KernelVersion(5, 19))).slotSize == 160)
    #expect(SLUBObjectLayout(kmallocClass: 96, profile: profile(.storeUser)).slotSize == 168)
  }

  @Test("letters are read as slub_debug reads them, and printed in its order")
  func letters() {
    #expect(SLUBDebugFlags(letters: "pzfu")?.letters == "FZPU")
    #expect(SLUBDebugFlags(letters: "AT") == [])
    #expect(SLUBDebugFlags(letters: "FX") == nil)
  }

  @Test("objects are taken one by one from the node's first slab; a full slab that gets room goes to the tail")
  func takenSingly() {
    var slub = SLUB(profile: profile(.consistencyChecks), cpuLimit: 1)
    let cache = slub.addCache(name: "kmalloc-2k", slotSize: 2048, leftPadding: 0)
    func allocate(_ base: UInt64) -> SlabObject {
      switch slub.allocate(cache: cache, cpu: 0) {
      case .object(let object): object
      case .needsSlab: slub.addSlab(cache: cache, cpu: 0, base: base)
      }
    }
    let first = (0..<8).map { _ in allocate(0x10_0000) }
    let second = (0..<3).map { _ in allocate(0x20_0000) }
    #expect(Set(first.map(\.slab)).count == 1)
    #expect(slub.place(ofSlab: first[0].slab) == .full)
    #expect(slub.place(ofSlab: second[0].slab) == .nodePartial)
    slub.free(first[2], cpu: 0)
    #expect(allocate(0).slab == second[0].slab)
    #expect(slub.invariantViolations() == [])
  }

  @Test("CONFIG_SLUB_TINY gives every empty slab back at once, and takes at most order 1 by choice")
  func tiny() {
    var profile = KernelProfile(kernel: KernelVersion(6, 12), cpuCount: 1)
    profile.slub.useTiny()
    #expect(SLUBGeometry(slotSize: 1024, profile: profile).order <= 1)
    var slub = SLUB(profile: profile, cpuLimit: 1)
    let cache = slub.addCache(name: "kmalloc-512", slotSize: 512)
    guard case .needsSlab(let order) = slub.allocate(cache: cache, cpu: 0) else {
      Issue.record("an empty cache handed out an object")
      return
    }
    let object = slub.addSlab(cache: cache, cpu: 0, base: 0x10_0000, order: order)
    slub.free(object, cpu: 0)
    #expect(slub.released.map(\.base) == [0x10_0000])
    #expect(slub.slabPages == 0)
  }

  @Test("random requests keep all counts and lists right", arguments: [1, 2, 3] as [UInt64])
  func invariants(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var profile = profile(Self.all)
    if seed == 3 { profile.slub.useTiny() }
    var slub = SLUB(profile: profile, cpuLimit: 2)
    let caches = [512, 96, 4096].map { size in
      let layout = SLUBObjectLayout(kmallocClass: size, profile: profile)
      return slub.addCache(name: "kmalloc-\(size)", slotSize: layout.slotSize, leftPadding: layout.leftPadding)
    }
    var live: [SlabObject] = []
    var base: UInt64 = 0x100_0000
    for step in 0..<4000 {
      let cpu = Int.random(in: 0..<2, using: &generator)
      if live.isEmpty || Int.random(in: 0..<100, using: &generator) < (step < 2000 ? 60 : 40) {
        let cache = caches[Int.random(in: 0..<3, using: &generator)]
        switch slub.allocate(cache: cache, cpu: cpu) {
        case .object(let object): live.append(object)
        case .needsSlab:
          live.append(slub.addSlab(cache: cache, cpu: cpu, base: base))
          base += 0x10_0000
        }
      } else {
        slub.free(live.remove(at: Int.random(in: live.indices, using: &generator)), cpu: cpu)
      }
    }
    let violations = slub.invariantViolations()
    #expect(violations == [])
    let addresses = Set(live.map { slub.address(of: $0) })
    #expect(addresses.count == live.count)
  }

  @Test("relabelling lets any free object of the slab come next and loses none", arguments: [1, 2] as [UInt64])
  func relabel(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var slub = SLUB(profile: profile([]), cpuLimit: 1)
    let cache = slub.addCache(name: "kmalloc-128", slotSize: 128)
    var live: [SlabObject] = []
    var base: UInt64 = 0x100_0000
    for _ in 0..<3000 {
      if live.isEmpty || Bool.random(using: &generator) {
        switch slub.prediction(cache: cache, cpu: 0) {
        case .object(let predicted):
          let free = (0..<32).map { SlabObject(slab: predicted.slab, index: $0) }.filter { slub.isFree($0) }
          let wanted = free[Int.random(in: free.indices, using: &generator)]
          let done = slub.relabel(wanted, as: predicted)
          #expect(done)
          let outcome = slub.allocate(cache: cache, cpu: 0)
          #expect(outcome == .object(wanted))
          live.append(wanted)
        case .needsSlab:
          let first = slub.addSlab(cache: cache, cpu: 0, base: base)
          base += 0x1000
          let wanted = SlabObject(slab: first.slab, index: UInt16.random(in: 0..<32, using: &generator))
          let done = slub.relabel(wanted, as: first)
          #expect(done)
          live.append(wanted)
        }
      } else {
        slub.free(live.remove(at: Int.random(in: live.indices, using: &generator)), cpu: 0)
      }
    }
    let violations = slub.invariantViolations()
    #expect(violations == [])
  }
}
