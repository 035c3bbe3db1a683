import KernelTypes
import MemoryModels

/// Compaction, which moves pages without allocating them.
extension PagePrediction {
  /// Compaction took free blocks as targets: the model takes the same, which no event of theirs says.
  mutating func replayIsolation(_ event: PageEvent) {
    let limit = UInt64(1) << 36
    guard event.value <= limit, event.frame < event.value else { return }
    let pages = Int(event.gfp)
    let taken = machine.isolate(PageFrame(event.frame)..<PageFrame(event.value), pages: pages)
    if event.marks.contains(.isInside) {
      pressure.isolatedPages.checked += UInt64(pages)
      pressure.isolatedPages.matched += UInt64(min(taken, pages))
    }
  }

  /// The numbers of `enum compact_result`. Follows include/linux/compaction.h, Linux 4.9 to 6.12.
  private enum Result {
    static var notSuitable: UInt64 { 0 }
    static var skipped: UInt64 { 1 }
    static var noSuitablePage: UInt64 { 3 }
    static var goesOn: UInt64 { 4 }
    static var success: UInt64 { 8 }
  }

  private func zone(_ event: PageEvent) -> Int? {
    Zone.Kind(rawValue: Int(event.fallbackOrder)).flatMap { machine.zoneIndex(node: Int(event.gfp), kind: $0) }
  }

  /// A zone was looked at for compaction: the model looks, too. Follows `compaction_suitable`, Linux 6.1.
  mutating func replaySuitability(_ event: PageEvent) {
    guard let zone = zone(event), event.frame <= Result.success else { return }
    // Without an order all of memory is compacted.
    if Int(event.order) > policy.maximumOrder {
      if event.marks.contains(.isInside) { pressure.suitability.count(event.frame == Result.goesOn) }
      compactionOrder = nil
      return
    }
    compactionOrder = Int(event.order)
    let answer = suitability(zone, order: Int(event.order), isBackground: event.marks.contains(.isBackground))
    guard event.marks.contains(.isInside) else { return }
    if answer == .suitable { counts.compactable &+= 1 }
    switch event.frame {
    case Result.success: pressure.suitability.count(answer == .success)
    case Result.skipped: pressure.suitability.count(answer == .lacksMemory)
    case Result.notSuitable: pressure.suitability.count(answer == .notFragmented)
    default: pressure.suitability.count(answer == .suitable)
    }
  }

  private func suitability(_ zone: Int, order: Int, isBackground: Bool) -> CompactionSuitability {
    // The background thread asks for each zone by itself, others for the zones of a request.
    machine[zone: zone].compactionSuitability(
      order: order, highest: isBackground ? machine[zone: zone].kind : .movable,
      threshold: machine.profile.virtualMemory.fragmentationThreshold)
  }

  mutating func replayCompaction(_ event: PageEvent) {
    guard event.marks.contains(.isInside), let zone = machine.zoneIndex(of: PageFrame(event.frame)) else { return }
    guard let order = compactionOrder else { return pressure.compaction.count(true) }
    pressure.compaction.count(suitability(zone, order: order, isBackground: true) == .suitable)
  }

  /// Compaction looked for a block that will do. Follows `__compact_finished`, Linux 6.1.
  mutating func replayCompactionEnd(_ event: PageEvent) {
    guard event.marks.contains(.isInside), let zone = zone(event), Int(event.order) <= policy.maximumOrder,
      event.frame == Result.success || event.frame == Result.noSuitablePage
    else { return }
    let hasBlock = machine[zone: zone].hasSuitableBlock(order: Int(event.order), type: .unmovable)
    pressure.compactionFinished.count(hasBlock == (event.frame == Result.success))
  }
}
