import KernelTypes
import MemoryModels
import TraceEvents

extension SlabFollower {
  /// A kmalloc that the page allocator served.
  mutating func claimLarge(_ batch: borrowing EventBatch, _ row: Int) {
    let order = Order.holding(bytes: batch.requestedBytes[row], pageSize: 1 << pageShift)
    grades.allocatedBytes.count(batch.allocatedBytes[row] == (1 << pageShift) << UInt64(order))
    let head = (batch.address[row] >> pageShift) &- pageOffset
    blocks.update(head) { $0.use = .large }
  }

  mutating func pageAllocation(_ batch: borrowing EventBatch, _ row: Int) {
    if batch.flags[row].contains(.failed) { return }
    let frame = batch.address[row]
    let order = min(Int(batch.order[row]), 10)
    for page in 0..<Order.pages(min(order, 4)) {
      let stale = slabOfPage.value(frame &+ page &+ pageOffset) ?? -1
      if stale >= 0 { lose(stale) }
    }
    if let waiting = limbo.remove(frame &+ pageOffset) {
      grades.caches[Int(waiting.cache)].slabRelease.count(false)
    }
    blocks.insert(frame, Block(order: UInt8(order), use: .unclaimed))
  }

  mutating func pageFree(_ batch: borrowing EventBatch, _ row: Int) {
    let frame = batch.address[row]
    blocks.remove(frame)
    let page = frame &+ pageOffset
    if let waiting = limbo.remove(page) {
      grades.caches[Int(waiting.cache)].slabRelease.count(true)
      return
    }
    let slab = slabOfPage.value(page) ?? -1
    if slab >= 0 { lose(slab) }
  }

  /// The kernel gave a slab back that the model still has.
  mutating func lose(_ slab: Int32) {
    let base = slub.base(ofSlab: slab)
    let order = slub.order(ofSlab: slab)
    grades.caches[slub.cache(ofSlab: slab)].slabRelease.count(false)
    unregister(base, order)
    slub.removeSlab(slab)
    settleReleases()
  }

  /// Remembers the slabs that the model has just given back until the kernel's mm_page_free confirms it.
  mutating func settleReleases() {
    for slab in slub.released {
      unregister(slab.base, slab.order)
      limbo.insert(
        slab.base >> pageShift, Limbo(base: slab.base, cache: Int32(slab.cache), order: UInt8(slab.order)))
    }
    slub.released.removeAll(keepingCapacity: true)
  }
}
