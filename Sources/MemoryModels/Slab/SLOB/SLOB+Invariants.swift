extension SLOB {
  /// What is wrong with the model's data; empty when all is well. For tests: walks everything.
  public func checkInvariants() -> [String] {
    var faults: [String] = []
    func expect(_ isTrue: Bool, _ text: @autoclosure () -> String) { if !isTrue { faults.append(text()) } }
    var total = 0
    var inUse: UInt64 = 0
    for (id, page) in pages.enumerated() where page.order != Self.unused {
      inUse += 1 << UInt64(page.order)
      if page.list == Self.noList { continue }
      var sum: Int32 = 0
      var largest: Int32 = 0
      var end: Int32 = -1
      var block = page.firstFree
      while block >= 0 {
        let free = blocks[Int(block)]
        expect(free.units > 0, "page \(id): an empty free block")
        expect(free.start > end, "page \(id): free blocks overlap or touch at unit \(free.start)")
        end = free.start + free.units
        sum += free.units
        largest = max(largest, free.units)
        block = free.next
      }
      expect(end <= unitsPerPage, "page \(id): a free block ends at unit \(end)")
      expect(sum == page.freeUnits, "page \(id): \(page.freeUnits) free units, found \(sum)")
      expect((sum > 0 || page.isVague) && sum < unitsPerPage, "page \(id): on a list with \(sum) free units")
      expect(largest <= page.largest, "page \(id): a block of \(largest) units, noted as at most \(page.largest)")
      total += Int(sum)
    }
    expect(total == freeUnits, "\(freeUnits) free units, found \(total)")
    expect(inUse == slabPages, "\(slabPages) pages, found \(inUse)")
    for (index, list) in lists.enumerated() {
      var previous: Int32 = -1
      var id = list.head
      while id >= 0 {
        expect(Int(pages[Int(id)].list) == index, "page \(id) is on list \(index), noted as \(pages[Int(id)].list)")
        expect(pages[Int(id)].previous == previous, "page \(id) has a wrong link")
        previous = id
        id = pages[Int(id)].next
      }
      expect(list.tail == previous, "list \(index) ends elsewhere")
    }
    return faults
  }
}
