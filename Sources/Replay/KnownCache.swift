/// A cache of the traced kernel that a snapshot describes, as far as it does.
public struct KnownCache: Sendable, Hashable {
  public var name: String
  /// Bytes from one object to the next.
  public var slotSize: Int
  /// Bytes of an object as its users see it; `nil` where only slabinfo tells.
  public var objectSize: Int?
  /// Bytes that objects are aligned to.
  public var alignment: Int?
  /// Whether nothing may be stored in free objects: a constructor, or use under RCU.
  public var keepsContents: Bool?
  /// Whether its pages count as reclaimable.
  public var isReclaimable: Bool?

  public init(
    name: String, slotSize: Int, objectSize: Int? = nil, alignment: Int? = nil, keepsContents: Bool? = nil,
    isReclaimable: Bool? = nil
  ) {
    self.name = name
    self.slotSize = slotSize
    self.objectSize = objectSize
    self.alignment = alignment
    self.keepsContents = keepsContents
    self.isReclaimable = isReclaimable
  }
}

/// The caches of a snapshot, by name and by size.
struct KnownCaches: Sendable {
  private var byName: [String: KnownCache] = [:]
  private var bySlot: [Int: [KnownCache]] = [:]

  init(_ caches: [KnownCache]) {
    for cache in caches {
      byName[cache.name] = cache
      bySlot[cache.slotSize, default: []].append(cache)
    }
  }

  /// The cache of that name, if its objects are as far apart as the trace says.
  func cache(named name: String, slotSize: Int) -> KnownCache? {
    byName[name].flatMap { $0.slotSize == slotSize ? $0 : nil }
  }

  /// The only cache that requests of these sizes can have used, leaving out kmalloc's and those that the trace names.
  func cache(requested: Int, allocated: Int, taken: (String) -> Bool) -> KnownCache? {
    let fitting = (bySlot[allocated] ?? []).filter { cache in
      (cache.objectSize.map { $0 == requested } ?? true) && !cache.name.contains("kmalloc-") && !taken(cache.name)
    }
    return fitting.count == 1 ? fitting[0] : nil
  }
}
