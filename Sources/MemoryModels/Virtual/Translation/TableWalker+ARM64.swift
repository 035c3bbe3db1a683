extension TableWalker {
  /// Follows the Armv8-A architecture reference manual, D5.2 to D5.4: stage 1 of EL1 and EL0.
  @inline(__always)
  func walkARM64<Source: TableSource, Observer: WalkObserver>(
    _ source: Source, _ address: UInt64, _ access: MemoryAccess, _ observer: inout Observer
  ) -> TranslationOutcome {
    let upper = (half == .high ? ~address : address) &>> UInt64(truncatingIfNeeded: virtualAddressBits)
    if upper != 0 {
      return arm64Fault(.notCanonical, address, access, ARM64FaultStatus.translation, level: 0, references: 0)
    }
    // Levels count from the one that a full-size address would begin with.
    let firstLevel = 4 &- levelCount
    var table = source.root
    var restrictions: UInt64 = 0
    var level = 0
    while true {
      let index = index(address, level)
      guard let raw = source.entry(table, index) else {
        return fault(.tableUnknown, address, access, level: level, exception: .none, code: 0, references: level)
      }
      observer.read(
        level: level, index: index, entryAddress: source.address(of: table) &+ UInt64(truncatingIfNeeded: index) &* 8,
        raw: raw)
      let isLast = level == levelCount &- 1
      let kind = raw & 3
      let isPage = isLast ? kind == 3 : kind == 1 && canMapPage(level)
      if !isPage {
        if isLast || kind != 3 {
          return arm64Fault(
            .notPresent, address, access, ARM64FaultStatus.translation, level: firstLevel &+ level,
            references: level &+ 1)
        }
        restrictions |= raw
        let next = ARM64Entry.physical(raw, shift: UInt64(truncatingIfNeeded: pageShift))
        guard let found = source.table(table, index, next) else {
          return fault(
            .tableUnknown, address, access, level: level &+ 1, exception: .none, code: 0, references: level &+ 1)
        }
        table = found
        level &+= 1
        continue
      }
      if raw & ARM64Entry.accessed == 0, !setsAccessFlag {
        return arm64Fault(
          .accessFlag, address, access, ARM64FaultStatus.accessFlag, level: firstLevel &+ level,
          references: level &+ 1)
      }
      let rights = arm64Rights(raw, restrictions)
      if !rights.allow(access) {
        return arm64Fault(
          reason(rights, access), address, access, ARM64FaultStatus.permission, level: firstLevel &+ level,
          references: level &+ 1)
      }
      let shift = shift(level)
      let isDirty = raw & ARM64Entry.readOnly == 0
      let spread = raw & ARM64Entry.contiguous != 0 ? contiguousShift(level) : 0
      return .page(
        TranslatedPage(
          physicalAddress: ARM64Entry.physical(raw, shift: shift) | address & ((1 &<< shift) &- 1), entry: raw,
          rights: rights, level: UInt8(truncatingIfNeeded: level),
          pageShift: UInt8(truncatingIfNeeded: shift &+ spread), references: UInt8(truncatingIfNeeded: level &+ 1),
          isGlobal: raw & ARM64Entry.notGlobal == 0, isDirty: isDirty,
          needsUpdate: raw & ARM64Entry.accessed == 0 || access.kind == .write && !isDirty))
    }
  }

  /// log₂ of the entries that a page with the contiguous bit is spread over.
  @inline(__always)
  private func contiguousShift(_ level: Int) -> UInt64 {
    switch (pageShift, levelCount &- level) {
    case (12, 1...2): 4
    case (14, 1): 7
    case (14, 2), (16, 1...2): 5
    default: 0
    }
  }

  @inline(__always)
  private func arm64Rights(_ raw: UInt64, _ restrictions: UInt64) -> AccessRights {
    // Tables take rights away: APTable in bits 61 and 62, UXNTable and PXNTable.
    let isReadOnly =
      (raw & ARM64Entry.readOnly != 0 && !(setsDirtyState && raw & ARM64Entry.dirtyModifier != 0))
      || restrictions &>> 62 & 1 != 0
    let isUser = raw & ARM64Entry.user != 0 && restrictions &>> 61 & 1 == 0
    let userExecutes = raw & ARM64Entry.userNoExecute == 0 && restrictions & ARM64Entry.userNoExecuteTable == 0
    // What user mode can write, the kernel can't execute.
    let kernelExecutes =
      raw & ARM64Entry.privilegedNoExecute == 0 && restrictions & ARM64Entry.privilegedNoExecuteTable == 0
      && !(isUser && !isReadOnly)
    var rights: UInt8 = 0
    if isUser { rights |= isReadOnly ? 1 : 1 | 2 }
    if userExecutes { rights |= 4 }
    if !(preventsKernelAccess && isUser) { rights |= isReadOnly ? 8 : 8 | 16 }
    if kernelExecutes { rights |= 32 }
    return AccessRights(rawValue: rights)
  }

  @inline(never)
  private func arm64Fault(
    _ reason: TranslationFault.Reason, _ address: UInt64, _ access: MemoryAccess, _ code: UInt32, level: Int,
    references: Int
  ) -> TranslationOutcome {
    let isFetch = access.kind == .execute
    let status = ARM64FaultStatus(code: code, level: level, isWrite: access.kind == .write)
    return fault(
      reason, address, access, level: max(level - (4 - levelCount), 0),
      exception: isFetch ? .prefetchAbort : .dataAbort, code: status.rawValue, references: references)
  }
}
