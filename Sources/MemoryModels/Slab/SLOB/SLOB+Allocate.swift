import KernelTypes

extension SLOB {
  /// Hands out `bytes` (as `allocatedBytes` gives them) of a cache, or says which block it needs.
  ///
  /// Follows `slob_alloc` and `__do_kmalloc_node` in mm/slob.c, Linux 6.1.
  public mutating func allocate(cache: Int, bytes: Int) -> AllocationOutcome {
    if bytes >= pageSize { return .needsSlab(order: orderOf(bytes)) }
    guard let place = locate(cache: cache, bytes: bytes) else { return .needsSlab(order: 0) }
    let wanted = units(bytes)
    cut(place.page, place.previous, place.block, place.gap, wanted)
    if pages[Int(place.page)].list != Self.noList { rotate(to: place.page, list: list(bytes)) }
    caches[cache].liveObjects += 1
    return .object(SlabObject(slab: place.page, index: UInt16(truncatingIfNeeded: place.start)))
  }

  /// Where a request would be served.
  struct Location {
    var page: Int32
    /// The free block before it and the one it is cut from.
    var previous: Int32
    var block: Int32
    /// Units between the block's start and the object's.
    var gap: Int32
    var start: Int32
  }

  /// Completes a request that was answered with `needsSlab` from the block at `base`.
  public mutating func addSlab(cache: Int, bytes: Int, base: UInt64) -> SlabObject {
    caches[cache].liveObjects += 1
    if bytes >= pageSize {
      let id = makePage(base: base, order: orderOf(bytes))
      return SlabObject(slab: id, index: 0)
    }
    let id = makePage(base: base, order: 0)
    pages[Int(id)].freeUnits = unitsPerPage
    pages[Int(id)].largest = unitsPerPage
    pages[Int(id)].firstFree = makeBlock(0, unitsPerPage, next: -1)
    freeUnits += Int(unitsPerPage)
    let list = list(bytes)
    lists[list].missingUnits = .max
    pushFront(id, list: list)
    let (alignment, offset) = placement(cache, bytes)
    guard let place = locate(on: id, units(bytes), alignment, offset) else { return SlabObject(slab: id, index: 0) }
    cut(id, place.previous, place.block, place.gap, units(bytes))
    return SlabObject(slab: id, index: UInt16(truncatingIfNeeded: place.start))
  }

  /// The order of the block for an object of a page or more.
  public func orderOf(_ bytes: Int) -> Int { Order.holding(bytes: UInt64(bytes), pageSize: UInt64(pageSize)) }

  /// How a block is aligned, and which unit of it: both in units.
  @inline(__always)
  func placement(_ cache: Int, _ bytes: Int) -> (alignment: Int32, offset: Int32) {
    let unit = Int32(unitBytes)
    if !caches[cache].description.isKmalloc {
      return (max(Int32(caches[cache].description.alignment) / unit, 1), 0)
    }
    let header = Int32(headerBytes) / unit
    if !profile.slob.alignsPayload { return (header, 0) }
    let payload = bytes - headerBytes
    // Powers of two are aligned to their size.
    if payload & (payload - 1) == 0 { return (max(header, Int32(payload) / unit), header) }
    return (header, header)
  }

  /// The first page of the list that has room, from the page used last.
  mutating func locate(cache: Int, bytes: Int) -> Location? {
    let (alignment, offset) = placement(cache, bytes)
    let list = list(bytes)
    let wanted = units(bytes)
    // An earlier search for less, with looser alignment, found nothing, and nothing as large was freed since.
    if wanted >= lists[list].missingUnits, alignment % lists[list].missingAlignment == 0,
      offset == lists[list].missingOffset
    {
      return nil
    }
    var id = lists[list].head
    while id >= 0 {
      if pages[Int(id)].largest >= wanted, let place = locate(on: id, wanted, alignment, offset) { return place }
      id = pages[Int(id)].next
    }
    lists[list].missingUnits = wanted
    lists[list].missingAlignment = alignment
    lists[list].missingOffset = offset
    return nil
  }

  /// The first free block of a page that has room. Follows `slob_page_alloc` in mm/slob.c, Linux 6.1.
  private mutating func locate(on id: Int32, _ wanted: Int32, _ alignment: Int32, _ offset: Int32) -> Location? {
    var previous: Int32 = -1
    var current = pages[Int(id)].firstFree
    var largest: Int32 = 0
    while current >= 0 {
      let block = blocks[Int(current)]
      let start = (block.start + offset + alignment - 1) / alignment * alignment - offset
      let gap = start - block.start
      if block.units >= wanted + gap {
        return Location(page: id, previous: previous, block: current, gap: gap, start: start)
      }
      largest = max(largest, block.units)
      previous = current
      current = block.next
    }
    pages[Int(id)].largest = largest
    return nil
  }

  /// Takes `wanted` units out of a free block, `gap` units after its start.
  mutating func cut(_ id: Int32, _ previous: Int32, _ current: Int32, _ gap: Int32, _ wanted: Int32) {
    let block = blocks[Int(current)]
    let rest = block.units - gap - wanted
    if gap > 0 {
      blocks[Int(current)].units = gap
      if rest > 0 {
        let tail = makeBlock(block.start + gap + wanted, rest, next: block.next)
        blocks[Int(current)].next = tail
      }
    } else if rest > 0 {
      blocks[Int(current)].start += wanted
      blocks[Int(current)].units = rest
    } else {
      if previous >= 0 { blocks[Int(previous)].next = block.next } else { pages[Int(id)].firstFree = block.next }
      dropBlock(current)
    }
    pages[Int(id)].freeUnits -= wanted
    freeUnits -= Int(wanted)
    if pages[Int(id)].freeUnits == 0, !pages[Int(id)].isVague { unlink(id) }
  }
}
