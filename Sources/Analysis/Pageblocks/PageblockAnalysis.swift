public import KernelTypes
public import MemoryModels
public import TraceEvents

/// Which pages of physical memory are in use, and for which migrate type, as far as a trace's page events tell.
///
/// Feed it the rows before and inside the window, then call `finish`. A page is in use from `mm_page_alloc` to
/// `mm_page_free`, which names its migrate type; half a byte is kept for each page that ever was.
public struct PageblockAnalysis: ~Copyable {
  /// The migrate types told apart, by the kernel's number; larger numbers count with the last.
  static let types = 6
  // Larger numbers are a damaged line's.
  private static let frameLimit: UInt64 = 1 << 32

  private struct Pages: BitwiseCopyable {
    var used: UInt64
    // The bits of each page's migrate type.
    var low: UInt64
    var middle: UInt64
    var high: UInt64

    static let none = Pages(used: 0, low: 0, middle: 0, high: 0)
  }

  private var words = AddressTable(filler: Pages.none)
  private let pageblockOrder: Int

  /// Prepares an analysis; `policy` tells how large a pageblock is.
  public init(policy: PageAllocatorPolicy) { pageblockOrder = policy.pageblockOrder }

  /// Follows the page events among the rows of a batch.
  public mutating func consume(_ batch: borrowing EventBatch, rows: Range<Int>) {
    for row in rows {
      switch batch.kind[row] {
      case .mmPageAlloc:
        if !batch.flags[row].contains(.failed) {
          set(batch.address[row], Int(batch.order[row]), type: min(Int(batch.migrateType[row]), Self.types - 1))
        }
      case .mmPageFree, .mmPageFreeDirect: set(batch.address[row], Int(batch.order[row]), type: nil)
      default: break
      }
    }
  }

  private mutating func set(_ first: UInt64, _ order: Int, type: Int?) {
    if first >= Self.frameLimit || order > 11 { return }
    var frame = first
    let end = first + Order.pages(order)
    while frame < end {
      let bit = frame & 63
      let count = min(64 - bit, end - frame)
      let mask = (count == 64 ? .max : (UInt64(1) << count) - 1) << bit
      var pages = words.value(frame >> 6) ?? .none
      pages.used &= ~mask
      pages.low &= ~mask
      pages.middle &= ~mask
      pages.high &= ~mask
      if let type {
        pages.used |= mask
        if type & 1 != 0 { pages.low |= mask }
        if type & 2 != 0 { pages.middle |= mask }
        if type & 4 != 0 { pages.high |= mask }
      }
      if pages.used == 0 { words.remove(frame >> 6) } else { words.insert(frame >> 6, pages) }
      frame += count
    }
  }

  /// The map at the end; `free` are the blocks that are free then, which also tells the zones.
  public func finish(free: borrowing FreeBlockMap) -> PageblockFindings {
    var blocks: [UInt64: PageblockFindings.Content] = [:]
    for key in words.sortedKeys() {
      guard let pages = words.value(key) else { continue }
      for type in 0..<Self.types {
        var bits = pages.used
        bits &= type & 1 != 0 ? pages.low : ~pages.low
        bits &= type & 2 != 0 ? pages.middle : ~pages.middle
        bits &= type & 4 != 0 ? pages.high : ~pages.high
        if bits != 0 { add(&blocks, key << 6, UInt64(bits.nonzeroBitCount), type) }
      }
    }
    free.forEachBlock { frame, order in
      var frame = frame
      let end = frame + Order.pages(order)
      let size = Order.pages(pageblockOrder)
      while frame < end {
        let count = min(size - frame % size, end - frame)
        blocks[frame >> UInt64(pageblockOrder), default: .init()].freePages += count
        frame += count
      }
    }
    return PageblockFindings(spans: free.spans, pageblockOrder: pageblockOrder, blocks: blocks)
  }

  private func add(
    _ blocks: inout [UInt64: PageblockFindings.Content], _ frame: UInt64, _ count: UInt64, _ type: Int
  ) {
    blocks[frame >> UInt64(pageblockOrder), default: .init()].usedPages[type] += count
  }
}
