/// A page-table entry as the kernel reads it on every architecture: what the page is and what may be done with it.
///
/// `PageEntries` keeps it in a page table, in the bits that the architecture has for it; this is what those bits say. The
/// value's own low bits lie where x86 has them, the page's frame or the swap slot begins at bit 12.
@frozen
public struct PageEntry: Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt64

  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  @inlinable public static var none: PageEntry { PageEntry(rawValue: 0) }

  static let presentBit: UInt64 = 1 << 0
  static let writableBit: UInt64 = 1 << 1
  static let swapBit: UInt64 = 1 << 2
  static let exclusiveSwapBit: UInt64 = 1 << 3
  static let accessedBit: UInt64 = 1 << 5
  static let dirtyBit: UInt64 = 1 << 6
  /// The mapping allows nothing: present to the kernel, absent for the processor.
  static let inaccessibleBit: UInt64 = 1 << 8
  static let zeroBit: UInt64 = 1 << 9
  static let notExecutableBit: UInt64 = 1 << 11

  init(page: PageID, flags: UInt64) {
    rawValue = UInt64(UInt32(bitPattern: page.rawValue)) << 12 | flags | Self.presentBit
  }

  init(swapSlot: Int, isExclusive: Bool) {
    rawValue = UInt64(swapSlot) << 12 | Self.swapBit | (isExclusive ? Self.exclusiveSwapBit : 0)
  }

  /// The shared page of zeros, with the bits that the mapping gives.
  static func zeroPage(_ flags: UInt64) -> PageEntry {
    PageEntry(rawValue: presentBit | zeroBit | accessedBit | flags)
  }

  public var isNone: Bool { rawValue == 0 }
  public var isPresent: Bool { rawValue & Self.presentBit != 0 }
  public var isWritable: Bool { rawValue & Self.writableBit != 0 }
  public var isDirty: Bool { rawValue & Self.dirtyBit != 0 }
  public var isAccessed: Bool { rawValue & Self.accessedBit != 0 }
  public var isZeroPage: Bool { rawValue & Self.zeroBit != 0 }
  public var isExecutable: Bool { rawValue & Self.notExecutableBit == 0 }
  public var isAccessible: Bool { rawValue & Self.inaccessibleBit == 0 }
  public var isSwap: Bool { rawValue & Self.swapBit != 0 }
  public var isExclusiveSwap: Bool { rawValue & Self.exclusiveSwapBit != 0 }
  /// The page of a present entry that is not the page of zeros.
  public var page: PageID { PageID(rawValue: Int32(bitPattern: UInt32(truncatingIfNeeded: rawValue >> 12))) }
  public var swapSlot: Int { Int(rawValue >> 12) }

  /// Whether it allows less than another entry of the same page, so that look-aside buffers must forget that one.
  ///
  /// Follows `pte_needs_flush` in arch/x86/include/asm/tlbflush.h, Linux 6.1.
  func isRestriction(of old: PageEntry) -> Bool {
    old.rawValue & ~rawValue & Self.writableBit != 0 || rawValue & ~old.rawValue & Self.protectionBits != 0
  }

  @inline(__always) mutating func set(_ bits: UInt64) { rawValue |= bits }
  @inline(__always) mutating func clear(_ bits: UInt64) { rawValue &= ~bits }

  static let protectionBits = inaccessibleBit | notExecutableBit

  /// The bits that a mapping's permissions decide, but for the writable one.
  @inline(__always)
  static func protection(_ flags: AreaFlags) -> UInt64 {
    if flags.contains(.execute) { return 0 }
    return flags.isDisjoint(with: .access) ? notExecutableBit | inaccessibleBit : notExecutableBit
  }
}

/// Writes kernel entries in an architecture's bits, and reads them back.
///
/// Present entries have the bits of `X86Entry`, `ARM64Entry` and `ARMShortEntry`. Swap entries follow `__swp_entry` in
/// arch/x86/include/asm/pgtable_64.h, pgtable-3level.h and pgtable-2level.h, arch/arm64/include/asm/pgtable.h and
/// arch/arm/include/asm/pgtable.h, Linux 6.1, for the first swap area; its first page is the header, so that slot 0 has
/// offset 1. Entries of mappings that allow nothing follow `PAGE_NONE` and `protnone_mask` there.
struct EntryCodec: BitwiseCopyable {
  let format: TranslationScheme.Format
  let pageShift: UInt64

  private static let x86Kept: UInt64 = 0x000F_FFFF_FFFF_F263
  private static let protectionNone: UInt64 = 1 << 8
  private static let arm64Special: UInt64 = 1 << 56
  private static let arm64ProtectionNone: UInt64 = 1 << 58

  /// The address bits that are inverted in entries that look absent to the processor.
  private static func invertedMask(_ isHuge: Bool) -> UInt64 {
    isHuge ? 0x000F_FFFF_FFE0_0000 : 0x000F_FFFF_FFFF_F000
  }

  /// The entry's bits in a table; ARM's are those of Linux's copy.
  @inline(__always)
  func encode(_ entry: PageEntry, isHuge: Bool = false) -> UInt64 {
    let raw = entry.rawValue
    if format == .x86_64, raw & (PageEntry.presentBit | PageEntry.inaccessibleBit) == PageEntry.presentBit {
      let bits = raw & Self.x86Kept | X86Entry.user | (isHuge ? X86Entry.pageSize : 0)
      return bits | (raw & PageEntry.notExecutableBit) << 52
    }
    return encodeRarely(entry, isHuge)
  }

  @inline(__always)
  func decode(_ raw: UInt64, isHuge: Bool = false) -> PageEntry {
    if format == .x86_64, raw & X86Entry.present != 0 {
      return PageEntry(rawValue: raw & Self.x86Kept | (raw &>> 63) &<< 11)
    }
    return raw == 0 ? .none : decodeRarely(raw, isHuge)
  }

  @inline(never)
  private func encodeRarely(_ entry: PageEntry, _ isHuge: Bool) -> UInt64 {
    if entry.isNone { return 0 }
    if entry.isSwap { return encodeSwap(UInt64(entry.swapSlot) + 1, isExclusive: entry.isExclusiveSwap) }
    switch format {
    case .ia32, .pae, .x86_64:
      var raw = entry.rawValue & Self.x86Kept | (isHuge ? X86Entry.pageSize : 0)
      if entry.isAccessible {
        raw |= X86Entry.user
        if format != .ia32 { raw |= (entry.rawValue & PageEntry.notExecutableBit) << 52 }
        return raw
      }
      raw = raw & ~X86Entry.present | Self.protectionNone
      return format == .ia32 ? raw : raw ^ Self.invertedMask(isHuge)
    case .arm64:
      let physical = UInt64(UInt32(bitPattern: entry.page.rawValue)) << pageShift
      let raw = ARM64Entry.encode(physical, attributes(entry), isBlock: isHuge, isContiguous: false)
      let special = entry.isZeroPage ? Self.arm64Special : 0
      return entry.isAccessible ? raw | special : raw & ~1 | special | Self.arm64ProtectionNone
    case .armShort:
      return ARMShortEntry.linuxEntry(UInt64(UInt32(bitPattern: entry.page.rawValue)) << 12, attributes(entry))
    }
  }

  private func attributes(_ entry: PageEntry) -> PageAttributes {
    var permissions: PagePermissions = .user
    if entry.isAccessible { permissions.insert(.read) }
    if entry.isWritable { permissions.insert(.write) }
    if entry.isExecutable { permissions.insert(.execute) }
    return PageAttributes(permissions, isAccessed: entry.isAccessed, isDirty: entry.isDirty)
  }

  private func encodeSwap(_ offset: UInt64, isExclusive: Bool) -> UInt64 {
    switch format {
    // Inverted, so that no processor reads ahead at the address that it looks like.
    case .x86_64: (~offset << 14) >> 5 | (isExclusive ? 1 << 3 : 0)
    case .pae: (~offset << 14) >> 5
    case .ia32: offset << 9
    case .arm64: offset << 8 | (isExclusive ? 1 << 2 : 0)
    case .armShort: offset << 7
    }
  }

  @inline(never)
  private func decodeRarely(_ raw: UInt64, _ isHuge: Bool) -> PageEntry {
    switch format {
    case .ia32, .pae, .x86_64:
      if raw & X86Entry.present != 0 {
        return PageEntry(rawValue: raw & Self.x86Kept | (format == .ia32 ? 0 : (raw >> 63) << 11))
      }
      if raw & Self.protectionNone != 0 {
        let upright = format == .ia32 ? raw : raw ^ Self.invertedMask(isHuge)
        let kept = upright & Self.x86Kept & ~Self.protectionNone
        return PageEntry(
          rawValue: kept | PageEntry.presentBit | PageEntry.inaccessibleBit | PageEntry.notExecutableBit)
      }
      if format == .ia32 { return swap(raw >> 9, isExclusive: false) }
      return swap((~raw << 5) >> 14, isExclusive: format == .x86_64 && raw & 1 << 3 != 0)
    case .arm64:
      if raw & (1 | Self.arm64ProtectionNone) == 0 { return swap(raw >> 8, isExclusive: raw & 1 << 2 != 0) }
      let frame = ARM64Entry.physical(raw, shift: pageShift) >> pageShift
      let isAccessible = raw & 1 != 0
      return present(ARM64Entry.decode(raw), frame, isAccessible, isZero: raw & Self.arm64Special != 0)
    case .armShort:
      if raw & ARMShortEntry.linuxValid == 0 { return swap(raw >> 7, isExclusive: false) }
      let isAccessible = raw & ARMShortEntry.linuxNone == 0
      return present(ARMShortEntry.attributes(linux: raw), raw >> 12, isAccessible, isZero: raw >> 12 == 0)
    }
  }

  private func swap(_ offset: UInt64, isExclusive: Bool) -> PageEntry {
    PageEntry(swapSlot: Int(offset) - 1, isExclusive: isExclusive)
  }

  private func present(_ attributes: PageAttributes, _ frame: UInt64, _ isAccessible: Bool, isZero: Bool) -> PageEntry {
    var raw = frame << 12 | PageEntry.presentBit
    if isAccessible, attributes.permissions.contains(.write) { raw |= PageEntry.writableBit }
    if !isAccessible || !attributes.permissions.contains(.execute) { raw |= PageEntry.notExecutableBit }
    if attributes.isAccessed { raw |= PageEntry.accessedBit }
    if attributes.isDirty { raw |= PageEntry.dirtyBit }
    if !isAccessible { raw |= PageEntry.inaccessibleBit }
    if isZero { raw |= PageEntry.zeroBit }
    return PageEntry(rawValue: raw)
  }
}
