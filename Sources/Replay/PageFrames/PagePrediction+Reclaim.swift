import KernelTypes
import MemoryModels
import TraceEvents

/// The reclaiming threads, and requests that reclaim for themselves.
extension PagePrediction {
  // MARK: - Reading

  /// Notes an event of reclaim, compaction or the OOM killer, and makes of it what the model has to do in its turn;
  /// `nil` if that is nothing.
  @inline(never)
  mutating func pressureEvent(_ batch: borrowing EventBatch, _ row: Int) -> PageEvent? {
    let pid = batch.pid[row]
    var event = PageEvent(
      frame: UInt64(UInt16(bitPattern: max(batch.node[row], 0))), gfp: batch.gfp[row].rawValue,
      cpu: min(batch.cpu[row], UInt16(truncatingIfNeeded: cpuLimit &- 1)), kind: .reclaimBegins,
      order: batch.order[row],
      type: .movable)
    switch batch.kind[row] {
    case .kswapdWakeup:
      tasks.wake(pid)
      event.kind = .wakeup
      // Woken because of a boost, the thread is given no flags.
      if strings.string(batch.gfp[row]) == "none" { event.marks.insert(.usesReserves) }
    case .kswapdWake:
      openRun()
      event.kind = .reclaimBegins
    case .kswapdSleep: event.kind = .reclaimEnds
    case .directReclaimBegin:
      tasks.beginReclaim(pid)
      event.kind = .directReclaimBegins
    case .directReclaimEnd:
      tasks.endReclaim(pid)
      pressure.reclaimedPages &+= batch.requestedBytes[row]
      event.kind = .directReclaimEnds
      event.value = batch.requestedBytes[row]
    case .reclaimRetry:
      event.kind = .retry
      event.gfp = UInt32(event.frame)
      event.frame = batch.allocatedBytes[row] &- min(batch.requestedBytes[row], batch.allocatedBytes[row])
      event.value = batch.address[row]
      event.fallbackOrder = zoneKind(batch.name[row])
    case .compactionBegin:
      pressure.compactions += 1
      event.kind = .compactionBegins
      event.frame = batch.address[row]
    case .compactionSuitable, .compactionFinished:
      event.kind = batch.kind[row] == .compactionSuitable ? .compactionSuitable : .compactionFinished
      event.gfp = UInt32(event.frame)
      event.frame = batch.requestedBytes[row]
      event.fallbackOrder = zoneKind(batch.name[row])
      if strings.string(batch.comm[row]).hasPrefix("kcompactd") { event.marks.insert(.isBackground) }
    case .compactionIsolateFree:
      event.kind = .isolated
      event.frame = batch.address[row]
      event.value = batch.requestedBytes[row]
      event.gfp = UInt32(truncatingIfNeeded: min(batch.allocatedBytes[row], 1 << 31))
    case .compactionMigrate:
      pressure.migratedPages &+= batch.requestedBytes[row]
      return nil
    case .oomScoreAdjust:
      tasks.adjust(
        Int32(truncatingIfNeeded: batch.address[row]), Int(truncatingIfNeeded: batch.requestedBytes[row]))
      return nil
    case .oomMarkVictim:
      let victim = Int32(truncatingIfNeeded: batch.address[row])
      let outcome = tasks.outcome(
        totalPages: managedPages + swapPages, settings: machine.profile.virtualMemory, allocating: pid)
      switch outcome {
      case .kills(let pid, _), .killsAllocating(let pid): pressure.victim.count(pid == Int(victim))
      case .panics:
        counts.panics += 1
        pressure.victim.count(false)
      case .waits, .deadlock, .notTried: pressure.victim.count(false)
      }
      tasks.kill(victim)
      return nil
    default: return nil
    }
    return event
  }

  /// A zone's kind by its name; 255 if the name is none.
  private func zoneKind(_ name: StringID) -> UInt8 {
    let text = strings.string(name)
    return Zone.Kind.allCases.first { $0.name == text }.map { UInt8($0.rawValue) } ?? .max
  }

  /// The next run of a reclaiming thread begins with the row being read.
  private mutating func openRun() {
    if nextRun < runs.count { openRuns.append(nextRun) }
    nextRun += 1
  }

  /// Ends runs whose last event was read.
  @inline(never)
  mutating func closeRuns(isInside: Bool) {
    for run in openRuns where runs[run].end < rowNumber {
      var event = PageEvent(
        frame: UInt64(max(runs[run].node, 0)), gfp: runs[run].hasReclaimed ? 1 : 0,
        cpu: UInt16(truncatingIfNeeded: cpuLimit), kind: .reclaimEnds, order: 0, type: .movable)
      if isInside { event.marks.insert(.isInside) }
      window.append(event)
    }
    openRuns.removeAll { runs[$0].end < rowNumber }
  }

  // MARK: - The reclaiming threads

  func place(node: UInt64) -> Int { machine.nodes.firstIndex(of: Int(truncatingIfNeeded: node)) ?? 0 }

  /// A request woke the thread: the model says whether it had to. Follows `wakeup_kswapd` in mm/vmscan.c, Linux 6.1.
  mutating func replayWakeup(_ event: PageEvent) {
    if threads.isEmpty { return }
    let place = place(node: event.frame)
    let isBoost = event.marks.contains(.usesReserves)
    var isRight: Bool
    var miss = PressureMiss.fallback
    if isBoost {
      isRight = false
      for zone in 0..<machine.zoneCount where machine[zone: zone].node == machine.nodes[place] {
        if !machine[zone: zone].wasBoosted { continue }
        isRight = true
        threads[place].want(machine[zone: zone].kind)
        machine.withZone(zone) { $0.wasBoosted = false }
      }
    } else {
      let flags = wakeFlags(event)
      isRight = machine.isShort(.low, order: Int(event.order), flags: flags, cpu: Int(event.cpu))
      if !isRight {
        miss = missKind(.low, event, flags)
        learnShortage(.low, event, flags)
      }
      threads[place].want(.movable)
    }
    if isRight, threads[place].isRunning {
      isRight = false
      miss = .atWork
    }
    if event.marks.contains(.isInside) {
      pressure.wakeup.count(isRight)
      if isBoost { pressure.boostWakeup.count(isRight) } else { pressure.lowWakeup.count(isRight) }
      if !isRight { pressure.wakeupMisses.note(miss) }
      if threads[place].early != nil { pressure.wakeupsElsewhere.note(.early) }
      if let goesOn = threads[place].goesOn { pressure.runEnd.count(!goesOn) }
    }
    threads[place].early = nil
    threads[place].goesOn = nil
    threads[place].isAsleep = false
  }

  private mutating func wakeFlags(_ event: PageEvent) -> GFPFlags {
    let flags = gfpFlags(event.gfp)
    // Kernels before 5.0 don't say.
    return flags.isEmpty ? [.kernel, .highMemory, .movable] : flags
  }

  /// No zone was above a mark for the kernel.
  private mutating func learnShortage(_ mark: Zone.Mark, _ event: PageEvent, _ flags: GFPFlags) {
    for zone in machine.zoneOrder(cpu: Int(event.cpu)) where machine[zone: zone].kind <= Machine.highestKind(flags) {
      machine.learnCounter(
        zone: zone, isAbove: false, mark: mark, order: min(Int(event.order), policy.maximumOrder), flags: flags)
    }
  }

  /// The kernel served a request from a zone: those that it would have tried before were below the low mark, and so was
  /// this one if it woke the reclaiming thread.
  mutating func learnZone(_ event: PageEvent, _ zone: Int) {
    if !countsApart || event.marks.contains(.usesReserves) { return }
    let flags = gfpFlags(event.gfp)
    for other in machine.zoneOrder(cpu: Int(event.cpu)) where machine[zone: other].kind <= Machine.highestKind(flags) {
      let isAbove = other == zone
      if isAbove, !event.marks.isDisjoint(with: [.wokeReclaim, .reclaimed]) { return }
      machine.learnCounter(zone: other, isAbove: isAbove, mark: .low, order: Int(event.order), flags: flags)
      if isAbove { return }
    }
  }

  /// Why the model's zones are above a mark that the kernel's were below, or the other way round.
  func missKind(_ mark: Zone.Mark, _ event: PageEvent, _ flags: GFPFlags) -> PressureMiss {
    let margin = machine.margin(mark, order: Int(event.order), flags: flags, cpu: Int(event.cpu))
    var drift = 1
    for zone in 0..<machine.zoneCount {
      // What one CPU more or less may hold back.
      drift = max(drift, 2 * max(machine[zone: zone].counterThreshold, 1) * machine.profile.cpuCount)
    }
    if abs(margin) <= drift { return .nearMark }
    return margin > 0 ? .freeInModel : .usedInModel
  }

  /// The reclaiming thread sets out to balance a node. Follows `balance_pgdat` in mm/vmscan.c, Linux 6.1.
  mutating func beginReclaim(_ event: PageEvent) {
    if threads.isEmpty { return }
    let place = place(node: event.frame)
    if threads[place].isRunning { endReclaim(place) }
    // It went on by itself unless a request woke it.
    if let goesOn = threads[place].goesOn, event.marks.contains(.isInside) { pressure.runEnd.count(goesOn) }
    threads[place].goesOn = nil
    pressure.reclaimRuns += 1
    threads[place].isRunning = true
    threads[place].isAsleep = false
    threads[place].order = min(Int(event.order), policy.maximumOrder)
    threads[place].mayFail = !machine.isBalanced(
      node: machine.nodes[place], order: threads[place].order, highest: threads[place].wanted ?? threads[place].highest)
    threads[place].highest = threads[place].wanted ?? threads[place].highest
    threads[place].wanted = nil
    for zone in 0..<machine.zoneCount
    where machine[zone: zone].node == machine.nodes[place] && machine[zone: zone].kind <= threads[place].highest {
      boostsAtStart[zone] = machine[zone: zone].watermarkBoost
      if boostsAtStart[zone] > 0 { threads[place].mayFail = true }
      machine.withZone(zone) { $0.isReclaiming = true }
    }
  }

  /// The thread's last event of a run was replayed, or it says that it sleeps.
  mutating func replayReclaimEnd(_ event: PageEvent) {
    if threads.isEmpty { return }
    let place = place(node: event.frame)
    guard threads[place].isRunning else {
      threads[place].isAsleep = true
      return
    }
    endReclaim(place)
    // A run that finds nothing to do fails at nothing.
    if event.gfp & 1 == 1 {
      threads[place].failures = 0
    } else if threads[place].mayFail {
      threads[place].failures += 1
    }
    threads[place].isAsleep = true
    threads[place].goesOn =
      !threads[place].isHopeless
      && !machine.isBalanced(
        node: machine.nodes[place], order: threads[place].order, highest: threads[place].highest)
  }

  mutating func endReclaim(_ place: Int) {
    for zone in 0..<machine.zoneCount where machine[zone: zone].node == machine.nodes[place] {
      let boost = boostsAtStart[zone]
      boostsAtStart[zone] = 0
      machine.withZone(zone) {
        $0.isReclaiming = false
        $0.lowerBoost(by: boost)
      }
    }
    threads[place].isRunning = false
  }

  /// The lists of a zone are not cut any more: whoever reclaimed has done.
  mutating func stopReclaiming(_ zone: Int) { endReclaim(place(node: UInt64(machine[zone: zone].node))) }

  // MARK: - Requests

  /// Serves a request by the model's own choice, and grades whether it found memory short.
  @inline(__always)
  mutating func request(_ event: PageEvent, order: Int, cpu: Int) -> PageFrame? {
    let short = machine.counters.belowLowMark
    let failed = machine.counters.failed
    var flags = gfpFlags(event.gfp)
    if event.marks.contains(.usesReserves) { flags.formUnion(.memoryReserves) }
    if countsApart { saveHeldBack() }
    let frame = machine.allocate(order: order, migrateType: event.type, flags: flags, cpu: cpu)
    let zone = frame.flatMap { machine.zoneIndex(of: $0) }
    let isShort = machine.counters.belowLowMark > short
    var hasNews = isShort || watchesThreads
    if let zone {
      if machine[zone: zone].watermarkBoost > 0 {
        if machine[zone: zone].wasBoosted { hasNews = true }
      }
      if event.marks.contains(.isInside) {
        counts.requests &+= 1
        counts.blocksByZone[zone] &+= 1
        if machine[zone: zone].stepCount > 0 { counts.refills &+= 1 }
      }
    }
    if hasNews { gradePressure(event, flags, isShort: isShort, isOut: machine.counters.failed > failed) }
    if !tellsReclaim, let zone, machine[zone: zone].watermarkBoost > 0 { calm(zone) }
    return frame
  }

  @inline(never)
  private mutating func gradePressure(_ event: PageEvent, _ flags: GFPFlags, isShort: Bool, isOut: Bool) {
    if threads.isEmpty { return }
    let isInside = event.marks.contains(.isInside)
    let local = machine.nodes.firstIndex(of: machine.node(cpu: Int(event.cpu))) ?? 0
    if isInside {
      if isShort { counts.belowLowMark &+= 1 }
      if isOut { counts.belowMinimumMark &+= 1 }
    }
    rest(event)
    var woken: (place: Int, isBoost: Bool)?
    for zone in 0..<machine.zoneCount where machine[zone: zone].wasBoosted {
      let place = machine.nodes.firstIndex(of: machine[zone: zone].node) ?? 0
      // Only a request that may wake the thread does, though the marks are raised by any.
      if flags.contains(.kswapdReclaim) { woken = (place, true) }
      // The kernel's own wake comes with an event, which looks at the flag itself.
      if !event.marks.contains(.wokeReclaim) { machine.withZone(zone) { $0.wasBoosted = false } }
    }
    if isShort, flags.contains(.kswapdReclaim) {
      woken = (local, false)
      // Even while it works: its next run is for all of them.
      if !event.marks.contains(.wokeReclaim) { threads[local].want(.movable) }
    }
    if let woken, isInside, !threads[woken.place].worksInModel {
      threads[woken.place].worksInModel = true
      watchesThreads = true
      counts.wakeups &+= 1
      if woken.isBoost { counts.boostWakeups &+= 1 }
    }
    guard tellsReclaim else { return }
    if let woken, !event.marks.contains(.wokeReclaim), threads[woken.place].isAsleep, !threads[woken.place].isHopeless,
      threads[woken.place].early == nil
    {
      threads[woken.place].early = woken.isBoost ? .fallback : missKind(.low, event, flags)
      threads[woken.place].requestsSinceEarly = 0
      watchesThreads = true
    }
    if isOut, isInside, flags.contains(.directReclaim), event.marks.isDisjoint(with: [.reclaimed, .usesReserves]) {
      pressure.directReclaimsElsewhere.note(missKind(.minimum, event, flags))
    }
  }

  /// Puts the model's own threads to rest once their node is balanced, and counts wakes that the kernel didn't make.
  private mutating func rest(_ event: PageEvent) {
    watchesThreads = false
    for place in threads.indices {
      if threads[place].worksInModel {
        let isBalanced = machine.isBalanced(node: machine.nodes[place], order: 0, highest: .movable)
        if isBalanced { threads[place].worksInModel = false } else { watchesThreads = true }
      }
      guard let early = threads[place].early else { continue }
      threads[place].requestsSinceEarly += 1
      if threads[place].requestsSinceEarly <= Self.earlyRequests {
        watchesThreads = true
      } else {
        if event.marks.contains(.isInside) { pressure.wakeupsElsewhere.note(early) }
        // As long as the model's memory stays short, it is one and the same mistake.
        threads[place].early = nil
        threads[place].isAsleep = false
      }
    }
  }

  /// Requests after which a wake that the kernel didn't make is no longer taken for an early one.
  private static var earlyRequests: Int { 64 }

  /// Without events of the reclaiming thread: a boost of the marks wakes it, and is gone as soon as it has run.
  @inline(never)
  private mutating func calm(_ zone: Int) {
    let boost = machine[zone: zone].watermarkBoost
    machine.withZone(zone) { $0.lowerBoost(by: boost) }
  }

  // MARK: - Direct reclaim

  /// A request begins to reclaim: no zone was above its minimum mark. Follows `__alloc_pages_slowpath`, Linux 6.1.
  mutating func replayDirectReclaim(_ event: PageEvent) {
    let flags = gfpFlags(event.gfp)
    let order = min(Int(event.order), policy.maximumOrder)
    let isShort = machine.isShort(.minimum, order: order, flags: flags, cpu: Int(event.cpu))
    if event.marks.contains(.isInside) {
      pressure.directReclaim.count(isShort)
      if !isShort { pressure.directReclaimMisses.note(missKind(.minimum, event, flags)) }
    }
    if !isShort { learnShortage(.minimum, event, flags) }
  }

  /// Whoever reclaims a page gives the threads hope. Follows `shrink_node` in mm/vmscan.c, Linux 6.1.
  mutating func replayDirectReclaimEnd(_ event: PageEvent) {
    if event.value > 0 { for place in threads.indices { threads[place].failures = 0 } }
  }

  /// A request found nothing after it had reclaimed: the kernel prints what is free.
  mutating func replayRetry(_ event: PageEvent) {
    guard event.marks.contains(.isInside), let kind = Zone.Kind(rawValue: Int(event.fallbackOrder)),
      let zone = machine.zoneIndex(node: Int(event.gfp), kind: kind)
    else { return }
    let difference = machine[zone: zone].freePages - Int(clamping: event.frame)
    let isSameMark = machine[zone: zone].pages(at: .minimum) == Int(clamping: event.value)
    pressure.retry.count(difference == 0 && isSameMark)
    if abs(difference) > abs(pressure.retryDifference) { pressure.retryDifference = difference }
  }

  /// The kernel gave pages back that the model would have kept: lists as long as that are cut only while memory is
  /// reclaimed. Follows `nr_pcp_high` in mm/page_alloc.c, Linux 6.1.
  mutating func resumeReclaim(_ frame: UInt64, cpu: Int) {
    guard let zone = machine.zoneIndex(of: PageFrame(frame)), !machine[zone: zone].isReclaiming,
      machine[zone: zone].pagesInPerCPULists(cpu: cpu) >= 4 * machine[zone: zone].perCPULimits.batch
    else { return }
    let node = machine[zone: zone].node
    for other in 0..<machine.zoneCount where machine[zone: other].node == node {
      machine.withZone(other) { $0.isReclaiming = true }
    }
  }
}
