import KernelTypes
import TraceEvents

/// The fields an event may have, as bits: which were seen, which must be.
struct FieldSet: OptionSet {
  var rawValue: UInt32

  static let callSite = FieldSet(rawValue: 1 << 0)
  static let pointer = FieldSet(rawValue: 1 << 1)
  static let requestedBytes = FieldSet(rawValue: 1 << 2)
  static let allocatedBytes = FieldSet(rawValue: 1 << 3)
  static let gfp = FieldSet(rawValue: 1 << 4)
  static let node = FieldSet(rawValue: 1 << 5)
  static let accounted = FieldSet(rawValue: 1 << 6)
  static let name = FieldSet(rawValue: 1 << 7)
  static let page = FieldSet(rawValue: 1 << 8)
  static let frame = FieldSet(rawValue: 1 << 9)
  static let order = FieldSet(rawValue: 1 << 10)
  static let migrateType = FieldSet(rawValue: 1 << 11)
  static let fallbackOrder = FieldSet(rawValue: 1 << 12)
  static let fallbackType = FieldSet(rawValue: 1 << 13)
  static let addressSpace = FieldSet(rawValue: 1 << 14)
  static let member = FieldSet(rawValue: 1 << 15)
  static let size = FieldSet(rawValue: 1 << 16)

  /// The fields without which an event of `kind` says nothing; every kernel since 2.6.3x prints them.
  @inline(__always)
  static func required(of kind: EventKind) -> FieldSet {
    switch kind {
    case .kmalloc, .kmemCacheAlloc: [.callSite, .pointer, .requestedBytes, .allocatedBytes, .gfp]
    case .kmallocNode, .kmemCacheAllocNode: [.callSite, .pointer, .requestedBytes, .allocatedBytes, .gfp, .node]
    case .kfree, .kmemCacheFree: [.callSite, .pointer]
    case .mmPageAlloc: [.frame, .order, .migrateType, .gfp]
    case .mmPageFree, .mmPageFreeDirect: [.frame, .order]
    case .mmPageFreeBatched: [.frame]
    case .mmPageAllocZoneLocked, .mmPagePCPUDrain: [.frame, .order, .migrateType]
    case .mmPageAllocExtfrag: [.frame, .order, .migrateType, .fallbackOrder, .fallbackType]
    case .rssStat: [.addressSpace, .member, .size]
    case .mark: []
    }
  }
}

/// How the pointers of a trace are printed.
enum PointerSpelling {
  /// No pointer, or one that doesn't tell (`(null)`).
  case unknown
  /// Eight digits: a 32-bit kernel.
  case eightDigits
  /// Sixteen digits: a 64-bit kernel, and possibly a hash.
  case sixteenDigits
  /// `0x…` of libtraceevent: a real address.
  case prefixed
}
