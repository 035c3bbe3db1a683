/// What a program does with an address.
public struct MemoryAccess: Hashable, Sendable {
  public enum Kind: UInt8, Sendable, CaseIterable {
    case read
    case write
    /// An instruction fetch.
    case execute
  }

  public var kind: Kind
  /// Whether the program runs in user mode: CPL 3, PL0, EL0.
  public var isUser: Bool

  @inline(__always)
  public init(_ kind: Kind, isUser: Bool = true) {
    self.kind = kind
    self.isUser = isUser
  }

  public static let userRead = MemoryAccess(.read)
  public static let userWrite = MemoryAccess(.write)
  public static let userExecute = MemoryAccess(.execute)
}

/// What may be done with a page.
public struct PagePermissions: OptionSet, Hashable, Sendable {
  public var rawValue: UInt8

  @inline(__always)
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let read = PagePermissions(rawValue: 1)
  public static let write = PagePermissions(rawValue: 2)
  public static let execute = PagePermissions(rawValue: 4)
  /// The page belongs to user mode; without it, only the kernel may do the rest.
  public static let user = PagePermissions(rawValue: 8)
}

extension PagePermissions: CustomStringConvertible {
  /// Such as `rw-u`.
  public var description: String {
    (contains(.read) ? "r" : "-") + (contains(.write) ? "w" : "-") + (contains(.execute) ? "x" : "-")
      + (contains(.user) ? "u" : "-")
  }
}

/// How a page's data may be cached.
public enum MemoryType: UInt8, Hashable, Sendable, CaseIterable {
  case writeBack
  case writeThrough
  /// Write-combining; ARM: normal memory that is not cached.
  case writeCombining
  /// Never cached; ARM: device memory.
  case uncached
}

/// What the entry of a page says besides where the page is.
public struct PageAttributes: Hashable, Sendable {
  public var permissions: PagePermissions
  /// In all address spaces alike, so that it stays in the TLB when they change.
  public var isGlobal: Bool
  public var isAccessed: Bool
  public var isDirty: Bool
  public var memoryType: MemoryType
  /// x86-64 alone: 0 to 15.
  public var protectionKey: UInt8

  public init(
    _ permissions: PagePermissions, isGlobal: Bool = false, isAccessed: Bool = true, isDirty: Bool = false,
    memoryType: MemoryType = .writeBack, protectionKey: UInt8 = 0
  ) {
    self.permissions = permissions
    self.isGlobal = isGlobal
    self.isAccessed = isAccessed
    self.isDirty = isDirty
    self.memoryType = memoryType
    self.protectionKey = protectionKey
  }
}

/// The control bits of a processor that decide what an entry allows.
public struct TranslationControls: Hashable, Sendable {
  /// CR0.WP: the kernel, too, may not write to read-only pages.
  public var protectsFromKernelWrites = true
  /// EFER.NXE: entries can forbid execution. Never for two-level IA-32.
  public var hasNoExecute = true
  /// CR4.SMEP (ARM64: PXN does this): the kernel may not execute user pages.
  public var preventsKernelExecution = false
  /// CR4.SMAP with EFLAGS.AC clear, or PSTATE.PAN: the kernel may not touch user pages.
  public var preventsKernelAccess = false
  /// PKRU where CR4.PKE is set: for key k, bit 2k forbids access and bit 2k+1 forbids writing.
  public var protectionKeyRights: UInt32?
  /// Whether entries can map 1 GiB (x86-64).
  public var hasGibibytePages = true
  /// DACR: two bits for each of ARM's 16 domains: 0 no access, 1 client, 3 manager. Linux: all are clients.
  public var domainAccess: UInt32 = 0x5555_5555
  /// TCR_EL1.HA: ARM64 sets access flags itself, instead of faulting.
  public var setsAccessFlag = false
  /// TCR_EL1.HD: ARM64 clears the read-only bit of entries with DBM itself when they are written.
  public var setsDirtyState = false
  /// Bits of a physical address that this processor has, if fewer than the scheme allows (MAXPHYADDR).
  public var physicalAddressBits: Int?

  public init() {}
}
