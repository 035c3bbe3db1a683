public import KernelTypes

/// How many pages are read from swap together with one that is needed.
///
/// Follows `__swapin_nr_pages` and `swapin_nr_pages` in mm/swap_state.c, Linux 6.1, and `swapin_readahead` of 3.5.
public struct SwapReadahead: Hashable, Sendable {
  /// `page-cluster`: the most pages, as a power of two.
  public var pageCluster: Int
  /// Whether the whole aligned window is always read: up to 3.13.
  public var readsWholeWindow: Bool
  private var previousOffset = 0
  private var previousWindow = 0
  private var hits = 4

  public init(settings: VirtualMemorySettings, kernel: KernelVersion) {
    pageCluster = min(max(settings.pageCluster, 0), 20)
    readsWholeWindow = kernel < KernelVersion(3, 14)
  }

  /// The window for a page at `offset`, when so many pages read ahead were used since the last time.
  public static func window(
    previousOffset: Int, offset: Int, hits: Int, limit: Int, previousWindow: Int
  ) -> Int {
    var pages = hits + 2
    if pages == 2 {
      // Nothing to judge by: neighbours are read together.
      if offset != previousOffset + 1, offset != previousOffset - 1 { pages = 1 }
    } else {
      var power = 4
      while power < pages { power <<= 1 }
      pages = power
    }
    // A window shrinks by half at most.
    return max(min(pages, limit), previousWindow / 2)
  }

  /// Notes that a page which was read ahead is used.
  public mutating func noteHit() { hits += 1 }

  /// The offsets that are read for a page at `offset`, the page's own among them; offset 0 holds the swap area's header.
  public mutating func offsets(reading offset: Int) -> ClosedRange<Int> {
    let limit = 1 << pageCluster
    var pages = limit
    if !readsWholeWindow, limit > 1 {
      pages = Self.window(
        previousOffset: previousOffset, offset: offset, hits: hits, limit: limit,
        previousWindow: previousWindow)
      if hits == 0 { previousOffset = offset }
      previousWindow = pages
      hits = 0
    }
    if pages <= 1 { return offset...offset }
    let mask = pages.nonzeroBitCount == 1 ? pages - 1 : 0
    let first = offset & ~mask
    return max(first, 1)...max(offset | mask, 1)
  }
}
