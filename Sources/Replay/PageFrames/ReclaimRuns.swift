import TraceEvents

/// When the reclaiming threads worked, as their own events tell.
///
/// No event says that a run is over. A thread that has events after `mm_vmscan_kswapd_wake` was at work until the last
/// of them; it rests until the next run. Follows `kswapd` in mm/vmscan.c, Linux 6.1.
struct ReclaimRuns {
  /// A run of a node's thread.
  struct Run {
    var node: Int
    /// The number, from 1, of the thread's last event in the run; the largest number if nobody can tell.
    var end: Int
    /// Whether pages were reclaimed.
    var hasReclaimed = false
    /// Whether the thread's last event was a look at a zone for compaction.
    var looksAround = false
  }

  /// In the order in which they began.
  private(set) var runs: [Run] = []
  /// Rows looked at so far.
  private(set) var rows = 0
  // The run that each thread is in.
  private var threads: [(pid: Int32, run: Int)] = []

  /// Looks at the next row of a batch.
  @inline(__always)
  mutating func note(_ batch: borrowing EventBatch, _ row: Int) {
    rows &+= 1
    let kind = batch.kind[row]
    if kind == .kswapdWake { return begin(batch, row) }
    if threads.isEmpty { return }
    let pid = batch.pid[row]
    for index in threads.indices where threads[index].pid == pid {
      extend(threads[index].run, kind, batch.allocatedBytes[row])
    }
  }

  @inline(never)
  private mutating func begin(_ batch: borrowing EventBatch, _ row: Int) {
    let pid = batch.pid[row]
    threads.removeAll { $0.pid == pid }
    let isKnown = batch.flags[row].contains(.hasTask)
    if isKnown { threads.append((pid, runs.count)) }
    runs.append(Run(node: Int(batch.node[row]), end: isKnown ? rows : .max))
  }

  @inline(never)
  private mutating func extend(_ run: Int, _ kind: EventKind, _ reclaimed: UInt64) {
    // A run that marks were boosted for ends with looks at zones; others follow a look with more work.
    let looksAround = kind == .compactionSuitable
    if looksAround, !runs[run].looksAround { runs[run].end = rows - 1 }
    runs[run].looksAround = looksAround
    switch kind {
    case .kswapdSleep, .compactionSuitable, .kcompactdWakeup: break
    case .lruShrinkInactive:
      runs[run].end = rows
      if reclaimed > 0 { runs[run].hasReclaimed = true }
    case .mmPageFree, .mmPageFreeBatched:
      runs[run].end = rows
      runs[run].hasReclaimed = true
    default: runs[run].end = rows
    }
  }
}
