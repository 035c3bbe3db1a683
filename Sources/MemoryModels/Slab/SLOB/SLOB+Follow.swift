import KernelTypes

// What a driver needs that follows a real kernel's trace: to ask what would happen, and to put the model right after the
// kernel did something else or something the trace doesn't show.
extension SLOB {
  /// What `allocate` would hand out, without doing it; `nil` when it would need a page.
  public mutating func prediction(cache: Int, bytes: Int) -> SlabObject? {
    if bytes >= pageSize { return nil }
    return locate(cache: cache, bytes: bytes).map {
      SlabObject(slab: $0.page, index: UInt16(truncatingIfNeeded: $0.start))
    }
  }

  /// The object that a user of `cache` has at `address` on a page.
  public func object(page id: Int32, address: UInt64, cache: Int) -> SlabObject? {
    let header = caches[cache].description.isKmalloc ? UInt64(headerBytes) : 0
    let base = pages[Int(id)].base
    if address < base + header || address - base >= UInt64(pageSize) { return nil }
    return SlabObject(slab: id, index: UInt16((address - header - base) / UInt64(unitBytes)))
  }

  /// The address of a page's first byte, and the order of its block.
  public func base(ofPage id: Int32) -> UInt64 { pages[Int(id)].base }
  public func order(ofPage id: Int32) -> Int { Int(pages[Int(id)].order) }

  /// Whether a page is in use and was taken in the trace.
  public func isVague(page id: Int32) -> Bool { pages[Int(id)].isVague }

  /// Adds a page from before the trace, nothing of which is known to be free.
  public mutating func adoptPage(base: UInt64) -> Int32 {
    let id = makePage(base: base, order: 0)
    pages[Int(id)].isVague = true
    return id
  }

  /// The kernel served a request elsewhere than the model would: takes the units out of what is free there, and makes the
  /// page the first of the list, as the kernel did.
  public mutating func take(_ object: SlabObject, cache: Int, bytes: Int) {
    let id = object.slab
    let list = list(bytes)
    if pages[Int(id)].isVague {
      // It must be on the list. Pages that have room come after it, or they would have been used.
      let next = locate(cache: cache, bytes: bytes)?.page ?? -1
      if pages[Int(id)].list == Self.noList {
        insert(id, before: next, list: list)
      } else if Int(pages[Int(id)].list) == list, next >= 0, next != id, !comes(id, before: next, list: list) {
        unlink(id)
        insert(id, before: next, list: list)
      }
    } else {
      // The search began at a page whose place is a guess: it must have been just before this one.
      let head = lists[list].head
      if head >= 0, head != id, pages[Int(head)].isVague, Int(pages[Int(id)].list) == list {
        unlink(head)
        insert(head, before: id, list: list)
      }
    }
    caches[cache].liveObjects += 1
    claim(id, from: Int32(object.index), to: Int32(object.index) + units(bytes))
    let own = pages[Int(id)].list
    if own != Self.noList { rotate(to: id, list: Int(own)) }
  }

  private func comes(_ id: Int32, before next: Int32, list: Int) -> Bool {
    var current = lists[list].head
    while current >= 0, current != next {
      if current == id { return true }
      current = pages[Int(current)].next
    }
    return false
  }

  private mutating func insert(_ id: Int32, before next: Int32, list: Int) {
    if next < 0 || pages[Int(next)].previous < 0 {
      pushFront(id, list: list)
      return
    }
    let previous = pages[Int(next)].previous
    pages[Int(id)].list = UInt8(list)
    pages[Int(id)].previous = previous
    pages[Int(id)].next = next
    pages[Int(previous)].next = id
    pages[Int(next)].previous = id
  }

  /// Takes every free unit of a range.
  private mutating func claim(_ id: Int32, from first: Int32, to end: Int32) {
    var previous: Int32 = -1
    var current = pages[Int(id)].firstFree
    while current >= 0 {
      let block = blocks[Int(current)]
      let low = max(first, block.start)
      let high = min(end, block.start + block.units)
      if low < high { cut(id, previous, current, low - block.start, high - low) }
      if block.start + block.units >= end { return }
      // A block that was cut may be gone: start over, before what is left.
      if low < high {
        previous = -1
        current = pages[Int(id)].firstFree
        while current >= 0, blocks[Int(current)].start < high {
          previous = current
          current = blocks[Int(current)].next
        }
      } else {
        previous = current
        current = block.next
      }
    }
  }

  /// The kernel took a new page for a request: free blocks that would have served it are not free. Returns how many.
  public mutating func exhaust(cache: Int, bytes: Int) -> Int {
    var dropped = 0
    while let place = locate(cache: cache, bytes: bytes) {
      let block = blocks[Int(place.block)]
      cut(place.page, place.previous, place.block, 0, block.units)
      dropped += 1
    }
    return dropped
  }

  /// Whether any unit of an object is free.
  public func overlapsFree(_ object: SlabObject, bytes: Int) -> Bool {
    let first = Int32(object.index)
    let end = first + units(bytes)
    var block = pages[Int(object.slab)].list == Self.noList ? -1 : pages[Int(object.slab)].firstFree
    while block >= 0, blocks[Int(block)].start < end {
      if blocks[Int(block)].start + blocks[Int(block)].units > first { return true }
      block = blocks[Int(block)].next
    }
    return false
  }

  /// Takes a page out of the model because the kernel has given it back.
  public mutating func removePage(_ id: Int32) {
    if pages[Int(id)].order == Self.unused { return }
    let before = released.count
    dropPage(id, cache: 0)
    released.removeLast(released.count - before)
  }
}
