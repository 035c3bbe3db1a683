import KernelTypes

extension SLAB {
  /// Hands out an object of `cache` on `cpu`, or says which block it needs.
  ///
  /// Follows `____cache_alloc` in mm/slab.c, Linux 6.1.
  public mutating func allocate(cache: Int, cpu: Int) -> AllocationOutcome {
    let state = cache * cpuLimit + cpu
    if arrays[state].count == 0, !refill(cache, state) {
      return .needsSlab(order: caches[cache].geometry.order)
    }
    caches[cache].liveObjects += 1
    return .object(pop(state))
  }

  /// Completes a request that was answered with `needsSlab`: fills the CPU's array from the block at `base` and hands
  /// out one object. `colour`, if given, is the slab's instead of the next one's; `filled` how many objects the array takes.
  /// The slab belongs to the CPU's memory node.
  ///
  /// Follows `cache_grow_begin`, `alloc_block` and `cache_grow_end` in mm/slab.c, Linux 6.1.
  public mutating func addSlab(cache: Int, cpu: Int, base: UInt64, colour: Int? = nil, filled: Int? = nil)
    -> SlabObject
  {
    let geometry = caches[cache].geometry
    let state = cache * cpuLimit + cpu
    let home = arrays[state].home
    let offset = geometry.firstObject + (colour ?? takeColour(home, geometry.colours)) * geometry.colourBytes
    let id = makeSlab(cache: cache, base: base, offset: offset, order: geometry.order, home: home)
    caches[cache].growths += 1
    let isNeeded = arrays[state].count == 0
    if isNeeded { _ = fill(state, from: id, atMost: min(filled ?? batch(state), arrays[state].limit)) }
    nodes[home].freeObjects += geometry.objectsPerSlab - Int(slabs[Int(id)].active)
    if !isNeeded {
      // Frees by interrupts filled the array meanwhile.
      addToFree(id, atTail: true)
    } else if Int(slabs[Int(id)].active) < geometry.objectsPerSlab {
      addToPartial(id, atTail: false)
    }
    caches[cache].liveObjects += 1
    return pop(state)
  }

  @inline(__always)
  private mutating func pop(_ state: Int) -> SlabObject {
    arrays[state].wasTouched = true
    arrays[state].count -= 1
    return entries[arrays[state].start + arrays[state].count]
  }

  mutating func takeColour(_ home: Int, _ colours: Int) -> Int {
    let used = nodes[home].colourNext
    let next = used + 1 >= colours ? 0 : used + 1
    nodes[home].colourNext = next
    return profile.slab.coloursBeforeUse ? next : used
  }

  func batch(_ state: Int) -> Int {
    arrays[state].wasTouched ? arrays[state].batch : min(arrays[state].batch, Self.smallBatch)
  }

  /// Fills an empty array from the shared one or from the node's slabs; returns whether it got anything.
  /// Follows `cache_alloc_refill` in mm/slab.c, Linux 6.1.
  @inline(never)
  private mutating func refill(_ cache: Int, _ state: Int) -> Bool {
    var wanted = batch(state)
    let home = arrays[state].home
    let shared = nodes[home].shared
    if nodes[home].freeObjects == 0, shared.count == 0 { return false }
    if shared.count > 0 {
      let moved = min(shared.count, wanted, arrays[state].limit)
      let from = shared.start + shared.count - moved
      for index in 0..<moved { entries[arrays[state].start + index] = entries[from + index] }
      arrays[state].count = moved
      nodes[home].shared.count -= moved
      nodes[home].shared.wasTouched = true
      nodes[home].lastSharedTaker = state
      return true
    }
    let objects = caches[cache].geometry.objectsPerSlab
    while wanted > 0 {
      var id = nodes[home].partial.head
      if id < 0 {
        nodes[home].freeWasTouched = true
        id = nodes[home].free.head
      }
      if id < 0 { break }
      wanted = fill(state, from: id, atMost: wanted)
      unlink(id)
      if Int(slabs[Int(id)].active) < objects { addToPartial(id, atTail: false) }
    }
    nodes[home].freeObjects -= arrays[state].count
    return arrays[state].count > 0
  }

  /// Moves free objects of a slab to an array; returns how many are still wanted.
  private mutating func fill(_ state: Int, from id: Int32, atMost wanted: Int) -> Int {
    let slab = slabs[Int(id)]
    let objects = caches[Int(slab.cache)].geometry.objectsPerSlab
    let moved = min(wanted, objects - Int(slab.active))
    let first = slab.list + Int(slab.active)
    let target = arrays[state].start + arrays[state].count
    for step in 0..<moved { entries[target + step] = SlabObject(slab: id, index: indices[first + step]) }
    arrays[state].count += moved
    slabs[Int(id)].active += UInt16(moved)
    return wanted - moved
  }
}
