import KernelTypes

extension SLUB {
  /// Hands out an object of `cache` on `cpu`, or says which block it needs.
  ///
  /// Follows `slab_alloc_node` and `___slab_alloc` in mm/slub.c, Linux 6.1.
  public mutating func allocate(cache: Int, cpu: Int) -> AllocationOutcome {
    let state = cache * cpuLimit + cpu
    let index = cpus[state].freelist
    if index != Self.endOfList {
      let id = cpus[state].active
      let link = slabs[Int(id)].links + Int(index)
      cpus[state].freelist = links[link]
      links[link] = Self.handedOut
      caches[cache].liveObjects += 1
      return .object(SlabObject(slab: id, index: index))
    }
    return allocateSlowly(cache: cache, cpu: cpu)
  }

  @inline(never)
  private mutating func allocateSlowly(cache: Int, cpu: Int) -> AllocationOutcome {
    if takesSingly { return allocateSingly(cache: cache, cpu: cpu) }
    let state = cache * cpuLimit + cpu
    let active = cpus[state].active
    if active >= 0 {
      if loadSharedFreelist(active, state) { return allocate(cache: cache, cpu: cpu) }
      forgetActive(state)
    }
    while cpus[state].partial >= 0 {
      let id = popPerCPUPartial(state)
      activate(id, state, cpu)
      if loadSharedFreelist(id, state) { return allocate(cache: cache, cpu: cpu) }
      forgetActive(state)
    }
    if takeFromNode(cache: cache, cpu: cpu) { return allocate(cache: cache, cpu: cpu) }
    return .needsSlab(order: caches[cache].geometry.order)
  }

  /// Takes one object from a node's first slab. Follows `alloc_single_from_partial` in mm/slub.c, Linux 6.1.
  private mutating func allocateSingly(cache: Int, cpu: Int) -> AllocationOutcome {
    guard let home = listToTakeFrom(cache: cache, cpu: cpu) else {
      remoteTries += 1
      return .needsSlab(order: caches[cache].geometry.order)
    }
    let id = nodes[home].head
    let index = slabs[Int(id)].freelist
    let link = slabs[Int(id)].links + Int(index)
    slabs[Int(id)].freelist = links[link]
    links[link] = Self.handedOut
    slabs[Int(id)].inUse += 1
    caches[cache].liveObjects += 1
    if slabs[Int(id)].freelist == Self.endOfList {
      removePartial(id)
      slabs[Int(id)].place = .full
    }
    return .object(SlabObject(slab: id, index: index))
  }

  /// Completes a request that was answered with `needsSlab`: the block at `base` becomes the CPU's slab and its first
  /// object is handed out. `order` is the block's if it is not the one asked for.
  public mutating func addSlab(cache: Int, cpu: Int, base: UInt64, order: Int? = nil) -> SlabObject {
    let state = cache * cpuLimit + cpu
    if cpus[state].active >= 0 { deactivate(state) }
    let id = makeSlab(cache: cache, base: base, order: order, node: nodeOfCPU[cpu])
    caches[cache].growths += 1
    let slab = slabs[Int(id)]
    let objects = Int(slab.objects)
    // Objects of a new slab are chained in address order. Follows `allocate_slab`, without freelist randomisation.
    links[slab.links] = Self.handedOut
    for index in 1..<max(objects, 1) { links[slab.links + index] = UInt16(index + 1) }
    if objects > 1 { links[slab.links + objects - 1] = Self.endOfList }
    caches[cache].liveObjects += 1
    if takesSingly {
      slabs[Int(id)].inUse = 1
      if objects > 1 {
        slabs[Int(id)].freelist = 1
        addPartial(id, atTail: false)
      }
      return SlabObject(slab: id, index: 0)
    }
    slabs[Int(id)].inUse = slab.objects
    slabs[Int(id)].place = .active
    slabs[Int(id)].cpu = UInt16(cpu)
    cpus[state].active = id
    cpus[state].freelist = objects > 1 ? 1 : Self.endOfList
    return SlabObject(slab: id, index: 0)
  }

  /// Takes everything that was freed to the active slab by others. Follows `get_freelist` in mm/slub.c, Linux 6.1.
  mutating func loadSharedFreelist(_ id: Int32, _ state: Int) -> Bool {
    let freelist = slabs[Int(id)].freelist
    if freelist == Self.endOfList { return false }
    slabs[Int(id)].freelist = Self.endOfList
    slabs[Int(id)].inUse = slabs[Int(id)].objects
    cpus[state].freelist = freelist
    return true
  }

  /// Lets go of an exhausted slab: it is full and on no list.
  mutating func forgetActive(_ state: Int) {
    let id = cpus[state].active
    slabs[Int(id)].place = .full
    cpus[state].active = -1
    cpus[state].freelist = Self.endOfList
  }

  mutating func activate(_ id: Int32, _ state: Int, _ cpu: Int) {
    slabs[Int(id)].place = .active
    slabs[Int(id)].cpu = UInt16(cpu)
    cpus[state].active = id
    cpus[state].freelist = Self.endOfList
  }

  mutating func popPerCPUPartial(_ state: Int) -> Int32 {
    let id = cpus[state].partial
    cpus[state].partial = slabs[Int(id)].next
    cpus[state].partialCount -= slabs[Int(id)].counted
    slabs[Int(id)].next = -1
    return id
  }

  // Out of 1024 times that a node has no partial slab, how often others are asked (`remote_node_defrag_ratio`).
  private static let remoteDefragmentationRatio = 1000

  /// The node's list from which a CPU without partial slabs of its own takes some: that of its own node, or of another that
  /// has more than it needs to keep. The kernel asks others most of the time, by the cycle counter; here by a count.
  /// Follows `get_partial` and `get_any_partial` in mm/slub.c, Linux 6.1.
  @inline(__always)
  func listToTakeFrom(cache: Int, cpu: Int) -> Int? {
    let local = localNode(cache: cache, cpu: cpu)
    if nodes[local].head >= 0 { return local }
    return nodeCount == 1 ? nil : remoteList(cache: cache, local: local)
  }

  @inline(never)
  private func remoteList(cache: Int, local: Int) -> Int? {
    if remoteTries % 1024 > Self.remoteDefragmentationRatio { return nil }
    let first = cache * nodeCount
    for step in 1..<nodeCount {
      // Nodes are asked by distance, which is taken to be that of their numbers.
      let home = first + (local - first + step) % nodeCount
      if nodes[home].count > caches[cache].geometry.minimumPartial { return home }
    }
    return nil
  }

  /// Makes the first slab of a node's list the CPU's slab and moves some more to the CPU's partial list.
  /// Follows `get_partial_node` in mm/slub.c, Linux 6.1 (the extra slabs: 5.15 counts their free objects).
  mutating func takeFromNode(cache: Int, cpu: Int) -> Bool {
    let state = cache * cpuLimit + cpu
    let list = listToTakeFrom(cache: cache, cpu: cpu)
    if nodeCount > 1, list != localNode(cache: cache, cpu: cpu) { remoteTries += 1 }
    guard let list else { return false }
    let first = nodes[list].head
    let limit = caches[cache].geometry.perCPUPartialLimit
    removePartial(first)
    var available = Int(slabs[Int(first)].objects - slabs[Int(first)].inUse)
    activate(first, state, cpu)
    _ = loadSharedFreelist(first, state)
    if limit == 0 { return true }
    var extra = 0
    while true {
      if countsSlabs ? extra > limit / 2 : available > limit / 2 { break }
      let id = nodes[list].head
      if id < 0 { break }
      removePartial(id)
      available += Int(slabs[Int(id)].objects - slabs[Int(id)].inUse)
      putPerCPUPartial(id, state, cpu, drains: false)
      extra += 1
    }
    return true
  }

  /// Puts a slab at the head of a CPU's partial list, moving a full list to the node first.
  /// Follows `put_cpu_partial` in mm/slub.c, Linux 6.1.
  mutating func putPerCPUPartial(_ id: Int32, _ state: Int, _ cpu: Int, drains: Bool) {
    let cache = Int(slabs[Int(id)].cache)
    let limit = caches[cache].geometry.perCPUPartialLimit
    var flushed: Int32 = -1
    if drains, cpus[state].partial >= 0 {
      let count = Int(cpus[state].partialCount)
      if countsSlabs ? count >= limit : count > limit {
        flushed = cpus[state].partial
        cpus[state].partial = -1
        cpus[state].partialCount = 0
      }
    }
    let counted: Int32 = countsSlabs ? 1 : Int32(slabs[Int(id)].objects - slabs[Int(id)].inUse)
    slabs[Int(id)].place = .perCPUPartial
    slabs[Int(id)].cpu = UInt16(cpu)
    slabs[Int(id)].counted = counted
    slabs[Int(id)].next = cpus[state].partial
    cpus[state].partial = id
    cpus[state].partialCount += counted
    if flushed >= 0 { unfreezePartials(flushed) }
  }
}
