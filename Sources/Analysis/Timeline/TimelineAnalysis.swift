public import KernelTypes
public import TraceEvents

/// What memory did over time, at a bounded number of moments whatever the trace's length.
public struct Timeline: Sendable {
  /// One figure over time: its value at the end of each interval, and the highest in it.
  public struct Series: Sendable {
    public var name: String
    public var values: [Int64]
    public var peaks: [Int64]
  }

  /// Something that happened at a moment.
  public struct Instant: Sendable {
    public var time: UInt64
    public var text: String
  }

  /// When the first interval begins and how long each is, in the clock's unit.
  public var start: UInt64
  public var interval: UInt64
  public var requestedBytes: Series
  public var allocatedBytes: Series
  public var wastedBytes: Series
  /// Change of free pages since the first event, by the page allocator's events.
  public var freePages: Series
  /// Live allocated bytes of the caches with the highest peaks, the largest first.
  public var caches: [Series]
  public var marks: [Instant]
  public var marksOmitted: Int
  public var failures: [Instant]
  public var failuresOmitted: Int
}

/// The second pass of a timeline: follows what is live.
public struct TimelineAnalysis: ~Copyable {
  /// The intervals a timeline has.
  public static let intervals = 1000
  /// The caches that get a series of their own.
  public static let shownCaches = 24
  private static let instantLimit = 2000

  private struct Object: BitwiseCopyable {
    var requested: UInt32
    var allocated: UInt32
    var cache: UInt32
  }

  /// A value that is followed.
  private struct Track {
    var now: Int64 = 0
    var peakNow: Int64 = 0
    var values: [Int64] = []
    var peaks: [Int64] = []
    var highest: Int64 = 0

    mutating func add(_ amount: Int64) {
      now += amount
      if now > peakNow { peakNow = now }
    }

    /// Ends the present interval.
    mutating func step() {
      values.append(now)
      peaks.append(peakNow)
      highest = max(highest, peakNow)
      peakNow = now
    }
  }

  private let start: UInt64
  private let interval: UInt64
  private let siteCaches: [StringID: StringID]
  private var live = AddressTable<Object>(filler: Object(requested: 0, allocated: 0, cache: 0))
  private var requested = Track()
  private var allocated = Track()
  private var wasted = Track()
  private var freePages = Track()
  private var cacheTracks: [Track] = []
  private var cacheNames: [String] = []
  private var kmallocCaches: [UInt64: UInt32] = [:]
  private var namedCaches: [StringID: UInt32] = [:]
  private var unnamedCaches: [UInt64: UInt32] = [:]
  private var marks: [Timeline.Instant] = []
  private var failures: [Timeline.Instant] = []
  private var marksOmitted = 0
  private var failuresOmitted = 0
  private var stepsDone = 0

  /// Creates a timeline of the trace that was surveyed.
  public init(_ survey: borrowing TimelineSurvey) {
    start = survey.first ?? 0
    interval = (survey.last - min(start, survey.last)) / UInt64(Self.intervals) + 1
    siteCaches = survey.caches
  }

  /// Follows the events of a part of a batch.
  public mutating func consume(
    _ batch: borrowing EventBatch, _ part: TimeWindowCursor.Part, strings: StringInterner
  ) {
    if part.phase == .after { return }
    for row in part.rows {
      if part.phase == .inside { advance(to: batch.time[row]) }
      follow(batch, row, strings, isInside: part.phase == .inside)
    }
  }

  private mutating func follow(
    _ batch: borrowing EventBatch, _ row: Int, _ strings: StringInterner, isInside: Bool
  ) {
    let kind = batch.kind[row]
    switch kind {
    case .kmalloc, .kmallocNode, .kmemCacheAlloc, .kmemCacheAllocNode:
      allocate(batch, row, strings, isKmalloc: kind == .kmalloc || kind == .kmallocNode, isInside: isInside)
    case .kfree, .kmemCacheFree:
      if let object = live.remove(batch.address[row]) { count(object, sign: -1) }
    case .mmPageAlloc:
      if batch.flags[row].contains(.failed) {
        fail(batch, row, strings, isInside: isInside)
      } else {
        freePages.add(-(1 << Int64(min(batch.order[row], 20))))
      }
    case .mmPageFree, .mmPageFreeDirect:
      freePages.add(1 << Int64(min(batch.order[row], 20)))
    case .mark:
      if !isInside { return }
      if marks.count == Self.instantLimit {
        marksOmitted += 1
      } else {
        marks.append(.init(time: batch.time[row], text: strings.string(batch.name[row])))
      }
    default: break
    }
  }

  private mutating func allocate(
    _ batch: borrowing EventBatch, _ row: Int, _ strings: StringInterner, isKmalloc: Bool, isInside: Bool
  ) {
    let address = batch.address[row]
    let requested = batch.requestedBytes[row]
    let allocated = batch.allocatedBytes[row]
    if batch.flags[row].contains(.failed) { return fail(batch, row, strings, isInside: isInside) }
    if address <= WasteAnalysis.zeroSizePointer || (requested | allocated) >> 32 != 0 { return }
    let cache = isKmalloc ? kmallocCache(allocated) : cache(batch, row, strings)
    let object = Object(requested: UInt32(requested), allocated: UInt32(allocated), cache: cache)
    if let old = live.insert(address, object) { count(old, sign: -1) }
    count(object, sign: 1)
  }

  private mutating func fail(
    _ batch: borrowing EventBatch, _ row: Int, _ strings: StringInterner, isInside: Bool
  ) {
    if !isInside { return }
    if failures.count == Self.instantLimit {
      failuresOmitted += 1
      return
    }
    let what = batch.kind[row] == .mmPageAlloc ? "order \(batch.order[row])" : "\(batch.requestedBytes[row]) B"
    let site = batch.callSite[row] == .none ? "" : " for " + strings.string(batch.callSite[row])
    failures.append(.init(time: batch.time[row], text: "failed: \(what)\(site)"))
  }

  private mutating func count(_ object: Object, sign: Int64) {
    requested.add(sign * Int64(object.requested))
    allocated.add(sign * Int64(object.allocated))
    wasted.add(sign * (Int64(object.allocated) - Int64(object.requested)))
    cacheTracks[Int(object.cache)].add(sign * Int64(object.allocated))
  }

  private mutating func kmallocCache(_ allocated: UInt64) -> UInt32 {
    if let known = kmallocCaches[allocated] { return known }
    let index = addCache("kmalloc-\(allocated)")
    kmallocCaches[allocated] = index
    return index
  }

  private mutating func cache(_ batch: borrowing EventBatch, _ row: Int, _ strings: StringInterner) -> UInt32 {
    let name = batch.name[row] != .none ? batch.name[row] : siteCaches[batch.callSite[row]] ?? .none
    if name == .none {
      let size = batch.allocatedBytes[row]
      if let known = unnamedCaches[size] { return known }
      let index = addCache("(unnamed, \(size) B)")
      unnamedCaches[size] = index
      return index
    }
    if let known = namedCaches[name] { return known }
    let index = addCache(strings.string(name))
    namedCaches[name] = index
    return index
  }

  private mutating func addCache(_ name: String) -> UInt32 {
    var track = Track()
    track.values = [Int64](repeating: 0, count: stepsDone)
    track.peaks = track.values
    cacheTracks.append(track)
    cacheNames.append(name)
    return UInt32(cacheTracks.count - 1)
  }

  /// Ends the intervals before a moment.
  private mutating func advance(to time: UInt64) {
    let wanted = Int(clamping: (time - min(start, time)) / interval)
    while stepsDone < min(wanted, Self.intervals) { step() }
  }

  private mutating func step() {
    requested.step()
    allocated.step()
    wasted.step()
    freePages.step()
    for index in cacheTracks.indices { cacheTracks[index].step() }
    stepsDone += 1
  }

  /// The timeline.
  public consuming func finish() -> Timeline {
    step()
    func series(_ name: String, _ track: Track) -> Timeline.Series {
      .init(name: name, values: track.values, peaks: track.peaks)
    }
    let order = cacheTracks.indices.sorted {
      (cacheTracks[$1].highest, cacheNames[$0]) < (cacheTracks[$0].highest, cacheNames[$1])
    }
    return Timeline(
      start: start, interval: interval, requestedBytes: series("requested bytes", requested),
      allocatedBytes: series("allocated bytes", allocated), wastedBytes: series("wasted bytes", wasted),
      freePages: series("free pages, change", freePages),
      caches: order.prefix(Self.shownCaches).map { series(cacheNames[$0], cacheTracks[$0]) }, marks: marks,
      marksOmitted: marksOmitted, failures: failures, failuresOmitted: failuresOmitted)
  }
}
