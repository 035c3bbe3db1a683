extension TableWalker {
  /// Follows the ARMv7-A architecture reference manual, B3.5 to B3.7, with SCTLR.AFE clear and one table (TTBCR.N is 0).
  @inline(__always)
  func walkARM<Source: TableSource, Observer: WalkObserver>(
    _ source: Source, _ address: UInt64, _ access: MemoryAccess, _ observer: inout Observer
  ) -> TranslationOutcome {
    if address &>> 32 != 0 {
      return fault(.notCanonical, address, access, level: 0, exception: .none, code: 0, references: 0)
    }
    let first = index(address, 0)
    guard let raw = source.entry(source.root, first) else {
      return fault(.tableUnknown, address, access, level: 0, exception: .none, code: 0, references: 0)
    }
    observer.read(
      level: 0, index: first, entryAddress: source.address(of: source.root) &+ UInt64(truncatingIfNeeded: first) &* 4,
      raw: raw)
    if raw & 3 == 0 { return armFault(.notPresent, address, access, 0, status: 0x5, domain: 0) }
    // A supersection has address bits where others have the domain, and belongs to domain 0.
    let isSection = raw & 2 != 0
    let isSuper = isSection && raw & 1 << 18 != 0
    let domain = isSuper ? 0 : raw &>> 5 & 0xF
    let access2 = domainAccess &>> (2 &* domain) & 3
    if isSection {
      if access2 & 1 == 0 { return armFault(.domain, address, access, 0, status: 0x9, domain: domain) }
      let shift: UInt64 = isSuper ? 24 : 20
      let rights = armRights(
        (raw &>> 10 & 3) | (raw &>> 15 & 1) &<< 2, noExecute: raw & 1 << 4 != 0, kernelNoExecute: raw & 1 != 0,
        isManager: access2 == 3)
      if !rights.allow(access) {
        return armFault(reason(rights, access), address, access, 0, status: 0xD, domain: domain)
      }
      return armPage(
        ARMShortEntry.sectionAddress(raw), address, raw, rights, level: 0, shift: shift, isGlobal: raw & 1 << 17 == 0)
    }
    guard let table = source.table(source.root, first, raw & 0xFFFF_FC00) else {
      return fault(.tableUnknown, address, access, level: 1, exception: .none, code: 0, references: 1)
    }
    let second = index(address, 1)
    guard let entry = source.entry(table, second) else {
      return fault(.tableUnknown, address, access, level: 1, exception: .none, code: 0, references: 1)
    }
    observer.read(
      level: 1, index: second, entryAddress: source.address(of: table) &+ UInt64(truncatingIfNeeded: second) &* 4,
      raw: entry)
    if entry & 3 == 0 { return armFault(.notPresent, address, access, 1, status: 0x7, domain: domain) }
    if access2 & 1 == 0 { return armFault(.domain, address, access, 1, status: 0xB, domain: domain) }
    let isLarge = entry & 2 == 0
    let rights = armRights(
      (entry &>> 4 & 3) | (entry &>> 9 & 1) &<< 2, noExecute: entry & (isLarge ? 1 << 15 : 1) != 0,
      kernelNoExecute: raw & 1 << 2 != 0, isManager: access2 == 3)
    if !rights.allow(access) {
      return armFault(reason(rights, access), address, access, 1, status: 0xF, domain: domain)
    }
    return armPage(
      entry & (isLarge ? 0xFFFF_0000 : 0xFFFF_F000), address, entry, rights, level: 1, shift: isLarge ? 16 : 12,
      isGlobal: entry & 1 << 11 == 0)
  }

  @inline(__always)
  private func armPage(
    _ base: UInt64, _ address: UInt64, _ raw: UInt64, _ rights: AccessRights, level: Int, shift: UInt64, isGlobal: Bool
  ) -> TranslationOutcome {
    .page(
      TranslatedPage(
        physicalAddress: base | address & ((1 &<< shift) &- 1), entry: raw, rights: rights,
        level: UInt8(truncatingIfNeeded: level), pageShift: UInt8(truncatingIfNeeded: shift),
        references: UInt8(truncatingIfNeeded: level &+ 1), isGlobal: isGlobal, isDirty: true, needsUpdate: false))
  }

  /// The rights of the three AP bits; who manages a domain may do anything in it.
  @inline(__always)
  private func armRights(_ protection: UInt64, noExecute: Bool, kernelNoExecute: Bool, isManager: Bool) -> AccessRights
  {
    if isManager { return AccessRights(rawValue: 63) }
    var rights: UInt8 =
      switch protection {
      case 1: 8 | 16
      case 2: 8 | 16 | 1
      case 3: 8 | 16 | 1 | 2
      case 5: 8
      case 6, 7: 8 | 1
      default: 0
      }
    if !noExecute {
      if rights & 1 != 0 { rights |= 4 }
      if rights & 8 != 0, !kernelNoExecute { rights |= 32 }
    }
    return AccessRights(rawValue: rights)
  }

  func reason(_ rights: AccessRights, _ access: MemoryAccess) -> TranslationFault.Reason {
    let own = access.isUser ? rights.rawValue & 7 : rights.rawValue >> 3 & 7
    if own == 0 { return access.isUser && rights.rawValue >> 3 != 0 ? .kernelPage : .notReadable }
    switch access.kind {
    case .read: return .notReadable
    case .write: return .notWritable
    case .execute: return .notExecutable
    }
  }

  @inline(never)
  private func armFault(
    _ reason: TranslationFault.Reason, _ address: UInt64, _ access: MemoryAccess, _ level: Int, status: UInt32,
    domain: UInt64
  ) -> TranslationOutcome {
    // The domain is not valid after a fault on the first entry, nor for fetches, which have no write bit either.
    let isFetch = access.kind == .execute
    let hasDomain = !isFetch && status != 0x5
    let code = ARMFaultStatus(
      status: status, domain: hasDomain ? UInt32(domain) : 0, isWrite: access.kind == .write)
    return fault(
      reason, address, access, level: level, exception: isFetch ? .prefetchAbort : .dataAbort, code: code.rawValue,
      references: level + 1)
  }
}
