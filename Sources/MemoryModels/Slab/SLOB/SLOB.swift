public import KernelTypes

/// A model of the SLOB allocator: pages cut into blocks of whatever size is asked for, found by first fit.
///
/// It is driven by plain calls, as `SLUB` is. Caches are only names for sizes here: objects of all caches share pages. An
/// object is named by its page and its first unit in it.
///
/// Follows mm/slob.c, Linux 6.1 and, by the profile, 3.5.
public struct SLOB: ~Copyable {
  /// One page in use, or one larger block for objects of a page or more.
  struct Page {
    /// The address of the first byte.
    var base: UInt64 = 0
    /// Free units.
    var freeUnits: Int32 = 0
    /// No free block is larger than this.
    var largest: Int32 = 0
    /// The free block with the lowest address.
    var firstFree: Int32 = -1
    var next: Int32 = -1
    var previous: Int32 = -1
    /// The list of partly free pages it is on; `noList` when it is on none.
    var list: UInt8 = SLOB.noList
    /// Whether it is from before a trace: some of its free units are not known.
    var isVague = false
    /// Order of the block; `unused` when the record is not in use.
    var order: UInt8 = SLOB.unused
  }

  /// A stretch of free units in a page.
  struct FreeBlock {
    var start: Int32
    var units: Int32
    var next: Int32
  }

  /// Partly free pages, and what is known not to fit on them.
  struct List {
    var head: Int32 = -1
    var tail: Int32 = -1
    /// No block of at least so many units, aligned at least so, is free on these pages.
    var missingUnits = Int32.max
    var missingAlignment: Int32 = 0
    var missingOffset: Int32 = 0
  }

  struct Cache {
    let description: CacheDescription
    var liveObjects = 0
  }

  static let noList: UInt8 = 0xFF
  static let unused: UInt8 = 0xFF

  public let profile: KernelProfile
  let pageSize: Int
  let unitBytes: Int
  let unitsPerPage: Int32
  let headerBytes: Int

  var pages: [Page] = []
  var unusedPages: [Int32] = []
  var blocks: [FreeBlock] = []
  // The unused record to take next, linked through `next`.
  var unusedBlock: Int32 = -1
  var lists: [List]
  var caches: [Cache] = []

  /// Pages given back since the driver last emptied this list.
  public var released: [ReleasedSlab] = []
  /// Pages in use now.
  public internal(set) var slabPages: UInt64 = 0
  /// Units in free blocks.
  public internal(set) var freeUnits = 0
  /// Pages taken and given back so far.
  public internal(set) var growths = 0
  public internal(set) var releases = 0

  /// Creates an allocator without pages.
  public init(profile: KernelProfile) {
    self.profile = profile
    pageSize = profile.pageSize
    unitBytes = profile.slob.unitBytes
    unitsPerPage = Int32(profile.pageSize / profile.slob.unitBytes)
    headerBytes = profile.slob.headerBytes
    lists = [List](repeating: List(), count: profile.slob.listLimits.count + 1)
  }

  /// Adds a cache, or a group of kmalloc requests, and returns its index.
  public mutating func addCache(_ description: CacheDescription) -> Int {
    caches.append(Cache(description: description))
    return caches.count - 1
  }

  /// The number of caches.
  public var cacheCount: Int { caches.count }

  /// Bytes that a request takes, the header of a kmalloc included: what the kernel reports as `bytes_alloc`.
  public func allocatedBytes(cache: Int, requested: UInt64) -> Int {
    caches[cache].description.isKmalloc
      ? Int(truncatingIfNeeded: requested) + headerBytes : caches[cache].description.slotSize
  }

  /// Bytes of free blocks.
  public var freeBytes: Int { freeUnits * unitBytes }

  /// How many objects of a cache are handed out.
  public func liveObjects(cache: Int) -> Int { caches[cache].liveObjects }

  /// The address that the user of an object gets.
  public func address(of object: SlabObject, cache: Int) -> UInt64 {
    let header = caches[cache].description.isKmalloc ? headerBytes : 0
    return pages[Int(object.slab)].base + UInt64(Int(object.index) * unitBytes + header)
  }

  @inline(__always)
  func units(_ bytes: Int) -> Int32 { Int32(truncatingIfNeeded: (bytes + unitBytes - 1) / unitBytes) }

  @inline(__always)
  func list(_ bytes: Int) -> Int {
    var list = 0
    for limit in profile.slob.listLimits where bytes >= limit { list += 1 }
    return list
  }

  // MARK: - Records

  mutating func makePage(base: UInt64, order: Int) -> Int32 {
    let id: Int32
    if let unused = unusedPages.popLast() {
      id = unused
    } else {
      id = Int32(pages.count)
      pages.append(Page())
    }
    var page = Page()
    page.base = base
    page.order = UInt8(order)
    pages[Int(id)] = page
    slabPages += Order.pages(order)
    growths += 1
    return id
  }

  mutating func release(_ id: Int32, cache: Int) {
    let page = pages[Int(id)]
    slabPages -= Order.pages(Int(page.order))
    releases += 1
    pages[Int(id)].order = Self.unused
    unusedPages.append(id)
    released.append(ReleasedSlab(base: page.base, order: Int(page.order), cache: cache))
  }

  mutating func makeBlock(_ start: Int32, _ units: Int32, next: Int32) -> Int32 {
    let block = FreeBlock(start: start, units: units, next: next)
    if unusedBlock >= 0 {
      let id = unusedBlock
      unusedBlock = blocks[Int(id)].next
      blocks[Int(id)] = block
      return id
    }
    blocks.append(block)
    return Int32(blocks.count - 1)
  }

  mutating func dropBlock(_ id: Int32) {
    blocks[Int(id)].next = unusedBlock
    unusedBlock = id
  }

  // MARK: - Lists of partly free pages

  mutating func pushFront(_ id: Int32, list: Int) {
    let head = lists[list].head
    pages[Int(id)].list = UInt8(list)
    pages[Int(id)].previous = -1
    pages[Int(id)].next = head
    if head >= 0 { pages[Int(head)].previous = id } else { lists[list].tail = id }
    lists[list].head = id
  }

  mutating func unlink(_ id: Int32) {
    let page = pages[Int(id)]
    if page.list == Self.noList { return }
    let list = Int(page.list)
    if page.previous >= 0 { pages[Int(page.previous)].next = page.next } else { lists[list].head = page.next }
    if page.next >= 0 { pages[Int(page.next)].previous = page.previous } else { lists[list].tail = page.previous }
    pages[Int(id)].list = Self.noList
    pages[Int(id)].next = -1
    pages[Int(id)].previous = -1
  }

  /// Makes a page the first of its list: those before it go to the end, in order.
  mutating func rotate(to id: Int32, list: Int) {
    let previous = pages[Int(id)].previous
    if previous < 0 { return }
    let head = lists[list].head
    let tail = lists[list].tail
    pages[Int(tail)].next = head
    pages[Int(head)].previous = tail
    pages[Int(previous)].next = -1
    pages[Int(id)].previous = -1
    lists[list].head = id
    lists[list].tail = previous
  }
}
