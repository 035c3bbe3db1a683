import Glibc

/// A page of user memory or of the page cache, by its frame; a larger one by its first.
@frozen
public struct PageID: Hashable, Sendable, BitwiseCopyable {
  public var rawValue: Int32

  @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }

  @inlinable public static var none: PageID { PageID(rawValue: -1) }

  init(frame: UInt64) { rawValue = Int32(truncatingIfNeeded: frame) }

  /// The first of its frames.
  @inline(__always)
  var frame: UInt64 { UInt64(UInt32(bitPattern: rawValue)) }
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

  /// Anonymous pages: the address they were mapped at first. Pages of files: their place in the file.
  var index: UInt64 = 0
  var file = FileID.none
  /// Entries that map it.
  var mapCount: Int32 = 0
  /// Tells the page from those that had its frame before.
  var serial: UInt32 = 0
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

/// The records of all pages in use by their frames (`mem_map`), and the lists they are on.
struct PageRecords: ~Copyable {
  // Memory that nobody touched costs nothing: the system hands out zeros when a record is first written.
  private(set) var records: UnsafeMutablePointer<PageRecord>
  private var capacity: Int
  /// Frames below which all records in use lie.
  private(set) var count = 0
  /// Pages in use.
  private(set) var used = 0
  private var serials: UInt32 = 0
  private let lists: UnsafeMutablePointer<PageList>

  /// The ends of a list, and its pages (of the smallest size).
  private struct PageList {
    var head: Int32 = -1
    var tail: Int32 = -1
    var pages = 0
  }

  /// Records for so many frames; more are made when a frame lies beyond.
  init(frames: Int) {
    capacity = max(frames, 1024)
    records = Self.allocate(capacity)
    lists = .allocate(capacity: 6)
    lists.initialize(repeating: PageList(), count: 6)
  }

  deinit {
    free(records)
    lists.deallocate()
  }

  /// Records that are all zero, which is `.free`.
  private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<PageRecord> {
    guard let memory = calloc(capacity, MemoryLayout<PageRecord>.stride) else {
      preconditionFailure("no memory for \(capacity) page records")
    }
    return memory.bindMemory(to: PageRecord.self, capacity: capacity)
  }

  @inline(__always)
  subscript(page: PageID) -> PageRecord {
    unsafeAddress { UnsafePointer(records + Int(page.rawValue)) }
    unsafeMutableAddress { records + Int(page.rawValue) }
  }

  @inline(__always)
  mutating func add(_ record: PageRecord, _ frame: UInt64) -> PageID {
    let index = Int(truncatingIfNeeded: frame)
    if index >= capacity { grow(toHold: index) }
    used &+= 1
    if index >= count { count = index &+ 1 }
    records[index] = record
    serials &+= 1
    records[index].serial = serials
    return PageID(frame: frame)
  }

  private mutating func grow(toHold index: Int) {
    var larger = capacity
    while larger <= index { larger *= 2 }
    let moved = Self.allocate(larger)
    moved.update(from: records, count: count)
    free(records)
    records = moved
    capacity = larger
  }

  mutating func remove(_ page: PageID) {
    unlink(page)
    self[page].kind = .free
    self[page].mapCount = 0
    used &-= 1
  }

  /// Puts a page at the head of a list, taking it off the one it is on.
  mutating func link(_ page: PageID, to list: PageRecord.List) {
    unlink(page)
    let index = Int(list.rawValue)
    self[page].list = list
    self[page].previous = -1
    self[page].next = lists[index].head
    if lists[index].head >= 0 {
      records[Int(lists[index].head)].previous = page.rawValue
    } else {
      lists[index].tail = page.rawValue
    }
    lists[index].head = page.rawValue
    lists[index].pages += 1 << Int(self[page].order)
  }

  /// Puts a page at the tail of a list, where reclaim begins.
  mutating func linkLast(_ page: PageID, to list: PageRecord.List) {
    unlink(page)
    let index = Int(list.rawValue)
    self[page].list = list
    self[page].next = -1
    self[page].previous = lists[index].tail
    if lists[index].tail >= 0 {
      records[Int(lists[index].tail)].next = page.rawValue
    } else {
      lists[index].head = page.rawValue
    }
    lists[index].tail = page.rawValue
    lists[index].pages += 1 << Int(self[page].order)
  }

  mutating func unlink(_ page: PageID) {
    let record = self[page]
    if record.list == .none { return }
    let index = Int(record.list.rawValue)
    if record.previous >= 0 {
      records[Int(record.previous)].next = record.next
    } else {
      lists[index].head = record.next
    }
    if record.next >= 0 {
      records[Int(record.next)].previous = record.previous
    } else {
      lists[index].tail = record.previous
    }
    lists[index].pages -= 1 << Int(record.order)
    self[page].list = .none
    self[page].next = -1
    self[page].previous = -1
  }

  /// The page that has been on a list longest.
  func last(of list: PageRecord.List) -> PageID { PageID(rawValue: lists[Int(list.rawValue)].tail) }

  func pages(on list: PageRecord.List) -> Int { lists[Int(list.rawValue)].pages }
}
