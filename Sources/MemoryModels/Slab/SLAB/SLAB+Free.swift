import KernelTypes

extension SLAB {
  /// Takes back an object that is handed out, on `cpu`. Slabs that become free may be added to `released`.
  ///
  /// Follows `___cache_free` in mm/slab.c, Linux 6.1.
  public mutating func free(_ object: SlabObject, cpu: Int) {
    let cache = Int(slabs[Int(object.slab)].cache)
    let state = cache * cpuLimit + cpu
    caches[cache].liveObjects -= 1
    if nodeCount > 1, Int(slabs[Int(object.slab)].home) != arrays[state].home {
      freeAlien(object, cache, state)
      return
    }
    if arrays[state].count >= arrays[state].limit { flush(state) }
    entries[arrays[state].start + arrays[state].count] = object
    arrays[state].count += 1
  }

  /// Makes room in a full array: its oldest objects go to the shared array or, if that is full, to their slabs.
  /// Follows `cache_flusharray` in mm/slab.c, Linux 6.1.
  @inline(never)
  private mutating func flush(_ state: Int) {
    var moved = arrays[state].batch
    let start = arrays[state].start
    let home = arrays[state].home
    let room = nodes[home].shared.limit - nodes[home].shared.count
    let first = released.count
    if room > 0 {
      moved = min(moved, room)
      let target = nodes[home].shared.start + nodes[home].shared.count
      for index in 0..<moved { entries[target + index] = entries[start + index] }
      nodes[home].shared.count += moved
    } else {
      putBack(home, start, moved)
    }
    arrays[state].count -= moved
    for index in 0..<arrays[state].count { entries[start + index] = entries[start + moved + index] }
    reverseReleased(from: first)
  }

  /// Puts objects of a node's slabs back into them and gives slabs back while more objects are free than the node keeps.
  /// Follows `free_block` in mm/slab.c, Linux 6.1.
  mutating func putBack(_ home: Int, _ start: Int, _ count: Int) {
    nodes[home].freeObjects += count
    for entry in start..<(start + count) {
      let object = entries[entry]
      let id = Int(object.slab)
      unlink(object.slab)
      slabs[id].active -= 1
      indices[slabs[id].list + Int(slabs[id].active)] = object.index
      if slabs[id].active == 0 {
        addToFree(object.slab, atTail: false)
      } else {
        // Partly used slabs go to the end, which gives the rest of their objects time to come back.
        addToPartial(object.slab, atTail: true)
      }
    }
    while nodes[home].freeObjects > nodes[home].freeLimit, nodes[home].free.tail >= 0 { destroyFreeSlab(home) }
  }

  private mutating func destroyFreeSlab(_ home: Int) {
    let id = nodes[home].free.tail
    nodes[home].freeObjects -= caches[home / nodeCount].geometry.objectsPerSlab
    unlink(id)
    destroy(id)
  }

  /// Slabs beyond the limit are collected on a list and freed last collected first (`slabs_destroy`).
  mutating func reverseReleased(from first: Int) {
    if released.count - first > 1 { released[first...].reverse() }
  }

  // MARK: - The reaper

  /// Runs the reaper as often as it is due until `time`, in nanoseconds of the trace's clock.
  public mutating func advance(to time: UInt64) {
    if nextDue == 0 { startReaping(time) }
    while time >= nextDue {
      for cpu in 0..<cpuLimit where time >= nextReapOfCPU[cpu] {
        reap(cpu: cpu, at: nextReapOfCPU[cpu])
        nextReapOfCPU[cpu] += profile.slab.reapInterval
        // A pause in the trace is no reason to reap an empty machine for hours.
        if time - min(time, nextReapOfCPU[cpu]) > 64 * profile.slab.reapInterval {
          nextReapOfCPU[cpu] = time - time % profile.slab.reapInterval
        }
      }
      nextDue = nextReapOfCPU.min() ?? .max
    }
  }

  private mutating func startReaping(_ time: UInt64) {
    // The timer is rounded to whole seconds, a few jiffies apart on each CPU.
    let second: UInt64 = 1_000_000_000
    let first = (time / second + 1) * second
    for cpu in 0..<cpuLimit { nextReapOfCPU[cpu] = first + UInt64(cpu) * 3_000_000 }
    for home in nodes.indices { nodes[home].nextReap += first }
    nextDue = first
  }

  /// One pass of a CPU's reaper. Follows `cache_reap` in mm/slab.c, Linux 6.1.
  public mutating func reap(cpu: Int, at time: UInt64) {
    for cache in caches.indices {
      if nodeCount > 1 { drainAlien(cache, from: nodeOfCPU[cpu], to: nextAlienNode[cpu]) }
      reapArray(cache: cache, cpu: cpu)
      let home = cache * nodeCount + nodeOfCPU[cpu]
      if nodes[home].nextReap > time { continue }
      nodes[home].nextReap = time + profile.slab.nodeReapInterval
      drainShared(home)
      if nodes[home].freeWasTouched {
        nodes[home].freeWasTouched = false
      } else {
        drainFree(home)
      }
    }
    nextAlienNode[cpu] = (nextAlienNode[cpu] + 1) % nodeCount
  }

  /// What the reaper of a CPU does to a cache's shared array and free slabs when it finds the latter unused.
  public mutating func reapFree(cache: Int, cpu: Int, at time: UInt64) {
    let home = cache * nodeCount + nodeOfCPU[cpu]
    nodes[home].nextReap = time + profile.slab.nodeReapInterval
    drainShared(home)
    drainFree(home)
  }

  /// Takes a fifth out of a CPU's array that nobody allocated from since the last time.
  /// Follows `drain_array` in mm/slab.c, Linux 6.1.
  public mutating func reapArray(cache: Int, cpu: Int) {
    let state = cache * cpuLimit + cpu
    if arrays[state].count == 0 { return }
    if arrays[state].wasTouched {
      arrays[state].wasTouched = false
      return
    }
    let moved = drain(arrays[state].home, arrays[state])
    arrays[state].count -= moved
  }

  private mutating func drainShared(_ home: Int) {
    if nodes[home].shared.count == 0 { return }
    if nodes[home].shared.wasTouched {
      nodes[home].shared.wasTouched = false
      return
    }
    let moved = drain(home, nodes[home].shared)
    nodes[home].shared.count -= moved
  }

  private mutating func drain(_ home: Int, _ array: ObjectArray) -> Int {
    var moved = (array.limit + 4) / 5
    if moved > array.count { moved = (array.count + 1) / 2 }
    let first = released.count
    putBack(home, array.start, moved)
    reverseReleased(from: first)
    for index in 0..<(array.count - moved) { entries[array.start + index] = entries[array.start + moved + index] }
    return moved
  }

  /// Gives back some free slabs. Follows `drain_freelist` in mm/slab.c, Linux 6.1.
  private mutating func drainFree(_ home: Int) {
    let share = 5 * caches[home / nodeCount].geometry.objectsPerSlab
    var left = (nodes[home].freeLimit + share - 1) / share
    while left > 0, nodes[home].free.tail >= 0 {
      destroyFreeSlab(home)
      left -= 1
    }
  }
}
