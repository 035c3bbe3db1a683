import KernelTypes
import TraceEvents

/// Follows the blocks of pages that a trace shows being taken and given back, and finds out which of them the traced
/// kernel used for its own slabs and large kmallocs.
///
/// An object's direct-map address names the page that holds it: the first object seen in a block makes it a slab's (or a
/// large kmalloc's). When requests are replayed through a model, those blocks are not background, because the model
/// makes its own.
struct PageClassifier: ~Copyable {
  /// What a block is used for, as far as it is known.
  enum Use: UInt8 { case background, slab, large }

  /// A block that was taken in the trace and not yet given back.
  struct Block: BitwiseCopyable, Equatable {
    var order: UInt8
    var use: Use
    var migrateType: UInt8
    /// The modelled machine's frame for it while it is background; `noFrame` if it has none.
    var modelFrame: UInt64
  }

  /// A block that was just found to be the traced allocator's.
  struct Claim: Equatable {
    var head: UInt64
    var block: Block
  }

  static let noFrame = UInt64.max
  // Marks of pages in `ownerOfPage` that are not slab numbers.
  static let unknownOwner: Int32 = -1
  static let claimed: Int32 = -2
  static let old: Int32 = -3

  /// The direct map's distance in pages; `nil` when pointers carry no addresses.
  let pageOffset: UInt64?
  let pageShift: UInt64
  private var blocks = AddressTable(
    filler: Block(order: 0, use: .background, migrateType: 0, modelFrame: PageClassifier.noFrame))
  // What holds a page: a slab of the model that follows the trace, or one of the marks above.
  private var ownerOfPage = AddressTable(filler: PageClassifier.unknownOwner)

  /// Pages in blocks known to be slabs or large kmallocs, taken in the trace and not yet given back.
  private(set) var observedSlabPages: UInt64 = 0
  private(set) var observedLargePages: UInt64 = 0
  private(set) var observedPeakPages: UInt64 = 0
  private(set) var observedAllocations = [UInt64](repeating: 0, count: 12)
  private(set) var observedFrees = [UInt64](repeating: 0, count: 12)
  /// Page events that freed only a part of a block, or pages from before the trace.
  private(set) var freesOfUnknownBlocks: UInt64 = 0

  init(pageOffset: UInt64?, pageSize: Int) {
    self.pageOffset = pageOffset
    pageShift = UInt64(pageSize.trailingZeroBitCount)
  }

  // MARK: - Pages of objects

  /// What holds the page of an address: a slab number, or `unknownOwner`, `claimed` or `old`.
  @inline(__always)
  func owner(address: UInt64) -> Int32 { ownerOfPage.value(address >> pageShift) ?? Self.unknownOwner }

  /// The owner of a page frame of the trace.
  func owner(frame: UInt64) -> Int32 {
    pageOffset.flatMap { ownerOfPage.value(frame &+ $0) } ?? Self.unknownOwner
  }

  mutating func setOwner(_ owner: Int32, base: UInt64, order: Int) {
    let first = base >> pageShift
    for page in 0..<Order.pages(order) {
      if owner == Self.unknownOwner {
        ownerOfPage.remove(first + page)
      } else {
        ownerOfPage.insert(first + page, owner)
      }
    }
  }

  /// Claims the block that an object lies in. Returns the block and its head, the first time an object is seen in it;
  /// `nil` when the page was not taken in the trace, or its block is claimed already.
  @inline(never)
  mutating func claim(address: UInt64, use: Use) -> Claim? {
    guard let pageOffset else { return nil }
    let page = address >> pageShift
    let frame = page &- pageOffset
    for order in 0...11 {
      let head = frame & ~(Order.pages(order) - 1)
      guard let block = blocks.value(head), Int(block.order) == order else { continue }
      if block.use != .background { return nil }
      blocks.update(head) {
        $0.use = use
        $0.modelFrame = Self.noFrame
      }
      ownerOfPage.insert(page, Self.claimed)
      let pages = Order.pages(order)
      observedSlabPages += pages
      if use == .large { observedLargePages += pages }
      observedPeakPages = max(observedPeakPages, observedSlabPages)
      observedAllocations[order] += 1
      return Claim(head: head, block: block)
    }
    ownerOfPage.insert(page, Self.old)
    return nil
  }

  /// Whether an address lies in a block that was taken in the trace.
  func isInTracedBlock(address: UInt64) -> Bool {
    guard let pageOffset else { return false }
    let frame = (address >> pageShift) &- pageOffset
    for order in 0...11 {
      if let block = blocks.value(frame & ~(Order.pages(order) - 1)), Int(block.order) == order { return true }
    }
    return false
  }

  // MARK: - Page events

  /// A block was taken. Returns the owner its first page had until now, which must be out of date.
  @inline(__always)
  mutating func taken(frame: UInt64, order: Int, migrateType: UInt8, modelFrame: UInt64) -> Int32 {
    blocks.insert(
      frame, Block(order: UInt8(order), use: .background, migrateType: migrateType, modelFrame: modelFrame))
    guard let pageOffset else { return Self.unknownOwner }
    var stale = Self.unknownOwner
    for page in 0..<Order.pages(min(order, 5)) {
      if let owner = ownerOfPage.remove(frame &+ page &+ pageOffset), owner >= 0 { stale = owner }
    }
    return stale
  }

  /// A block was given back. Returns it if it was taken in the trace as a whole.
  @inline(__always)
  mutating func givenBack(frame: UInt64, order: Int) -> Block? {
    if let pageOffset {
      for page in 0..<Order.pages(min(order, 5)) {
        let page = frame &+ page &+ pageOffset
        if let owner = ownerOfPage.value(page), owner < 0 { ownerOfPage.remove(page) }
      }
    }
    guard let block = blocks.remove(frame) else { return splitFree(frame: frame, order: order) }
    if Int(block.order) > order { split(frame, block, freed: order) }
    if block.use != .background {
      let pages = Order.pages(min(order, Int(block.order)))
      observedSlabPages &-= pages
      if block.use == .large { observedLargePages &-= pages }
      observedFrees[min(order, 11)] += 1
    }
    return block
  }

  /// The rest of a block of which only the head was given back stays taken, as smaller blocks.
  private mutating func split(_ frame: UInt64, _ block: Block, freed: Int) {
    for order in freed..<Int(block.order) {
      var part = block
      part.order = UInt8(order)
      if part.modelFrame != Self.noFrame { part.modelFrame += Order.pages(order) }
      blocks.insert(frame &+ Order.pages(order), part)
    }
  }

  /// A page inside a larger block is given back on its own: the block is cut up until the page is a block.
  @inline(never)
  private mutating func splitFree(frame: UInt64, order: Int) -> Block? {
    for larger in (order + 1)..<12 {
      let head = frame & ~(Order.pages(larger) - 1)
      if head == frame { continue }
      guard let block = blocks.value(head), Int(block.order) >= larger else { continue }
      blocks.remove(head)
      var size = Int(block.order)
      var start = head
      var model = block.modelFrame
      while size > order {
        size -= 1
        let half = Order.pages(size)
        var part = block
        part.order = UInt8(size)
        if frame &- start >= half {
          part.modelFrame = model
          blocks.insert(start, part)
          start &+= half
          if model != Self.noFrame { model += half }
        } else {
          part.modelFrame = model == Self.noFrame ? model : model + half
          blocks.insert(start &+ half, part)
        }
      }
      var part = block
      part.order = UInt8(order)
      part.modelFrame = model
      if block.use != .background {
        observedSlabPages &-= Order.pages(order)
        if block.use == .large { observedLargePages &-= Order.pages(order) }
        observedFrees[order] += 1
      }
      return part
    }
    freesOfUnknownBlocks += 1
    return nil
  }
}
