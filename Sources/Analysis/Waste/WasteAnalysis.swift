public import KernelTypes
public import TraceEvents

/// Sums requested, allocated and wasted bytes of a trace's slab objects: in total, live at the end, and at the peak.
///
/// Feed it each part of each batch in order, then call `finish`. One pass, exact; memory follows what is live and the
/// number of groups. Objects are paired by address: kfree and kmem_cache_free may free either kind.
public struct WasteAnalysis: ~Copyable {
  /// The most markers whose state is kept.
  public static let markLimit = 10_000
  static let zeroSizePointer: UInt64 = 0x10

  public let grouping: WasteGrouping
  public let family: EventFamily
  /// What could not be paired so far.
  public private(set) var pairing = PairingCounts()

  var ledger = WasteLedger()
  var keys = KeyTable()
  var evidence = CacheNameEvidence()
  var classes: KmallocClasses
  var marks: [RawMark] = []
  var marksOmitted: UInt64 = 0
  var sequence: UInt64 = 0
  var origin: UInt64 = 0
  var lastTime: UInt64 = 0
  var pageSize: UInt64
  private var finder: CallerFinder?

  struct RawMark {
    var time: UInt64
    var text: StringID
    var live: Amount
  }

  /// Creates an analysis; `pageSize` (bytes) only serves the groupings by order and by cache.
  public init(grouping: WasteGrouping, family: EventFamily = .all, pageSize: UInt64 = 4096) {
    self.grouping = grouping
    self.family = family
    self.pageSize = max(pageSize, 1)
    classes = KmallocClasses(pageSize: self.pageSize)
  }

  /// Looks behind call sites that allocate for their caller, such as `kmemdup`, where events have stack traces. The tables
  /// are those of the source whose events will come.
  public mutating func findCallers(strings: StringInterner, stacks: StackTable) {
    finder = CallerFinder(strings: strings, stacks: stacks)
  }

  /// Counts the events of a part of a batch; `strings` are those of the batch's source.
  public mutating func consume(
    _ batch: borrowing EventBatch, _ part: TimeWindowCursor.Part, strings: StringInterner
  ) {
    guard let first = part.rows.first, let last = part.rows.last else { return }
    if sequence == 0 { origin = batch.time[first] }
    switch part.phase {
    case .before:
      count(batch, part.rows, strings)
    case .inside:
      if !ledger.isOpen { ledger.open(time: batch.time[first], sequence: sequence) }
      count(batch, part.rows, strings)
      lastTime = batch.time[last]
    case .after:
      learn(batch, part.rows)
    }
  }

  private mutating func count(_ batch: borrowing EventBatch, _ rows: Range<Int>, _ strings: StringInterner) {
    for row in rows {
      sequence &+= 1
      switch batch.kind[row] {
      case .kmalloc, .kmallocNode: allocate(batch, row, strings, isKmalloc: true)
      case .kmemCacheAlloc, .kmemCacheAllocNode: allocate(batch, row, strings, isKmalloc: false)
      case .kfree, .kmemCacheFree: free(batch, row)
      case .mark: mark(batch, row)
      default: break
      }
    }
  }

  @inline(__always)
  private mutating func allocate(
    _ batch: borrowing EventBatch, _ row: Int, _ strings: StringInterner, isKmalloc: Bool
  ) {
    let address = batch.address[row]
    let flags = batch.flags[row]
    let isUnknown = flags.contains(.unknownPointer)
    if flags.contains(.failed) || (address == 0 && !isUnknown) {
      pairing.failedAllocations &+= 1
      return
    }
    let requested = batch.requestedBytes[row]
    let allocated = batch.allocatedBytes[row]
    if (requested | allocated) >> 32 != 0 {
      pairing.implausibleSizes &+= 1
      return
    }
    if address == Self.zeroSizePointer, !isUnknown {
      pairing.zeroSizeAllocations &+= 1
      return
    }
    let counts = family == .all || (family == .kmalloc) == isKmalloc
    var object = LiveObject(
      requestedBytes: UInt32(truncatingIfNeeded: requested), allocatedBytes: UInt32(truncatingIfNeeded: allocated),
      group: WasteLedger.uncounted, inTotal: ledger.isOpen ? 1 : 0, sequence: sequence)
    if counts { object.group = UInt32(truncatingIfNeeded: group(batch, row, strings, isKmalloc: isKmalloc)) }
    if isUnknown {
      if counts {
        pairing.unpairedAllocations &+= 1
        ledger.addToTotal(object.requestedBytes, object.allocatedBytes, group: Int(object.group))
      }
      return
    }
    if let old = ledger.live.insert(address, object) {
      pairing.allocationsOfLive &+= 1
      ledger.remove(old, isFree: false, time: batch.time[row])
    }
    ledger.add(object, time: batch.time[row])
  }

  @inline(__always)
  private mutating func free(_ batch: borrowing EventBatch, _ row: Int) {
    let address = batch.address[row]
    if batch.flags[row].contains(.unknownPointer) {
      pairing.unpairedFrees &+= 1
      return
    }
    if address <= Self.zeroSizePointer {
      if address == 0 {
        pairing.freesOfNull &+= 1
        return
      }
      if address == Self.zeroSizePointer {
        pairing.freesOfZeroSize &+= 1
        return
      }
    }
    guard let object = ledger.live.remove(address) else {
      pairing.freesOfUnseen &+= 1
      return
    }
    ledger.remove(object, isFree: true, time: batch.time[row])
    if grouping == .cache, batch.name[row] != .none {
      learnName(of: object, from: batch, row, isLive: false)
    }
  }

  private mutating func mark(_ batch: borrowing EventBatch, _ row: Int) {
    if !ledger.isOpen { return }
    if marks.count == Self.markLimit {
      marksOmitted += 1
      return
    }
    marks.append(RawMark(time: batch.time[row], text: batch.name[row], live: ledger.liveSum))
  }

  /// Reads on after the window's end, where only the cache names of objects that were live at its end are of interest.
  private mutating func learn(_ batch: borrowing EventBatch, _ rows: Range<Int>) {
    if grouping != .cache { return }
    for row in rows {
      sequence &+= 1
      let kind = batch.kind[row]
      if !kind.isObjectAllocation && !kind.isObjectFree { continue }
      // An object that is not there any more can't be named by what happens at its address.
      guard let object = ledger.live.remove(batch.address[row]) else { continue }
      if kind.isObjectFree, batch.name[row] != .none {
        learnName(of: object, from: batch, row, isLive: true)
      }
    }
  }

  /// The index of the group of an allocation.
  @inline(__always)
  private mutating func group(
    _ batch: borrowing EventBatch, _ row: Int, _ strings: StringInterner, isKmalloc: Bool
  ) -> Int {
    let index: Int
    switch grouping {
    case .callSite, .subsystem:
      let site = batch.callSite[row]
      let stack = batch.stack[row]
      let caller = stack == .none ? .none : finder?.caller(site: site, stack: stack) ?? .none
      index = keys.index(UInt64(site.rawValue), UInt64(caller.rawValue))
    case .cache: index = cacheGroup(batch, row, strings, isKmalloc: isKmalloc)
    case .size: index = keys.index(batch.requestedBytes[row], 0)
    case .task:
      let pid = UInt64(truncatingIfNeeded: batch.pid[row])
      index =
        batch.flags[row].contains(.hasTask)
        ? keys.index(UInt64(batch.comm[row].rawValue), pid) : keys.index(.max, .max)
    case .cpu: index = keys.index(UInt64(batch.cpu[row]), 0)
    case .node: index = keys.index(UInt64(bitPattern: Int64(batch.node[row])), 0)
    case .order:
      let allocated = batch.allocatedBytes[row]
      if isKmalloc, allocated > pageSize {
        index = keys.index(1, UInt64(Order.holding(bytes: allocated, pageSize: pageSize)))
      } else {
        index = keys.index(0, 0)
      }
    case .gfp: index = keys.index(UInt64(batch.gfp[row].rawValue), 0)
    }
    addMissingGroups()
    return index
  }

  /// Gives the ledger a group for each key.
  @inline(__always)
  mutating func addMissingGroups() {
    while ledger.groupCount < keys.count { ledger.addGroup() }
  }
}
