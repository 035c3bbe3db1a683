import KernelTypes
import MemoryModels

extension PagePrediction {
  /// A block handed out from a CPU's list that needed no refill.
  @inline(__always)
  mutating func replayAllocation(_ index: Int) {
    let event = window.events[index]
    if event.frame == .max { return replayFailure(index) }
    let order = Int(event.order)
    let cpu = Int(event.cpu)
    exactTail[cpu] = order == 0 ? 0..<0 : (event.frame &+ 1)..<(event.frame &+ Order.pages(order))
    let predicted = request(event, order: order, cpu: cpu)
    if let predicted, predicted.rawValue == event.frame, let zone = machine.zoneIndex(of: predicted),
      machine[zone: zone].stepCount == 0
    {
      if isGraded(event) {
        grades.pageFrame.count(true)
        grades.zone.count(true)
      }
      return
    }
    correctAllocation(index, predicted)
  }

  /// A request that the kernel did not serve.
  private mutating func replayFailure(_ index: Int) {
    let event = window.events[index]
    let order = Int(event.order)
    let predicted = request(event, order: order, cpu: Int(event.cpu))
    if event.marks.contains(.isInside) { grades.failure.count(predicted == nil) }
    if let predicted { undo(predicted, order: order, type: event.type, cpu: Int(event.cpu)) }
  }

  @inline(never)
  private mutating func correctAllocation(_ index: Int, _ predicted: PageFrame?) {
    let event = window.events[index]
    let order = Int(event.order)
    let cpu = Int(event.cpu)
    let frame = PageFrame(event.frame)
    let hasRefilled = predicted.flatMap { machine.zoneIndex(of: $0) }.map { machine[zone: $0].stepCount > 0 } ?? false
    if let predicted { undo(predicted, order: order, type: event.type, cpu: cpu) }
    guard let zone = machine.zoneIndex(of: frame) else {
      grades.outside &+= 1
      return
    }
    var kind = FrameMiss.modelFailed
    if let predicted {
      let isOtherZone = machine.zoneIndex(of: predicted) != zone
      if isOtherZone { learnZone(event, zone) }
      kind = isOtherZone ? .otherZone : hasRefilled ? .modelRefilled : place(index, zone)
    }
    let isFree = machine.withZone(zone) { $0.take(frame, order: order, isMovable: event.type == .movable) }
    if !isFree, kind != .otherZone { kind = .freedUnseen }
    if isGraded(event) {
      let isRight = predicted == frame
      grades.pageFrame.count(isRight)
      grades.zone.count(kind != .otherZone)
      if !isRight { grades.miss(kind) }
      if hasRefilled { grades.refill.count(false) }
    }
  }

  /// Where the traced block stands, which is not where the model took one; takes what was taken before it.
  private mutating func place(_ index: Int, _ zone: Int) -> FrameMiss {
    let event = window.events[index]
    let frame = PageFrame(event.frame)
    guard
      let before = machine[zone: zone].perCPUBlocks(
        before: frame, order: Int(event.order), type: event.type, cpu: Int(event.cpu))
    else { return machine[zone: zone].isInPerCPUList(frame) ? .otherList : .otherBlock }
    var kind = FrameMiss.otherOrder
    for block in before {
      // A block that is freed next was taken; one that is handed out or drained next is still there.
      guard window.nextEvent(of: block.rawValue, after: index)?.kind == .freed else { continue }
      kind = .takenUnseen
      machine.withZone(zone) { _ = $0.take(block, order: Int(event.order)) }
      grades.pagesTakenUnseen &+= Order.pages(Int(event.order))
    }
    return kind
  }

  /// Takes back what the model did for a request: blocks it moved from the buddy's lists, and the one handed out.
  mutating func undo(_ predicted: PageFrame, order: Int, type: MigrateType, cpu: Int) {
    guard let zone = machine.zoneIndex(of: predicted) else { return }
    let steps = machine[zone: zone].steps
    removeSteps(zone)
    if steps.isEmpty {
      machine.withZone(zone) { $0.putBack(predicted, order: order, type: type, cpu: cpu) }
      return
    }
    let blocks = removed(steps)
    let held = heldBack
    machine.withZone(zone) {
      for frame in blocks.reversed() where frame != predicted { $0.giveBack(frame, type: type) }
      $0.free(predicted, order: order, cpu: cpu, skipsPerCPU: true)
      if $0.counterThreshold > 0 { $0.heldBackPages = held[zone] }
    }
  }

  /// The blocks that steps took from the buddy's lists, in order.
  private func removed(_ steps: [PageStep]) -> [PageFrame] {
    var frames: [PageFrame] = []
    for (index, step) in steps.enumerated() {
      switch step.kind {
      case .removed: frames.append(step.frame)
      case .fallback:
        // Where blocks are claimed or stolen, the fallback names the block handed out, which a removal in front of it
        // may have named too; elsewhere a removal follows.
        let isTold = index > 0 && steps[index - 1].kind == .removed && steps[index - 1].frame == step.frame
        if policy.fallbackRule == .claimThenSteal, !isTold { frames.append(step.frame) }
      case .drained: break
      }
    }
    return frames
  }
}
