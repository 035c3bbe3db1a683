public import KernelTypes
public import MemoryModels
public import Replay
public import TraceEvents

/// Which pages of physical memory are in use, and for which migrate type, as far as a trace's page events tell.
///
/// Feed it the rows before and inside the window, then call `finish`.
public struct PageblockAnalysis: ~Copyable {
  private var contents: PageblockContents

  /// Prepares an analysis; `policy` tells how large a pageblock is.
  public init(policy: PageAllocatorPolicy) { contents = PageblockContents(pageblockOrder: policy.pageblockOrder) }

  /// Follows the page events among the rows of a batch.
  public mutating func consume(_ batch: borrowing EventBatch, rows: Range<Int>) { contents.consume(batch, rows: rows) }

  /// The map at the end; `free` are the blocks that are free then, which also tells the zones.
  public func finish(free: borrowing FreeBlockMap) -> PageblockFindings {
    PageblockFindings(contents: contents, free: free)
  }
}

extension PageblockFindings {
  /// The map of what `contents` holds, and of what is free.
  public init(contents: borrowing PageblockContents, free: borrowing FreeBlockMap) {
    let pageblockOrder = contents.pageblockOrder
    var blocks: [UInt64: Content] = [:]
    contents.forEachBlock { number, block in
      let types = block.typesInUse
      if types.isEmpty { return }
      var content = Content()
      for type in types { content.usedPages[type] = UInt64(block[type]) }
      blocks[number] = content
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
    self.init(spans: free.spans, pageblockOrder: pageblockOrder, blocks: blocks)
  }
}
