extension SLUB {
  /// Takes back an object that is handed out, on `cpu`. Slabs that become empty may be added to `released`.
  ///
  /// Follows `do_slab_free` and `__slab_free` in mm/slub.c, Linux 6.1.
  public mutating func free(_ object: SlabObject, cpu: Int) {
    let id = Int(object.slab)
    let cache = Int(slabs[id].cache)
    let state = cache * cpuLimit + cpu
    let link = slabs[id].links + Int(object.index)
    caches[cache].liveObjects -= 1
    if cpus[state].active == object.slab {
      links[link] = cpus[state].freelist
      cpus[state].freelist = object.index
      return
    }
    let wasFull = slabs[id].freelist == Self.endOfList
    links[link] = slabs[id].freelist
    slabs[id].freelist = object.index
    slabs[id].inUse -= 1
    switch slabs[id].place {
    case .active, .perCPUPartial, .unused:
      return
    case .full:
      if caches[cache].geometry.perCPUPartialLimit > 0 {
        putPerCPUPartial(object.slab, state, cpu, drains: true)
      } else if slabs[id].inUse == 0, isToBeReleased(id) {
        discard(object.slab)
      } else {
        addPartial(object.slab, atTail: true)
      }
    case .nodePartial:
      if slabs[id].inUse == 0, !wasFull, isToBeReleased(id) {
        removePartial(object.slab)
        discard(object.slab)
      }
    }
  }

  /// Moves a CPU's partial list, newest first, to the tail of the nodes' lists; empty slabs beyond the minimum are
  /// released afterwards, oldest first. Follows `__unfreeze_partials` in mm/slub.c, Linux 6.1.
  mutating func unfreezePartials(_ head: Int32) {
    var doomed: [Int32] = []
    var id = head
    while id >= 0 {
      let next = slabs[Int(id)].next
      if slabs[Int(id)].inUse == 0, isToBeReleased(Int(id)) {
        slabs[Int(id)].place = .full
        doomed.append(id)
      } else {
        addPartial(id, atTail: true)
      }
      id = next
    }
    while let last = doomed.popLast() { discard(last) }
  }

  /// Takes the slab in use away from a CPU: its private objects return to the slab.
  /// Follows `deactivate_slab` in mm/slub.c, Linux 6.1.
  mutating func deactivate(_ state: Int) {
    let active = cpus[state].active
    if active < 0 { return }
    let id = Int(active)
    let hadRemoteFrees = slabs[id].freelist != Self.endOfList
    returnPrivateObjects(state)
    if slabs[id].inUse == 0, isToBeReleased(id) {
      discard(active)
    } else if slabs[id].freelist != Self.endOfList {
      addPartial(active, atTail: hadRemoteFrees)
    }
  }

  /// Gives the CPU's private objects back to its slab, which then is on no list.
  mutating func returnPrivateObjects(_ state: Int) {
    let id = Int(cpus[state].active)
    var last = cpus[state].freelist
    if last != Self.endOfList {
      var count: UInt16 = 1
      while links[slabs[id].links + Int(last)] != Self.endOfList {
        last = links[slabs[id].links + Int(last)]
        count += 1
      }
      links[slabs[id].links + Int(last)] = slabs[id].freelist
      slabs[id].freelist = cpus[state].freelist
      slabs[id].inUse -= count
    }
    cpus[state].active = -1
    cpus[state].freelist = Self.endOfList
    slabs[id].place = .full
  }

  /// Empties every CPU's lists of a cache into the node's. Follows `flush_all_cpus_locked`, Linux 6.1.
  public mutating func flush(cache: Int) {
    for cpu in 0..<cpuLimit {
      let state = cache * cpuLimit + cpu
      deactivate(state)
      let partial = cpus[state].partial
      cpus[state].partial = -1
      cpus[state].partialCount = 0
      if partial >= 0 { unfreezePartials(partial) }
    }
  }

  /// Releases all empty slabs and sorts nearly full ones to the front of the node's list.
  /// Follows `__kmem_cache_shrink` in mm/slub.c, Linux 6.1.
  public mutating func shrink(cache: Int) {
    flush(cache: cache)
    for home in cache * nodeCount..<(cache + 1) * nodeCount { shrink(home: home) }
  }

  private mutating func shrink(home: Int) {
    let promotedAtMost = 32
    var doomed: [Int32] = []
    var promoted = [[Int32]](repeating: [], count: promotedAtMost)
    var id = nodes[home].head
    while id >= 0 {
      let next = slabs[Int(id)].next
      let free = Int(slabs[Int(id)].objects - slabs[Int(id)].inUse)
      if slabs[Int(id)].inUse == 0 {
        removePartial(id)
        doomed.insert(id, at: 0)
      } else if free <= promotedAtMost {
        removePartial(id)
        promoted[free - 1].insert(id, at: 0)
      }
      id = next
    }
    for bucket in promoted.reversed() {
      for slab in bucket.reversed() { addPartial(slab, atTail: false) }
    }
    for slab in doomed { discard(slab) }
  }
}
