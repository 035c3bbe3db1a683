import KernelTypes
import MemoryModels
import TraceEvents

/// Migrate types: whose lists free blocks are on, and which pageblocks hold pages of several types.
extension FragmentationReplay {
  static let mixerLimit = 65_536

  /// A fallback: memory of one type was given to another, with the pageblock or without it.
  ///
  /// Follows `steal_suitable_fallback` and `can_steal_fallback` in mm/page_alloc.c, Linux 6.1, and
  /// `__rmqueue_claim` and `__rmqueue_steal`, 6.12.
  mutating func fallBack(_ batch: borrowing EventBatch, _ row: Int, _ isInside: Bool) {
    let frame = batch.address[row]
    let wanted = batch.migrateType[row]
    let from = UInt8(truncatingIfNeeded: min(batch.allocatedBytes[row], UInt64(PageblockContents.unknownType)))
    let found = Int(min(batch.requestedBytes[row], 31))
    let owns = batch.flags[row].contains(.changeOwnership)
    guard map.span(of: frame) != nil, wanted < PageblockContents.typeCount else { return }
    let number = frame >> UInt64(policy.pageblockOrder)
    let size = Order.pages(policy.pageblockOrder)
    if contents.owner(number) == PageblockContents.unknownType, from < 6 { contents.setOwner(number, from) }
    contents.noteFallback(number)
    if policy.fallbackRule == .claimThenSteal {
      // A block claimed whole, or stolen alone, leaves without an event of its own.
      let order = Int(batch.order[row])
      if map.isFree(frame), map.remove(frame, order: order, type: owns ? wanted : nil) >= 0 {
        outcome.takenByFallback &+= 1
      }
    } else if found >= policy.pageblockOrder || !isClaiming(found, wanted) {
      map.setType(of: frame, wanted)
    }
    if found >= policy.pageblockOrder {
      if owns {
        for block in 0..<Order.pages(min(found - policy.pageblockOrder, 4)) {
          contents.setOwner(number + block, wanted)
        }
      }
    } else if policy.fallbackRule == .claimThenSteal ? owns : isClaiming(found, wanted) {
      map.setTypes(in: number * size..<(number + 1) * size, wanted)
      if owns { contents.setOwner(number, wanted) }
    }
    noteTurns(batch, row, isInside, isSettled: false)
  }

  /// Whether a fallback to a block of an order takes the pageblock's other free blocks along.
  @inline(__always)
  private func isClaiming(_ order: Int, _ wanted: UInt8) -> Bool {
    if order >= policy.pageblockOrder / 2 { return true }
    let type = MigrateType(number: Int(wanted), numbering: policy.numbering)
    switch policy.fallbackRule {
    case .withReserve: return type == .reclaimable
    default: return type == .reclaimable || type == .unmovable
    }
  }

  /// Deals with pageblocks that became mixed or are no longer; the request of a fallback is known only later.
  @inline(__always)
  mutating func noteTurns(_ batch: borrowing EventBatch, _ row: Int, _ isInside: Bool, isSettled: Bool) {
    if !contents.turns.isEmpty { noteTurnsSlowly(batch, row, isInside, isSettled) }
  }

  @inline(never)
  private mutating func noteTurnsSlowly(
    _ batch: borrowing EventBatch, _ row: Int, _ isInside: Bool, _ isSettled: Bool
  ) {
    for turn in contents.turns {
      guard let span = span(ofBlock: turn.block) else { continue }
      let owner = min(Int(turn.owner), PageblockContents.typeCount)
      if !turn.isMixed {
        if mixedBlocks[span][owner] > 0 { mixedBlocks[span][owner] -= 1 }
        continue
      }
      mixedBlocks[span][owner] += 1
      if !isInside { continue }
      outcome.becameMixed &+= 1
      let key = FragmentationOutcome.Mixer.Key(
        comm: batch.comm[row], wanted: batch.migrateType[row], owner: turn.owner,
        isFallback: contents.block(turn.block)?.sawFallback ?? false, gfp: isSettled ? batch.gfp[row] : .none,
        stack: isSettled ? batch.stack[row] : .none)
      let pending = PendingMix(block: turn.block, time: elapsed(batch.time[row]), key: key)
      if isSettled {
        blame(pending)
      } else {
        let cpu = Int(batch.cpu[row])
        while pendingMixes.count <= cpu { pendingMixes.append([]) }
        if pendingMixes[cpu].count > 64 { settleMixes(cpu, gfp: .none, stack: .none) }
        pendingMixes[cpu].append(pending)
      }
    }
    contents.removeTurns()
  }

  /// The request that a fallback was for is known: `mm_page_alloc` comes after the buddy's events.
  mutating func settleMixes(_ cpu: Int, gfp: StringID, stack: StackID) {
    for var pending in pendingMixes[cpu] {
      pending.key.gfp = gfp
      pending.key.stack = stack
      blame(pending)
    }
    pendingMixes[cpu].removeAll(keepingCapacity: true)
  }

  private mutating func blame(_ pending: PendingMix) {
    if mixers.count >= Self.mixerLimit, mixers[pending.key] == nil { return }
    let count = mixers[pending.key, default: MixCount(first: pending.time)].count
    mixers[pending.key, default: MixCount(first: pending.time)].count = count + 1
    mixedBy[pending.block] = pending.key
  }

  private func span(ofBlock number: UInt64) -> Int? {
    let size = Order.pages(policy.pageblockOrder)
    return map.span(of: number * size) ?? map.span(of: number * size + size - 1)
  }

  // MARK: - At the end

  mutating func finishTypes() {
    for cpu in pendingMixes.indices { settleMixes(cpu, gfp: .none, stack: .none) }
    var groups: [[FragmentationOutcome.MixedGroup]] = map.spans.map { _ in [] }
    var still: [FragmentationOutcome.Mixer.Key: UInt64] = [:]
    contents.forEachBlock { number, block in
      guard block.isMixed, let span = span(ofBlock: number) else { return }
      if let key = mixedBy[number] { still[key, default: 0] += 1 }
      var used = Array(repeating: UInt64(0), count: PageblockContents.typeCount)
      for type in used.indices { used[type] = UInt64(block[type]) }
      if let index = groups[span].firstIndex(where: { $0.owner == block.owner }) {
        groups[span][index].pageblocks += 1
        for type in used.indices { groups[span][index].usedPages[type] += used[type] }
      } else {
        groups[span].append(.init(span: span, owner: block.owner, pageblocks: 1, usedPages: used))
      }
    }
    outcome.mixed = groups.flatMap { $0.sorted { ($1.pageblocks, $0.owner) < ($0.pageblocks, $1.owner) } }
    outcome.stillMixed = still.values.reduce(0, +)
    outcome.mixers = namedMixers(still)
    outcome.freeBlocksByType = freeBlocksByType()
  }

  private func namedMixers(_ still: [FragmentationOutcome.Mixer.Key: UInt64]) -> [FragmentationOutcome.Mixer] {
    var merged: [FragmentationOutcome.Mixer: FragmentationOutcome.Mixer] = [:]
    for (key, count) in mixers {
      let name = FragmentationOutcome.Mixer(
        task: strings.string(key.comm), wanted: key.wanted, owner: key.owner, isFallback: key.isFallback,
        flags: strings.string(key.gfp), caller: caller(key.stack))
      var mixer = merged[name] ?? name
      mixer.firstNanoseconds = mixer.count == 0 ? count.first : min(mixer.firstNanoseconds, count.first)
      mixer.count += count.count
      mixer.stillMixed += still[key] ?? 0
      merged[name] = mixer
    }
    return merged.values.sorted {
      ($1.count, $0.firstNanoseconds, $0.task, $0.flags, $0.caller) < (
        $0.count, $1.firstNanoseconds, $1.task, $1.flags, $1.caller
      )
    }
  }

  private func freeBlocksByType() -> [[[UInt64]]] {
    let types = Int(FreeBlockMap.unknownType) + 1
    var counts = map.spans.map { _ in
      Array(repeating: Array(repeating: UInt64(0), count: map.maximumOrder + 1), count: types)
    }
    map.forEachTypedBlock { frame, order, type in
      guard let span = map.span(of: frame) else { return }
      // What was freed straight to the buddy is on the list of its pageblock's type.
      let known = type < 6 ? type : contents.owner(frame >> UInt64(policy.pageblockOrder))
      counts[span][Int(min(known, FreeBlockMap.unknownType))][order] += 1
    }
    return counts
  }
}

/// A pageblock that became mixed for a request that is not known yet.
struct PendingMix {
  var block: UInt64
  /// Nanoseconds since the first event.
  var time: UInt64
  var key: FragmentationOutcome.Mixer.Key
}

/// How often something mixed pageblocks.
struct MixCount {
  var first: UInt64
  var count: UInt64 = 0
}
