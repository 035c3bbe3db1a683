import KernelTypes
import Testing

@Suite struct FragmentationIndexTests {
  /// A zone of eleven orders, of which the first ones have free blocks.
  private func zone(_ blocks: UInt64...) -> FragmentationIndex {
    FragmentationIndex(freeBlocks: blocks + Array(repeating: 0, count: 11 - blocks.count))
  }

  @Test func smallBlocksAloneFailLargeRequestsByFragmentation() {
    let zone = zone(100, 50, 25)
    #expect(zone.freePages == 300)
    #expect(zone.blockCount == 175)
    #expect([0, 1, 2, 3, 4, 9, 10].map(zone.fragmentationIndex) == [-1000, -1000, -1000, 780, 888, 991, 993])
    #expect((0...10).map(zone.unusableFreeIndex) == [0, 333, 666] + Array(repeating: 1000, count: 8))
    #expect((0...3).map(zone.externalFragmentation) == [0, 33, 66, 100])
    #expect(zone.largestFreeOrder == 2)
  }

  @Test func anEmptyZoneLacksMemoryAndAllOfNothingIsUnusable() {
    let zone = zone()
    for order in 0...10 {
      #expect(zone.fragmentationIndex(order: order) == 0)
      #expect(zone.unusableFreeIndex(order: order) == 1000)
      #expect(zone.externalFragmentation(order: order) == 0)
    }
    #expect(zone.largestFreeOrder == nil)
  }

  @Test func theIndexRisesWithTheRequest() {
    let zone = zone(4)
    #expect([1, 2, 3, 9, 10].map(zone.fragmentationIndex) == [250, 500, 625, 749, 750])
  }

  @Test func oneSmallBlockGivesNegativeValuesThatAreNotMinusOne() {
    let zone = zone(1)
    #expect([1, 2, 3, 10].map(zone.fragmentationIndex) == [-500, -250, -125, 0])
  }

  @Test func aLiveZoneHasTheIndicesThatItsKernelPrinted() {
    let zone = FragmentationIndex(freeBlocks: [5909, 2056, 1859, 1169, 459, 163, 40, 6, 1, 1, 238])
    #expect(zone.freePages == 287_177)
    #expect(zone.blockCount == 11901)
    #expect((0...10).map(zone.unusableFreeIndex) == [0, 20, 34, 60, 93, 118, 137, 146, 148, 149, 151])
    #expect((0...10).allSatisfy { zone.fragmentationIndex(order: $0) == -1000 })
  }

  @Test func anOrderBeyondTheLargestIsZeroAsInTheKernel() {
    #expect(zone(1).fragmentationIndex(order: 11) == 0)
  }
}
