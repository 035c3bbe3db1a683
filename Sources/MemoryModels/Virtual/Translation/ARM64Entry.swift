/// Bits of ARMv8-A descriptors of stage 1, and of what Linux keeps in the bits for software.
///
/// Follows the Armv8-A architecture reference manual, D5.3, and arch/arm64/include/asm/pgtable-hwdef.h and pgtable-prot.h,
/// Linux 6.1.
enum ARM64Entry {
  static let user: UInt64 = 1 << 6
  static let readOnly: UInt64 = 1 << 7
  static let shareable: UInt64 = 3 << 8
  static let accessed: UInt64 = 1 << 10
  static let notGlobal: UInt64 = 1 << 11
  /// The page is writable, and its read-only bit means "not written yet".
  static let dirtyModifier: UInt64 = 1 << 51
  static let contiguous: UInt64 = 1 << 52
  static let privilegedNoExecute: UInt64 = 1 << 53
  static let userNoExecute: UInt64 = 1 << 54
  static let softwareDirty: UInt64 = 1 << 55
  static let privilegedNoExecuteTable: UInt64 = 1 << 59
  static let userNoExecuteTable: UInt64 = 1 << 60

  /// The entry of a page or block.
  static func encode(_ physical: UInt64, _ attributes: PageAttributes, isBlock: Bool, isContiguous: Bool) -> UInt64 {
    let permissions = attributes.permissions
    var raw = physical | (isBlock ? 1 : 3) | shareable
    switch attributes.memoryType {
    case .writeBack, .writeThrough: break
    case .writeCombining: raw |= 2 << 2
    case .uncached: raw |= 3 << 2
    }
    let isUser = permissions.contains(.user)
    let writes = permissions.contains(.write)
    if isUser, permissions.contains(.read) { raw |= user }
    if writes { raw |= dirtyModifier }
    if !writes || !attributes.isDirty { raw |= readOnly }
    if attributes.isDirty { raw |= softwareDirty }
    if attributes.isAccessed { raw |= accessed }
    if !attributes.isGlobal { raw |= notGlobal }
    if isContiguous { raw |= contiguous }
    let executes = permissions.contains(.execute)
    if isUser || !executes { raw |= privilegedNoExecute }
    if !isUser || !executes { raw |= userNoExecute }
    return raw
  }

  /// The bits of an entry that `encode` decides, without the address.
  static let attributeMask: UInt64 =
    0x1F | user | readOnly | shareable | accessed | notGlobal | dirtyModifier | contiguous | privilegedNoExecute
    | userNoExecute | softwareDirty

  /// The attributes of a page's or block's entry.
  static func decode(_ raw: UInt64) -> PageAttributes {
    let executesAsUser = raw & userNoExecute == 0
    let isUser = raw & user != 0 || executesAsUser
    var permissions: PagePermissions = isUser ? .user : []
    if raw & user != 0 || !isUser { permissions.insert(.read) }
    let writes = raw & dirtyModifier != 0 || raw & readOnly == 0
    if writes { permissions.insert(.write) }
    if isUser ? executesAsUser : raw & privilegedNoExecute == 0 { permissions.insert(.execute) }
    let type: MemoryType =
      switch raw >> 2 & 7 {
      case 0, 1: .writeBack
      case 2: .writeCombining
      default: .uncached
      }
    return PageAttributes(
      permissions, isGlobal: raw & notGlobal == 0, isAccessed: raw & accessed != 0,
      isDirty: raw & softwareDirty != 0 || writes && raw & readOnly == 0, memoryType: type)
  }

  /// The address in an entry of a page of 2^shift bytes, or of a table (`shift` is the granule's).
  @inline(__always)
  static func physical(_ raw: UInt64, shift: UInt64) -> UInt64 { raw & 0x0000_FFFF_FFFF_FFFF & ~((1 &<< shift) &- 1) }
}
