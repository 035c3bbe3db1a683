import KernelTypes
import MemoryModels
import TraceEvents

/// The tasks that may use all of memory, what requests did before they were served, and what tasks have.
struct ReclaimingTasks {
  private var reclaiming: Set<Int32> = []
  private var victims: Set<Int32> = []
  // What a task's current request has done.
  private var woke: Set<Int32> = []
  private var reclaimed: Set<Int32> = []
  private var isThread: [Bool?] = []
  private(set) var adjustments: [Int32: Int] = [:]
  // Pages for user space that each task was handed, in memory or in swap by now.
  private var userPages: [Int32: Int] = [:]
  // Only counted where the OOM killer may come.
  private static let taskLimit = 1 << 16

  mutating func beginReclaim(_ pid: Int32) {
    reclaiming.insert(pid)
    reclaimed.insert(pid)
  }

  mutating func endReclaim(_ pid: Int32) { reclaiming.remove(pid) }
  mutating func wake(_ pid: Int32) { woke.insert(pid) }
  mutating func kill(_ pid: Int32) { victims.insert(pid) }
  mutating func adjust(_ pid: Int32, _ score: Int) { adjustments[pid] = score }

  /// What is to be known of a request; it ends what was noted for it.
  @inline(__always)
  mutating func marks(pid: Int32, comm: StringID, _ strings: StringInterner) -> PageEvent.Marks {
    var marks = PageEvent.Marks(rawValue: 0)
    if isReclaimThread(comm, strings) || !reclaiming.isEmpty && reclaiming.contains(pid)
      || !victims.isEmpty && victims.contains(pid)
    {
      marks.insert(.usesReserves)
    }
    if !woke.isEmpty, woke.remove(pid) != nil { marks.insert(.wokeReclaim) }
    if !reclaimed.isEmpty, !reclaiming.contains(pid), reclaimed.remove(pid) != nil { marks.insert(.reclaimed) }
    return marks
  }

  /// A task was handed a block for user space.
  mutating func countUserPages(_ pages: Int, pid: Int32) {
    if userPages.count < Self.taskLimit || userPages[pid] != nil { userPages[pid, default: 0] += pages }
  }

  /// Who dies by the badness of what the trace tells of the tasks. Follows `oom_badness` in mm/oom_kill.c, Linux 6.1.
  func outcome(totalPages: Int, settings: VirtualMemorySettings, allocating: Int32) -> OutOfMemory.Outcome {
    let tasks = Set(userPages.keys).union(adjustments.keys).subtracting(victims).sorted().map { pid in
      OutOfMemory.Task(
        pid: Int(pid), name: "", anonymousPages: userPages[pid] ?? 0, adjustment: adjustments[pid] ?? 0,
        isUnkillable: pid <= 1)
    }
    return OutOfMemory(totalPages: totalPages, settings: settings)
      .choose(tasks, allocating: tasks.first { $0.pid == Int(allocating) })
  }

  @inline(__always)
  mutating func isReclaimThread(_ comm: StringID, _ strings: StringInterner) -> Bool {
    if comm.index < isThread.count, let known = isThread[comm.index] { return known }
    return learn(comm, strings)
  }

  @inline(never)
  private mutating func learn(_ comm: StringID, _ strings: StringInterner) -> Bool {
    while isThread.count <= comm.index { isThread.append(nil) }
    let isReclaimThread = strings.string(comm).hasPrefix("kswapd")
    isThread[comm.index] = isReclaimThread
    return isReclaimThread
  }
}

/// What is known of a node's reclaiming thread while a trace is replayed.
struct ReclaimThread {
  /// Passes without progress after which the thread gives up (`MAX_RECLAIM_RETRIES`).
  static let failureLimit = 16

  /// Whether it rests, so that a request may wake it.
  var isAsleep = true
  var isRunning = false
  /// The order and the highest zone it works for.
  var order = 0
  var highest = Zone.Kind.movable
  /// The highest zone of the requests since it was last told (`kswapd_highest_zoneidx`).
  var wanted: Zone.Kind?
  /// Whether there is something to do in the run, so that it can fail.
  var mayFail = false
  /// Runs in which nothing was reclaimed, up to now.
  var failures = 0
  /// Whether the model says it goes on after the run that ended last; `nil` once that is graded.
  var goesOn: Bool?
  /// The model's own wake that the kernel has not made; why it may be, and the requests since.
  var early: PressureMiss?
  var requestsSinceEarly = 0
  /// Whether the model's own thread works, and whether it was woken by a boost.
  var worksInModel = false

  mutating func want(_ kind: Zone.Kind) { wanted = max(wanted ?? kind, kind) }

  var isHopeless: Bool { failures >= Self.failureLimit }
}
