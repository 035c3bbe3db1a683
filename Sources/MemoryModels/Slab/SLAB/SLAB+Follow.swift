import KernelTypes

// What a driver needs that follows a real kernel's trace: to ask what would happen, and to put the model right after the
// kernel did something else or something the trace doesn't show.
extension SLAB {
  /// What `allocate` would hand out, without doing it; `nil` when it would need a slab.
  public func prediction(cache: Int, cpu: Int) -> SlabObject? {
    let array = arrays[cache * cpuLimit + cpu]
    if array.count > 0 { return entries[array.start + array.count - 1] }
    let home = array.home
    let shared = nodes[home].shared
    if shared.count > 0 { return entries[shared.start + shared.count - 1] }
    if nodes[home].freeObjects == 0 { return nil }
    // The last object of the batch is on top.
    var wanted = batch(cache * cpuLimit + cpu)
    let objects = caches[cache].geometry.objectsPerSlab
    var last: SlabObject?
    for head in [nodes[home].partial.head, nodes[home].free.head] {
      var id = head
      while id >= 0, wanted > 0 {
        let slab = slabs[Int(id)]
        let moved = min(wanted, objects - Int(slab.active))
        if moved > 0 {
          last = SlabObject(slab: id, index: indices[slab.list + Int(slab.active) + moved - 1])
          wanted -= moved
        }
        id = slab.next
      }
    }
    return last
  }

  /// The number of objects in a CPU's array.
  public func arrayCount(cache: Int, cpu: Int) -> Int { arrays[cache * cpuLimit + cpu].count }

  /// The object of a slab that starts at `address`; `nil` when no object starts there.
  public func object(slab id: Int32, address: UInt64) -> SlabObject? {
    let slab = slabs[Int(id)]
    let geometry = caches[Int(slab.cache)].geometry
    let first = slab.base + UInt64(slab.offset)
    if address < first { return nil }
    let (index, rest) = (address - first).quotientAndRemainder(dividingBy: UInt64(geometry.slotSize))
    if rest != 0 || index >= UInt64(geometry.objectsPerSlab) { return nil }
    return SlabObject(slab: id, index: UInt16(index))
  }

  /// A number for an object by which tables beside the model can be indexed; reused when its slab is gone.
  public func number(of object: SlabObject) -> Int { slabs[Int(object.slab)].list + Int(object.index) }

  /// The cache a slab belongs to.
  public func cache(ofSlab id: Int32) -> Int { Int(slabs[Int(id)].cache) }

  /// Where a slab stands.
  public func place(ofSlab id: Int32) -> Place { slabs[Int(id)].place }

  /// The address of a slab's first byte.
  public func base(ofSlab id: Int32) -> UInt64 { slabs[Int(id)].base }

  /// The order of a slab's block.
  public func order(ofSlab id: Int32) -> Int { Int(slabs[Int(id)].order) }

  /// How many objects of a new slab an empty array takes.
  public func nextFill(cache: Int, cpu: Int) -> Int {
    min(batch(cache * cpuLimit + cpu), caches[cache].geometry.objectsPerSlab)
  }

  /// The colour that the next slab of a cache on a CPU's node gets.
  public func nextColour(cache: Int, cpu: Int) -> Int {
    let used = nodes[cache * nodeCount + nodeOfCPU[cpu]].colourNext
    let next = used + 1 >= caches[cache].geometry.colours ? 0 : used + 1
    return profile.slab.coloursBeforeUse ? next : used
  }

  /// The kernel gave a new slab this colour: later ones follow from it.
  public mutating func setColour(cache: Int, cpu: Int, to colour: Int) {
    let colours = caches[cache].geometry.colours
    nodes[cache * nodeCount + nodeOfCPU[cpu]].colourNext =
      profile.slab.coloursBeforeUse ? colour : (colour + 1 >= colours ? 0 : colour + 1)
  }

  /// Adds a slab that was there before the trace, all of whose objects are handed out. It belongs to the first node.
  public mutating func adoptSlab(cache: Int, base: UInt64, offset: Int) -> Int32 {
    let geometry = caches[cache].geometry
    let id = makeSlab(cache: cache, base: base, offset: offset, order: geometry.order, home: cache * nodeCount)
    slabs[Int(id)].active = UInt16(geometry.objectsPerSlab)
    caches[cache].liveObjects += geometry.objectsPerSlab
    return id
  }

  /// Adds a slab that was there before the trace, with its free objects in the order they will be handed out.
  public mutating func adoptSlab(cache: Int, base: UInt64, offset: Int, free: [UInt16]) -> Int32 {
    let id = adoptSlab(cache: cache, base: base, offset: offset)
    let objects = caches[cache].geometry.objectsPerSlab
    let isFree = Set(free.filter { $0 < objects })
    if isFree.isEmpty { return id }
    var order = (0..<objects).map { UInt16($0) }.filter { !isFree.contains($0) }
    for index in free where isFree.contains(index) { order.append(index) }
    let list = slabs[Int(id)].list
    for (position, index) in order.prefix(objects).enumerated() { indices[list + position] = index }
    slabs[Int(id)].active = UInt16(objects - isFree.count)
    nodes[Int(slabs[Int(id)].home)].freeObjects += isFree.count
    caches[cache].liveObjects -= isFree.count
    if isFree.count == objects { addToFree(id, atTail: true) } else { addToPartial(id, atTail: true) }
    return id
  }

  /// Whether an object is neither free in its slab nor in an array.
  public func isHandedOut(_ object: SlabObject) -> Bool {
    let slab = slabs[Int(object.slab)]
    let cache = Int(slab.cache)
    let free = indices[(slab.list + Int(slab.active))..<(slab.list + caches[cache].geometry.objectsPerSlab)]
    if free.contains(object.index) { return false }
    for cpu in 0..<cpuLimit where position(of: object, in: arrays[cache * cpuLimit + cpu]) != nil { return false }
    if position(of: object, in: nodes[Int(slab.home)].shared) != nil { return false }
    let own = aliens.isEmpty ? 0..<0 : cache * nodeCount * nodeCount..<(cache + 1) * nodeCount * nodeCount
    return !own.contains { position(of: object, in: aliens[$0]) != nil }
  }

  /// Takes a free object out of the array or slab it is in: somebody got it. Returns the CPU whose array it was in, −1 for
  /// the shared array or a slab, `nil` if it is not free.
  public mutating func takeOut(_ object: SlabObject) -> Int? {
    let cache = Int(slabs[Int(object.slab)].cache)
    for cpu in 0..<cpuLimit {
      let state = cache * cpuLimit + cpu
      if let position = position(of: object, in: arrays[state]) {
        close(arrays[state], position)
        arrays[state].count -= 1
        caches[cache].liveObjects += 1
        return cpu
      }
    }
    let home = Int(slabs[Int(object.slab)].home)
    if let position = position(of: object, in: nodes[home].shared) {
      close(nodes[home].shared, position)
      nodes[home].shared.count -= 1
      caches[cache].liveObjects += 1
      return -1
    }
    for alien in aliens.isEmpty ? 0..<0 : cache * nodeCount * nodeCount..<(cache + 1) * nodeCount * nodeCount {
      guard let position = position(of: object, in: aliens[alien]) else { continue }
      close(aliens[alien], position)
      aliens[alien].count -= 1
      caches[cache].liveObjects += 1
      return -1
    }
    return takeOutOfSlab(object) ? -1 : nil
  }

  private func position(of object: SlabObject, in array: ObjectArray) -> Int? {
    (array.start..<(array.start + array.count)).last { entries[$0] == object }
  }

  private mutating func close(_ array: ObjectArray, _ position: Int) {
    for index in position..<(array.start + array.count - 1) { entries[index] = entries[index + 1] }
  }

  private mutating func takeOutOfSlab(_ object: SlabObject) -> Bool {
    let slab = slabs[Int(object.slab)]
    let cache = Int(slab.cache)
    let objects = caches[cache].geometry.objectsPerSlab
    let free = (slab.list + Int(slab.active))..<(slab.list + objects)
    guard let position = free.first(where: { indices[$0] == object.index }) else { return false }
    // The order of the others stays.
    for index in (free.lowerBound..<position).reversed() { indices[index + 1] = indices[index] }
    slabs[Int(object.slab)].active += 1
    nodes[Int(slab.home)].freeObjects -= 1
    caches[cache].liveObjects += 1
    if slab.active == 0 {
      unlink(object.slab)
      addToPartial(object.slab, atTail: false)
    }
    if Int(slabs[Int(object.slab)].active) == objects { unlink(object.slab) }
    return true
  }

  /// Notes that somebody allocated from a CPU's array: the reaper will leave it alone once, the next refill is a full one.
  public mutating func touch(cache: Int, cpu: Int) { arrays[cache * cpuLimit + cpu].wasTouched = true }

  /// Reverses the order of the `count` objects on top of a CPU's array: they were taken and came back as a group.
  public mutating func reverse(cache: Int, cpu: Int, count: Int) {
    let array = arrays[cache * cpuLimit + cpu]
    var low = array.start + array.count - count
    var high = array.start + array.count - 1
    while low < high {
      entries.swapAt(low, high)
      low += 1
      high -= 1
    }
  }

  /// The CPU got a new array for the cache, and has not used it.
  public mutating func renewArray(cache: Int, cpu: Int) { arrays[cache * cpuLimit + cpu].wasTouched = false }

  /// The kernel took `object` from the shared array for `cpu` although others lie above it there: the CPU that filled its
  /// array from it last took those too, under the ones the model gave it. Returns whether that could be done.
  public mutating func giveShared(above object: SlabObject, cpu: Int) -> Bool {
    let home = Int(slabs[Int(object.slab)].home)
    let shared = nodes[home].shared
    let taker = nodes[home].lastSharedTaker
    guard taker >= 0, taker % cpuLimit != cpu, let position = position(of: object, in: shared) else { return false }
    let moved = shared.start + shared.count - 1 - position
    if moved == 0 || arrays[taker].count + moved > arrays[taker].limit { return false }
    let start = arrays[taker].start
    for index in (0..<arrays[taker].count).reversed() { entries[start + moved + index] = entries[start + index] }
    for index in 0..<moved { entries[start + index] = entries[position + 1 + index] }
    arrays[taker].count += moved
    nodes[home].shared.count -= moved
    return true
  }

  /// The kernel took a slab for requests without an event that emptied a CPU's array, and whose objects have mostly come back:
  /// the slab's objects lie under what the array held, as many as fit.
  public mutating func addSlabUnseen(cache: Int, cpu: Int, base: UInt64) -> Int32 {
    let geometry = caches[cache].geometry
    let state = cache * cpuLimit + cpu
    let home = arrays[state].home
    let offset = geometry.firstObject + takeColour(home, geometry.colours) * geometry.colourBytes
    let id = makeSlab(cache: cache, base: base, offset: offset, order: geometry.order, home: home)
    caches[cache].growths += 1
    let start = arrays[state].start
    let moved = min(geometry.objectsPerSlab, arrays[state].batch, arrays[state].limit - arrays[state].count)
    for index in (0..<arrays[state].count).reversed() { entries[start + moved + index] = entries[start + index] }
    for index in 0..<moved { entries[start + index] = SlabObject(slab: id, index: UInt16(index)) }
    arrays[state].count += moved
    arrays[state].wasTouched = true
    slabs[Int(id)].active = UInt16(moved)
    nodes[home].freeObjects += geometry.objectsPerSlab - moved
    if moved == 0 {
      addToFree(id, atTail: true)
    } else if moved < geometry.objectsPerSlab {
      addToPartial(id, atTail: false)
    }
    return id
  }

  /// Puts what a CPU's array holds back into the slabs: the reaper or a drain must have done so.
  public mutating func drain(cache: Int, cpu: Int) {
    let state = cache * cpuLimit + cpu
    let first = released.count
    putBack(arrays[state].home, arrays[state].start, arrays[state].count)
    arrays[state].count = 0
    reverseReleased(from: first)
  }

  /// The kernel found a CPU's array full, just before the last free: it held objects that the model doesn't know of. Flushes
  /// the array as the kernel did, those objects first. Returns whether the array could have been full.
  public mutating func flushEarly(cache: Int, cpu: Int) -> Bool {
    let state = cache * cpuLimit + cpu
    let unknown = arrays[state].limit - (arrays[state].count - 1)
    let moved = arrays[state].batch - unknown
    if unknown <= 0 || moved <= 0 { return false }
    let first = released.count
    let start = arrays[state].start
    putBack(arrays[state].home, start, moved)
    arrays[state].count -= moved
    for index in 0..<arrays[state].count { entries[start + index] = entries[start + moved + index] }
    reverseReleased(from: first)
    return true
  }

  /// The kernel took a new slab: whatever this CPU could have had must have been handed out. Returns those objects.
  public mutating func exhaust(cache: Int, cpu: Int) -> [SlabObject] {
    let state = cache * cpuLimit + cpu
    let home = arrays[state].home
    var taken = array(cache: cache, cpu: cpu) + sharedArray(cache: cache, node: nodeOfCPU[cpu])
    arrays[state].count = 0
    nodes[home].shared.count = 0
    let objects = caches[cache].geometry.objectsPerSlab
    while true {
      let id = nodes[home].partial.head >= 0 ? nodes[home].partial.head : nodes[home].free.head
      if id < 0 { break }
      let slab = slabs[Int(id)]
      for index in (slab.list + Int(slab.active))..<(slab.list + objects) {
        taken.append(SlabObject(slab: id, index: indices[index]))
      }
      slabs[Int(id)].active = UInt16(objects)
      unlink(id)
    }
    nodes[home].freeObjects = 0
    caches[cache].liveObjects += taken.count
    return taken
  }

  /// Takes a slab out of the model because the kernel has given its pages back.
  public mutating func removeSlab(_ id: Int32) {
    if slabs[Int(id)].place == .unused { return }
    let cache = Int(slabs[Int(id)].cache)
    let objects = caches[cache].geometry.objectsPerSlab
    for cpu in 0..<cpuLimit {
      let state = cache * cpuLimit + cpu
      arrays[state].count = removeEntries(of: id, arrays[state])
    }
    let home = Int(slabs[Int(id)].home)
    nodes[home].shared.count = removeEntries(of: id, nodes[home].shared)
    for alien in aliens.isEmpty ? 0..<0 : cache * nodeCount * nodeCount..<(cache + 1) * nodeCount * nodeCount {
      aliens[alien].count = removeEntries(of: id, aliens[alien])
    }
    nodes[home].freeObjects -= objects - Int(slabs[Int(id)].active)
    unlink(id)
    destroy(id)
    released.removeLast()
    recountLive(cache)
  }

  private mutating func removeEntries(of id: Int32, _ array: ObjectArray) -> Int {
    var kept = 0
    for index in 0..<array.count where entries[array.start + index].slab != id {
      entries[array.start + kept] = entries[array.start + index]
      kept += 1
    }
    return kept
  }

  private mutating func recountLive(_ cache: Int) {
    let free = freeObjects(cache: cache) + objectsInArrays(cache: cache)
    caches[cache].liveObjects = caches[cache].slabs * caches[cache].geometry.objectsPerSlab - free
  }
}
