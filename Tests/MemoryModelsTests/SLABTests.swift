import KernelTypes
import MemoryModels
import TestSupport
import Testing

@Suite("SLAB") struct SLABTests {
  private func kmalloc(_ size: Int, line: Int = 64) -> CacheDescription {
    let alignment = CacheDescription.cacheLineAlignment(objectSize: size, cacheLineBytes: line)
    let slot = (size + alignment - 1) / alignment * alignment
    return CacheDescription(
      name: "kmalloc-\(size)", slotSize: slot, objectSize: size, alignment: alignment, isKmalloc: true)
  }

  private func geometry(_ cache: CacheDescription, kernel: KernelVersion = KernelVersion(6, 1), cpus: Int = 1)
    -> SLABGeometry
  {
    SLABGeometry(cache, profile: KernelProfile(kernel: kernel, cpuCount: cpus))
  }

  @Test("objects, orders and array limits of the size classes, Linux 6.1 and 3.5")
  func sizeClasses() {
    let table: [(size: Int, old: (Int, Int, Int), new: (Int, Int, Int), limit: Int, batch: Int)] = [
      // objects, order, colours
      (32, (112, 0, 0), (124, 0, 0), 120, 60), (64, (59, 0, 0), (64, 0, 0), 120, 60),
      (128, (30, 0, 1), (32, 0, 0), 120, 60), (192, (20, 0, 2), (21, 0, 1), 120, 60),
      (256, (15, 0, 2), (16, 0, 0), 120, 60), (512, (8, 0, 0), (8, 0, 0), 54, 27),
      (1024, (4, 0, 0), (4, 0, 0), 54, 27), (2048, (2, 0, 0), (2, 0, 0), 24, 12),
      (4096, (1, 0, 0), (1, 0, 0), 24, 12), (8192, (1, 1, 0), (1, 1, 0), 8, 4),
    ]
    for row in table {
      let new = geometry(kmalloc(row.size))
      #expect((new.objectsPerSlab, new.order, new.colours) == row.new, "\(row.size) bytes, 6.1")
      let old = geometry(kmalloc(row.size), kernel: KernelVersion(3, 5))
      #expect((old.objectsPerSlab, old.order, old.colours) == row.old, "\(row.size) bytes, 3.5")
      #expect((new.limit, new.batch) == (row.limit, row.batch))
    }
    #expect(geometry(kmalloc(32)).freeList == .onSlab)
    #expect(geometry(kmalloc(64)).freeList == .inObject)
    #expect(geometry(kmalloc(512), kernel: KernelVersion(3, 5)).freeList == .offSlab)
    // A line of its own for each object of 96 bytes.
    #expect(geometry(kmalloc(96)).slotSize == 128)
  }

  @Test("large classes up to 4 MiB before 6.1")
  func largeClasses() {
    let old = geometry(kmalloc(131_072), kernel: KernelVersion(6, 0))
    #expect((old.objectsPerSlab, old.order, old.limit, old.batch) == (1, 5, 8, 4))
    let largest = geometry(kmalloc(4 << 20), kernel: KernelVersion(6, 0))
    #expect((largest.objectsPerSlab, largest.order, largest.limit, largest.batch) == (1, 10, 1, 1))
    var policy = KmallocPolicy(kernel: KernelVersion(6, 0), architecture: .x86_64, pageSize: 4096)
    policy.useSLAB(kernel: KernelVersion(6, 0), pageSize: 4096)
    #expect(SizeClasses(policy: policy).sizes.first == 32 && SizeClasses(policy: policy).sizes.last == 4 << 20)
    policy.useSLAB(kernel: KernelVersion(6, 1), pageSize: 4096)
    #expect(SizeClasses(policy: policy).sizes.last == 8192)
  }

  @Test("colours, reclaimable caches and objects whose contents stay")
  func otherCaches() {
    let coloured = geometry(CacheDescription(name: "c", slotSize: 704, objectSize: 700, alignment: 64))
    #expect((coloured.objectsPerSlab, coloured.order, coloured.colours) == (11, 1, 7))
    let dentry = geometry(CacheDescription(name: "dentry", slotSize: 192, alignment: 64, isReclaimable: true))
    #expect((dentry.objectsPerSlab, dentry.order) == (21, 0))
    // As printed by a kernel: ext4_inode_cache and inode_cache, 3 and 6 objects on a page.
    for (size, objects) in [(1112, 3), (592, 6), (664, 6), (720, 5), (768, 5)] {
      let cache = CacheDescription(name: "inode", slotSize: size, keepsContents: true, isReclaimable: true)
      #expect((geometry(cache).objectsPerSlab, geometry(cache).order) == (objects, 0), "\(size) bytes")
    }
    // No room for the list beside four objects of 1024 bytes: a kmalloc.
    let full = geometry(CacheDescription(name: "rcu", slotSize: 1024, keepsContents: true))
    #expect(full.freeList == .offSlab && full.freeListBytes == 4)
  }

  @Test("shared arrays with more than one CPU, and the free objects a node keeps")
  func limits() {
    #expect(geometry(kmalloc(32)).sharedLimit == 0)
    #expect(geometry(kmalloc(32), cpus: 4).sharedLimit == 480)
    #expect(geometry(kmalloc(8192), cpus: 4).sharedLimit == 0)
    let named = CacheDescription(name: "c", slotSize: 32, objectSize: 32, alignment: 32)
    #expect(geometry(named, cpus: 4).freeLimit == 424)
    // Size classes exist before the other CPUs start: the last time it is set, one of them is not up yet.
    #expect(geometry(kmalloc(32), cpus: 4).freeLimit == 364)
    #expect(geometry(kmalloc(32)).freeLimit == 244)
  }

  @Test("the first refill takes 16 objects, later ones a batch, and the last one taken goes out first")
  func refills() {
    var slab = SLAB(profile: KernelProfile(), cpuLimit: 1)
    let cache = slab.addCache(kmalloc(32))
    var next: UInt64 = 0
    #expect(hold(&slab, cache, 0, &next).index == 15)
    #expect(slab.array(cache: cache, cpu: 0).count == 15)
    for index in (0..<15).reversed() { #expect(Int(hold(&slab, cache, 0, &next).index) == index) }
    #expect(hold(&slab, cache, 0, &next).index == 75)
    #expect(slab.array(cache: cache, cpu: 0).count == 59)
    #expect(next == 1)
  }

  @Test("an array that replaces the one of early boot is refilled as one that was never used")
  func renewedArray() {
    var slab = SLAB(profile: KernelProfile(), cpuLimit: 1)
    let cache = slab.addCache(kmalloc(32))
    var next: UInt64 = 0
    for _ in 0..<16 { _ = hold(&slab, cache, 0, &next) }
    #expect(slab.nextFill(cache: cache, cpu: 0) == 60)
    slab.renewArray(cache: cache, cpu: 0)
    #expect(slab.nextFill(cache: cache, cpu: 0) == 16)
    #expect(hold(&slab, cache, 0, &next).index == 31)
  }

  @Test("a group that comes back lies in reverse on the array, and what is under it stays")
  func returnedGroup() {
    var slab = SLAB(profile: KernelProfile(), cpuLimit: 1)
    let cache = slab.addCache(kmalloc(32))
    var next: UInt64 = 0
    _ = hold(&slab, cache, 0, &next)
    slab.reverse(cache: cache, cpu: 0, count: 5)
    #expect(slab.array(cache: cache, cpu: 0).map { Int($0.index) } == Array(0..<10) + [14, 13, 12, 11, 10])
    #expect(hold(&slab, cache, 0, &next).index == 10)
    #expect(slab.checkInvariants() == [])
  }

  @Test("a full array gives its oldest objects back; slabs are released beyond the limit")
  func flushes() {
    var slab = SLAB(profile: KernelProfile(), cpuLimit: 1)
    let cache = slab.addCache(kmalloc(4096))
    var next: UInt64 = 0
    let objects = (0..<60).map { _ in hold(&slab, cache, 0, &next) }
    for object in objects.prefix(24) { slab.free(object, cpu: 0) }
    #expect(slab.array(cache: cache, cpu: 0).count == 24 && slab.released.isEmpty)
    slab.free(objects[24], cpu: 0)
    #expect(slab.array(cache: cache, cpu: 0).count == 13)
    #expect(slab.slabinfoActiveObjects(cache: cache) == 48)
    // 25 free objects stay (two batches and one slab): the 26th costs the slab that became free first.
    for object in objects[25..<49] { slab.free(object, cpu: 0) }
    #expect(slab.released.count == 11)
    #expect(slab.slabinfoActiveObjects(cache: cache) + 25 == slab.occupancy(cache: cache).slabs)
    #expect(slab.checkInvariants() == [])
  }

  @Test("objects freed on one CPU reach another through the shared array")
  func sharedArray() {
    var slab = SLAB(profile: KernelProfile(cpuCount: 2), cpuLimit: 2)
    let cache = slab.addCache(kmalloc(1024))
    var next: UInt64 = 0
    let objects = (0..<60).map { _ in hold(&slab, cache, 0, &next) }
    for object in objects.prefix(55) { slab.free(object, cpu: 1) }
    #expect(slab.sharedArray(cache: cache) == Array(objects.prefix(27)))
    let pages = next
    #expect(hold(&slab, cache, 0, &next) == objects[26] || slab.array(cache: cache, cpu: 0).isEmpty == false)
    #expect(next == pages)
  }

  @Test("the reaper drains what nobody used for a while")
  func reaper() {
    var slab = SLAB(profile: KernelProfile(), cpuLimit: 1)
    let cache = slab.addCache(kmalloc(256))
    var next: UInt64 = 0
    slab.advance(to: 500_000_000)
    let objects = (0..<64).map { _ in hold(&slab, cache, 0, &next) }
    for object in objects { slab.free(object, cpu: 0) }
    #expect(slab.array(cache: cache, cpu: 0).count == 64)
    // The first pass only notes that the array was used; each later one takes a fifth of the limit.
    slab.advance(to: 1_000_000_000)
    #expect(slab.array(cache: cache, cpu: 0).count == 64)
    slab.advance(to: 3_000_000_000)
    #expect(slab.array(cache: cache, cpu: 0).count == 40)
    slab.advance(to: 60_000_000_000)
    #expect(slab.array(cache: cache, cpu: 0).isEmpty)
    #expect(slab.slabPages == 0)
    #expect(slab.checkInvariants() == [])
  }

  @Test("random requests keep the books", arguments: [1, 2, 3], [1, 2])
  func randomRequests(seed: UInt64, cpus: Int) {
    requestAtRandom(
      seed: seed, profile: KernelProfile(cpuCount: cpus), caches: [32, 96, 512, 2048, 8192].map { kmalloc($0) })
  }
}
