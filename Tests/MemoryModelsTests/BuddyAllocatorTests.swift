import KernelTypes
import MemoryModels
import Testing

struct BuddyAllocatorTests {
  /// The state after seven unmovable pages were taken from two movable blocks of 4 MiB.
  private func afterSevenPages() -> Zone {
    var zone = zone(policy(6, 1), end: 2048)
    _ = zone.allocateDirectly(count: 7, type: .unmovable)
    return zone
  }

  @Test func unmovableRequestsTakeAWholeMovableBlockOver() {
    var zone = zone(policy(6, 1), end: 2048)
    #expect(zone.freeList(order: 10, type: .movable) == frames(0, 1024))
    zone.recordsSteps = true
    #expect(zone.allocateDirectly(count: 7, type: .unmovable) == [0, 1, 2, 3, 4, 5, 6])
    let fallback = zone.steps[0]
    #expect(fallback.kind == .fallback && fallback.order == 0 && fallback.fallbackOrder == 10)
    #expect(fallback.type == .unmovable && fallback.fallbackType == .movable && fallback.changedOwnership)
    #expect(zone.steps[1].kind == .removed && zone.steps[1].frame == PageFrame(0))
    #expect(zone.fallbackCount == 1)
    #expect(zone.pageblockType(of: PageFrame(0)) == .unmovable)
    #expect(zone.pageblockType(of: PageFrame(1023)) == .unmovable)
    #expect(zone.pageblockType(of: PageFrame(1024)) == .movable)
    let heads: [UInt64] = [7, 0, 0, 8, 16, 32, 64, 128, 256, 512]
    for order in [0, 3, 4, 5, 6, 7, 8, 9] {
      #expect(zone.freeList(order: order, type: .unmovable) == frames(heads[order]))
    }
    #expect(zone.freeList(order: 1, type: .unmovable).isEmpty)
    #expect(zone.freeList(order: 10, type: .movable) == frames(1024))
    #expect(zone.allocateDirectly(count: 3, type: .movable) == [1024, 1025, 1026])
    #expect(zone.checkInvariants() == nil)
  }

  @Test func freedPagesGoToTheHeadAndMergeWithTheirBuddies() {
    var zone = afterSevenPages()
    zone.freeDirectly(0)
    #expect(zone.freeList(order: 0, type: .unmovable) == frames(0, 7))
    zone.freeDirectly(2)
    #expect(zone.freeList(order: 0, type: .unmovable) == frames(2, 0, 7))
    zone.freeDirectly(1)
    #expect(zone.freeList(order: 0, type: .unmovable) == frames(2, 7))
    #expect(zone.freeList(order: 1, type: .unmovable) == frames(0))
    zone.freeDirectly(3)
    #expect(zone.freeList(order: 0, type: .unmovable) == frames(7))
    #expect(zone.freeList(order: 2, type: .unmovable) == frames(0))
    #expect(zone.checkInvariants() == nil)
  }

  private func afterThreeFrees(_ policy: PageAllocatorPolicy) -> Zone {
    var zone = zone(policy, end: 1024)
    _ = zone.allocateDirectly(count: 8, type: .movable)
    zone.freeDirectly(6)
    #expect(zone.freeList(order: 0, type: .movable) == frames(6))
    zone.freeDirectly(2)
    zone.freeDirectly(3)
    #expect(zone.freeList(order: 1, type: .movable) == frames(2))
    return zone
  }

  @Test func aPageWhosePairWillProbablyMergeGoesToTheTail() {
    var lower = afterThreeFrees(policy(6, 1))
    lower.freeDirectly(0)
    #expect(lower.freeList(order: 0, type: .movable) == frames(6, 0))
    #expect(lower.allocateDirectly() == 6)
    var upper = afterThreeFrees(policy(6, 1))
    upper.freeDirectly(1)
    #expect(upper.freeList(order: 0, type: .movable) == frames(6, 1))
  }

  @Test func linux35MissesTheTailRuleForUpperHalves() {
    var lower = afterThreeFrees(policy(3, 5))
    lower.freeDirectly(0)
    #expect(lower.freeList(order: 0, type: .movable) == frames(6, 0))
    var upper = afterThreeFrees(policy(3, 5))
    upper.freeDirectly(1)
    #expect(upper.freeList(order: 0, type: .movable) == frames(1, 6))
    var later = afterThreeFrees(policy(4, 9))
    later.freeDirectly(1)
    #expect(later.freeList(order: 0, type: .movable) == frames(6, 1))
  }

  @Test func memoryReleasedAtBootIsCutIntoTheLargestAlignedBlocks() {
    var zone = Zone(kind: .normal, start: PageFrame(0), end: PageFrame(4096), policy: policy(6, 1), cpuLimit: 1)
    zone.release(PageFrame(3)..<PageFrame(3000))
    #expect(zone.freeBlockCounts == [1, 0, 1, 2, 2, 2, 1, 2, 2, 2, 1])
    #expect(zone.freeList(order: 0, type: .movable) == frames(3))
    #expect(zone.freeList(order: 3, type: .movable) == frames(8, 2992))
    #expect(zone.freeList(order: 5, type: .movable) == frames(32, 2944))
    #expect(zone.freeList(order: 9, type: .movable) == frames(512, 2048))
    #expect(zone.freeList(order: 10, type: .movable) == frames(1024))
    #expect(zone.managedPages == 2997 && zone.freePages == 2997)
  }

  @Test func linux35ReleasesMemoryByWordsAndTheLastBlockIsFirst() {
    var zone = Zone(kind: .normal, start: PageFrame(0), end: PageFrame(4096), policy: policy(3, 5), cpuLimit: 1)
    zone.release(PageFrame(3)..<PageFrame(3000))
    #expect(zone.freeBlockCounts == [1, 0, 1, 2, 2, 2, 1, 2, 2, 2, 1])
    #expect(zone.freeList(order: 5, type: .movable) == frames(2944, 32))
    #expect(zone.freeList(order: 9, type: .movable) == frames(2048, 512))
  }

  @Test func movableRequestsAreContentWithTheSmallestBlock() {
    // Below half the pageblock order nothing is taken over, so that the smallest block does least harm.
    var zone = Zone(kind: .normal, start: PageFrame(0), end: PageFrame(1024), policy: policy(6, 1), cpuLimit: 1)
    zone.setPageblockType(of: PageFrame(0), to: .unmovable)
    zone.append(freeBlock: PageFrame(8), order: 3, type: .unmovable)
    zone.append(freeBlock: PageFrame(32), order: 1, type: .unmovable)
    #expect(zone.allocateDirectly() == 32)
    #expect(zone.freeList(order: 0, type: .movable) == frames(33))
    #expect(zone.freeList(order: 3, type: .unmovable) == frames(8))
    #expect(zone.pageblockType(of: PageFrame(0)) == .unmovable)
  }

  @Test func aPageblockChangesHandsWhenHalfOfItIsFreeOrAlike() {
    for movablePages in [255, 257] {
      var zone = zone(policy(6, 1), end: 512)
      for page in 0..<512 { zone.take(PageFrame(UInt64(page)), order: 0, isMovable: page < movablePages) }
      zone.freeDirectly(510)
      zone.recordsSteps = true
      #expect(zone.allocateDirectly(type: .unmovable) == 510)
      #expect(zone.steps[0].changedOwnership == (movablePages <= 256))
    }
  }

  @Test func linux49CountsOnlyFreePagesBeforeTakingAPageblock() {
    var zone = zone(policy(4, 9), end: 512)
    for page in 0..<512 { zone.take(PageFrame(UInt64(page)), order: 0) }
    zone.freeDirectly(510)
    #expect(zone.allocateDirectly(type: .unmovable) == 510)
    #expect(zone.pageblockType(of: PageFrame(510)) == .movable)
  }

  @Test func linux35LeavesPageblocksAloneForUnmovableRequestsOfSmallBlocks() {
    var zone = Zone(kind: .normal, start: PageFrame(0), end: PageFrame(512), policy: policy(3, 5), cpuLimit: 1)
    zone.append(freeBlock: PageFrame(0), order: 3, type: .movable)
    zone.append(freeBlock: PageFrame(16), order: 1, type: .movable)
    #expect(zone.allocateDirectly(type: .unmovable) == 0)
    #expect(zone.freeList(order: 1, type: .movable) == frames(16))
    #expect(zone.freeList(order: 2, type: .unmovable) == frames(4))
  }

  @Test func linux612StealsOneBlockAndLeavesTheRestItsType() {
    var zone = zone(policy(6, 12), end: 512)
    for page in 0..<512 { zone.take(PageFrame(UInt64(page)), order: 0, isMovable: true) }
    for page in 8..<16 { zone.freeDirectly(UInt64(page)) }
    zone.recordsSteps = true
    #expect(zone.allocateDirectly(type: .unmovable) == 8)
    #expect(zone.steps.map(\.kind) == [.fallback])
    #expect(zone.freeList(order: 0, type: .movable) == frames(9))
    #expect(zone.freeList(order: 2, type: .movable) == frames(12))
    #expect(zone.pageblockType(of: PageFrame(8)) == .movable)
    #expect(zone.checkInvariants() == nil)
  }

  @Test func noFragmentRequestsLeaveSmallBlocksOfOtherTypesAlone() {
    var zone = zone(policy(6, 1), end: 512)
    _ = zone.allocateDirectly(order: 8)
    #expect(zone.allocate(order: 0, migrateType: .unmovable, flags: [.skipPerCPU, .noFragment], cpu: 0) == nil)
    #expect(zone.allocateDirectly(type: .unmovable) == 256)
  }

  @Test func isolatedPageblocksNeitherMergeNorCount() {
    var zone = zone(policy(6, 1), end: 1024)
    zone.take(PageFrame(0), order: 10)
    zone.setPageblockType(of: PageFrame(512), to: .isolate)
    zone.freeDirectly(0, order: 9)
    zone.freeDirectly(512, order: 9)
    #expect(zone.freePages == 512)
    #expect(zone.freeList(order: 9, type: .isolate) == frames(512))
    #expect(zone.freeBlocks(order: 10) == 0)
    #expect(zone.checkInvariants() == nil)
  }

  @Test func takingABlockKeepsTheRemainderFree() {
    var zone = zone(policy(6, 1), end: 1024)
    #expect(zone.take(PageFrame(5), order: 0) == true)
    #expect(zone.take(PageFrame(5), order: 0) == false)
    #expect(zone.take(PageFrame(4), order: 2) == false)
    #expect(zone.take(PageFrame(6), order: 2) == false)
    #expect(zone.take(PageFrame(1024), order: 0) == false)
    #expect(zone.freePages == 1023)
    #expect(zone.freeList(order: 0, type: .movable) == frames(4))
    #expect(zone.freeList(order: 1, type: .movable) == frames(6))
    #expect(zone.freeList(order: 2, type: .movable) == frames(0))
    #expect(zone.isFree(PageFrame(4)) == true)
    #expect(zone.isFree(PageFrame(5)) == false)
    #expect(zone.checkInvariants() == nil)
  }

  @Test func aBlockFreedInPartsMergesAgain() {
    var zone = zone(policy(6, 1), end: 1024)
    #expect(zone.allocateDirectly(order: 4) == 0)
    for page: UInt64 in [3, 0, 15, 7, 8, 1, 2, 14, 12, 13, 4, 5, 9, 10, 11, 6] { zone.freeDirectly(page) }
    #expect(zone.freeList(order: 10, type: .movable) == frames(0))
    #expect(zone.free(PageFrame(3), order: 0, cpu: 0) == false)
    #expect(zone.freePages == 1024)
  }

  @Test func atomicHighOrderRequestsKeepAPageblock() {
    var zone = zone(policy(6, 1), end: 2048)
    #expect(zone.allocate(order: 2, migrateType: .unmovable, flags: [.skipPerCPU, .highAtomic], cpu: 0) != nil)
    #expect(zone.reservedHighAtomicPages == 512)
    #expect(zone.pageblocks(type: .highAtomic) == 1)
    #expect(zone.freeList(order: 2, type: .highAtomic) == frames(4))
    #expect(zone.unreserveHighAtomic(for: .movable, force: false) == false)
    #expect(zone.unreserveHighAtomic(for: .movable, force: true) == true)
    #expect(zone.reservedHighAtomicPages == 0)
    #expect(zone.freeList(order: 2, type: .movable) == frames(4))
    #expect(zone.checkInvariants() == nil)
  }
}
