import KernelTypes
import MemoryModels
import TraceEvents

/// How often the model said that memory was short when the kernel did.
public struct PressureGrades: Sendable, Equatable {
  /// Requests that woke the reclaiming thread (`mm_vmscan_wakeup_kswapd`), and those that would have in the model.
  public var wakeup = Grade()
  /// Requests that the model says wake the reclaiming thread and that did not.
  public var wakeupsElsewhere: UInt64 = 0
  /// Requests that reclaimed memory themselves (`mm_vmscan_direct_reclaim_begin`), and those that had to in the model.
  public var directReclaim = Grade()
  /// Runs of the reclaiming thread, and of compaction.
  public var reclaimRuns: UInt64 = 0
  public var compactions: UInt64 = 0
  /// Pages that direct reclaim got back, and that compaction moved.
  public var reclaimedPages: UInt64 = 0
  public var migratedPages: UInt64 = 0
  /// Processes that the OOM killer chose, and those of them that had the highest `oom_score_adj` the trace tells.
  public var victim = Grade()

  public init() {}
}

/// The tasks that may use all of memory, and what requests did before they were served.
struct ReclaimingTasks {
  private var reclaiming: Set<Int32> = []
  private var victims: Set<Int32> = []
  // What a task's current request has done.
  private var woke: Set<Int32> = []
  private var reclaimed: Set<Int32> = []
  private var isThread: [Bool?] = []
  private(set) var adjustments: [Int32: Int] = [:]

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

extension PagePrediction {
  /// Notes an event of reclaim, compaction or the OOM killer; true if it ends the reclaiming thread's run.
  @inline(never)
  mutating func note(_ batch: borrowing EventBatch, _ row: Int) -> Bool {
    let pid = batch.pid[row]
    switch batch.kind[row] {
    case .kswapdWakeup: tasks.wake(pid)
    case .directReclaimBegin: tasks.beginReclaim(pid)
    case .directReclaimEnd:
      tasks.endReclaim(pid)
      pressure.reclaimedPages &+= batch.requestedBytes[row]
    case .compactionBegin: pressure.compactions += 1
    case .compactionMigrate: pressure.migratedPages &+= batch.requestedBytes[row]
    case .oomScoreAdjust:
      tasks.adjust(
        Int32(truncatingIfNeeded: batch.address[row]), Int(truncatingIfNeeded: batch.requestedBytes[row]))
    case .oomMarkVictim:
      let victim = Int32(truncatingIfNeeded: batch.address[row])
      let highest = tasks.adjustments.values.max() ?? 0
      pressure.victim.count((tasks.adjustments[victim] ?? 0) == highest)
      tasks.kill(victim)
    case .compactionSuitable:
      // A boosted run ends with a look at what compaction could do. Follows `balance_pgdat` in mm/vmscan.c, Linux 6.1.
      return tasks.isReclaimThread(batch.comm[row], strings)
    default: break
    }
    return false
  }

  /// Serves a request by the model's own choice, and grades whether it found memory short.
  @inline(__always)
  mutating func request(_ event: PageEvent, order: Int, cpu: Int) -> PageFrame? {
    let short = machine.counters.belowLowMark
    let failed = machine.counters.failed
    var flags = gfpFlags(event.gfp)
    if event.marks.contains(.usesReserves) { flags.formUnion(.memoryReserves) }
    let frame = machine.allocate(order: order, migrateType: event.type, flags: flags, cpu: cpu)
    if tellsReclaim {
      let isBoosted = event.marks.contains(.wokeReclaim) && isBoosted(frame)
      gradePressure(
        event, isShort: machine.counters.belowLowMark > short || isBoosted, isOut: machine.counters.failed > failed)
    } else if let frame {
      calm(frame)
    }
    return frame
  }

  @inline(never)
  private mutating func gradePressure(_ event: PageEvent, isShort: Bool, isOut: Bool) {
    guard event.marks.contains(.isInside) else { return }
    let isRunning = machine.zoneCount > 0 && machine[zone: 0].isReclaiming
    if event.marks.contains(.wokeReclaim) {
      pressure.wakeup.count(isShort)
    } else if isShort, !isRunning {
      pressure.wakeupsElsewhere &+= 1
    }
    if event.marks.contains(.reclaimed) { pressure.directReclaim.count(isOut || isShort) }
  }

  private func isBoosted(_ frame: PageFrame?) -> Bool {
    guard let frame, let zone = machine.zoneIndex(of: frame) else { return false }
    return machine[zone: zone].watermarkBoost > 0
  }

  /// Without events of the reclaiming thread: a boost of the marks wakes it, and is gone as soon as it has run.
  @inline(__always)
  private mutating func calm(_ frame: PageFrame) {
    guard let zone = machine.zoneIndex(of: frame), machine[zone: zone].watermarkBoost > 0 else { return }
    let boost = machine[zone: zone].watermarkBoost
    machine.withZone(zone) { $0.lowerBoost(by: boost) }
  }

  /// The reclaiming thread sets out to balance all zones. Follows `balance_pgdat` in mm/vmscan.c, Linux 6.1.
  mutating func beginReclaim() {
    if !boostsAtStart.isEmpty { endReclaim() }
    pressure.reclaimRuns += 1
    boostsAtStart = (0..<machine.zoneCount).map { machine[zone: $0].watermarkBoost }
    for zone in 0..<machine.zoneCount { machine.withZone(zone) { $0.isReclaiming = true } }
  }

  mutating func endReclaim() {
    for zone in 0..<machine.zoneCount {
      let boost = zone < boostsAtStart.count ? boostsAtStart[zone] : 0
      machine.withZone(zone) {
        $0.isReclaiming = false
        $0.lowerBoost(by: boost)
      }
    }
    boostsAtStart = []
  }

  /// The kernel gave pages back that the model would have kept: lists as long as that are cut only while memory is
  /// reclaimed. Follows `nr_pcp_high` in mm/page_alloc.c, Linux 6.1.
  mutating func resumeReclaim(_ frame: UInt64, cpu: Int) {
    guard let zone = machine.zoneIndex(of: PageFrame(frame)), !machine[zone: zone].isReclaiming,
      machine[zone: zone].pagesInPerCPULists(cpu: cpu) >= 4 * machine[zone: zone].perCPULimits.batch
    else { return }
    for zone in 0..<machine.zoneCount { machine.withZone(zone) { $0.isReclaiming = true } }
  }
}
