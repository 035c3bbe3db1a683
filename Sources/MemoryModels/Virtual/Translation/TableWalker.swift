/// What a walk can read tables from.
protocol TableSource {
  /// A table: where it is, or where it is kept.
  associatedtype Table
  /// The first table.
  var root: Table { get }
  /// An entry; `nil` if the memory at hand doesn't have it.
  func entry(_ table: Table, _ index: Int) -> UInt64?
  /// The table that an entry names, by its physical address; `nil` if it isn't at hand.
  func table(_ table: Table, _ index: Int, _ address: UInt64) -> Table?
  /// The physical address of a table.
  func address(of table: Table) -> UInt64
}

/// Who is told of every entry that a walk reads.
protocol WalkObserver {
  mutating func read(level: Int, index: Int, entryAddress: UInt64, raw: UInt64)
}

/// Nobody.
struct Unobserved: WalkObserver {
  @inline(__always)
  func read(level: Int, index: Int, entryAddress: UInt64, raw: UInt64) {}
}

/// Rights of user and kernel mode to one page, after all levels and control bits.
public struct AccessRights: OptionSet, Hashable, Sendable {
  public var rawValue: UInt8

  @inline(__always)
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let userRead = AccessRights(rawValue: 1)
  public static let userWrite = AccessRights(rawValue: 2)
  public static let userExecute = AccessRights(rawValue: 4)
  public static let kernelRead = AccessRights(rawValue: 8)
  public static let kernelWrite = AccessRights(rawValue: 16)
  public static let kernelExecute = AccessRights(rawValue: 32)

  /// Whether they allow an access.
  @inline(__always)
  public func allow(_ access: MemoryAccess) -> Bool {
    rawValue &>> (access.kind.rawValue &+ (access.isUser ? 0 : 3)) & 1 != 0
  }
}

/// An address, translated.
public struct TranslatedPage: Hashable, Sendable {
  /// Of the byte that was asked for.
  public var physicalAddress: UInt64
  /// The entry that maps the page.
  public var entry: UInt64
  public var rights: AccessRights
  /// The level of that entry.
  public var level: UInt8
  /// log₂ of the page's bytes; of all of them for one that is spread over several entries.
  public var pageShift: UInt8
  /// Entries read.
  public var references: UInt8
  public var isGlobal: Bool
  public var isDirty: Bool
  /// Whether the processor has accessed or dirty bits to set in the entries.
  var needsUpdate: Bool
}

/// What came of a translation.
public enum TranslationOutcome: Hashable, Sendable {
  case page(TranslatedPage)
  case fault(TranslationFault)

  /// The page, if there is one.
  public var page: TranslatedPage? {
    if case .page(let page) = self { return page }
    return nil
  }

  /// The fault, if there is one.
  public var fault: TranslationFault? {
    if case .fault(let fault) = self { return fault }
    return nil
  }
}

/// A processor's table walk: a scheme and control bits, as plain numbers.
struct TableWalker: BitwiseCopyable {
  let format: TranslationScheme.Format
  let half: TranslationScheme.Half
  let levelCount: Int
  let pageShift: Int
  let indexBits: Int
  let topIndexBits: Int
  let entryBytes: UInt64
  let virtualAddressBits: Int
  let leafLevels: UInt8
  /// Address bits that must be zero in every entry.
  let reservedBits: UInt64
  let writeProtects: Bool
  let hasNoExecute: Bool
  let preventsKernelExecution: Bool
  let preventsKernelAccess: Bool
  let protectionKeys: UInt64
  let domainAccess: UInt64
  let setsAccessFlag: Bool
  let setsDirtyState: Bool

  init(_ scheme: TranslationScheme, _ controls: TranslationControls) {
    format = scheme.format
    half = scheme.half
    levelCount = scheme.levelCount
    pageShift = scheme.pageShift
    indexBits = scheme.indexBits
    topIndexBits = scheme.topIndexBits
    entryBytes = UInt64(scheme.entryBytes)
    virtualAddressBits = scheme.virtualAddressBits
    let hasGibibytes = controls.hasGibibytePages || scheme.format != .x86_64
    leafLevels = hasGibibytes ? scheme.leafLevels : scheme.leafLevels & ~(1 << UInt8(scheme.levelCount - 3))
    let physicalBits = min(controls.physicalAddressBits ?? scheme.physicalAddressBits, scheme.physicalAddressBits)
    let address: UInt64 = scheme.format == .pae ? 0x7FFF_FFFF_FFFF_F000 : 0x000F_FFFF_FFFF_F000
    switch scheme.format {
    case .pae, .x86_64:
      let noExecute = controls.hasNoExecute ? 0 : X86Entry.noExecute
      reservedBits = address & ~((1 << UInt64(max(physicalBits, 32))) - 1) | noExecute
    // The bits of a 4 MiB page's entry that PSE-36 doesn't use on this processor.
    case .ia32: reservedBits = 1 << 21 | (0x1F_E000 & ~((1 << UInt64(max(physicalBits, 32) - 19)) - 1))
    case .armShort, .arm64: reservedBits = 0
    }
    writeProtects = controls.protectsFromKernelWrites
    hasNoExecute = controls.hasNoExecute && scheme.format != .ia32
    preventsKernelExecution = controls.preventsKernelExecution
    preventsKernelAccess = controls.preventsKernelAccess
    protectionKeys = scheme.format == .x86_64 ? UInt64(controls.protectionKeyRights ?? 0) : 0
    domainAccess = UInt64(controls.domainAccess)
    setsAccessFlag = controls.setsAccessFlag
    setsDirtyState = controls.setsDirtyState
  }

  @inline(__always)
  func shift(_ level: Int) -> UInt64 {
    UInt64(truncatingIfNeeded: pageShift &+ indexBits &* (levelCount &- 1 &- level))
  }

  @inline(__always)
  func index(_ address: UInt64, _ level: Int) -> Int {
    let bits = UInt64(truncatingIfNeeded: level == 0 ? topIndexBits : indexBits)
    return Int(truncatingIfNeeded: address &>> shift(level) & ((1 &<< bits) &- 1))
  }

  @inline(__always)
  func canMapPage(_ level: Int) -> Bool { leafLevels &>> UInt8(truncatingIfNeeded: level) & 1 != 0 }

  /// Translates an address by the tables of a source; entries' accessed and dirty bits are left as they are.
  @inline(__always)
  func walk<Source: TableSource, Observer: WalkObserver>(
    _ source: Source, _ address: UInt64, _ access: MemoryAccess, _ observer: inout Observer
  ) -> TranslationOutcome {
    switch format {
    case .ia32, .pae, .x86_64: walkX86(source, address, access, &observer)
    case .armShort: walkARM(source, address, access, &observer)
    case .arm64: walkARM64(source, address, access, &observer)
    }
  }

  @inline(never)
  func fault(
    _ reason: TranslationFault.Reason, _ address: UInt64, _ access: MemoryAccess, level: Int,
    exception: TranslationFault.Exception, code: UInt32, references: Int
  ) -> TranslationOutcome {
    .fault(
      TranslationFault(
        reason: reason, address: address, access: access, level: level, exception: exception, errorCode: code,
        references: references))
  }
}
