/// A page of user memory or of the page cache, by its place in the model's records.
@frozen
public struct PageID: Hashable, Sendable, BitwiseCopyable {
  public var rawValue: Int32

  @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }

  @inlinable public static var none: PageID { PageID(rawValue: -1) }
}

/// What is known about a page in use (`struct page`).
struct PageRecord: BitwiseCopyable {
  enum Kind: UInt8 {
    case free, anonymous, file, sharedMemory, hugeTLB
  }

  /// The lists that reclaim looks through.
  enum List: UInt8 {
    case none, inactiveAnonymous, activeAnonymous, inactiveFile, activeFile, unevictable
  }

  /// The first of its frames.
  var frame: UInt64 = 0
  /// Anonymous pages: the address they were mapped at first. Pages of files: their place in the file.
  var index: UInt64 = 0
  var file = FileID.none
  /// Entries that map it.
  var mapCount: Int32 = 0
  /// The swap slot whose contents it has (`PageSwapCache`), or −1.
  var swapSlot: Int32 = -1
  var next: Int32 = -1
  var previous: Int32 = -1
  var order: UInt8 = 0
  var kind = Kind.free
  var list = List.none
  /// Belongs to one process alone (`PageAnonExclusive`).
  var isExclusive = false
  /// Was found referenced once (`PG_referenced`).
  var isReferenced = false
  /// Has contents that its file or swap slot doesn't have.
  var isDirty = false

  var isAnonymous: Bool { kind == .anonymous }
}

/// The records of all pages in use, and the lists they are on.
struct PageRecords: ~Copyable {
  private(set) var records: UnsafeMutablePointer<PageRecord>
  private var capacity: Int
  /// Records made so far, in use or not.
  private(set) var count = 0
  private var firstFree: Int32 = -1
  /// Pages in use.
  private(set) var used = 0
  private var heads = [Int32](repeating: -1, count: 6)
  private var tails = [Int32](repeating: -1, count: 6)
  /// Pages (of 4 KiB) on each list.
  private(set) var listPages = [Int](repeating: 0, count: 6)

  init() {
    capacity = 1024
    records = .allocate(capacity: capacity)
  }

  deinit { records.deallocate() }

  @inline(__always)
  subscript(page: PageID) -> PageRecord {
    unsafeAddress { UnsafePointer(records + Int(page.rawValue)) }
    unsafeMutableAddress { records + Int(page.rawValue) }
  }

  mutating func add(_ record: PageRecord) -> PageID {
    used += 1
    if firstFree >= 0 {
      let page = PageID(rawValue: firstFree)
      firstFree = self[page].next
      self[page] = record
      return page
    }
    if count == capacity {
      let larger = UnsafeMutablePointer<PageRecord>.allocate(capacity: capacity * 2)
      larger.update(from: records, count: count)
      records.deallocate()
      records = larger
      capacity *= 2
    }
    records[count] = record
    count += 1
    return PageID(rawValue: Int32(count - 1))
  }

  mutating func remove(_ page: PageID) {
    unlink(page)
    self[page] = PageRecord()
    self[page].next = firstFree
    firstFree = page.rawValue
    used -= 1
  }

  /// Puts a page at the head of a list, taking it off the one it is on.
  mutating func link(_ page: PageID, to list: PageRecord.List) {
    unlink(page)
    let index = Int(list.rawValue)
    self[page].list = list
    self[page].previous = -1
    self[page].next = heads[index]
    if heads[index] >= 0 { records[Int(heads[index])].previous = page.rawValue } else { tails[index] = page.rawValue }
    heads[index] = page.rawValue
    listPages[index] += 1 << Int(self[page].order)
  }

  /// Puts a page at the tail of a list, where reclaim begins.
  mutating func linkLast(_ page: PageID, to list: PageRecord.List) {
    unlink(page)
    let index = Int(list.rawValue)
    self[page].list = list
    self[page].next = -1
    self[page].previous = tails[index]
    if tails[index] >= 0 { records[Int(tails[index])].next = page.rawValue } else { heads[index] = page.rawValue }
    tails[index] = page.rawValue
    listPages[index] += 1 << Int(self[page].order)
  }

  mutating func unlink(_ page: PageID) {
    let record = self[page]
    if record.list == .none { return }
    let index = Int(record.list.rawValue)
    if record.previous >= 0 { records[Int(record.previous)].next = record.next } else { heads[index] = record.next }
    if record.next >= 0 { records[Int(record.next)].previous = record.previous } else { tails[index] = record.previous }
    listPages[index] -= 1 << Int(record.order)
    self[page].list = .none
    self[page].next = -1
    self[page].previous = -1
  }

  /// The page that has been on a list longest.
  func last(of list: PageRecord.List) -> PageID { PageID(rawValue: tails[Int(list.rawValue)]) }

  func pages(on list: PageRecord.List) -> Int { listPages[Int(list.rawValue)] }
}
