import KernelTypes
import TraceEvents

/// The fields an event may have, as bits: which were seen, which must be.
struct FieldSet: OptionSet {
  var rawValue: UInt32

  static var callSite: FieldSet { FieldSet(rawValue: 1 << 0) }
  static var pointer: FieldSet { FieldSet(rawValue: 1 << 1) }
  static var requestedBytes: FieldSet { FieldSet(rawValue: 1 << 2) }
  static var allocatedBytes: FieldSet { FieldSet(rawValue: 1 << 3) }
  static var gfp: FieldSet { FieldSet(rawValue: 1 << 4) }
  static var node: FieldSet { FieldSet(rawValue: 1 << 5) }
  static var accounted: FieldSet { FieldSet(rawValue: 1 << 6) }
  static var name: FieldSet { FieldSet(rawValue: 1 << 7) }
  static var page: FieldSet { FieldSet(rawValue: 1 << 8) }
  static var frame: FieldSet { FieldSet(rawValue: 1 << 9) }
  static var order: FieldSet { FieldSet(rawValue: 1 << 10) }
  static var migrateType: FieldSet { FieldSet(rawValue: 1 << 11) }
  static var fallbackOrder: FieldSet { FieldSet(rawValue: 1 << 12) }
  static var fallbackType: FieldSet { FieldSet(rawValue: 1 << 13) }
  static var addressSpace: FieldSet { FieldSet(rawValue: 1 << 14) }
  static var member: FieldSet { FieldSet(rawValue: 1 << 15) }
  static var size: FieldSet { FieldSet(rawValue: 1 << 16) }

  /// The fields without which an event of `kind` says nothing; every kernel since 2.6.3x prints them.
  @inline(__always)
  static func required(of kind: EventKind) -> FieldSet {
    switch kind {
    case .kmalloc, .kmemCacheAlloc: allocation
    case .kmallocNode, .kmemCacheAllocNode: allocation.union(.node)
    case .kfree, .kmemCacheFree: callSite.union(.pointer)
    case .mmPageAlloc: block.union(.migrateType).union(.gfp)
    case .mmPageFree, .mmPageFreeDirect: block
    case .mmPageFreeBatched: frame
    case .mmPageAllocZoneLocked, .mmPagePCPUDrain: block.union(.migrateType)
    case .mmPageAllocExtfrag: block.union(.migrateType).union(.fallbackOrder).union(.fallbackType)
    case .rssStat: addressSpace.union(.member).union(.size)
    // Texts of their own, or keys that other parsers ask for themselves.
    case .mark, .pageFaultUser, .pageFaultKernel, .schedProcessFork, .schedProcessExec, .schedProcessExit,
      .syscallEnter, .syscallExit, .kswapdWake, .kswapdSleep, .kswapdWakeup, .directReclaimBegin, .directReclaimEnd,
      .compactionBegin, .compactionEnd, .compactionSuitable, .compactionIsolateMigrate, .compactionIsolateFree,
      .compactionMigrate, .oomMarkVictim, .oomScoreAdjust, .lruShrinkInactive, .reclaimRetry, .compactionFinished,
      .compactionDefer,
      .kcompactdWakeup, .kcompactdWake, .kcompactdSleep, .shrinkSlab:
      FieldSet(rawValue: 0)
    }
  }

  // Unions, because an array literal of options is built on the heap in this place.
  @inline(__always)
  private static var allocation: FieldSet {
    callSite.union(.pointer).union(.requestedBytes).union(.allocatedBytes).union(.gfp)
  }

  @inline(__always)
  private static var block: FieldSet { frame.union(.order) }
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
