/// The control registers of x86 that decide about paging.
public struct ControlRegisters: Hashable, Sendable {
  /// CR0.
  public struct Mode: OptionSet, Hashable, Sendable {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// PE.
    public static let protected = Mode(rawValue: 1 << 0)
    /// WP.
    public static let writeProtect = Mode(rawValue: 1 << 16)
    /// PG.
    public static let paging = Mode(rawValue: 1 << 31)
  }

  /// CR4.
  public struct Extensions: OptionSet, Hashable, Sendable {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// PSE.
    public static let largePages = Extensions(rawValue: 1 << 4)
    /// PAE.
    public static let physicalAddressExtension = Extensions(rawValue: 1 << 5)
    /// PGE.
    public static let globalPages = Extensions(rawValue: 1 << 7)
    /// LA57.
    public static let fiveLevels = Extensions(rawValue: 1 << 12)
    /// PCIDE.
    public static let contexts = Extensions(rawValue: 1 << 17)
    /// SMEP.
    public static let preventsKernelExecution = Extensions(rawValue: 1 << 20)
    /// SMAP.
    public static let preventsKernelAccess = Extensions(rawValue: 1 << 21)
    /// PKE.
    public static let protectionKeys = Extensions(rawValue: 1 << 22)
  }

  /// CR3 as it is written.
  public struct TableBase: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The physical address of the first table: PAE's needs 32 bytes of alignment, others a page.
    public func address(_ scheme: TranslationScheme) -> UInt64 {
      switch scheme.format {
      case .ia32: rawValue & 0xFFFF_F000
      case .pae: rawValue & 0xFFFF_FFE0
      default: rawValue & 0x000F_FFFF_FFFF_F000
      }
    }

    /// The process-context identifier, where CR4.PCIDE is set.
    public var context: UInt16 { UInt16(rawValue & 0xFFF) }
    /// Bit 63 of what is written: what the TLB has of this context stays.
    public var keepsTLB: Bool { rawValue >> 63 != 0 }
  }

  public var mode: Mode
  /// CR2: the address of the last page fault.
  public var faultAddress: UInt64
  public var base: TableBase
  public var extensions: Extensions
  /// EFER.LMA: 64-bit mode.
  public var isLongMode: Bool
  /// EFER.NXE.
  public var hasNoExecute: Bool

  public init(
    mode: Mode, base: TableBase, extensions: Extensions, isLongMode: Bool, hasNoExecute: Bool = true,
    faultAddress: UInt64 = 0
  ) {
    self.mode = mode
    self.base = base
    self.extensions = extensions
    self.isLongMode = isLongMode
    self.hasNoExecute = hasNoExecute
    self.faultAddress = faultAddress
  }

  /// How addresses are translated; `nil` while paging is off, when linear addresses are physical ones.
  public var scheme: TranslationScheme? {
    guard mode.isSuperset(of: [.protected, .paging]) else { return nil }
    if isLongMode { return extensions.contains(.fiveLevels) ? .x86_64FiveLevel : .x86_64 }
    return extensions.contains(.physicalAddressExtension) ? .pae : .ia32
  }

  /// What the registers say of rights.
  public var controls: TranslationControls {
    var controls = TranslationControls()
    controls.protectsFromKernelWrites = mode.contains(.writeProtect)
    controls.hasNoExecute = hasNoExecute
    controls.hasLargePages = extensions.contains(.largePages)
    controls.preventsKernelExecution = extensions.contains(.preventsKernelExecution)
    controls.preventsKernelAccess = extensions.contains(.preventsKernelAccess)
    return controls
  }

  /// Takes a page fault: its address goes to CR2.
  public mutating func take(_ fault: TranslationFault) {
    if fault.exception == .pageFault { faultAddress = fault.address }
  }
}
