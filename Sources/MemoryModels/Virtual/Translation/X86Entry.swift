/// Bits of x86 entries, and their meaning for Linux's memory types.
///
/// Follows the Intel 64 manual, volume 3, tables 4-5 to 4-20, and arch/x86/mm/pat/memtype.c (the page attribute table),
/// Linux 6.1.
enum X86Entry {
  static let present: UInt64 = 1 << 0
  static let writable: UInt64 = 1 << 1
  static let user: UInt64 = 1 << 2
  static let writeThrough: UInt64 = 1 << 3
  static let cacheDisable: UInt64 = 1 << 4
  static let accessed: UInt64 = 1 << 5
  static let dirty: UInt64 = 1 << 6
  /// The entry maps a page in a table that has tables below it.
  static let pageSize: UInt64 = 1 << 7
  static let global: UInt64 = 1 << 8
  static let noExecute: UInt64 = 1 << 63
  static let keyShift: UInt64 = 59
  /// What Linux writes into entries that name tables of user space (`_PAGE_TABLE`): present, writable, user, accessed, dirty.
  static let table: UInt64 = 0x67

  /// The attribute table's bit: elsewhere in entries of large pages, where bit 7 says that they are large.
  @inline(__always)
  static func attributeBit(isLarge: Bool) -> UInt64 { isLarge ? 1 << 12 : 1 << 7 }

  /// The entry of a page.
  static func encode(_ physical: UInt64, _ attributes: PageAttributes, format: TranslationScheme.Format, isLarge: Bool)
    -> UInt64
  {
    var raw = present | address(physical, format: format, isLarge: isLarge)
    if attributes.permissions.contains(.write) { raw |= writable }
    if attributes.permissions.contains(.user) { raw |= user }
    if attributes.isAccessed { raw |= accessed }
    if attributes.isDirty { raw |= dirty }
    if attributes.isGlobal { raw |= global }
    if isLarge { raw |= pageSize }
    switch attributes.memoryType {
    case .writeBack: break
    case .writeThrough: raw |= attributeBit(isLarge: isLarge) | cacheDisable | writeThrough
    case .writeCombining: raw |= writeThrough
    case .uncached: raw |= cacheDisable | writeThrough
    }
    if format == .x86_64 { raw |= UInt64(attributes.protectionKey & 0xF) << keyShift }
    if format != .ia32, !attributes.permissions.contains(.execute) { raw |= noExecute }
    return raw
  }

  /// The bits of an entry that `encode` decides, without the address.
  static func attributeMask(format: TranslationScheme.Format, isLarge: Bool) -> UInt64 {
    var mask = present | writable | user | accessed | dirty | global | cacheDisable | writeThrough
    mask |= attributeBit(isLarge: isLarge)
    if isLarge { mask |= pageSize }
    if format == .x86_64 { mask |= 0xF << keyShift }
    return format == .ia32 ? mask : mask | noExecute
  }

  /// The attributes of a page's entry.
  static func decode(_ raw: UInt64, format: TranslationScheme.Format, isLarge: Bool) -> PageAttributes {
    var permissions: PagePermissions = .read
    if raw & writable != 0 { permissions.insert(.write) }
    if raw & user != 0 { permissions.insert(.user) }
    if format == .ia32 || raw & noExecute == 0 { permissions.insert(.execute) }
    let type: MemoryType =
      switch (raw & attributeBit(isLarge: isLarge) != 0, raw & cacheDisable != 0, raw & writeThrough != 0) {
      case (_, false, false): .writeBack
      case (false, false, true): .writeCombining
      case (true, true, true): .writeThrough
      // Write-protected memory, which Linux never maps, is nearest to write-through.
      case (true, false, true): .writeThrough
      case (_, true, _): .uncached
      }
    return PageAttributes(
      permissions, isGlobal: raw & global != 0, isAccessed: raw & accessed != 0, isDirty: raw & dirty != 0,
      memoryType: type, protectionKey: format == .x86_64 ? UInt8(raw >> keyShift & 0xF) : 0)
  }

  /// The address bits of an entry. PSE-36 keeps bits 32 to 39 of a 4 MiB page in bits 13 to 20.
  @inline(__always)
  static func address(_ physical: UInt64, format: TranslationScheme.Format, isLarge: Bool) -> UInt64 {
    if format == .ia32, isLarge { return physical & 0xFFC0_0000 | (physical >> 32 & 0xFF) << 13 }
    return physical
  }

  /// The address in an entry of a page of 2^shift bytes, or of a table (`shift` 12).
  @inline(__always)
  static func physical(_ raw: UInt64, format: TranslationScheme.Format, shift: UInt64) -> UInt64 {
    if format == .ia32 {
      return shift == 12 ? raw & 0xFFFF_F000 : raw & 0xFFC0_0000 | (raw &>> 13 & 0xFF) &<< 32
    }
    return raw & 0x000F_FFFF_FFFF_F000 & ~((1 &<< shift) &- 1)
  }
}
