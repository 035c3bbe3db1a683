import KernelTypes
public import TraceEvents

/// The first pass of a timeline: how long the trace is, and which caches its call sites take objects from.
public struct TimelineSurvey: ~Copyable {
  private var live = AddressTable<UInt32>(filler: 0)
  /// The cache that objects of a call site were freed to, where the kernel says it.
  private(set) var caches: [StringID: StringID] = [:]
  private(set) var first: UInt64?
  private(set) var last: UInt64 = 0

  public init() {}

  /// Looks at the events of a part of a batch.
  public mutating func consume(_ batch: borrowing EventBatch, _ part: TimeWindowCursor.Part) {
    if part.phase == .after { return }
    for row in part.rows {
      if part.phase == .inside {
        first = min(first ?? batch.time[row], batch.time[row])
        last = max(last, batch.time[row])
      }
      let address = batch.address[row]
      switch batch.kind[row] {
      case .kmemCacheAlloc, .kmemCacheAllocNode:
        if address != 0, address != .max { _ = live.insert(address, batch.callSite[row].rawValue) }
      case .kmemCacheFree:
        if let site = live.remove(address), batch.name[row] != .none {
          caches[StringID(rawValue: site)] = batch.name[row]
        }
      default: break
      }
    }
  }
}
