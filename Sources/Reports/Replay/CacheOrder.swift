public import Analysis
import KernelTypes
import Replay

/// Which caches come first in the report of a replay.
public enum CacheOrder: String, CaseIterable, Sendable {
  case pages
  case slabs
  /// By objects live at the end.
  case live
  case objectWaste = "object-waste"
  case freeSlots = "free-slots"
  /// By addresses that the model got wrong.
  case misses
  case name

  /// What stands in a heading: `most pages first`.
  var words: String {
    switch self {
    case .pages: "most pages first"
    case .slabs: "most slabs first"
    case .live: "most live objects first"
    case .objectWaste: "most object waste first"
    case .freeSlots: "most bytes in free slots first"
    case .misses: "most wrong addresses first"
    case .name: "by name"
    }
  }

  private func value(_ cache: ReplayOutcome.Cache) -> Int64 {
    switch self {
    case .pages, .name: Int64(clamping: cache.slabPages)
    case .slabs: Int64(cache.slabs)
    case .live: Int64(clamping: cache.live.objects)
    case .objectWaste: cache.live.wastedBytes
    case .freeSlots: Int64(clamping: cache.freeSlotBytes)
    case .misses:
      cache.grades.map { Int64(clamping: $0.objectAddress.checked) - Int64(clamping: $0.objectAddress.matched) } ?? 0
    }
  }

  /// The caches in this order; ties by name.
  func sorted(_ caches: [ReplayOutcome.Cache]) -> [ReplayOutcome.Cache] {
    switch self {
    // As replays give them.
    case .pages: caches
    case .name: caches.sorted { $0.name < $1.name }
    case .slabs, .live, .objectWaste, .freeSlots, .misses:
      caches.sorted { (value($1), $0.name) < (value($0), $1.name) }
    }
  }
}

/// Which allocators come first in a comparison.
public enum AllocatorOrder: String, CaseIterable, Sendable {
  /// As the user named them.
  case given
  /// Those that hold least beyond what was requested first.
  case waste
  /// Those with the fewest slab pages at their peak first.
  case peak

  /// The allocators in this order; ties as they were given.
  public func sorted(_ allocators: [ReplayFindings]) -> [ReplayFindings] {
    func value(_ findings: ReplayFindings) -> Int64 {
      switch self {
      case .given: 0
      case .waste: findings.footprintWastedBytes(findings.outcome.end.modelled)
      case .peak: Int64(clamping: findings.outcome.peakSlabPages)
      }
    }
    return allocators.enumerated().sorted { (value($0.element), $0.offset) < (value($1.element), $1.offset) }
      .map(\.element)
  }
}
