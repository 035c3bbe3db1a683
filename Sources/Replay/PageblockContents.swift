import KernelTypes
public import TraceEvents

/// Which pages are in use, and for which migrate type, by pageblock: kept up to date with a trace's page events.
///
/// A page is in use from `mm_page_alloc` to `mm_page_free`, which names its migrate type; half a byte is kept for each page
/// that is. What was in use before the trace, and pages taken without an event, are not told. A pageblock is *mixed* when it
/// holds pages of more than one type, or of another type than its own where that is known: what page_owner counts in
/// pagetypeinfo (`pagetypeinfo_showmixedcount_print` in mm/page_owner.c, Linux 6.1).
public struct PageblockContents: ~Copyable {
  /// The migrate types told apart, by the kernel's number; larger numbers count with the last.
  public static let typeCount = 6
  /// The number that stands for a type that is not known.
  public static let unknownType: UInt8 = 7
  // Larger numbers are a damaged line's.
  private static let frameLimit: UInt64 = 1 << 32

  private struct Pages: BitwiseCopyable {
    var used: UInt64
    // The bits of each page's migrate type.
    var low: UInt64
    var middle: UInt64
    var high: UInt64

    static let none = Pages(used: 0, low: 0, middle: 0, high: 0)

    @inline(__always)
    func count(type: Int, in mask: UInt64) -> Int {
      var bits = used & mask
      bits &= type & 1 != 0 ? low : ~low
      bits &= type & 2 != 0 ? middle : ~middle
      bits &= type & 4 != 0 ? high : ~high
      return bits.nonzeroBitCount
    }
  }

  /// What one pageblock holds.
  public struct Block: BitwiseCopyable, Sendable {
    // Sixteen bits for each type's pages: a pageblock has at most 2,048.
    private var first: UInt64 = 0
    private var second: UInt64 = 0
    /// Its own type, as the kernel numbers it.
    public fileprivate(set) var owner = PageblockContents.unknownType
    public fileprivate(set) var isMixed = false
    /// Whether a request of another type was served from it (`mm_page_alloc_extfrag`).
    public fileprivate(set) var sawFallback = false

    /// Pages in use for a type.
    @inline(__always)
    public subscript(type: Int) -> Int {
      let lanes = type < 4 ? first : second
      return Int(truncatingIfNeeded: lanes >> UInt64((type & 3) * 16) & 0xFFFF)
    }

    @inline(__always)
    fileprivate mutating func add(_ pages: Int, type: Int) {
      let lane = UInt64(bitPattern: Int64(pages)) << UInt64((type & 3) * 16)
      // A lane never falls below zero: what is taken away was added before.
      if type < 4 { first = first &+ lane } else { second = second &+ lane }
    }

    /// The types that have pages here.
    public var typesInUse: [Int] { (0..<PageblockContents.typeCount).filter { self[$0] > 0 } }

    @inline(__always)
    fileprivate var looksMixed: Bool {
      var types = 0
      for type in 0..<PageblockContents.typeCount where self[type] > 0 { types += 1 }
      if types > 1 { return true }
      // Pageblocks set aside for a purpose hold whatever that is.
      return types == 1 && owner < 3 && self[Int(owner)] == 0
    }
  }

  /// A pageblock that became mixed, or is no longer.
  public struct Turn: BitwiseCopyable, Sendable {
    public var block: UInt64
    public var isMixed: Bool
    public var owner: UInt8
  }

  public let pageblockOrder: Int
  private var words = AddressTable(filler: Pages.none)
  private var blocks = AddressTable(filler: Block())
  /// Whether `turns` are recorded.
  public var recordsTurns = false
  /// What changed since `removeTurns`, in order.
  public private(set) var turns: [Turn] = []

  /// Prepares for pageblocks of an order.
  public init(pageblockOrder: Int) { self.pageblockOrder = min(max(pageblockOrder, 0), 11) }

  /// Follows the page events among the rows of a batch.
  public mutating func consume(_ batch: borrowing EventBatch, rows: Range<Int>) {
    for row in rows {
      switch batch.kind[row] {
      case .mmPageAlloc:
        if !batch.flags[row].contains(.failed) {
          set(batch.address[row], order: Int(batch.order[row]), type: Int(batch.migrateType[row]))
        }
      case .mmPageFree, .mmPageFreeDirect: set(batch.address[row], order: Int(batch.order[row]), type: nil)
      default: break
      }
    }
  }

  /// Notes that the pages of a block are in use for a type, or that they are not in use.
  public mutating func set(_ first: UInt64, order: Int, type: Int?) {
    if first >= Self.frameLimit || order > 11 { return }
    let type = type.map { min($0, Self.typeCount - 1) }
    var frame = first
    let end = first + Order.pages(order)
    let wordOrBlock = min(UInt64(64), Order.pages(pageblockOrder))
    while frame < end {
      // Neither over the end of a word nor of a pageblock.
      let count = min(wordOrBlock - frame % wordOrBlock, end - frame)
      set(frame, count, type)
      frame += count
    }
  }

  @inline(__always)
  private mutating func set(_ frame: UInt64, _ count: UInt64, _ type: Int?) {
    let mask = (count == 64 ? .max : (UInt64(1) << count) - 1) << (frame & 63)
    var pages = words.value(frame >> 6) ?? .none
    if type == nil, pages.used & mask == 0 { return }
    let number = frame >> UInt64(pageblockOrder)
    var block = blocks.value(number) ?? Block()
    if pages.used & mask != 0 {
      for old in 0..<Self.typeCount {
        let before = pages.count(type: old, in: mask)
        if before > 0 { block.add(-before, type: old) }
      }
    }
    pages.used &= ~mask
    pages.low &= ~mask
    pages.middle &= ~mask
    pages.high &= ~mask
    if let type {
      pages.used |= mask
      if type & 1 != 0 { pages.low |= mask }
      if type & 2 != 0 { pages.middle |= mask }
      if type & 4 != 0 { pages.high |= mask }
      block.add(Int(count), type: type)
    }
    if pages.used == 0 { words.remove(frame >> 6) } else { words.insert(frame >> 6, pages) }
    store(number, &block)
  }

  @inline(__always)
  private mutating func store(_ number: UInt64, _ block: inout Block) {
    let isMixed = block.looksMixed
    if isMixed != block.isMixed {
      block.isMixed = isMixed
      if recordsTurns { turns.append(Turn(block: number, isMixed: isMixed, owner: block.owner)) }
    }
    blocks.insert(number, block)
  }

  /// Notes the own type of a pageblock, by the kernel's number. A mixed one that changes its type turns twice.
  public mutating func setOwner(_ number: UInt64, _ owner: UInt8) {
    var block = blocks.value(number) ?? Block()
    if block.owner == owner { return }
    if block.isMixed, recordsTurns { turns.append(Turn(block: number, isMixed: false, owner: block.owner)) }
    block.isMixed = false
    block.owner = owner
    store(number, &block)
  }

  /// Notes that a request of another type was served from a pageblock.
  public mutating func noteFallback(_ number: UInt64) {
    var block = blocks.value(number) ?? Block()
    block.sawFallback = true
    blocks.insert(number, block)
  }

  /// The own type of a pageblock, by the kernel's number; `unknownType` if it is not known.
  @inline(__always)
  public func owner(_ number: UInt64) -> UInt8 { blocks.value(number)?.owner ?? Self.unknownType }

  /// What a pageblock holds; `nil` if nothing is known of it.
  public func block(_ number: UInt64) -> Block? { blocks.value(number) }

  /// Forgets the recorded turns.
  @inline(__always)
  public mutating func removeTurns() { turns.removeAll(keepingCapacity: true) }

  /// Calls `body` for each pageblock of which something is known, in ascending order.
  public func forEachBlock(_ body: (UInt64, Block) -> Void) {
    for number in blocks.sortedKeys() {
      if let block = blocks.value(number) { body(number, block) }
    }
  }
}
