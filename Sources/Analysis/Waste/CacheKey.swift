import KernelTypes
import TraceEvents

/// What a group of the grouping by cache stands for, packed into a key of the `KeyTable`.
enum CacheKey: Equatable {
  /// Kmallocs that were given so many bytes; `requestClass` is the size class for what was asked for, or 0 beyond them.
  case kmalloc(allocatedBytes: UInt64, requestClass: UInt64, isReclaimable: Bool)
  /// A cache whose name is known.
  case named(StringID)
  /// Objects of one call site and size, whose cache's name the allocation does not say.
  case site(StringID, requestedBytes: UInt64, allocatedBytes: UInt64)
  /// Those objects of a site's group whose free said a name.
  case freedAs(StringID, site: Int)

  private enum Tag: UInt64 {
    case kmalloc = 1
    case named, site, freedAs
  }

  private static func pack(_ tag: Tag, _ value: UInt64) -> UInt64 { tag.rawValue << 56 | value }

  var packed: KeyTable.Key {
    switch self {
    case .kmalloc(let allocated, let requestClass, let isReclaimable):
      .init(first: Self.pack(.kmalloc, isReclaimable ? 1 : 0), second: requestClass << 32 | allocated)
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
    case .kmalloc:
      self = .kmalloc(
        allocatedBytes: key.second & 0xFFFF_FFFF, requestClass: key.second >> 32, isReclaimable: value == 1)
    case .site:
      self = .site(
        StringID(rawValue: UInt32(truncatingIfNeeded: value)), requestedBytes: key.second >> 32,
        allocatedBytes: key.second & 0xFFFF_FFFF)
    case .freedAs:
      self = .freedAs(StringID(rawValue: UInt32(truncatingIfNeeded: key.second)), site: Int(value))
    case .named, nil: self = .named(StringID(rawValue: UInt32(truncatingIfNeeded: key.second)))
    }
  }
}
