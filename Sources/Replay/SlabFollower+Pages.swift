import KernelTypes
import MemoryModels
import TraceEvents

extension SlabFollower {
  /// A block was taken whose first page had `stale` as owner: a slab that is gone, then.
  @inline(__always)
  mutating func pageTaken(frame: UInt64, stale: Int32, _ pages: inout PageClassifier) {
    if stale >= 0 { lose(stale, &pages) }
    if limbo.count > 0, let waiting = limbo.remove(frame &+ pageOffset) {
      grades.caches[Int(waiting.cache)].slabRelease.count(false)
    }
  }

  /// A block was given back.
  @inline(__always)
  mutating func pageGivenBack(frame: UInt64, _ pages: inout PageClassifier) {
    if limbo.count > 0, let waiting = limbo.remove(frame &+ pageOffset) {
      grades.caches[Int(waiting.cache)].slabRelease.count(true)
      observedPages -= Int64(Order.pages(Int(waiting.order)))
      grades.caches[Int(waiting.cache)].observedSlabs -= 1
      return
    }
    let slab = pages.owner(frame: frame)
    if slab >= 0 { lose(slab, &pages) }
  }

  /// The kernel gave a slab back that the model still has.
  mutating func lose(_ slab: Int32, _ pages: inout PageClassifier) {
    let base = slub.base(ofSlab: slab)
    let order = slub.order(ofSlab: slab)
    grades.caches[slub.cache(ofSlab: slab)].slabRelease.count(false)
    observedPages -= Int64(Order.pages(order))
    grades.caches[slub.cache(ofSlab: slab)].observedSlabs -= 1
    pages.setOwner(PageClassifier.unknownOwner, base: base, order: order)
    slub.removeSlab(slab)
    settleReleases(&pages)
  }

  /// Remembers the slabs that the model has just given back until the kernel's mm_page_free confirms it.
  mutating func settleReleases(_ pages: inout PageClassifier) {
    for slab in slub.released {
      let owner = Int(pages.owner(address: slab.base))
      if isCounted.indices.contains(owner), isCounted[owner] {
        predictedPages -= Int64(Order.pages(slab.order))
        grades.caches[slab.cache].predictedSlabs -= 1
      }
      pages.setOwner(PageClassifier.unknownOwner, base: slab.base, order: slab.order)
      limbo.insert(
        slab.base >> pageShift, Limbo(base: slab.base, cache: Int32(slab.cache), order: UInt8(slab.order)))
    }
    slub.released.removeAll(keepingCapacity: true)
  }
}
