import KernelTypes

extension SLOB {
  /// Takes back an object of `bytes` (as `allocatedBytes` gives them). A page that becomes free is added to `released`.
  ///
  /// Follows `slob_free` in mm/slob.c, Linux 6.1.
  public mutating func free(_ object: SlabObject, cache: Int, bytes: Int) {
    let id = Int(object.slab)
    caches[cache].liveObjects -= 1
    if bytes >= pageSize {
      dropPage(object.slab, cache: cache)
      return
    }
    let count = units(bytes)
    if pages[id].freeUnits + count == unitsPerPage {
      dropPage(object.slab, cache: cache)
      return
    }
    freeUnits += Int(count)
    let start = Int32(object.index)
    if pages[id].list == Self.noList {
      // It was full: it goes to the list of this object's size, whatever else it holds.
      pages[id].freeUnits = count
      pages[id].largest = count
      pages[id].firstFree = makeBlock(start, count, next: -1)
      let list = list(bytes)
      note(list, freed: count)
      pushFront(object.slab, list: list)
      return
    }
    pages[id].freeUnits += count
    let merged = insert(object.slab, start, count)
    pages[id].largest = max(pages[id].largest, merged)
    note(Int(pages[id].list), freed: merged)
  }

  /// A larger block than before is free on a page of a list: searches that failed may succeed.
  @inline(__always)
  private mutating func note(_ list: Int, freed units: Int32) {
    if units >= lists[list].missingUnits { lists[list].missingUnits = .max }
  }

  mutating func dropPage(_ id: Int32, cache: Int) {
    unlink(id)
    freeUnits -= Int(pages[Int(id)].freeUnits)
    var block = pages[Int(id)].firstFree
    while block >= 0 {
      let next = blocks[Int(block)].next
      dropBlock(block)
      block = next
    }
    pages[Int(id)].firstFree = -1
    pages[Int(id)].freeUnits = 0
    release(id, cache: cache)
  }

  /// Puts units into a page's free blocks in address order, joined with their neighbours; returns the joined block's
  /// size.
  private mutating func insert(_ id: Int32, _ start: Int32, _ count: Int32) -> Int32 {
    var previous: Int32 = -1
    var next = pages[Int(id)].firstFree
    while next >= 0, blocks[Int(next)].start < start {
      previous = next
      next = blocks[Int(next)].next
    }
    var units = count
    var after = next
    if next >= 0, start + count == blocks[Int(next)].start {
      units += blocks[Int(next)].units
      after = blocks[Int(next)].next
      dropBlock(next)
    }
    if previous >= 0, blocks[Int(previous)].start + blocks[Int(previous)].units == start {
      blocks[Int(previous)].units += units
      blocks[Int(previous)].next = after
      return blocks[Int(previous)].units
    }
    let block = makeBlock(start, units, next: after)
    if previous >= 0 { blocks[Int(previous)].next = block } else { pages[Int(id)].firstFree = block }
    return units
  }

  /// The free blocks of a page as byte offset and units, in address order.
  public func freeBlocks(page id: Int32) -> [(offset: Int, units: Int)] {
    var result: [(offset: Int, units: Int)] = []
    var block = pages[Int(id)].firstFree
    while block >= 0 {
      result.append((Int(blocks[Int(block)].start) * unitBytes, Int(blocks[Int(block)].units)))
      block = blocks[Int(block)].next
    }
    return result
  }
}
