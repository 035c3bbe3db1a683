public import KernelTypes

/// The bitmap allocator of kernels before memblock took its place: one bit for every page of low memory.
///
/// Follows mm/bootmem.c, Linux 3.5.
public struct Bootmem: Sendable {
  /// A block handed to the buddy allocator.
  public struct Release: Hashable, Sendable {
    public var frame: PageFrame
    public var order: Int

    public init(frame: PageFrame, order: Int) {
      self.frame = frame
      self.order = order
    }
  }

  public let frames: Range<PageFrame>
  private let wordOrder: Int
  // A bit is set for a page that is taken. All are, until memory is registered.
  private var isTaken: [Bool]

  /// A bitmap of low memory, of which nothing is free yet; `wordBits` is how many bits a word has, 32 or 64.
  public init(frames: Range<PageFrame>, wordBits: Int) {
    self.frames = frames
    wordOrder = max(wordBits, 1).trailingZeroBitCount
    isTaken = Array(repeating: true, count: Int(frames.upperBound.rawValue - frames.lowerBound.rawValue))
  }

  /// The pages that the bitmap itself needs.
  public func bitmapPages(pageSize: Int) -> Int {
    let bytes = ((isTaken.count + 7) / 8 + 7) & ~7
    return (bytes + pageSize - 1) / max(pageSize, 1)
  }

  private func indices(_ range: Range<PageFrame>) -> Range<Int> {
    let lower = max(range.lowerBound, frames.lowerBound)
    let upper = max(min(range.upperBound, frames.upperBound), lower)
    return Int(lower.rawValue - frames.lowerBound.rawValue)..<Int(upper.rawValue - frames.lowerBound.rawValue)
  }

  /// Registers memory, or gives taken pages back. Follows `free_bootmem`.
  public mutating func free(_ range: Range<PageFrame>) { for index in indices(range) { isTaken[index] = false } }

  /// Takes pages. Follows `reserve_bootmem`.
  public mutating func reserve(_ range: Range<PageFrame>) { for index in indices(range) { isTaken[index] = true } }

  /// Takes the lowest free pages from `goal` on; `nil` if there are no so many in a row.
  /// Follows `alloc_bootmem_core`, for whole pages.
  public mutating func allocate(pages: Int, from goal: PageFrame = PageFrame(0)) -> PageFrame? {
    var run = 0
    if pages <= 0 { return nil }
    for index in indices(max(goal, frames.lowerBound)..<max(goal, frames.upperBound)) {
      run = isTaken[index] ? 0 : run + 1
      if run == pages {
        let first = frames.lowerBound + UInt64(index + 1 - pages)
        reserve(first..<first + UInt64(pages))
        return first
      }
    }
    return nil
  }

  /// The blocks that go to the buddy allocator, in order: a word's pages at once where all of them are free, else page
  /// by page. Follows `free_all_bootmem_core`.
  public var releases: [Release] {
    var releases: [Release] = []
    let size = 1 << wordOrder
    var index = 0
    while index < isTaken.count {
      let frame = frames.lowerBound + UInt64(index)
      if frame.isAligned(order: wordOrder), index + size <= isTaken.count, !isTaken[index..<index + size].contains(true)
      {
        releases.append(Release(frame: frame, order: wordOrder))
        index += size
      } else {
        // Up to the next word's first page.
        repeat {
          if !isTaken[index] { releases.append(Release(frame: frames.lowerBound + UInt64(index), order: 0)) }
          index += 1
        } while index < isTaken.count && !(frames.lowerBound + UInt64(index)).isAligned(order: wordOrder)
      }
    }
    return releases
  }
}

extension Zone {
  /// Hands one block over at boot; false if it is not the zone's, or is free.
  @discardableResult
  public mutating func release(_ block: Bootmem.Release) -> Bool {
    guard holds(block.frame, order: block.order), !isAnyFree(block.frame, order: block.order) else { return false }
    managedPages += 1 << block.order
    return freeToTail(block.frame, order: block.order)
  }
}
