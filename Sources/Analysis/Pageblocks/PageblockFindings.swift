import KernelTypes
import MemoryModels
import Replay

/// Physical memory by pageblock: what of it is free, and what is in use for which migrate type.
public struct PageblockFindings: Sendable {
  /// What pageblocks hold, in pages. What is neither free nor in use was in use before the trace, or is not known.
  public struct Content: Sendable, Equatable {
    public var freePages: UInt64 = 0
    /// By the kernel's number of the migrate type.
    public var usedPages = [UInt64](repeating: 0, count: PageblockContents.typeCount)

    /// Whether nothing is known of them.
    public var isEmpty: Bool { freePages == 0 && usedPages.allSatisfy { $0 == 0 } }
    /// The types that have pages here.
    var typesInUse: [Int] { usedPages.indices.filter { usedPages[$0] > 0 } }

    mutating func add(_ other: Content) {
      freePages += other.freePages
      for type in usedPages.indices { usedPages[type] += other.usedPages[type] }
    }
  }

  /// One place on the map: some pageblocks side by side in a zone.
  public struct Cell: Sendable, Equatable {
    /// The first frame.
    public var frame: UInt64
    /// Pages it spans.
    public var pages: UInt64
    public var content: Content
  }

  /// A zone's part of the map.
  public struct Zone: Sendable {
    public var name: String
    public var node: Int
    public var cells: [Cell]
    public var pageblocks: UInt64
    /// Pageblocks that are free as a whole.
    public var freeBlocks: UInt64
    /// Pageblocks that hold pages of one type only, by the kernel's number of it.
    public var pureBlocks: [UInt64]
    /// Pageblocks that hold pages of more than one type.
    public var mixedBlocks: UInt64
    /// Pageblocks of which nothing is known to be free or in use.
    public var unknownBlocks: UInt64
    public var content: Content
  }

  /// The most cells of a zone.
  public static let cellLimit: UInt64 = 1024

  public var zones: [Zone]
  public var pageblockOrder: Int
  /// Pageblocks in one cell of each zone.
  public var pageblocksPerCell: [UInt64]

  init(spans: [FreeBlockMap.Span], pageblockOrder: Int, blocks: [UInt64: Content]) {
    self.pageblockOrder = pageblockOrder
    zones = []
    pageblocksPerCell = []
    let size = UInt64(1) << UInt64(pageblockOrder)
    let known = blocks.keys.sorted()
    for span in spans where !span.frames.isEmpty {
      let first = span.frames.lowerBound / size
      let last = (span.frames.upperBound - 1) / size
      let count = last - first + 1
      let perCell = (count + Self.cellLimit - 1) / Self.cellLimit
      var zone = Zone(
        name: span.name, node: span.node, cells: [], pageblocks: count, freeBlocks: 0,
        pureBlocks: Array(repeating: 0, count: PageblockContents.typeCount), mixedBlocks: 0, unknownBlocks: count,
        content: Content())
      for start in stride(from: first, through: last, by: Int(clamping: perCell)) {
        let frame = start * size
        zone.cells.append(Cell(frame: frame, pages: min(perCell, last - start + 1) * size, content: Content()))
      }
      for block in known where (first...last).contains(block) {
        guard let content = blocks[block] else { continue }
        zone.count(content, size)
        zone.cells[Int((block - first) / perCell)].content.add(content)
      }
      zones.append(zone)
      pageblocksPerCell.append(perCell)
    }
  }
}

extension PageblockFindings.Zone {
  fileprivate mutating func count(_ block: PageblockFindings.Content, _ size: UInt64) {
    content.add(block)
    unknownBlocks -= 1
    let types = block.typesInUse
    if block.freePages >= size {
      freeBlocks += 1
    } else if types.count == 1 {
      pureBlocks[types[0]] += 1
    } else if types.count > 1 {
      mixedBlocks += 1
    }
  }
}
