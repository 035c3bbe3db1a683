import KernelTypes

/// A live object, as the ledger remembers it.
struct LiveObject: BitwiseCopyable {
  var requestedBytes: UInt32
  var allocatedBytes: UInt32
  /// The index of the object's group, or `WasteLedger.uncounted`.
  var group: UInt32
  /// 1 if the object counts in the totals, because it was allocated inside the window.
  var inTotal: UInt32
  /// When it was allocated, in events.
  var sequence: UInt64
}

/// The sums of one group.
struct GroupSums {
  var total = Amount()
  var frees: UInt64 = 0
  var live = Amount()
  /// What was live at the peak of `epoch`; only right once `epoch` is the ledger's.
  var peak = Amount()
  var epoch: UInt64 = .max
}

/// The exact sums of a trace, kept in one pass: by group and over all, in total, live, and at the peak.
///
/// The peak of a group is what it held when *all* live bytes were highest. To know it without going back, a group saves
/// what it holds before its first change after each new peak: an epoch is the time from one new peak to the next.
struct WasteLedger: ~Copyable {
  /// The group of objects that are paired but not counted.
  static let uncounted = UInt32.max

  var live = AddressTable<LiveObject>(
    filler: LiveObject(requestedBytes: 0, allocatedBytes: 0, group: 0, inTotal: 0, sequence: 0))
  private(set) var groups: UnsafeMutablePointer<GroupSums>
  private(set) var groupCount = 0
  private var groupCapacity = 64

  private(set) var total = Amount()
  private(set) var frees: UInt64 = 0
  private(set) var liveSum = Amount()
  private(set) var peak = Amount()
  private(set) var peakTime: UInt64 = 0
  private(set) var wastePeak = Amount()
  private(set) var wastePeakTime: UInt64 = 0

  /// Whether the window is open: only then totals and peaks change.
  private(set) var isOpen = false
  private var epoch: UInt64 = 0
  /// The event that made the peak: what was allocated up to it and is still there was live at the peak.
  private(set) var peakSequence: UInt64 = 0

  init() { groups = .allocate(capacity: 64) }

  deinit { groups.deallocate() }

  /// Makes room for a group and returns its index: the next number.
  mutating func addGroup() {
    if groupCount == groupCapacity {
      let larger = UnsafeMutablePointer<GroupSums>.allocate(capacity: groupCapacity * 2)
      larger.update(from: groups, count: groupCount)
      groups.deallocate()
      groups = larger
      groupCapacity *= 2
    }
    groups[groupCount] = GroupSums()
    groupCount += 1
  }

  /// Starts to count, with what is live now as the first peak.
  mutating func open(time: UInt64, sequence: UInt64) {
    isOpen = true
    peak = liveSum
    peakTime = time
    peakSequence = sequence
    wastePeak = liveSum
    wastePeakTime = time
    epoch += 1
  }

  @inline(__always)
  private mutating func settle(_ group: Int) {
    if groups[group].epoch != epoch {
      groups[group].peak = groups[group].live
      groups[group].epoch = epoch
    }
  }

  /// Counts an object that appears.
  @inline(__always)
  mutating func add(_ object: LiveObject, time: UInt64) {
    if object.group == Self.uncounted { return }
    let group = Int(object.group)
    settle(group)
    groups[group].live.addObject(object.requestedBytes, object.allocatedBytes)
    liveSum.addObject(object.requestedBytes, object.allocatedBytes)
    if !isOpen { return }
    groups[group].total.addObject(object.requestedBytes, object.allocatedBytes)
    total.addObject(object.requestedBytes, object.allocatedBytes)
    if liveSum.allocatedBytes > peak.allocatedBytes {
      peak = liveSum
      peakTime = time
      peakSequence = object.sequence
      epoch &+= 1
    }
    if liveSum.wastedBytes > wastePeak.wastedBytes {
      wastePeak = liveSum
      wastePeakTime = time
    }
  }

  /// Counts an object that disappears; `isFree` says whether by a free that was seen.
  @inline(__always)
  mutating func remove(_ object: LiveObject, isFree: Bool, time: UInt64) {
    if object.group == Self.uncounted { return }
    let group = Int(object.group)
    settle(group)
    groups[group].live.removeObject(object.requestedBytes, object.allocatedBytes)
    liveSum.removeObject(object.requestedBytes, object.allocatedBytes)
    if !isOpen { return }
    if isFree {
      groups[group].frees &+= 1
      frees &+= 1
    }
    // An object that asked for more than it got takes negative waste with it.
    if object.requestedBytes > object.allocatedBytes, liveSum.wastedBytes > wastePeak.wastedBytes {
      wastePeak = liveSum
      wastePeakTime = time
    }
  }

  /// Counts an object that can't be followed: in the totals only.
  mutating func addToTotal(_ requested: UInt32, _ allocated: UInt32, group: Int) {
    if !isOpen { return }
    groups[group].total.addObject(requested, allocated)
    total.addObject(requested, allocated)
  }

  /// Moves what an object counted in its group to another group, as if it had always been there.
  ///
  /// `isLive` says whether the object counts as live still; `countsFree` moves the free that ended it, too.
  mutating func move(_ object: LiveObject, to target: Int, isLive: Bool, countsFree: Bool) {
    let source = Int(object.group)
    let requested = object.requestedBytes
    let allocated = object.allocatedBytes
    settle(source)
    settle(target)
    if isLive {
      groups[source].live.removeObject(requested, allocated)
      groups[target].live.addObject(requested, allocated)
    }
    if object.inTotal != 0 {
      groups[source].total.removeObject(requested, allocated)
      groups[target].total.addObject(requested, allocated)
    }
    if object.sequence <= peakSequence {
      groups[source].peak.removeObject(requested, allocated)
      groups[target].peak.addObject(requested, allocated)
    }
    if countsFree, isOpen {
      groups[source].frees &-= 1
      groups[target].frees &+= 1
    }
  }

  /// Brings all groups' peaks up to date; call once, at the end.
  mutating func settleAll() {
    for group in 0..<groupCount { settle(group) }
  }
}
