/// A page of a SLOB machine that has free units, as a dump of its lists tells.
public struct SLOBStartPage: Hashable, Sendable {
  /// Neighbouring free units.
  public struct Block: Hashable, Sendable {
    /// Units from the page's start.
    public var start: Int
    public var units: Int

    public init(start: Int, units: Int) {
      self.start = start
      self.units = units
    }
  }

  public var frame: UInt64
  /// The list it is on: 0 for the smallest objects.
  public var list: Int
  /// The free units in address order, none of them neighbours.
  public var free: [Block]

  public init(frame: UInt64, list: Int, free: [Block]) {
    self.frame = frame
    self.list = list
    self.free = free
  }
}

// A machine whose state is known from a dump.
extension SLOB {
  /// Forgets all that was thought to be free: every page in use is full, and known to be.
  public mutating func fillUp() {
    for list in lists.indices { lists[list] = List() }
    for id in pages.indices where pages[id].order != Self.unused {
      var block = pages[id].firstFree
      while block >= 0 {
        let next = blocks[Int(block)].next
        dropBlock(block)
        block = next
      }
      pages[id].firstFree = -1
      pages[id].freeUnits = 0
      pages[id].largest = 0
      pages[id].next = -1
      pages[id].previous = -1
      pages[id].list = Self.noList
      pages[id].isVague = false
    }
    freeUnits = 0
  }

  /// The pages with free units: the lists one after the other, each in list order. `frame` is the page's address by its
  /// size.
  public func partialPages() -> [SLOBStartPage] {
    lists.indices.flatMap { list in
      var pages: [SLOBStartPage] = []
      var id = lists[list].head
      while id >= 0 {
        let free = freeBlocks(page: id).map { SLOBStartPage.Block(start: $0.offset / unitBytes, units: $0.units) }
        pages.append(SLOBStartPage(frame: base(ofPage: id) / UInt64(pageSize), list: list, free: free))
        id = self.pages[Int(id)].next
      }
      return pages
    }
  }

  /// Adds a full page from before the trace, all of which is handed out.
  public mutating func adoptFullPage(base: UInt64) -> Int32 { makePage(base: base, order: 0) }

  /// Gives a full page its free units and puts it at the end of a list. Returns whether they make sense; the page stays
  /// full if not.
  public mutating func setFree(page id: Int32, _ free: [SLOBStartPage.Block], list: Int) -> Bool {
    guard lists.indices.contains(list), pages[Int(id)].list == Self.noList, pages[Int(id)].freeUnits == 0 else {
      return false
    }
    var end = 0
    for block in free {
      if block.start < end || block.units <= 0 || block.units > Int(unitsPerPage) - block.start { return false }
      end = block.start + block.units
    }
    var next: Int32 = -1
    for block in free.reversed() { next = makeBlock(Int32(block.start), Int32(block.units), next: next) }
    if next < 0 { return true }
    let units = free.reduce(0) { $0 + $1.units }
    pages[Int(id)].firstFree = next
    pages[Int(id)].freeUnits = Int32(units)
    pages[Int(id)].largest = Int32(free.reduce(0) { max($0, $1.units) })
    freeUnits += units
    let tail = lists[list].tail
    pages[Int(id)].list = UInt8(list)
    pages[Int(id)].previous = tail
    if tail >= 0 { pages[Int(tail)].next = id } else { lists[list].head = id }
    lists[list].tail = id
    lists[list].missingUnits = .max
    return true
  }
}
