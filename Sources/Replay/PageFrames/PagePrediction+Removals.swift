import KernelTypes
import MemoryModels

extension PagePrediction {
  /// The first event of blocks leaving the buddy's lists: the whole request is replayed here, under the zone's lock as
  /// the kernel did it, and its `mm_page_alloc`, which comes later, is graded.
  @inline(never)
  mutating func replayRemovals(_ index: Int) {
    let first = firstRemoval(index)
    let frame = window.events[first].frame
    guard let zone = machine.zoneIndex(of: PageFrame(frame)) else {
      grades.outside &+= 1
      window.events[index].marks.insert(.isDone)
      return
    }
    if let request = request(for: frame, after: index) {
      serve(request, removals: index, zone)
    } else {
      serveUnseen(removals: index, first: first, zone)
    }
  }

  /// The event of the first block removed: behind its fallback, or the fallback itself when it stands for both.
  private func firstRemoval(_ index: Int) -> Int {
    if window.events[index].kind == .removed { return index }
    if policy.fallbackRule != .claimThenSteal, let next = window.next(index), window.events[next].kind == .removed {
      return next
    }
    return index
  }

  /// The `mm_page_alloc` that hands out a block just removed; `nil` if it was taken without.
  private func request(for frame: UInt64, after index: Int) -> Int? {
    var cursor = index
    while let next = window.next(cursor) {
      let event = window.events[next]
      if event.frame == frame {
        switch event.kind {
        case .allocated: return event.marks.contains(.isDone) ? nil : next
        case .freed, .drained: return nil
        default: break
        }
      }
      if next - index > PageEventWindow.reach { return nil }
      cursor = next
    }
    return nil
  }

  private mutating func serve(_ request: Int, removals index: Int, _ zone: Int) {
    let event = window.events[request]
    let order = Int(event.order)
    let cpu = Int(event.cpu)
    let frame = PageFrame(event.frame)
    exactTail[cpu] = order == 0 ? 0..<0 : (event.frame &+ 1)..<(event.frame &+ Order.pages(order))
    window.events[request].marks.insert(.isDone)
    noteRefillAtBoot(index, upTo: request, zone)
    let predicted = self.request(event, order: order, cpu: cpu)
    let isRightZone = predicted.map { machine.zoneIndex(of: $0) == zone } ?? false
    var isRefillRight = false
    var kind: FrameMiss?
    if predicted == nil { kind = .modelFailed } else if !isRightZone { kind = .otherZone }
    if isRightZone {
      if machine[zone: zone].stepCount == 0, isPerCPU(order) {
        kind = .kernelRefilled
      } else {
        isRefillRight = agrees(index, upTo: request, zone)
        if predicted != frame { kind = .otherBlock }
      }
    }
    if isGraded(event) {
      grades.pageFrame.count(predicted == frame)
      grades.zone.count(isRightZone)
      if predicted != frame { grades.miss(kind ?? .otherBlock) }
    }
    if event.marks.contains(.isInside) { grades.refill.count(isRefillRight) }
    if isPerCPU(order) { sendPastLists(removals: index, upTo: request) }
    if isRefillRight, predicted == frame {
      removeSteps(zone)
      return
    }
    if let predicted { undo(predicted, order: order, type: event.type, cpu: cpu) }
    if kind == .otherZone { learnZone(event, zone) }
    if kind == .kernelRefilled || kind == .otherZone || kind == nil || kind == .otherBlock {
      redo(request, removals: index, zone)
    } else {
      adopt(request, removals: index, zone)
    }
  }

  /// Frees between a refill and its `mm_page_alloc` are an interrupt's, which came in as soon as the zone's lock was let
  /// go: the CPU's lists are still locked, and the pages go straight to the buddy's.
  private mutating func sendPastLists(removals index: Int, upTo request: Int) {
    var cursor = window.next(index)
    while let next = cursor, next < request {
      if window.events[next].kind == .freed, window.events[next].fate == .onList { window.events[next].fate = .inBuddy }
      cursor = window.next(next)
    }
  }

  /// Lets the model serve a request again, in the traced zone and from an empty list, before the traced blocks are taken
  /// as they are.
  private mutating func redo(_ request: Int, removals index: Int, _ zone: Int) {
    let event = window.events[request]
    let order = Int(event.order)
    let cpu = Int(event.cpu)
    if isPerCPU(order) {
      // The kernel's list was empty.
      let left = machine[zone: zone].perCPUList(cpu: cpu, order: order, type: event.type)
      for block in left { machine.withZone(zone) { _ = $0.take(block, order: order) } }
      grades.pagesTakenUnseen &+= UInt64(left.count) << UInt64(order)
    }
    saveHeldBack()
    let predicted = machine.allocate(
      inZone: zone, order: order, migrateType: event.type, flags: gfpFlags(event.gfp), cpu: cpu)
    if let predicted {
      if predicted.rawValue == event.frame, agrees(index, upTo: request, zone) {
        removeSteps(zone)
        return
      }
      undo(predicted, order: order, type: event.type, cpu: cpu)
    }
    adopt(request, removals: index, zone)
  }

  /// Whether the steps the model just took are the events from `index` on, on that CPU and before its event `end`, all
  /// of them; if so, they are done.
  private mutating func agrees(_ index: Int, upTo end: Int?, _ zone: Int) -> Bool {
    let count = machine[zone: zone].stepCount
    var cursor: Int? = index
    for number in 0..<count {
      guard let next = cursor, matches(machine[zone: zone].steps[number], window.events[next]) else { return false }
      cursor = window.next(next)
    }
    // Nothing of the kind may be left over.
    if let next = cursor, let end, next < end, isRemoval(next, like: index) { return false }
    cursor = index
    for _ in 0..<count {
      guard let next = cursor else { break }
      finish(next, isRight: true)
      cursor = window.next(next)
    }
    return true
  }

  private func isRemoval(_ index: Int, like first: Int) -> Bool {
    let event = window.events[index]
    return (event.kind == .removed || event.kind == .fallback) && event.order == window.events[first].order
      && event.type == window.events[first].type && !event.marks.contains(.isDone)
  }

  @inline(__always)
  private func matches(_ step: PageStep, _ event: PageEvent) -> Bool {
    if event.frame != step.frame.rawValue || event.order != step.order || event.marks.contains(.isDone) { return false }
    return event.kind == .removed ? step.kind == .removed : event.kind == .fallback && step.kind == .fallback
  }

  private mutating func finish(_ index: Int, isRight: Bool) {
    window.events[index].marks.insert(.isDone)
    let event = window.events[index]
    if event.kind == .fallback, event.marks.contains(.isInside) { grades.fallback.count(isRight) }
  }

  /// Takes the blocks that the trace says were removed, whatever the model would have chosen.
  private mutating func adopt(_ request: Int?, removals index: Int, _ zone: Int) {
    let like = window.events[index]
    let order = Int(like.order)
    let cpu = Int(like.cpu)
    var cursor: Int? = index
    var blocks: [PageFrame] = []
    while let next = cursor, next - index < PageEventWindow.reach {
      if let request, next >= request { break }
      if request == nil, !isRemoval(next, like: index) { break }
      let event = window.events[next]
      if isRemoval(next, like: index) {
        finish(next, isRight: false)
        let frame = PageFrame(event.frame)
        if event.kind == .removed || (policy.fallbackRule == .claimThenSteal && blocks.last != frame) {
          blocks.append(frame)
        }
      }
      cursor = window.next(next)
    }
    let handedOut = request.map { PageFrame(window.events[$0].frame) } ?? blocks.first
    for block in blocks {
      machine.withZone(zone) {
        let isFree = $0.take(block, order: order, isMovable: like.type == .movable)
        if isFree, block != handedOut { $0.append(perCPUBlock: block, order: order, type: like.type, cpu: cpu) }
      }
    }
    removeSteps(zone)
  }

  /// Blocks removed for a request that has no event: the model removes as many, and the first counts as taken.
  private mutating func serveUnseen(removals index: Int, first: Int, _ zone: Int) {
    let event = window.events[first]
    let order = Int(event.order)
    let cpu = Int(event.cpu)
    noteRefillAtBoot(index, upTo: nil, zone)
    if isPerCPU(order) {
      let left = machine[zone: zone].perCPUList(cpu: cpu, order: order, type: event.type)
      for block in left { machine.withZone(zone) { _ = $0.take(block, order: order) } }
      grades.pagesTakenUnseen &+= UInt64(left.count) << UInt64(order)
    }
    saveHeldBack()
    let predicted = machine.allocate(
      inZone: zone, order: order, migrateType: event.type, conditions: .bulk, cpu: cpu)
    grades.pagesTakenUnseen &+= Order.pages(order)
    let isRight = agrees(index, upTo: nil, zone)
    if event.marks.contains(.isInside) { grades.refill.count(isRight) }
    if isRight {
      removeSteps(zone)
      return
    }
    if let predicted { undo(predicted, order: order, type: event.type, cpu: cpu) }
    adopt(nil, removals: index, zone)
  }

  // MARK: - Bulk allocations

  /// Single pages that are taken without events: `vm_area_alloc_pages` asks for up to 100 at a time, and a last single
  /// one is asked for in the ordinary way. Follows mm/vmalloc.c and `__alloc_pages_bulk`, Linux 6.1.
  @inline(never)
  mutating func replayBulk(_ index: Int) {
    let event = window.events[index]
    let cpu = Int(event.cpu)
    var left = Int(min(event.frame, 1 << 20))
    var cursor = window.next(index)
    while left > 1 {
      for _ in 0..<min(left, 100) {
        saveHeldBack()
        guard
          let frame = machine.allocate(
            order: 0, migrateType: .unmovable, flags: .kernel, conditions: .bulk, cpu: cpu),
          let zone = machine.zoneIndex(of: frame)
        else { return }
        if machine[zone: zone].stepCount > 0, !followBulk(&cursor, zone) {
          undo(frame, order: 0, type: .unmovable, cpu: cpu)
          // The kernel did something else from here on; its events will be seen as an unseen request's.
          return
        }
        if event.marks.contains(.isInside) { grades.bulkPages &+= 1 }
      }
      left -= min(left, 100)
    }
  }

  /// Compares a refill in the middle of a bulk allocation with the CPU's next events.
  private mutating func followBulk(_ cursor: inout Int?, _ zone: Int) -> Bool {
    guard let start = cursor else { return false }
    let count = machine[zone: zone].stepCount
    if !agrees(start, upTo: nil, zone) { return false }
    for _ in 0..<count { cursor = cursor.flatMap { window.next($0) } }
    if window.events[start].marks.contains(.isInside) { grades.refill.count(true) }
    removeSteps(zone)
    return true
  }
}
