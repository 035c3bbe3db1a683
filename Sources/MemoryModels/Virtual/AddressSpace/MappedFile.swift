/// A file whose pages may be mapped, with those of them that are in the page cache.
struct MappedFile {
  /// What backs a file's pages.
  enum Kind: UInt8, Sendable {
    /// A file system with storage: pages are read, and written back.
    case regular
    /// tmpfs, shared anonymous memory, memfd: pages appear when touched and can only go to swap.
    case sharedMemory
    /// The pool of huge pages.
    case hugeTLB
  }

  var name: String
  var kind: Kind
  /// The file's size; `UInt64.max` where it is not known, so that no fault lies behind the end.
  var bytes: UInt64
  /// Pages in the page cache, by their place in the file.
  var pages = CachedPages()
  /// Swapped-out pages of shared memory, by their place in the file.
  var swapped: [UInt64: Int] = [:]
  /// Mappings of it; memory without a name goes with the last one.
  var areaCount = 0
  var isNamed = true
  /// Huge pages of the pool reserved for it and not yet taken.
  var reservedHugePages = 0
  /// Pages charged against the commit limit for it.
  var committedPages = 0
  /// Whether the file system wants to know about the first write to a clean page (`page_mkwrite`).
  var notesWrites: Bool { kind == .regular }
}

/// Swap space: how often each slot is referred to, and which page is a copy of it (the swap cache).
struct SwapArea {
  private(set) var counts: [UInt8]
  var cached: [PageID]
  private(set) var used = 0
  private var next = 0
  // Swap readahead: the last fault's slot, pages found useful since, and the last window.
  var lastSlot = -1
  var hits = 0
  var lastWindow = 0
  /// Slots that were read ahead of any fault and are not yet used.
  var isReadAhead: [Bool]

  init(pages: Int) {
    counts = Array(repeating: 0, count: pages)
    cached = Array(repeating: .none, count: pages)
    isReadAhead = Array(repeating: false, count: pages)
  }

  var pages: Int { counts.count }
  var free: Int { counts.count - used }

  /// Takes a free slot, the next one after the last; `nil` when swap is full.
  mutating func take() -> Int? {
    if used == counts.count { return nil }
    while counts[next] != 0 || cached[next] != .none { next = next + 1 == counts.count ? 0 : next + 1 }
    let slot = next
    next = next + 1 == counts.count ? 0 : next + 1
    used += 1
    return slot
  }

  mutating func refer(_ slot: Int, _ times: Int = 1) { counts[slot] = UInt8(clamping: Int(counts[slot]) + times) }

  /// Drops one reference. The slot is free again once no page is a copy of it either.
  mutating func drop(_ slot: Int) {
    if counts[slot] > 0 { counts[slot] -= 1 }
    settle(slot)
  }

  /// Frees the slot if nothing refers to it.
  mutating func settle(_ slot: Int) {
    if counts[slot] == 0, cached[slot] == .none {
      used -= 1
      isReadAhead[slot] = false
    }
  }

  /// How many slots to read around one that is asked for.
  ///
  /// Follows `__swapin_nr_pages` in mm/swap_state.c, Linux 6.1.
  static func window(previousSlot: Int, slot: Int, hits: Int, maximum: Int, previousWindow: Int) -> Int {
    var pages: Int
    if hits + 2 == 2 {
      pages = slot != previousSlot + 1 && slot != previousSlot - 1 ? 1 : 2
    } else {
      pages = 4
      while pages < hits + 2 { pages <<= 1 }
    }
    pages = min(pages, maximum)
    return max(pages, previousWindow / 2)
  }
}
