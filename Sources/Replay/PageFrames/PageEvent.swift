import KernelTypes
import TraceEvents

/// What a prediction of page frames needs of an event.
struct PageEvent: BitwiseCopyable {
  enum Kind: UInt8 {
    case allocated
    case freed
    case freedInBatch
    /// A block left the buddy's lists.
    case removed
    /// A block went from a CPU's list to the buddy's.
    case drained
    /// A request was served from another type's memory.
    case fallback
    /// Single pages are about to be taken without events; their number is in `frame`.
    case bulk
    /// A node's reclaiming thread begins, and ends, its work; the node is in `frame`.
    case reclaimBegins
    case reclaimEnds
    /// A request wakes the reclaiming thread of the node in `frame`; without an order, because marks were boosted.
    case wakeup
    /// A request begins, and has done with, reclaiming for itself.
    case directReclaimBegins
    case directReclaimEnds
    /// A request asks whether to reclaim again: `frame` free pages in the zone, whose minimum mark is `value`.
    case retry
    /// Compaction took the free blocks between the frames `frame` and `value`; how many pages is in `gfp`.
    case isolated
    /// A zone is looked at for compaction, and compaction of a zone looks whether it has done enough; the result is in
    /// `frame`.
    case compactionSuitable
    case compactionFinished
    /// Compaction of the zone that begins at `frame` begins.
    case compactionBegins
  }

  struct Marks: OptionSet, BitwiseCopyable {
    var rawValue: UInt8
    /// The event lies in the window that counts.
    static var isInside: Marks { Marks(rawValue: 1) }
    /// The model has already done what the event says.
    static var isDone: Marks { Marks(rawValue: 2) }
    /// A drain: the free that caused it stands `gfp` places before it and is still to be done.
    static var carriesFree: Marks { Marks(rawValue: 4) }
    static var changesOwnership: Marks { Marks(rawValue: 8) }
    /// The task may use all of memory: it reclaims some, or was chosen by the OOM killer.
    static var usesReserves: Marks { Marks(rawValue: 16) }
    /// The request woke the reclaiming thread, or reclaimed memory itself.
    static var wokeReclaim: Marks { Marks(rawValue: 32) }
    static var reclaimed: Marks { Marks(rawValue: 64) }
    /// The event is a thread's that reclaims or compacts in the background.
    static var isBackground: Marks { Marks(rawValue: 128) }
  }

  var frame: UInt64
  var value: UInt64 = 0
  var gfp: UInt32
  /// How far behind this event the CPU's next one stands; 0 while that is not known.
  var next: UInt32 = 0
  var cpu: UInt16
  var kind: Kind
  var order: UInt8
  var type: MigrateType
  /// The order of the block that a fallback found; the kind of the zone that an event of a zone is about.
  var fallbackOrder: UInt8 = 0
  /// What becomes of a page that is freed.
  var fate = PageFate.onList
  var marks = Marks(rawValue: 0)
}

/// The events that come next: the one being replayed and a few thousand behind it, linked by CPU.
struct PageEventWindow: ~Copyable {
  /// How far ahead is looked.
  static let reach = 4096
  private static let capacity = 8 * reach

  let events: UnsafeMutablePointer<PageEvent>
  /// The index of the next event to replay.
  private(set) var position = 0
  /// The index behind the last event.
  private(set) var end = 0
  // The index of each CPU's last event; negative when it is gone.
  private var last: [Int] = []

  init() { events = .allocate(capacity: Self.capacity) }

  deinit { events.deallocate() }

  /// Whether an event has as many behind it as are ever looked at.
  @inline(__always)
  var isReady: Bool { end &- position > Self.reach }

  var isEmpty: Bool { position == end }

  @inline(__always)
  mutating func append(_ event: PageEvent) {
    if end == Self.capacity { makeRoom() }
    let cpu = Int(event.cpu)
    if cpu >= last.count { last.append(contentsOf: repeatElement(-1, count: cpu &+ 1 &- last.count)) }
    let previous = last[cpu]
    if previous >= 0 { events[previous].next = UInt32(truncatingIfNeeded: end &- previous) }
    last[cpu] = end
    events[end] = event
    end &+= 1
  }

  @inline(never)
  private mutating func makeRoom() {
    // Some past events stay: drains point back to the frees that caused them.
    let start = position - min(position, Self.reach)
    events.update(from: events + start, count: end - start)
    for cpu in last.indices { last[cpu] -= start }
    end -= start
    position -= start
  }

  @inline(__always)
  mutating func advance() { position &+= 1 }

  /// The CPU's next event, if it is in the window.
  @inline(__always)
  func next(_ index: Int) -> Int? {
    let distance = Int(events[index].next)
    return distance == 0 ? nil : index &+ distance
  }

  /// The next event that speaks of a frame, by any CPU.
  func nextEvent(of frame: UInt64, after index: Int) -> PageEvent? {
    var cursor = index + 1
    let limit = min(end, cursor + Self.reach)
    while cursor < limit {
      let event = events[cursor]
      if event.frame <= frame, frame - event.frame < UInt64(1) << UInt64(event.order),
        event.kind.rawValue < PageEvent.Kind.bulk.rawValue
      {
        return event
      }
      cursor += 1
    }
    return nil
  }
}
