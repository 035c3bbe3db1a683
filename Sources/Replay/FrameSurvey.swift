import KernelTypes
public import TraceEvents

/// The first pass over a trace for a replay of its page events: which frames lay in the buddy allocator when the trace began.
///
/// A frame whose first event takes it from the buddy's lists (`mm_page_alloc_zone_locked`) was there; one that first
/// appears in another event was not. Frames without events are not told.
public struct FrameSurvey: ~Copyable {
  private struct Bits: BitwiseCopyable {
    var seen: UInt64
    var free: UInt64
  }

  // Larger numbers are a damaged line's.
  private static let frameLimit: UInt64 = 1 << 32

  private var frames = AddressTable(filler: Bits(seen: 0, free: 0))
  /// The frame after the last one seen.
  public private(set) var end: UInt64 = 0
  /// Events of pages being taken from the buddy's lists; without them nothing can be replayed.
  public private(set) var lockedEvents: UInt64 = 0
  /// Events of pages being allocated.
  public private(set) var allocationEvents: UInt64 = 0

  public init() {}

  /// Looks at the events of a batch.
  public mutating func consume(_ batch: borrowing EventBatch) {
    for row in 0..<batch.count {
      switch batch.kind[row] {
      case .mmPageAllocZoneLocked:
        lockedEvents += 1
        see(batch.address[row], Int(batch.order[row]), wasFree: true)
      case .mmPageAlloc:
        allocationEvents += 1
        if !batch.flags[row].contains(.failed) { see(batch.address[row], Int(batch.order[row]), wasFree: false) }
      case .mmPageFree, .mmPageFreeDirect, .mmPagePCPUDrain:
        see(batch.address[row], Int(batch.order[row]), wasFree: false)
      default: break
      }
    }
  }

  private mutating func see(_ frame: UInt64, _ order: Int, wasFree: Bool) {
    if frame >= Self.frameLimit || order > 11 { return }
    for frame in frame..<(frame + Order.pages(order)) {
      let bit = UInt64(1) << (frame & 63)
      var bits = frames.value(frame >> 6) ?? Bits(seen: 0, free: 0)
      if bits.seen & bit != 0 { continue }
      bits.seen |= bit
      if wasFree { bits.free |= bit }
      frames.insert(frame >> 6, bits)
    }
    end = max(end, frame + Order.pages(order))
  }

  /// Whether a frame appears in the trace.
  public func isSeen(_ frame: UInt64) -> Bool {
    (frames.value(frame >> 6)?.seen ?? 0) & (1 << (frame & 63)) != 0
  }

  /// Calls `body` with each frame that the trace shows to have been free at its beginning, in ascending order.
  public func forEachFree(_ body: (UInt64) -> Void) {
    for key in frames.sortedKeys() {
      var bits = frames.value(key)?.free ?? 0
      while bits != 0 {
        body(key << 6 + UInt64(bits.trailingZeroBitCount))
        bits &= bits - 1
      }
    }
  }
}
