import KernelTypes
import MemoryModels

extension PagePrediction {
  /// A block goes to its CPU's list; at the first of the drains that it causes, if it causes any.
  @inline(__always)
  mutating func replayFreeOnList(_ index: Int, order: Int) {
    if let next = window.next(index), window.events[next].kind == .drained,
      !window.events[next].marks.contains(.isDone)
    {
      // Other CPUs may use the buddy's lists before the drain, which holds the zone's lock.
      window.events[next].marks.insert(.carriesFree)
      window.events[next].gfp = UInt32(truncatingIfNeeded: next - index)
      window.events[index].order = UInt8(truncatingIfNeeded: order)
      return
    }
    putOnList(index, order: order)
  }

  @inline(__always)
  private mutating func putOnList(_ index: Int, order: Int) {
    let event = window.events[index]
    let frame = PageFrame(event.frame)
    guard let zone = machine.zoneIndex(of: frame) else {
      grades.outside &+= 1
      return
    }
    takeUnseen(frame, order: order, zone)
    if bootStage == .handedOver, !isFollowedByDrain(index) { noteKeptAtBoot(zone) }
    let held = machine[zone: zone].heldBackPages
    machine.free(frame, order: order, cpu: Int(event.cpu))
    if machine[zone: zone].stepCount > 0 { settleDrains(index, zone, heldBack: held) }
  }

  private func isFollowedByDrain(_ index: Int) -> Bool {
    window.next(index).map { window.events[$0].kind == .drained } ?? false
  }

  /// The model gave blocks back: compares them with the drains that follow on the CPU.
  @inline(never)
  private mutating func settleDrains(_ index: Int, _ zone: Int, heldBack: Int) {
    let steps = machine[zone: zone].steps
    removeSteps(zone)
    if window.events[index].marks.contains(.isInside) { counts.drainedBlocks &+= UInt64(steps.count) }
    var cursor = window.next(index)
    var agreed = 0
    for step in steps where step.kind == .drained {
      guard let next = cursor, window.events[next].kind == .drained,
        window.events[next].frame == step.frame.rawValue, window.events[next].order == step.order
      else { break }
      window.events[next].marks.insert(.isDone)
      if window.events[next].marks.contains(.isInside) { grades.drain.count(true) }
      agreed += 1
      cursor = window.next(next)
    }
    if agreed > 0, window.events[index].kind == .freedInBatch, let cursor { sendPastLists(from: cursor) }
    // A reclaimed zone would not have kept them: the reclaiming thread is done.
    if agreed == 0, !knowsRuns, machine[zone: zone].isReclaiming { stopReclaiming(zone) }
    if agreed == steps.count { return }
    if bootStage == .listsSetUp { setMarksAtBoot() }
    undoDrains(steps.dropFirst(agreed), cpu: Int(window.events[index].cpu), zone)
    // As if it had given back no more than the kernel.
    machine.withZone(zone) {
      if $0.counterThreshold == 0 { return }
      $0.heldBackPages = heldBack
      for step in steps.prefix(agreed) { $0.holdBack(1 << Int(step.order)) }
    }
  }

  /// Frees after a drain in the middle of a batch are an interrupt's, which found the CPU's lists locked.
  private mutating func sendPastLists(from start: Int) {
    var cursor: Int? = start
    while let next = cursor, window.events[next].kind == .freed, window.events[next].fate == .onList {
      cursor = window.next(next)
    }
    // Only the batch's next event shows that it was not done.
    guard let end = cursor, window.events[end].kind == .freedInBatch else { return }
    cursor = start
    while let next = cursor, next < end {
      window.events[next].fate = .inBuddy
      cursor = window.next(next)
    }
  }

  /// Puts blocks that the kernel kept back on the CPU's list, from the last one given back.
  private mutating func undoDrains(_ steps: ArraySlice<PageStep>, cpu: Int, _ zone: Int) {
    for step in steps.reversed() where step.kind == .drained {
      machine.withZone(zone) {
        if $0.take(step.frame, order: Int(step.order)) {
          $0.append(perCPUBlock: step.frame, order: Int(step.order), type: step.type, cpu: cpu)
        }
      }
      grades.drainsUndone &+= 1
    }
  }

  /// A drain that the model did not foresee, or the free that causes it.
  @inline(never)
  mutating func replayDrain(_ index: Int) {
    let marks = window.events[index].marks
    if marks.contains(.carriesFree) {
      let cause = index - Int(window.events[index].gfp)
      putOnList(cause, order: Int(window.events[cause].order))
      if window.events[index].marks.contains(.isDone) { return }
      if tellsReclaim, !knowsRuns { resumeReclaim(window.events[index].frame, cpu: Int(window.events[index].cpu)) }
    }
    let event = window.events[index]
    let frame = PageFrame(event.frame)
    guard let zone = machine.zoneIndex(of: frame) else {
      grades.outside &+= 1
      return
    }
    if event.marks.contains(.isInside) { grades.drain.count(false) }
    machine.withZone(zone) {
      if !$0.giveBack(frame, type: event.type) {
        $0.free(frame, order: Int(event.order), cpu: Int(event.cpu), skipsPerCPU: true)
      }
    }
  }

  @inline(__always)
  mutating func removeSteps(_ zone: Int) { machine.withZone(zone) { $0.removeSteps() } }
}
