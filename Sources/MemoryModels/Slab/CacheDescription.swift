/// What an allocator needs to know of a cache.
public struct CacheDescription: Hashable, Sendable {
  public var name: String
  /// Bytes from one object to the next, alignment and metadata included.
  public var slotSize: Int
  /// Bytes of an object as its users see it.
  public var objectSize: Int
  /// Bytes that objects are aligned to; a power of two.
  public var alignment: Int
  /// Bytes before each object in its slot: SLUB's red zone.
  public var leftPadding = 0
  /// Whether kmalloc uses the cache.
  public var isKmalloc: Bool
  /// Whether nothing may be stored in free objects: they have a constructor or are used under RCU.
  public var keepsContents: Bool
  /// Whether its pages count as reclaimable (`SLAB_RECLAIM_ACCOUNT`).
  public var isReclaimable: Bool

  public init(
    name: String, slotSize: Int, objectSize: Int? = nil, alignment: Int = 8, isKmalloc: Bool = false,
    keepsContents: Bool = false, isReclaimable: Bool = false
  ) {
    self.name = name
    self.slotSize = slotSize
    self.objectSize = objectSize ?? slotSize
    self.alignment = alignment
    self.isKmalloc = isKmalloc
    self.keepsContents = keepsContents
    self.isReclaimable = isReclaimable
  }

  /// The slot of an object that is aligned to cache lines, or to half, a quarter … of one if it is that small.
  /// Follows `calculate_alignment` in mm/slab_common.c, Linux 6.1.
  public static func cacheLineAlignment(objectSize: Int, cacheLineBytes: Int) -> Int {
    var alignment = cacheLineBytes
    while alignment > 8, objectSize <= alignment / 2 { alignment /= 2 }
    return alignment
  }
}
