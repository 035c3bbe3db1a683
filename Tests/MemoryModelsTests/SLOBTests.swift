import KernelTypes
import MemoryModels
import TestSupport
import Testing

@Suite("SLOB") struct SLOBTests {
  private func make(_ kernel: KernelVersion = KernelVersion(6, 1), architecture: Architecture = .x86_64) -> SLOB {
    var slob = SLOB(profile: KernelProfile(kernel: kernel, architecture: architecture))
    _ = slob.addCache(CacheDescription(name: "kmalloc", slotSize: 0, isKmalloc: true))
    return slob
  }

  private func kmalloc(_ slob: inout SLOB, _ size: UInt64, _ next: inout UInt64) -> (object: SlabObject, bytes: Int) {
    let bytes = slob.allocatedBytes(cache: 0, requested: size)
    switch slob.allocate(cache: 0, bytes: bytes) {
    case .object(let object): return (object, bytes)
    case .needsSlab(let order):
      next += 1
      return (slob.addSlab(cache: 0, bytes: bytes, base: next << UInt64(12 + order)), bytes)
    }
  }

  @Test("addresses, sizes and holes on a fresh page")
  func freshPage() {
    let steps: [(size: UInt64, bytes: Int, offset: UInt64, old: UInt64, free: [[Int]])] = [
      (29, 37, 0x08, 0x08, [[0x26, 2029]]), (29, 37, 0x30, 0x30, [[0x26, 1], [0x4E, 2009]]),
      (64, 72, 0x80, 0x58, [[0x26, 1], [0x4E, 21], [0xC0, 1952]]), (100, 108, 0xC8, 0xA0, []),
      (1, 9, 0x58, 0x110, [[0x26, 1], [0x4E, 1], [0x5A, 15], [0x12C, 1898]]),
    ]
    var slob = make()
    var old = make(KernelVersion(3, 5))
    var (next, oldNext): (UInt64, UInt64) = (0, 0)
    for step in steps {
      let (object, bytes) = kmalloc(&slob, step.size, &next)
      #expect(bytes == step.bytes)
      #expect(slob.address(of: object, cache: 0) & 0xFFF == step.offset, "kmalloc(\(step.size))")
      if !step.free.isEmpty { #expect(slob.freeBlocks(page: object.slab).map { [$0.offset, $0.units] } == step.free) }
      let before = kmalloc(&old, step.size, &oldNext).object
      #expect(old.address(of: before, cache: 0) & 0xFFF == step.old, "kmalloc(\(step.size)) in 3.5")
    }
    #expect(slob.checkInvariants() == [])
  }

  @Test("which requests are SLOB's, and what they take")
  func limits() {
    let profile = KernelProfile()
    var policy = profile.kmalloc
    policy.useSLOB(headerBytes: profile.slob.headerBytes, pageSize: 4096)
    let classes = SizeClasses(policy: policy)
    #expect(classes.index(bytes: 4087) != nil && classes.index(bytes: 4088) == nil)
    #expect(make().allocatedBytes(cache: 0, requested: 4087) == 4095)
    #expect(make(architecture: .arm).allocatedBytes(cache: 0, requested: 29) == 93)
  }

  @Test("three lists by size: small requests don't go to pages of medium ones")
  func lists() {
    var slob = make()
    var next: UInt64 = 0
    // With their headers: 255, 256 and 1024 bytes.
    let pages = [247, 248, 1016].map { kmalloc(&slob, $0, &next).object.slab }
    #expect(Set(pages).count == 3)
    #expect(kmalloc(&slob, 10, &next).object.slab == pages[0])
    #expect(kmalloc(&slob, 900, &next).object.slab == pages[1])
  }

  @Test("a page goes back when its last object does, and changes lists when it was full")
  func pages() {
    var slob = make()
    var next: UInt64 = 0
    let small = (0..<32).map { _ in kmalloc(&slob, 120, &next) }
    let page = small[0].object.slab
    #expect(small.allSatisfy { $0.object.slab == page } && slob.freeUnits == 0)
    slob.free(small[3].object, cache: 0, bytes: small[3].bytes)
    slob.free(small[4].object, cache: 0, bytes: small[4].bytes)
    #expect(slob.freeBlocks(page: page).map { [$0.offset, $0.units] } == [[3 * 128, 128]])
    for (object, bytes) in small[5...] + small[..<3] { slob.free(object, cache: 0, bytes: bytes) }
    #expect(slob.released.map(\.base) == [1 << 12] && slob.slabPages == 0)
    #expect(slob.checkInvariants() == [])
  }

  @Test("objects of a page or more have blocks of their own")
  func wholePages() {
    var slob = make()
    let cache = slob.addCache(CacheDescription(name: "task_struct", slotSize: 9216))
    #expect(slob.allocate(cache: cache, bytes: 9216) == .needsSlab(order: 2))
    let object = slob.addSlab(cache: cache, bytes: 9216, base: 0x4000)
    #expect(slob.slabPages == 4 && slob.address(of: object, cache: cache) == 0x4000)
    slob.free(object, cache: cache, bytes: 9216)
    #expect(slob.released.map(\.order) == [2] && slob.slabPages == 0)
  }

  @Test("random requests keep the books, and objects never overlap", arguments: [1, 2, 3, 4])
  func randomRequests(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var slob = make()
    var live: [(object: SlabObject, bytes: Int)] = []
    var next: UInt64 = 0
    for step in 0..<4000 {
      let grows = (step / 800).isMultiple(of: 2)
      if live.isEmpty || Int.random(in: 0..<100, using: &random) < (grows ? 65 : 35) {
        let size = UInt64.random(in: 1...(UInt64(1) << UInt64.random(in: 3...11, using: &random)), using: &random)
        live.append(kmalloc(&slob, size, &next))
      } else {
        let (object, bytes) = live.swapRemove(Int.random(in: 0..<live.count, using: &random))
        slob.free(object, cache: 0, bytes: bytes)
      }
      if step.isMultiple(of: 400) { #expect(slob.checkInvariants() == []) }
    }
    var ends: [Int32: [(Int, Int)]] = [:]
    for (object, bytes) in live { ends[object.slab, default: []].append((Int(object.index), (bytes + 1) / 2)) }
    for ranges in ends.values {
      var end = 0
      for (start, units) in ranges.sorted(by: { $0.0 < $1.0 }) {
        #expect(start >= end)
        end = start + units
      }
    }
    for (object, bytes) in live { slob.free(object, cache: 0, bytes: bytes) }
    #expect(slob.slabPages == 0 && slob.freeUnits == 0)
    #expect(slob.checkInvariants() == [])
  }

  @Test("a model made from another one's lists goes on like that one", arguments: [11, 12])
  func startFromLists(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var slob = make()
    var live: [(object: SlabObject, bytes: Int)] = []
    var next: UInt64 = 0
    for _ in 0..<2000 {
      if live.isEmpty || Int.random(in: 0..<100, using: &random) < 55 {
        live.append(kmalloc(&slob, UInt64.random(in: 1...1500, using: &random), &next))
      } else {
        let (object, bytes) = live.swapRemove(Int.random(in: 0..<live.count, using: &random))
        slob.free(object, cache: 0, bytes: bytes)
      }
    }
    var copy = make()
    for page in slob.partialPages() {
      let id = copy.adoptFullPage(base: page.frame << 12)
      let isTaken = copy.setFree(page: id, page.free, list: page.list)
      #expect(isTaken)
    }
    #expect(copy.partialPages() == slob.partialPages() && copy.freeUnits == slob.freeUnits)
    #expect(copy.checkInvariants() == [])
    var copyNext = next
    for _ in 0..<2000 {
      let size = UInt64.random(in: 1...1500, using: &random)
      let (one, other) = (kmalloc(&slob, size, &next), kmalloc(&copy, size, &copyNext))
      #expect(slob.address(of: one.object, cache: 0) == copy.address(of: other.object, cache: 0))
    }
  }

  @Test("free units that make no sense leave a page full, and filling up leaves nothing free")
  func badStart() {
    var slob = make()
    let id = slob.adoptFullPage(base: 0x5000)
    for free in [[(0, 0)], [(10, 5), (12, 5)], [(2040, 9)], [(-1, 5)], [(0, .max)]] {
      let isTaken = slob.setFree(page: id, free.map { .init(start: $0.0, units: $0.1) }, list: 0)
      #expect(!isTaken)
    }
    let isOnNoList = slob.setFree(page: id, [.init(start: 0, units: 4)], list: 3)
    #expect(!isOnNoList && slob.freeUnits == 0)
    let isTaken = slob.setFree(page: id, [.init(start: 8, units: 40)], list: 0)
    #expect(isTaken && slob.freeUnits == 40 && slob.checkInvariants() == [])
    slob.fillUp()
    #expect(slob.freeUnits == 0 && slob.partialPages().isEmpty && slob.checkInvariants() == [])
  }
}
