extension FreeListDump {
  /// A page of SLOB with free units.
  public struct SLOBPage: Hashable, Sendable {
    /// The list it is on, by the size of the objects it serves.
    public enum List: String, CaseIterable, Sendable {
      case small, medium, large
    }

    /// Neighbouring free units.
    public struct Block: Hashable, Sendable {
      /// Units from the page's start.
      public var start: Int
      public var units: Int
    }

    public var list: List
    public var frame: UInt64
    public var freeUnits: Int
    /// In address order.
    public var blocks: [Block]
  }
}

// No page has more units than this.
private let unitLimit: UInt64 = 1 << 16

extension FieldCursor {
  /// Takes what follows `slobfree `: `small 5a70 960: 208+32 336+16`.
  mutating func slobPage() -> FreeListDump.SLOBPage? {
    guard let name = word(), let list = FreeListDump.SLOBPage.List(rawValue: name), skipBlanks() == 1,
      let frame = hexadecimal(), frame.value < countLimit, let free = number(" ", unitLimit), take(":")
    else { return nil }
    var page = FreeListDump.SLOBPage(list: list, frame: frame.value, freeUnits: free, blocks: [])
    var end = -1
    while !isAtEnd {
      // The blocks don't overlap, so that there are no more of them than units.
      guard let start = number(" ", unitLimit), start > end, let units = number("+", unitLimit), units > 0 else {
        return nil
      }
      page.blocks.append(.init(start: start, units: units))
      end = start + units - 1
    }
    return page
  }
}

extension ByteWriter {
  mutating func slobPage(_ page: FreeListDump.SLOBPage) {
    put("slobfree \(page.list.rawValue) ")
    hexadecimal(page.frame, digits: 1)
    put(" \(page.freeUnits):")
    for block in page.blocks { put(" \(block.start)+\(block.units)") }
    newline()
  }
}
