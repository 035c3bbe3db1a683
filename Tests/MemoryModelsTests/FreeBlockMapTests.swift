import KernelTypes
import MemoryModels
import TestSupport
import Testing

@Suite("Free block map") struct FreeBlockMapTests {
  private func makeMap() -> FreeBlockMap {
    FreeBlockMap(
      spans: [.init(name: "DMA", frames: 1..<256), .init(name: "Normal", frames: 256..<1024)], maximumOrder: 6)
  }

  @Test("free pages merge into the largest aligned blocks of their zone")
  func merges() {
    var map = makeMap()
    for frame in 1..<1024 as Range<UInt64> { map.insert(frame, order: 0) }
    // Frame 0 is missing, so frames 1 to 63 stay a ladder of blocks.
    let counts = map.freeBlocks
    #expect(counts == [[1, 1, 1, 1, 1, 1, 3], [0, 0, 0, 0, 0, 0, 12]])
    let violations = map.invariantViolations()
    #expect(violations == [])
  }

  @Test("taking a page splits its block and leaves the rest free")
  func splits() {
    var map = makeMap()
    map.insert(256, order: 6)
    let from = map.remove(261, order: 0)
    let counts = map.freeBlocks[1]
    let again = map.remove(261, order: 0)
    #expect(from == 6 && counts == [1, 1, 1, 1, 1, 1, 0] && again == -1)
    map.insert(261, order: 0)
    let merged = map.freeBlocks[1]
    #expect(merged == [0, 0, 0, 0, 0, 0, 1])
  }

  @Test("freeing what is partly free already frees the rest, and says how much was")
  func partlyFree() {
    var map = makeMap()
    map.insert(300, order: 0)
    let double = map.insert(300, order: 2)
    let counts = map.freeBlocks[1]
    let whole = map.insert(300, order: 2)
    #expect(double == 1 && counts == [0, 0, 1, 0, 0, 0, 0] && whole == 4)
  }

  @Test("random frees and allocations hold exactly the pages that a set holds", arguments: 1...4 as ClosedRange<UInt64>)
  func againstSet(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var map = makeMap()
    var free = Set<UInt64>()
    for step in 0..<4000 {
      let order = Int.random(in: 0...4, using: &random)
      let size = UInt64(1) << UInt64(order)
      let frame = UInt64.random(in: 1..<1024, using: &random) & ~(size - 1)
      if frame == 0 { continue }
      let pages = Set(frame..<(frame + size))
      if Bool.random(using: &random) {
        let already = map.insert(frame, order: order)
        #expect(already == UInt64(pages.intersection(free).count))
        free.formUnion(pages)
      } else {
        let from = map.remove(frame, order: order)
        let wholeIsFree = pages.isSubset(of: free)
        // Blocks are as large as they can be, so what is free as a whole lies in one block.
        #expect((from >= order) == wholeIsFree)
        if wholeIsFree { free.subtract(pages) }
      }
      if step % 40 == 0 {
        let (violations, isFree) = (map.invariantViolations(), map.isFree(frame))
        #expect(violations == [] && isFree == free.contains(frame))
      }
    }
    let pages = map.freePages(span: 0) + map.freePages(span: 1)
    #expect(pages == UInt64(free.count))
  }
}

@Suite("Migrate types of free blocks") struct FreeBlockTypeTests {
  private func blocks(_ map: borrowing FreeBlockMap) -> [[UInt64]] {
    var blocks: [[UInt64]] = []
    map.forEachTypedBlock { blocks.append([$0, UInt64($1), UInt64($2)]) }
    return blocks
  }

  @Test("a merged block is on the list of what was freed last, and what is left of a split one where it was taken from")
  func mergesAndSplits() {
    var map = FreeBlockMap(spans: [.init(name: "Normal", frames: 0..<1024)], maximumOrder: 6)
    map.insert(0, order: 0, type: 1)
    map.insert(1, order: 0, type: 2)
    let merged = blocks(map)
    #expect(merged == [[0, 1, 2]])
    map.insert(64, order: 3, type: 1)
    map.remove(64, order: 1)
    let kept = blocks(map)
    #expect(kept == [[0, 1, 2], [66, 1, 1], [68, 2, 1]])
    map.remove(68, order: 0, type: 0)
    let moved = blocks(map)
    #expect(moved == [[0, 1, 2], [66, 1, 1], [69, 0, 0], [70, 1, 0]])
    map.setTypes(in: 64..<128, 2)
    map.setType(of: 0, 4)
    let all = blocks(map)
    #expect(all == [[0, 1, 4], [66, 1, 2], [69, 0, 2], [70, 1, 2]])
    let violations = map.invariantViolations()
    #expect(violations == [])
  }

  @Test("types change nothing about counts", arguments: [1, 2, 3] as [UInt64])
  func random(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let spans = [FreeBlockMap.Span(name: "Normal", frames: 0..<512)]
    var typed = FreeBlockMap(spans: spans, maximumOrder: 6)
    var plain = FreeBlockMap(spans: spans, maximumOrder: 6)
    for _ in 0..<4000 {
      let order = Int.random(in: 0...4, using: &generator)
      let frame = UInt64.random(in: 0..<(512 >> UInt64(order)), using: &generator) << UInt64(order)
      let type = UInt8.random(in: 0...7, using: &generator)
      if Bool.random(using: &generator) {
        let (one, other) = (typed.insert(frame, order: order, type: type), plain.insert(frame, order: order))
        #expect(one == other)
      } else {
        let (one, other) = (typed.remove(frame, order: order, type: type), plain.remove(frame, order: order))
        #expect(one == other)
      }
    }
    let (one, other, violations) = (typed.freeBlocks, plain.freeBlocks, typed.invariantViolations())
    #expect(one == other && violations == [])
  }
}
