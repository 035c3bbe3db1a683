extension SLUB {
  /// What is wrong with the model's data; empty when nothing is. For tests: it walks everything.
  public func invariantViolations() -> [String] {
    var violations: [String] = []
    var places = [Int](repeating: 0, count: slabs.count)
    func check(_ holds: Bool, _ text: @autoclosure () -> String) {
      if !holds { violations.append(text()) }
    }
    for (home, part) in nodes.enumerated() {
      var count = 0
      var previous: Int32 = -1
      var id = part.head
      while id >= 0, count <= slabs.count {
        let slab = slabs[Int(id)]
        check(slab.place == .nodePartial, "slab \(id) on the node's list stands at \(slab.place)")
        check(slab.previous == previous, "slab \(id) has a wrong link back")
        check(Int(slab.home) == home, "slab \(id) is on another cache's or node's list")
        check(Int(slab.home) / nodeCount == Int(slab.cache), "slab \(id) belongs to another cache")
        check(slab.freelist != Self.endOfList, "slab \(id) on the node's list has no free object")
        places[Int(id)] += 1
        count += 1
        previous = id
        id = slab.next
      }
      check(part.tail == previous, "cache \(home / nodeCount): wrong tail")
      check(count == part.count, "cache \(home / nodeCount): \(count) partial slabs, counted \(part.count)")
    }
    for index in caches.indices {
      for cpu in 0..<cpuLimit { checkCPU(index, cpu, &places, &violations) }
    }
    checkSlabs(places, &violations)
    return violations
  }

  private func checkCPU(_ cache: Int, _ cpu: Int, _ places: inout [Int], _ violations: inout [String]) {
    let state = cpus[cache * cpuLimit + cpu]
    if state.active >= 0 {
      if slabs[Int(state.active)].place != .active { violations.append("slab \(state.active) in use is not marked so") }
      places[Int(state.active)] += 1
    } else if state.freelist != Self.endOfList {
      violations.append("cache \(cache), CPU \(cpu): private objects without a slab")
    }
    var count: Int32 = 0
    var id = state.partial
    while id >= 0, count <= Int32(slabs.count) {
      if slabs[Int(id)].place != .perCPUPartial { violations.append("slab \(id) on a CPU's list is not marked so") }
      places[Int(id)] += 1
      count += slabs[Int(id)].counted
      id = slabs[Int(id)].next
    }
    if count != state.partialCount { violations.append("cache \(cache), CPU \(cpu): wrong count of partial slabs") }
  }

  private func checkSlabs(_ places: [Int], _ violations: inout [String]) {
    var live = [Int](repeating: 0, count: caches.count)
    var pages: UInt64 = 0
    for (id, slab) in slabs.enumerated() where slab.place != .unused {
      let listed = slab.place == .full ? 0 : 1
      if places[id] != listed { violations.append("slab \(id) (\(slab.place)) is on \(places[id]) lists") }
      var free = 0
      for index in 0..<Int(slab.objects) where links[slab.links + index] != Self.handedOut { free += 1 }
      var chained = chainLength(slab.freelist, slab)
      if slab.place == .active {
        chained += chainLength(cpus[Int(slab.cache) * cpuLimit + Int(slab.cpu)].freelist, slab)
        if Int(slab.inUse) + chainLength(slab.freelist, slab) != Int(slab.objects) {
          violations.append("slab \(id): wrong count of objects in use")
        }
      } else if Int(slab.inUse) + free != Int(slab.objects) {
        violations.append("slab \(id): \(slab.inUse) objects in use, \(free) free of \(slab.objects)")
      }
      if chained != free { violations.append("slab \(id): \(free) objects are free, \(chained) are chained") }
      live[Int(slab.cache)] += Int(slab.objects) - free
      pages += 1 << UInt64(slab.order)
    }
    for index in caches.indices where live[index] != caches[index].liveObjects {
      violations.append("cache \(index): \(live[index]) live objects, counted \(caches[index].liveObjects)")
    }
    if pages != slabPages { violations.append("\(pages) pages in slabs, counted \(slabPages)") }
  }

  private func chainLength(_ head: UInt16, _ slab: Slab) -> Int {
    var count = 0
    var index = head
    while index != Self.endOfList, index != Self.handedOut, count <= Int(slab.objects) {
      count += 1
      index = links[slab.links + Int(index)]
    }
    return count
  }
}
