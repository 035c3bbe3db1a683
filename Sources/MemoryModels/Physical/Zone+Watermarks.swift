import KernelTypes

extension Zone {
  /// A mark to check a request against.
  public enum Mark: Sendable {
    case minimum
    case low
    case high
  }

  /// A mark in free pages, with the boost.
  @inline(__always)
  public func pages(at mark: Mark) -> Int {
    switch mark {
    case .minimum: watermarks.minimum &+ watermarkBoost
    case .low: watermarks.low &+ watermarkBoost
    case .high: watermarks.high &+ watermarkBoost
    }
  }

  /// Whether a request leaves the zone above a mark and can be had at all.
  ///
  /// `highest` is the kind of the highest zone the request may use. Follows `__zone_watermark_ok` in
  /// mm/page_alloc.c, Linux 6.1 and, where marks are halved by order, 3.5.
  @inline(__always)
  public func isAboveMark(_ mark: Mark, order: Int, highest: Kind, flags: PageRequestFlags) -> Bool {
    if order == 0, buddy.reservedHighAtomicPages | buddy.freeContiguousPages == 0 {
      if buddy.freePages &- buddy.heldBackPages > pages(at: mark) &+ lowMemoryReserve[highest.rawValue] { return true }
      if !flags.contains(.minimumReserve) { return false }
    }
    return isAboveMarkPrecisely(mark, order: order, highest: highest, flags: flags)
  }

  @inline(never)
  private func isAboveMarkPrecisely(_ mark: Mark, order: Int, highest: Kind, flags: PageRequestFlags) -> Bool {
    var free = buddy.freePages - buddy.heldBackPages - (1 << order - 1)
    if flags.isDisjoint(with: [.nonBlocking, .minimumReserve, .highAtomic]) { free -= reservedHighAtomicUnusable }
    if !flags.contains(.contiguous) { free -= buddy.freeContiguousPages }
    if isAbove(pages(at: mark), free: free, order: order, highest: highest, flags: flags) { return true }
    // An atomic request for one page is not held up by the boost.
    guard order == 0, watermarkBoost > 0, case .minimum = mark,
      flags.isSuperset(of: [.minimumReserve, .nonBlocking])
    else { return false }
    return isAbove(watermarks.minimum, free: free, order: order, highest: highest, flags: flags)
  }

  /// Pages kept for atomic requests that others can't have.
  var reservedHighAtomicUnusable: Int {
    guard policy.fallbackRule == .claimThenSteal else { return buddy.reservedHighAtomicPages }
    var free = 0
    for order in 0...buddy.maximumOrder { free += buddy.freeBlocks(order: order, type: .highAtomic) << order }
    return free
  }

  private func isAbove(_ mark: Int, free: Int, order: Int, highest: Kind, flags: PageRequestFlags) -> Bool {
    var minimum = mark
    if flags.contains(.minimumReserve) {
      minimum -= minimum / 2
      if flags.contains(.nonBlocking) { minimum -= minimum / 4 }
    }
    if free <= minimum + lowMemoryReserve[highest.rawValue] { return false }
    if order == 0 { return true }
    if policy.halvesMarkByOrder {
      var free = free
      for smaller in 0..<order {
        free -= buddy.freeBlocks(order: smaller) << smaller
        minimum /= 2
        if free <= minimum { return false }
      }
      return true
    }
    var orders: UInt32 = 0
    for type in 0..<MigrateType.highAtomic.rawValue { orders |= buddy.available[Int(type)] }
    if flags.contains(.contiguous) { orders |= buddy.available[Int(MigrateType.contiguous.rawValue)] }
    if flags.contains(.highAtomic) { orders |= buddy.available[Int(MigrateType.highAtomic.rawValue)] }
    return orders >> UInt32(order) != 0
  }

  /// Raises the boost by a pageblock for each fallback that asked for it.
  /// Follows `boost_watermark` in mm/page_alloc.c, Linux 6.1.
  @inline(never)
  mutating func applyBoost() {
    let pages = 1 << buddy.pageblockOrder
    let requests = buddy.boostRequests
    buddy.boostRequests = 0
    if policy.watermarkBoostFactor == 0 || 4 * pages > managedPages { return }
    let most = watermarks.high * policy.watermarkBoostFactor / 10_000
    if most == 0 { return }
    watermarkBoost = min(watermarkBoost + requests * pages, max(pages, most))
    wasBoosted = true
  }

  /// Takes back what a reclaiming pass was boosted by. Follows the end of `balance_pgdat` in mm/vmscan.c, Linux 6.1.
  public mutating func lowerBoost(by pages: Int) { watermarkBoost -= min(watermarkBoost, pages) }
}
