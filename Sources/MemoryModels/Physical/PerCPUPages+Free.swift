import KernelTypes

extension PerCPUPages {
  /// Whether the zone is short of memory, as far as the lists care.
  struct Pressure {
    var isReclaiming = false
    var isBelowHigh = false
  }

  /// Puts a block at the head of a CPU's list and gives some back when there are too many; true when it did.
  /// Follows `free_unref_page_commit` in mm/page_alloc.c, Linux 6.1.
  @inline(__always)
  mutating func free(
    _ index: Int, order: Int, type: MigrateType, cpu: Int, pressure: Pressure, buddy: inout BuddyAllocator
  ) -> Bool {
    let list = list(order: order, type: type)
    buddy.frames.insert(
      index, into: &lists[cpu &* listCount &+ list], place: .perCPU, order: order, type: type, cpu: cpu, atTail: false)
    states[cpu].count &+= 1 << order
    switch freeRule {
    case .oneBatch:
      if states[cpu].count < limits.high { return false }
      giveBack(limits.batch, cpu: cpu, from: list, buddy: &buddy)
    case .doubling:
      let empties = policy.perCPUFreesHighOrders && order > 0 && order <= maximumOrder && states[cpu].freeFactor > 0
      var high = limits.high
      if pressure.isReclaiming { high = min(4 * limits.batch, high) }
      if !empties, states[cpu].count < high { return false }
      let pages = empties ? states[cpu].count : doubledAmount(high: high, cpu: cpu)
      giveBack(pages, cpu: cpu, from: list, buddy: &buddy)
    case .recentFrees:
      return freeTuned(order: order, list: list, cpu: cpu, pressure: pressure, buddy: &buddy)
    }
    return true
  }

  /// Follows `nr_pcp_free` in mm/page_alloc.c, Linux 6.1.
  private mutating func doubledAmount(high: Int, cpu: Int) -> Int {
    if high < limits.batch { return 1 }
    let most = high - limits.batch
    let doubled = limits.batch << states[cpu].freeFactor
    if doubled < most, states[cpu].freeFactor < scaleLimit { states[cpu].freeFactor += 1 }
    return min(max(doubled, limits.batch), most)
  }

  /// Follows `free_unref_page_commit`, `nr_pcp_high` and `nr_pcp_free` in mm/page_alloc.c, Linux 6.12.
  private mutating func freeTuned(
    order: Int, list: Int, cpu: Int, pressure: Pressure, buddy: inout BuddyAllocator
  ) -> Bool {
    let batch = limits.batch
    let most = batch << scaleLimit
    states[cpu].allocationFactor >>= 1
    let isHighOrder = order > 0 && order <= maximumOrder
    let empties =
      isHighOrder && states[cpu].freeCount >= batch && states[cpu].freedHighOrderLast
      && (!policy.perCPUKeepsBatchOfHighOrders || states[cpu].count >= batch)
    states[cpu].freedHighOrderLast = isHighOrder
    if states[cpu].freeCount < most { states[cpu].freeCount += 1 << order }
    let high = tunedHigh(empties: empties, cpu: cpu, pressure: pressure)
    let count = states[cpu].count
    if count < high { return false }
    let pages: Int =
      if empties {
        min(count, most)
      } else if high < batch {
        1
      } else {
        min(max(states[cpu].freeCount, batch), max(high - batch, batch))
      }
    giveBack(pages, cpu: cpu, from: list, buddy: &buddy)
    return true
  }

  /// The count at which pages are given back this time; adjusts it for the next. Follows `nr_pcp_high`, Linux 6.12.
  private mutating func tunedHigh(empties: Bool, cpu: Int, pressure: Pressure) -> Int {
    let batch = limits.batch
    let high = min(max(states[cpu].high, limits.high), limits.highMaximum)
    states[cpu].high = high
    if high == 0 { return 0 }
    if empties {
      states[cpu].high = max(high - batch << scaleLimit, limits.high)
      return 0
    }
    let recent = max(states[cpu].freeCount, batch)
    if pressure.isReclaiming {
      states[cpu].high = max(high - recent, limits.high)
      return min(4 * batch, states[cpu].high)
    }
    if limits.high == limits.highMaximum { return high }
    if pressure.isBelowHigh {
      states[cpu].high = max(high - recent, limits.high)
      return max(states[cpu].count, limits.high)
    }
    if states[cpu].count >= high, high < states[cpu].freeCount + batch {
      states[cpu].high = min(max(states[cpu].freeCount + batch, limits.high), limits.highMaximum)
    }
    return high
  }

  // MARK: - Giving back

  /// Moves pages from the ends of a CPU's lists to the buddy allocator.
  /// Follows `free_pcppages_bulk` in mm/page_alloc.c, Linux 6.1 (5.15 for the policy of turns).
  @inline(never)
  mutating func giveBack(_ pages: Int, cpu: Int, from list: Int, buddy: inout BuddyAllocator) {
    var remaining = min(pages, states[cpu].count)
    switch policy.perCPUDrainOrder {
    case .lastFreedList:
      var list = list
      while remaining > 0 {
        while remaining > 0, lists[cpu * listCount + list].tail >= 0 {
          remaining -= giveBackLast(list, cpu: cpu, buddy: &buddy)
        }
        list = list + 1 == listCount ? 0 : list + 1
      }
    case .roundRobin:
      var list = 0
      var share = 0
      while remaining > 0 {
        repeat {
          share += 1
          list = list + 1 == listCount ? 0 : list + 1
        } while lists[cpu * listCount + list].tail < 0
        // Every other list was empty: nothing to be fair to.
        if share == listCount { share = remaining }
        repeat {
          remaining -= giveBackLast(list, cpu: cpu, buddy: &buddy)
          if remaining <= 0 { break }
          share -= 1
        } while share > 0 && lists[cpu * listCount + list].tail >= 0
      }
    }
  }

  private mutating func giveBackLast(_ list: Int, cpu: Int, buddy: inout BuddyAllocator) -> Int {
    let slot = cpu * listCount + list
    let index = Int(lists[slot].tail)
    let order = order(list: list)
    var type = buddy.frames.record(index).pointee.type
    if buddy.isolatedPageblocks > 0 || freeRule == .recentFrees { type = buddy.pageblockType(index) }
    buddy.frames.remove(index, from: &lists[slot])
    states[cpu].count -= 1 << order
    buddy.free(index, order: order, type: type)
    buddy.note(.drained, index, order: order, type: type)
    return 1 << order
  }

  /// Empties a CPU's lists. Follows `drain_pages_zone` in mm/page_alloc.c, Linux 6.1.
  mutating func drain(cpu: Int, buddy: inout BuddyAllocator) {
    while states[cpu].count > 0 {
      let pages =
        policy.perCPUDrainOrder == .lastFreedList ? limits.batch << scaleLimit : states[cpu].count
      giveBack(pages, cpu: cpu, from: 0, buddy: &buddy)
    }
  }

  /// Takes a block off whatever list it is on.
  mutating func remove(_ index: Int, buddy: inout BuddyAllocator) {
    let entry = buddy.frames.record(index).pointee
    let slot = Int(entry.cpu) * listCount + list(order: Int(entry.order), type: entry.type)
    buddy.frames.remove(index, from: &lists[slot])
    states[Int(entry.cpu)].count -= 1 << Int(entry.order)
  }

  /// Puts a block at the end of a CPU's list, as a snapshot found it.
  mutating func append(_ index: Int, order: Int, type: MigrateType, cpu: Int, buddy: inout BuddyAllocator) {
    let slot = cpu * listCount + list(order: order, type: type)
    buddy.frames.insert(
      index, into: &lists[slot], place: .perCPU, order: order, type: type, cpu: cpu, atTail: true)
    states[cpu].count += 1 << order
  }

  /// Puts a block back at the head of a CPU's list.
  mutating func prepend(_ index: Int, order: Int, type: MigrateType, cpu: Int, buddy: inout BuddyAllocator) {
    let slot = cpu * listCount + list(order: order, type: type)
    buddy.frames.insert(
      index, into: &lists[slot], place: .perCPU, order: order, type: type, cpu: cpu, atTail: false)
    states[cpu].count += 1 << order
  }
}
