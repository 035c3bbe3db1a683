extension TableWalker {
  /// Follows the Intel 64 manual, volume 3, sections 4.3 to 4.7.
  @inline(__always)
  func walkX86<Source: TableSource, Observer: WalkObserver>(
    _ source: Source, _ address: UInt64, _ access: MemoryAccess, _ observer: inout Observer
  ) -> TranslationOutcome {
    let unused = UInt64(truncatingIfNeeded: 64 &- virtualAddressBits)
    let extended =
      virtualAddressBits == 32
      ? address & 0xFFFF_FFFF : UInt64(bitPattern: Int64(bitPattern: address &<< unused) &>> Int64(bitPattern: unused))
    if extended != address {
      return fault(
        .notCanonical, address, access, level: 0, exception: .generalProtection, code: 0, references: 0)
    }
    var table = source.root
    var all: UInt64 = ~0
    var any: UInt64 = 0
    var level = 0
    while true {
      let index = index(address, level)
      guard let raw = source.entry(table, index) else {
        return fault(.tableUnknown, address, access, level: level, exception: .none, code: 0, references: level)
      }
      observer.read(
        level: level, index: index,
        entryAddress: source.address(of: table) &+ UInt64(truncatingIfNeeded: index) &* entryBytes,
        raw: raw)
      if raw & X86Entry.present == 0 { return x86Fault(.notPresent, address, access, level) }
      let isLast = level == levelCount &- 1
      let isLarge = !isLast && raw & X86Entry.pageSize != 0 && (format != .ia32 || canMapPage(level))
      let shift = shift(level)
      if isReserved(raw, level, shift, isLarge: isLarge) { return x86Fault(.reservedBits, address, access, level) }
      // The four pointers of PAE say nothing of rights.
      if format != .pae || level > 0 {
        all &= raw
        any |= raw
      }
      if isLast || isLarge {
        let base = X86Entry.physical(raw, format: format, shift: shift)
        return x86Page(
          address, access, raw, level, shift, all: all, any: any,
          physical: base | address & ((1 &<< shift) &- 1))
      }
      let next = X86Entry.physical(raw, format: format, shift: 12)
      guard let found = source.table(table, index, next) else {
        return fault(
          .tableUnknown, address, access, level: level &+ 1, exception: .none, code: 0, references: level &+ 1)
      }
      table = found
      level &+= 1
    }
  }

  @inline(__always)
  private func isReserved(_ raw: UInt64, _ level: Int, _ shift: UInt64, isLarge: Bool) -> Bool {
    if format == .ia32 { return isLarge && raw & reservedBits != 0 }
    if raw & reservedBits != 0 { return true }
    if format == .pae, level == 0 { return raw & (X86Entry.noExecute | 0x1E6) != 0 }
    return isLarge && (!canMapPage(level) || raw & ((1 &<< shift) &- 1) & ~0x1FFF != 0)
  }

  @inline(__always)
  func x86Page(
    _ address: UInt64, _ access: MemoryAccess, _ raw: UInt64, _ level: Int, _ shift: UInt64, all: UInt64, any: UInt64,
    physical: UInt64
  ) -> TranslationOutcome {
    let rights = x86Rights(all: all, any: any, key: raw &>> X86Entry.keyShift & 0xF)
    if !rights.allow(access) {
      return x86Fault(
        x86Reason(access, all: all, any: any, key: raw >> X86Entry.keyShift & 0xF), address, access, level)
    }
    let isDirty = raw & X86Entry.dirty != 0
    return .page(
      TranslatedPage(
        physicalAddress: physical, entry: raw, rights: rights, level: UInt8(truncatingIfNeeded: level),
        pageShift: UInt8(truncatingIfNeeded: shift), references: UInt8(truncatingIfNeeded: level &+ 1),
        isGlobal: raw & X86Entry.global != 0, isDirty: isDirty,
        needsUpdate: all & X86Entry.accessed == 0 || access.kind == .write && !isDirty))
  }

  /// Rights are what all entries agree on; the control bits add and take.
  @inline(__always)
  private func x86Rights(all: UInt64, any: UInt64, key: UInt64) -> AccessRights {
    let writes = all & X86Entry.writable != 0
    let executes = !hasNoExecute || any & X86Entry.noExecute == 0
    var rights: UInt8 = 8
    if all & X86Entry.user != 0 {
      rights |= 1 | (writes ? 2 : 0) | (executes ? 4 : 0)
      if preventsKernelAccess { rights &= ~8 }
      if executes, !preventsKernelExecution { rights |= 32 }
      if writes || !writeProtects, !preventsKernelAccess { rights |= 16 }
      if protectionKeys != 0 {
        let key = protectionKeys &>> (2 &* key) & 3
        if key & 1 != 0 { rights &= ~(1 | 2 | 8 | 16) }
        if key & 2 != 0 { rights &= writeProtects ? ~(2 | 16) : ~2 }
      }
    } else {
      if writes || !writeProtects { rights |= 16 }
      if executes { rights |= 32 }
    }
    return AccessRights(rawValue: rights)
  }

  /// Why the rights don't allow an access.
  private func x86Reason(_ access: MemoryAccess, all: UInt64, any: UInt64, key: UInt64) -> TranslationFault.Reason {
    let isUserPage = all & X86Entry.user != 0
    if access.isUser, !isUserPage { return .kernelPage }
    if access.kind == .execute {
      return hasNoExecute && any & X86Entry.noExecute != 0 ? .notExecutable : .userPage
    }
    if !access.isUser, isUserPage, preventsKernelAccess { return .userPage }
    if access.kind == .write, all & X86Entry.writable == 0, access.isUser || writeProtects { return .notWritable }
    return .protectionKey
  }

  @inline(never)
  private func x86Fault(
    _ reason: TranslationFault.Reason, _ address: UInt64, _ access: MemoryAccess, _ level: Int
  ) -> TranslationOutcome {
    var code: PageFaultErrorCode = []
    if reason != .notPresent { code.insert(.protection) }
    if access.kind == .write { code.insert(.write) }
    if access.isUser { code.insert(.user) }
    if reason == .reservedBits { code.insert(.reserved) }
    if access.kind == .execute, hasNoExecute || preventsKernelExecution { code.insert(.instruction) }
    if reason == .protectionKey { code.insert(.protectionKey) }
    return fault(
      reason, address, access, level: level, exception: .pageFault, code: code.rawValue, references: level + 1)
  }
}
