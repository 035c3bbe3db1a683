/// One entry that a walk read.
public struct WalkStep: Hashable, Sendable {
  /// From 0, the table that the base register names.
  public var level: Int
  public var index: Int
  /// The physical address of the entry.
  public var entryAddress: UInt64
  public var raw: UInt64
}

/// A translation with every entry that was read for it.
public struct TableWalk: Hashable, Sendable {
  public var steps: [WalkStep]
  public var outcome: TranslationOutcome
}

/// Keeps what a walk reads.
struct StepRecorder: WalkObserver {
  var steps: [WalkStep] = []

  mutating func read(level: Int, index: Int, entryAddress: UInt64, raw: UInt64) {
    steps.append(WalkStep(level: level, index: index, entryAddress: entryAddress, raw: raw))
  }
}

extension PageTable {
  @inline(__always)
  private var source: NodeSource {
    NodeSource(root: .init(node: root, offset: 0), isWide: isWide, isPaired: scheme.isPaired)
  }

  /// Translates an address as the processor does, which sets accessed and dirty bits of the entries where it can.
  @inline(__always)
  public func translate(_ address: UInt64, _ access: MemoryAccess) -> TranslationOutcome {
    if walker.format == .x86_64, let node = lastTables.find(address &>> 21) {
      let index = Int(truncatingIfNeeded: address &>> 12 & 511)
      let raw = node.word(at: index &<< 3, isWide: true)
      if raw & (walker.reservedBits | X86Entry.present) == X86Entry.present {
        return translate(address, access, node, index, raw)
      }
    }
    return translateFromRoot(address, access)
  }

  /// By a small page's entry. Those above it allow everything: they are as `makeTables` writes them.
  @inline(__always)
  private func translate(
    _ address: UInt64, _ access: MemoryAccess, _ node: TableNode, _ index: Int, _ raw: UInt64
  ) -> TranslationOutcome {
    let level = walker.levelCount &- 1
    let physical = X86Entry.physical(raw, format: .x86_64, shift: 12) | address & 0xFFF
    let outcome = walker.x86Page(address, access, raw, level, 12, all: raw, any: raw, physical: physical)
    if case .page(let page) = outcome, page.needsUpdate {
      let written = access.kind == .write ? X86Entry.dirty : 0
      node.setWord(at: index &<< 3, raw | X86Entry.accessed | written, isWide: true)
    }
    return outcome
  }

  @inline(never)
  private func translateFromRoot(_ address: UInt64, _ access: MemoryAccess) -> TranslationOutcome {
    var nobody = Unobserved()
    let outcome = walker.walk(source, address, access, &nobody)
    guard case .page(let page) = outcome else { return outcome }
    if page.needsUpdate { markUsed(address, access) }
    if walker.format == .x86_64, Int(page.level) == walker.levelCount - 1 {
      lastTables.add(address &>> 21, deepest(address).node, tables: tablePages[Int(page.level)])
    }
    return outcome
  }

  /// Translates an address and shows every entry that was read; nothing is changed.
  public func walk(_ address: UInt64, _ access: MemoryAccess) -> TableWalk {
    var recorder = StepRecorder()
    let outcome = walker.walk(source, address, access, &recorder)
    return TableWalk(steps: recorder.steps, outcome: outcome)
  }

  /// Sets the accessed bits of all entries on the way, and the dirty bit of the last for a write.
  @inline(never)
  private func markUsed(_ address: UInt64, _ access: MemoryAccess) {
    var node = root
    for level in 0..<scheme.levelCount {
      let index = index(address, level)
      let child = level < scheme.levelCount - 1 ? node.child(link(index)) : nil
      let raw = entry(node, level, index)
      let isLeaf = child == nil
      var updated = raw
      switch scheme.format {
      case .ia32, .x86_64: updated |= X86Entry.accessed
      case .pae: if level > 0 { updated |= X86Entry.accessed }
      case .arm64: if isLeaf, walker.setsAccessFlag { updated |= ARM64Entry.accessed }
      case .armShort: break
      }
      if isLeaf, access.kind == .write {
        switch scheme.format {
        case .ia32, .pae, .x86_64: updated |= X86Entry.dirty
        case .arm64: if raw & ARM64Entry.dirtyModifier != 0 { updated &= ~ARM64Entry.readOnly }
        case .armShort: break
        }
      }
      if updated != raw { setEntry(node, level, index, updated) }
      guard let child else { return }
      node = child
    }
  }

  /// What is wrong with the books; nothing, if all is well.
  public func checkInvariants() -> [String] {
    var problems: [String] = []
    var counts = Array(repeating: 0, count: scheme.levelCount)
    if !isReleased { check(root, 0, &counts, &problems) }
    if counts != tablePages { problems.append("table pages \(tablePages), counted \(counts)") }
    return problems
  }

  private func check(_ node: TableNode, _ level: Int, _ counts: inout [Int], _ problems: inout [String]) {
    let header = node.header.pointee
    counts[level] += 1 << header.order
    if header.level != level { problems.append("a table of level \(header.level) on level \(level)") }
    var used = 0
    for index in 0..<entryCount(level) {
      let child = level < scheme.levelCount - 1 ? node.child(link(index)) : nil
      if let child {
        let raw = entry(node, level, index)
        let isSecond = scheme.isPaired && index & 1 == 1
        let expected = child.header.pointee.address + (scheme.isPaired ? (isSecond ? 3072 : 2048) : 0)
        let named = raw & 0x0000_FFFF_FFFF_FC00 & (scheme.isPaired ? ~0 : ~(scheme.pageBytes - 1))
        if named != expected { problems.append("an entry of level \(level) names 0x\(String(named, radix: 16))") }
        if isSecond { continue }
        used += 1
        check(child, level + 1, &counts, &problems)
      } else if software(node, level, index) != 0 {
        used += 1
      }
    }
    if used != header.used { problems.append("level \(level): \(header.used) entries in use, counted \(used)") }
  }
}
