import KernelTypes
import MemoryModels
import Testing

/// Random operations on a small zone, next to a slow model of which pages are free.
struct ZonePropertyTests {
  static let versions = [
    KernelVersion(3, 5), KernelVersion(4, 9), KernelVersion(5, 4), KernelVersion(5, 15), KernelVersion(6, 1),
    KernelVersion(6, 12),
  ]

  /// Small blocks, so that pageblocks and their borders are met often.
  private static func smallPolicy(_ kernel: KernelVersion) -> PageAllocatorPolicy {
    var policy = PageAllocatorPolicy(kernel: kernel, architecture: .x86_64)
    policy.maximumOrder = 7
    policy.pageblockOrder = 5
    return policy
  }

  private struct Block {
    var frame: UInt64
    var order: Int
  }

  private struct Run {
    static let first: UInt64 = 3
    static let end: UInt64 = 650
    var isFree = Array(repeating: false, count: Int(Run.end))
    var live: [Block] = []
    var handedOut: [UInt64] = []

    init() { for frame in Run.first..<Run.end { isFree[Int(frame)] = true } }

    func isAll(_ free: Bool, _ block: Block) -> Bool {
      let end = block.frame + Order.pages(block.order)
      return end <= Run.end && (block.frame..<end).allSatisfy { isFree[Int($0)] == free }
    }

    mutating func mark(_ block: Block, free: Bool) {
      for frame in block.frame..<block.frame + Order.pages(block.order) { isFree[Int(frame)] = free }
    }

    mutating func step(_ zone: inout Zone, _ random: inout SeededGenerator, usesAtomic: Bool) {
      let cpu = Int.random(in: 0..<2, using: &random)
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<9:
        let order = [0, 0, 0, 0, 1, 2, 3, 4, 5, 6][Int.random(in: 0..<10, using: &random)]
        let type = [MigrateType.unmovable, .movable, .reclaimable][Int.random(in: 0..<3, using: &random)]
        var flags: PageRequestFlags = []
        if Int.random(in: 0..<8, using: &random) == 0 { flags.insert(.skipPerCPU) }
        if Int.random(in: 0..<8, using: &random) == 0 { flags.insert(.noFragment) }
        if usesAtomic, order > 0, Int.random(in: 0..<8, using: &random) == 0 { flags.insert(.highAtomic) }
        guard let frame = zone.allocate(order: order, migrateType: type, flags: flags, cpu: cpu) else { return }
        let block = Block(frame: frame.rawValue, order: order)
        #expect(frame.isAligned(order: order) && isAll(true, block))
        mark(block, free: false)
        live.append(block)
        handedOut.append(frame.rawValue)
      case 9..<16:
        if live.isEmpty { return }
        var block = live.remove(at: Int.random(in: 0..<live.count, using: &random))
        // Sometimes a larger block comes back in parts.
        while block.order > 0, Int.random(in: 0..<3, using: &random) == 0 {
          block.order -= 1
          live.append(Block(frame: block.frame + Order.pages(block.order), order: block.order))
        }
        let skips = Int.random(in: 0..<8, using: &random) == 0
        let isFreed = zone.free(PageFrame(block.frame), order: block.order, cpu: cpu, skipsPerCPU: skips)
        #expect(isFreed)
        mark(block, free: true)
      case 16..<18:
        let order = Int.random(in: 0..<5, using: &random)
        let frame = UInt64.random(in: 0..<Run.end, using: &random) & ~(Order.pages(order) - 1)
        let block = Block(frame: frame, order: order)
        let isPossible = isAll(true, block)
        #expect(zone.take(PageFrame(frame), order: order, isMovable: frame & 64 == 0) == isPossible)
        if isPossible {
          mark(block, free: false)
          live.append(block)
        }
      case 18:
        let frame = UInt64.random(in: 0..<Run.end, using: &random)
        if isFree[Int(frame)] { #expect(zone.free(PageFrame(frame), order: 0, cpu: cpu) == false) }
      default:
        zone.drain(cpu: cpu)
      }
    }

    func check(_ zone: borrowing Zone) {
      #expect(zone.checkInvariants() == nil)
      #expect(zone.freePages + zone.pagesInPerCPULists == isFree.count { $0 })
      let different = isFree.indices.first { zone.isFree(PageFrame(UInt64($0))) != isFree[$0] }
      #expect(different == nil)
    }
  }

  private static func makeZone(_ kernel: KernelVersion) -> Zone {
    var zone = zone(smallPolicy(kernel), start: Run.first, end: Run.end, cpuLimit: 2)
    zone.perCPULimits = PerCPULimits(batch: 3, high: 20, highMaximum: kernel >= KernelVersion(6, 7) ? 60 : 20)
    zone.watermarks = Watermarks(minimum: 10, low: 12, high: 14)
    return zone
  }

  @Test(arguments: versions) func listsStayConsistentUnderRandomOperations(kernel: KernelVersion) {
    var zone = Self.makeZone(kernel)
    var run = Run()
    var random = SeededGenerator(seed: 1)
    for _ in 0..<1500 {
      run.step(&zone, &random, usesAtomic: true)
      run.check(zone)
    }
    #expect(run.handedOut.count > 500)
  }

  @Test(arguments: versions) func everythingFreedAndDrainedIsAsAtFirst(kernel: KernelVersion) {
    var zone = Self.makeZone(kernel)
    let before = zone.freeBlockCounts
    var run = Run()
    var random = SeededGenerator(seed: 2)
    for _ in 0..<5000 { run.step(&zone, &random, usesAtomic: false) }
    for block in run.live { #expect(zone.free(PageFrame(block.frame), order: block.order, cpu: 0) == true) }
    zone.drainAll()
    #expect(zone.checkInvariants() == nil)
    #expect(zone.freeBlockCounts == before)
    #expect(zone.freePages == zone.managedPages)
  }

  @Test(arguments: versions) func theSameOperationsHandOutTheSameFrames(kernel: KernelVersion) {
    var first: [UInt64] = []
    for _ in 0..<2 {
      var zone = Self.makeZone(kernel)
      var run = Run()
      var random = SeededGenerator(seed: 3)
      for _ in 0..<3000 { run.step(&zone, &random, usesAtomic: true) }
      if first.isEmpty { first = run.handedOut }
      #expect(run.handedOut == first && !first.isEmpty)
    }
  }
}
