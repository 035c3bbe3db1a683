/// Bits of ARMv7 short descriptors, and of the copies that Linux keeps of small pages' entries.
///
/// Follows the ARMv7-A architecture reference manual, B3.5, and `cpu_v7_set_pte_ext` in arch/arm/mm/proc-v7-2level.S, Linux
/// 6.1: the processor has no accessed and dirty bits, so pages that are not both are mapped with fewer rights.
enum ARMShortEntry {
  // Linux's copy.
  static let linuxValid: UInt64 = 1 << 0
  static let linuxYoung: UInt64 = 1 << 1
  static let linuxDirty: UInt64 = 1 << 6
  static let linuxReadOnly: UInt64 = 1 << 7
  static let linuxUser: UInt64 = 1 << 8
  static let linuxNoExecute: UInt64 = 1 << 9
  static let linuxShared: UInt64 = 1 << 10
  static let linuxNone: UInt64 = 1 << 11

  /// What Linux writes into level-1 entries that name tables (`_PAGE_USER_TABLE`): bit 4, domain 1.
  static let table: UInt64 = 0x31
  static let userDomain: UInt64 = 1

  /// Linux's number of a memory type (`L_PTE_MT_*`), with which the type's TEX, C and B bits begin.
  private static func number(_ type: MemoryType) -> UInt64 {
    switch type {
    case .writeBack: 7
    case .writeThrough: 2
    case .writeCombining: 1
    case .uncached: 4
    }
  }

  private static func type(number: UInt64) -> MemoryType {
    switch number {
    case 3, 7: .writeBack
    case 2: .writeThrough
    case 1: .writeCombining
    default: .uncached
    }
  }

  /// Linux's copy of a small page's entry.
  static func linuxEntry(_ physical: UInt64, _ attributes: PageAttributes) -> UInt64 {
    var raw = physical & 0xFFFF_F000 | linuxValid | linuxShared | number(attributes.memoryType) << 2
    let permissions = attributes.permissions
    if attributes.isAccessed { raw |= linuxYoung }
    if attributes.isDirty { raw |= linuxDirty }
    if !permissions.contains(.write) { raw |= linuxReadOnly }
    if permissions.contains(.user) { raw |= linuxUser }
    if !permissions.contains(.execute) { raw |= linuxNoExecute }
    if permissions.isDisjoint(with: [.read, .write, .execute]) { raw |= linuxNone }
    return raw
  }

  /// The attributes in Linux's copy.
  static func attributes(linux raw: UInt64) -> PageAttributes {
    var permissions: PagePermissions = raw & linuxUser != 0 ? .user : []
    if raw & linuxNone == 0 {
      permissions.insert(.read)
      if raw & linuxReadOnly == 0 { permissions.insert(.write) }
      if raw & linuxNoExecute == 0 { permissions.insert(.execute) }
    }
    return PageAttributes(
      permissions, isGlobal: raw & linuxUser == 0, isAccessed: raw & linuxYoung != 0, isDirty: raw & linuxDirty != 0,
      memoryType: type(number: raw >> 2 & 0xF))
  }

  /// The processor's entry for Linux's copy: nothing unless the page is young, read-only unless it is dirty.
  static func hardwareEntry(linux raw: UInt64) -> UInt64 {
    if raw & linuxYoung == 0 || raw & linuxValid == 0 || raw & linuxNone != 0 { return 0 }
    // Addresses of user space are not global.
    var entry = raw & ~0x3F3 | (raw & linuxUser != 0 ? 1 << 11 : 0)
    entry |= 1 << 4 | 2
    if raw & 1 << 4 != 0 { entry |= 1 << 6 }
    if raw & linuxReadOnly != 0 || raw & linuxDirty == 0 { entry |= 1 << 9 }
    if raw & linuxUser != 0 { entry |= 1 << 5 }
    if raw & linuxNoExecute != 0 { entry |= 1 }
    return entry
  }

  /// The processor's entry of a section (1 MiB), supersection (16 MiB) or large page (64 KiB), which Linux keeps no copy of.
  static func largeEntry(_ physical: UInt64, _ attributes: PageAttributes, bytes: UInt64) -> UInt64 {
    let permissions = attributes.permissions
    let number = number(attributes.memoryType)
    let isUser = permissions.contains(.user)
    let cached = (number & 3) << 2
    let protection: UInt64 = isUser ? 3 : 1
    let readOnly: UInt64 = permissions.contains(.write) ? 0 : 1
    let noExecute: UInt64 = permissions.contains(.execute) ? 0 : 1
    let local: UInt64 = attributes.isGlobal ? 0 : 1
    if bytes == 1 << 16 {
      return physical & 0xFFFF_0000 | 1 | cached | protection << 4 | readOnly << 9 | 1 << 10 | local << 11
        | (number >> 2) << 12 | noExecute << 15
    }
    var entry =
      2 | cached | noExecute << 4 | protection << 10 | (number >> 2) << 12 | readOnly << 15 | 1 << 16 | local << 17
    if bytes == 1 << 24 {
      entry |= physical & 0xFF00_0000 | 1 << 18 | (physical >> 32 & 0xF) << 20 | (physical >> 36 & 0xF) << 5
    } else {
      entry |= physical & 0xFFF0_0000 | (isUser ? userDomain << 5 : 0)
    }
    return entry
  }

  /// The attributes of such an entry; a page that can't tell counts as accessed, and as dirty where it can be written.
  static func attributes(large raw: UInt64, isSection: Bool) -> PageAttributes {
    let protection = isSection ? raw >> 10 & 3 : raw >> 4 & 3
    let readOnly = raw >> (isSection ? 15 : 9) & 1
    var permissions: PagePermissions = protection == 0 ? [] : .read
    if protection >= 2 { permissions.insert(.user) }
    if readOnly == 0, protection != 0 { permissions.insert(.write) }
    if raw >> (isSection ? 4 : 15) & 1 == 0 { permissions.insert(.execute) }
    let number = raw >> 2 & 3 | (raw >> 12 & 1) << 2
    return PageAttributes(
      permissions, isGlobal: raw >> (isSection ? 17 : 11) & 1 == 0, isAccessed: true, isDirty: readOnly == 0,
      memoryType: type(number: number))
  }

  /// The start of the memory that a section's or supersection's entry maps.
  @inline(__always)
  static func sectionAddress(_ raw: UInt64) -> UInt64 {
    if raw & 1 << 18 == 0 { return raw & 0xFFF0_0000 }
    return raw & 0xFF00_0000 | (raw >> 20 & 0xF) << 32 | (raw >> 5 & 0xF) << 36
  }
}
