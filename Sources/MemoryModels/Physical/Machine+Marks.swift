public import KernelTypes

/// Questions about the marks that change nothing.
extension Machine {
  /// Whether no zone is far enough above a mark to serve a request, with the reserves its flags give access to below
  /// the low mark. Follows the checks of `get_page_from_freelist` in mm/page_alloc.c, Linux 6.1.
  public func isShort(
    _ mark: Zone.Mark, order: Int, migrateType: MigrateType = .unmovable, flags: GFPFlags, cpu: Int
  ) -> Bool {
    let conditions = markConditions(mark, order: order, migrateType: migrateType, flags: flags)
    let highest = Self.highestKind(flags)
    let list = zoneLists.list(cpu: cpu, isLocalOnly: flags.contains(.thisNode))
    for place in 0..<list.count {
      let index = Int(list.zones[place])
      if zones[index].kind <= highest,
        zones[index].isAboveMark(mark, order: order, highest: highest, flags: conditions)
      {
        return false
      }
    }
    return true
  }

  /// How many pages the zone that is best off lies above a mark, for a request; negative if all lie below.
  public func margin(_ mark: Zone.Mark, order: Int, flags: GFPFlags, cpu: Int) -> Int {
    let highest = Self.highestKind(flags)
    let list = zoneLists.list(cpu: cpu, isLocalOnly: flags.contains(.thisNode))
    var best = Int.min
    for place in 0..<list.count {
      let index = Int(list.zones[place])
      if zones[index].kind > highest { continue }
      let needed = zones[index].pages(at: mark) + zones[index].lowMemoryReserve[highest.rawValue]
      best = max(best, zones[index].countedFreePages - (1 << order - 1) - needed)
    }
    return best
  }

  /// A request shows that the kernel saw a zone above or below a mark: where the model is wrong by no more than what a
  /// CPU's counter may hold back, the counter is put right.
  public mutating func learnCounter(zone index: Int, isAbove: Bool, mark: Zone.Mark, order: Int, flags: GFPFlags) {
    let threshold = zones[index].counterThreshold
    if threshold == 0 { return }
    let needed = zones[index].pages(at: mark) + zones[index].lowMemoryReserve[Self.highestKind(flags).rawValue]
    let margin = zones[index].countedFreePages - (1 << order - 1) - needed
    let held = zones[index].heldBackPages
    if isAbove, margin <= 0, held - 1 + margin >= -threshold {
      zones[index].heldBackPages = held - 1 + margin
    } else if !isAbove, margin > 0, held + margin <= threshold {
      zones[index].heldBackPages = held + margin
    }
  }

  private func markConditions(
    _ mark: Zone.Mark, order: Int, migrateType: MigrateType, flags: GFPFlags
  ) -> PageRequestFlags {
    var conditions = PageRequestFlags(rawValue: 0)
    if case .minimum = mark { conditions = slowConditions(flags, order: order) }
    if profile.pageAllocator.hasContiguous, migrateType == .movable { conditions.insert(.contiguous) }
    return conditions
  }

  /// Whether some zone of a node is above its high mark, so that its reclaiming thread may rest.
  /// Follows `pgdat_balanced` in mm/vmscan.c, Linux 6.1.
  public func isBalanced(node: Int, order: Int, highest: Zone.Kind) -> Bool {
    var hasZone = false
    for index in 0..<zoneCount
    where zones[index].node == node && zones[index].kind <= highest && zones[index].managedPages > 0 {
      hasZone = true
      if zones[index].isAboveMark(.high, order: order, highest: highest, flags: []) { return true }
    }
    return !hasZone
  }

  /// Takes whole free blocks out of a range for compaction, from the lowest, until it has `pages`; returns how many it
  /// got. Follows `isolate_freepages_block` in mm/compaction.c, Linux 6.1.
  public mutating func isolate(_ range: Range<PageFrame>, pages: Int) -> Int {
    guard let zone = zoneIndex(of: range.lowerBound) else { return 0 }
    var taken = 0
    var frame = max(range.lowerBound, zones[zone].start)
    let end = min(range.upperBound, zones[zone].end)
    while frame < end, taken < pages {
      guard let order = zones[zone].freeBlockOrder(at: frame) else {
        frame = frame + 1
        continue
      }
      zones[zone].take(frame, order: order, isMovable: true)
      zones[zone].holdBack(-(1 << order))
      taken += 1 << order
      frame = frame + Order.pages(order)
    }
    return taken
  }
}

extension Zone {
  /// The order of the buddy allocator's free block that begins at a frame; `nil` if there is none.
  public func freeBlockOrder(at frame: PageFrame) -> Int? {
    guard isFree(frame) else { return nil }
    let entry = buddy.frames.record(index(frame)).pointee
    return entry.place == .buddy ? Int(entry.order) : nil
  }
}
