public import KernelTypes
public import TraceEvents

/// The first pass over a trace for a replay of its page events: which frames lay in the buddy allocator when the trace began.
///
/// A frame whose first event takes it from the buddy's lists (`mm_page_alloc_zone_locked`) was there; one that first
/// appears in another event was not. Frames without events are not told. The first event of a pageblock that speaks of its
/// migrate type tells what that was: a removal without a fallback, the type a fallback took from, a drain.
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
  /// Some of the first frames taken from the buddy's lists, in their order.
  public private(set) var firstTaken: [UInt64] = []
  private static let firstLimit = 256
  /// A block as the first event that named it has it.
  public struct Placed: BitwiseCopyable, Sendable {
    public var frame: UInt64
    public var cpu: UInt16
    public var order: UInt8
    /// By the kernel's number.
    public var type: UInt8
  }

  /// Where blocks stood on lists when the trace began, as their first events show: those taken from the buddy's lists, those
  /// handed out without that, and those that CPUs' lists gave back; each in the trace's order.
  public struct Places: Sendable {
    public var removed: [Placed] = []
    public var handedOut: [Placed] = []
    public var drained: [Placed] = []

    public init() {}
  }

  /// Filled in when `recordsPlaces`.
  public private(set) var places = Places()
  /// Whether `places` are recorded: 12 bytes for each block that the trace touches.
  public var recordsPlaces = false
  private static let placeLimit = 1 << 24

  /// The order of the pageblocks whose types are noted.
  public let pageblockOrder: Int
  private let removesBeforeFallback: Bool
  private var types = AddressTable(filler: UInt8(0))
  // By CPU: whether the next removal is a fallback's, and the pageblock whose type the last removal told.
  private var isFallback: [Bool] = []
  private var toldLast: [UInt64] = []

  /// Prepares a survey; `policy` is that of the kernel that made the trace, as far as it is known by then.
  public init(policy: PageAllocatorPolicy) {
    pageblockOrder = policy.pageblockOrder
    removesBeforeFallback = policy.fallbackRule == .claimThenSteal
  }

  /// The migrate type that a pageblock had when the trace began, by the kernel's number; `nil` if no event tells.
  public func type(ofPageblock number: UInt64) -> UInt8? { types.value(number) }

  /// Calls `body` with each pageblock whose type is told, and that type, in ascending order.
  public func forEachTypedPageblock(_ body: (UInt64, UInt8) -> Void) {
    for number in types.sortedKeys() {
      if let type = types.value(number) { body(number, type) }
    }
  }

  /// Looks at the events of a batch.
  public mutating func consume(_ batch: borrowing EventBatch) { consume(batch, rows: 0..<batch.count) }

  /// Looks at rows of a batch.
  public mutating func consume(_ batch: borrowing EventBatch, rows: Range<Int>) {
    for row in rows {
      if recordsPlaces { notePlace(batch, row) }
      switch batch.kind[row] {
      case .mmPageAllocZoneLocked:
        lockedEvents += 1
        if firstTaken.count < Self.firstLimit { firstTaken.append(batch.address[row]) }
        noteRemoval(batch.address[row], cpu: Int(batch.cpu[row]), type: batch.migrateType[row])
        see(batch.address[row], Int(batch.order[row]), wasFree: true)
      case .mmPageAlloc:
        allocationEvents += 1
        if !batch.flags[row].contains(.failed) { see(batch.address[row], Int(batch.order[row]), wasFree: false) }
      case .mmPageFree, .mmPageFreeDirect:
        see(batch.address[row], Int(batch.order[row]), wasFree: false)
      case .mmPagePCPUDrain:
        note(batch.address[row] >> UInt64(pageblockOrder), type: batch.migrateType[row])
        see(batch.address[row], Int(batch.order[row]), wasFree: false)
      case .mmPageAllocExtfrag:
        noteFallback(
          batch.address[row], cpu: Int(batch.cpu[row]), order: batch.requestedBytes[row],
          type: UInt8(truncatingIfNeeded: batch.allocatedBytes[row]))
        // Such a fallback may be the only event of its block's removal; behind one it changes nothing.
        if removesBeforeFallback {
          if firstTaken.count < Self.firstLimit { firstTaken.append(batch.address[row]) }
          see(batch.address[row], Int(batch.order[row]), wasFree: true)
        }
      default: break
      }
    }
  }

  private mutating func notePlace(_ batch: borrowing EventBatch, _ row: Int) {
    let kind = batch.kind[row]
    let isRemoval = kind == .mmPageAllocZoneLocked || kind == .mmPageAllocExtfrag && removesBeforeFallback
    guard isRemoval || kind == .mmPageAlloc || kind == .mmPagePCPUDrain else { return }
    let frame = batch.address[row]
    if frame >= Self.frameLimit || batch.flags[row].contains(.failed) || isSeen(frame) { return }
    let placed = Placed(
      frame: frame, cpu: batch.cpu[row], order: batch.order[row], type: batch.migrateType[row])
    switch kind {
    case _ where isRemoval: if places.removed.count < Self.placeLimit { places.removed.append(placed) }
    case .mmPageAlloc: if places.handedOut.count < Self.placeLimit { places.handedOut.append(placed) }
    default: if places.drained.count < Self.placeLimit { places.drained.append(placed) }
    }
  }

  @discardableResult
  private mutating func note(_ number: UInt64, type: UInt8) -> Bool {
    if type >= 6 || number > Self.frameLimit >> UInt64(pageblockOrder) || types.contains(number) { return false }
    types.insert(number, type)
    return true
  }

  private mutating func makeRoom(cpu: Int) {
    while isFallback.count <= cpu {
      isFallback.append(false)
      toldLast.append(.max)
    }
  }

  @inline(__always)
  private mutating func noteRemoval(_ frame: UInt64, cpu: Int, type: UInt8) {
    if cpu >= isFallback.count { makeRoom(cpu: cpu) }
    if isFallback[cpu] {
      isFallback[cpu] = false
      return
    }
    let number = frame >> UInt64(pageblockOrder)
    toldLast[cpu] = note(number, type: type) ? number : .max
  }

  /// Up to 6.11 the fallback comes before the removal, from 6.12 on behind it.
  private mutating func noteFallback(_ frame: UInt64, cpu: Int, order: UInt64, type: UInt8) {
    if cpu >= isFallback.count { makeRoom(cpu: cpu) }
    let number = frame >> UInt64(pageblockOrder)
    if removesBeforeFallback {
      if toldLast[cpu] == number, type < 6 { types.insert(number, type) }
    } else {
      isFallback[cpu] = true
    }
    let extra = order > UInt64(pageblockOrder) ? min(order - UInt64(pageblockOrder), 4) : 0
    for block in 0..<(UInt64(1) << extra) { note(number + block, type: type) }
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

  /// Whether the trace shows a frame to have been free at its beginning.
  public func wasFree(_ frame: UInt64) -> Bool { (frames.value(frame >> 6)?.free ?? 0) & (1 << (frame & 63)) != 0 }

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
