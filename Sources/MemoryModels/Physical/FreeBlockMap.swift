import KernelTypes

/// The free blocks of physical memory when it is known from outside which pages are free: nothing is chosen here.
///
/// Blocks merge with their free buddies as the kernel's do, within a zone, so that counts by order are those of
/// /proc/buddyinfo for the same set of free pages. Each block remembers which migrate type's list it is on, by the kernel's
/// number: a merged block is on the list of what was freed last, what is left of a split one where the request took it
/// from. Follows `__free_one_page` and `expand` in mm/page_alloc.c, Linux 6.1.
public struct FreeBlockMap: ~Copyable {
  /// A part of memory that is counted, and merged, by itself.
  public struct Span: Hashable, Sendable {
    public var name: String
    public var node: Int
    public var frames: Range<UInt64>

    public init(name: String, node: Int = 0, frames: Range<UInt64>) {
      self.name = name
      self.node = node
      self.frames = frames
    }
  }

  /// The number that stands for a migrate type that is not known.
  public static let unknownType: UInt8 = 7

  public let spans: [Span]
  public let maximumOrder: Int
  // The order of each free block by its first frame, in the lower five bits; above it the type.
  private var orders = AddressTable(filler: UInt8(0))
  /// Free blocks by order, for each span.
  public private(set) var freeBlocks: [[UInt64]]

  /// Creates memory of which nothing is free.
  public init(spans: [Span], maximumOrder: Int) {
    self.spans = spans
    self.maximumOrder = maximumOrder
    freeBlocks = Array(repeating: Array(repeating: 0, count: maximumOrder + 1), count: spans.count)
  }

  /// The index of the span that holds a frame.
  @inline(__always)
  public func span(of frame: UInt64) -> Int? {
    for index in spans.indices where spans[index].frames.contains(frame) { return index }
    return nil
  }

  /// Whether a frame lies in a free block.
  public func isFree(_ frame: UInt64) -> Bool { block(holding: frame, atLeast: 0) != nil }

  /// The free block of `order` or above that holds the block at `frame`.
  @inline(__always)
  private func block(holding frame: UInt64, atLeast order: Int) -> (head: UInt64, order: Int)? {
    var candidate = order
    while candidate <= maximumOrder {
      let head = frame & ~(Order.pages(candidate) - 1)
      if let found = orders.value(head), Int(found & 31) == candidate { return (head, candidate) }
      candidate += 1
    }
    return nil
  }

  @inline(__always)
  private static func value(_ order: Int, _ type: UInt8) -> UInt8 { UInt8(truncatingIfNeeded: order) | type << 5 }

  /// Makes a block free and merges it, on the list of `type`. Returns how many of its pages were free already: those are
  /// left as they are.
  @discardableResult
  public mutating func insert(_ frame: UInt64, order: Int, type: UInt8 = unknownType) -> UInt64 {
    guard let span = span(of: frame), order <= maximumOrder else { return 0 }
    if block(holding: frame, atLeast: order) != nil { return Order.pages(order) }
    if order > 0, hasFreePages(frame, order) {
      let half = Order.pages(order - 1)
      return insert(frame, order: order - 1, type: type) + insert(frame + half, order: order - 1, type: type)
    }
    var head = frame
    var size = order
    while size < maximumOrder {
      let buddy = head ^ Order.pages(size)
      guard let other = orders.value(buddy), Int(other & 31) == size, spans[span].frames.contains(buddy) else { break }
      orders.remove(buddy)
      freeBlocks[span][size] -= 1
      head &= buddy
      size += 1
    }
    orders.insert(head, Self.value(size, type))
    freeBlocks[span][size] += 1
    return 0
  }

  private func hasFreePages(_ frame: UInt64, _ order: Int) -> Bool {
    for page in frame..<(frame + Order.pages(order)) where orders.contains(page) { return true }
    return false
  }

  /// Takes a block away, splitting the free block that holds it; what is left goes to the list of `type`, or stays on its
  /// own. Returns that block's order, or −1, with nothing changed, when no free block holds it.
  @discardableResult
  public mutating func remove(_ frame: UInt64, order: Int, type: UInt8? = nil) -> Int {
    guard let span = span(of: frame), let found = block(holding: frame, atLeast: order) else { return -1 }
    let old = orders.remove(found.head) ?? 0
    let rest = type ?? old >> 5
    freeBlocks[span][found.order] -= 1
    var head = found.head
    var size = found.order
    while size > order {
      size -= 1
      let half = head + Order.pages(size)
      // The half without the block stays free.
      let other = frame >= half ? head : half
      if frame >= half { head = half }
      orders.insert(other, Self.value(size, rest))
      freeBlocks[span][size] += 1
    }
    return found.order
  }

  /// Calls `body` with the first frame and order of each free block, in ascending order.
  public func forEachBlock(_ body: (UInt64, Int) -> Void) { forEachTypedBlock { head, order, _ in body(head, order) } }

  /// Calls `body` with the first frame, order and migrate type of each free block, in ascending order.
  public func forEachTypedBlock(_ body: (UInt64, Int, UInt8) -> Void) {
    for head in orders.sortedKeys() {
      if let value = orders.value(head) { body(head, Int(value & 31), value >> 5) }
    }
  }

  /// Moves the free block that starts at `frame` to the list of `type`; false if none does.
  @discardableResult
  public mutating func setType(of frame: UInt64, _ type: UInt8) -> Bool {
    orders.update(frame) { $0 = $0 & 31 | type << 5 }
  }

  /// Moves all free blocks that start in a range to the list of `type`. Follows `move_freepages` in mm/page_alloc.c,
  /// Linux 6.1.
  public mutating func setTypes(in range: Range<UInt64>, _ type: UInt8) {
    var frame = range.lowerBound
    while frame < range.upperBound {
      guard let value = orders.value(frame) else {
        frame += 1
        continue
      }
      orders.insert(frame, Self.value(Int(value & 31), type))
      frame += Order.pages(Int(value & 31))
    }
  }

  /// Pages in free blocks of a span.
  public func freePages(span: Int) -> UInt64 {
    FragmentationIndex(freeBlocks: freeBlocks[span]).freePages
  }

  /// What is wrong with the data; empty when nothing is. For tests.
  public func invariantViolations() -> [String] {
    var violations: [String] = []
    var counted = Array(repeating: Array(repeating: UInt64(0), count: maximumOrder + 1), count: spans.count)
    var last: (head: UInt64, order: Int)?
    for head in orders.sortedKeys() {
      let order = Int((orders.value(head) ?? 0) & 31)
      if head & (Order.pages(order) - 1) != 0 { violations.append("block \(head) of order \(order) is not aligned") }
      if let last, last.head + Order.pages(last.order) > head { violations.append("block \(head) overlaps") }
      if order < maximumOrder, let buddy = orders.value(head ^ Order.pages(order)), Int(buddy & 31) == order,
        span(of: head) == span(of: head ^ Order.pages(order))
      {
        violations.append("block \(head) of order \(order) and its buddy are both free")
      }
      if let span = span(of: head) { counted[span][order] += 1 }
      last = (head, order)
    }
    if counted != freeBlocks { violations.append("counts by order differ") }
    return violations
  }
}
