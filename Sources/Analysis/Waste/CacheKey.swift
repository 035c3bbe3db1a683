import KernelTypes
import TraceEvents

/// What a group of the grouping by cache stands for, packed into a key of the `KeyTable`.
enum CacheKey: Equatable {
  /// A kmalloc size class of so many bytes.
  case kmallocClass(bytes: UInt64, isReclaimable: Bool)
  /// A kmalloc that the page allocator served.
  case kmallocPages(order: Int)
  /// A kmalloc of an allocator without size classes (SLOB).
  case kmallocUnclassed
  /// A cache whose name is known.
  case named(StringID)
  /// Objects of one call site and size, whose cache's name the allocation does not say.
  case site(StringID, requestedBytes: UInt64, allocatedBytes: UInt64)
  /// Those objects of a site's group whose free said a name.
  case freedAs(StringID, site: Int)

  private enum Tag: UInt64 {
    case kmallocClass = 1
    case kmallocPages, kmallocUnclassed, named, site, freedAs
  }

  private static func pack(_ tag: Tag, _ value: UInt64) -> UInt64 { tag.rawValue << 56 | value }

  var packed: KeyTable.Key {
    switch self {
    case .kmallocClass(let bytes, let isReclaimable):
      .init(first: Self.pack(.kmallocClass, isReclaimable ? 1 : 0), second: bytes)
    case .kmallocPages(let order): .init(first: Self.pack(.kmallocPages, 0), second: UInt64(order))
    case .kmallocUnclassed: .init(first: Self.pack(.kmallocUnclassed, 0), second: 0)
    case .named(let name): .init(first: Self.pack(.named, 0), second: UInt64(name.rawValue))
    case .site(let site, let requested, let allocated):
      .init(first: Self.pack(.site, UInt64(site.rawValue)), second: requested << 32 | allocated)
    case .freedAs(let name, let site):
      .init(first: Self.pack(.freedAs, UInt64(site)), second: UInt64(name.rawValue))
    }
  }

  init(packed key: KeyTable.Key) {
    let value = key.first & (1 << 56 - 1)
    switch Tag(rawValue: key.first >> 56) {
    case .kmallocClass: self = .kmallocClass(bytes: key.second, isReclaimable: value == 1)
    case .kmallocPages: self = .kmallocPages(order: Int(key.second))
    case .kmallocUnclassed, nil: self = .kmallocUnclassed
    case .named: self = .named(StringID(rawValue: UInt32(truncatingIfNeeded: key.second)))
    case .site:
      self = .site(
        StringID(rawValue: UInt32(truncatingIfNeeded: value)), requestedBytes: key.second >> 32,
        allocatedBytes: key.second & 0xFFFF_FFFF)
    case .freedAs:
      self = .freedAs(StringID(rawValue: UInt32(truncatingIfNeeded: key.second)), site: Int(value))
    }
  }

  /// The key of a kmalloc: the class is told by the bytes given, or, where debugging makes slots larger than their
  /// class, by the bytes asked for. Follows `__kmalloc_index` in include/linux/slab.h, Linux 6.1.
  static func kmalloc(requested: UInt64, allocated: UInt64, pageSize: UInt64, isReclaimable: Bool) -> CacheKey {
    if allocated > 2 * pageSize {
      return .kmallocPages(order: Order.holding(bytes: allocated, pageSize: pageSize))
    }
    if isClass(allocated) { return .kmallocClass(bytes: allocated, isReclaimable: isReclaimable) }
    // SLOB puts 4 to 32 bytes of header in front of an object; SLUB's and SLAB's debugging adds more.
    if allocated &- requested <= 32 { return .kmallocUnclassed }
    return .kmallocClass(bytes: classHolding(requested), isReclaimable: isReclaimable)
  }

  private static func isClass(_ bytes: UInt64) -> Bool {
    bytes >= 8 && (bytes.nonzeroBitCount == 1 || bytes == 96 || bytes == 192)
  }

  private static func classHolding(_ bytes: UInt64) -> UInt64 {
    if bytes <= 8 { return 8 }
    if (65...96).contains(bytes) { return 96 }
    if (129...192).contains(bytes) { return 192 }
    return 1 << UInt64(UInt64.bitWidth - (bytes - 1).leadingZeroBitCount)
  }
}
