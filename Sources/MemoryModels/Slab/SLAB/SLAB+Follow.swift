import KernelTypes

// What a driver needs that follows a real kernel's trace: to ask what would happen, and to put the model right after the
// kernel did something else or something the trace doesn't show.
extension SLAB {
  /// What `allocate` would hand out, without doing it; `nil` when it would need a slab.
  public func prediction(cache: Int, cpu: Int) -> SlabObject? {
    let array = arrays[cache * cpuLimit + cpu]
    if array.count > 0 { return entries[array.start + array.count - 1] }
    let shared = caches[cache].shared
    if shared.count > 0 { return entries[shared.start + shared.count - 1] }
    if caches[cache].freeObjects == 0 { return nil }
    // The last object of the batch is on top.
    var wanted = batch(cache * cpuLimit + cpu)
    let objects = caches[cache].geometry.objectsPerSlab
    var last: SlabObject?
    for head in [caches[cache].partial.head, caches[cache].free.head] {
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

  /// The colour that the next slab of a cache gets.
  public func nextColour(cache: Int) -> Int {
    let used = caches[cache].colourNext
    let next = used + 1 >= caches[cache].geometry.colours ? 0 : used + 1
    return profile.slab.coloursBeforeUse ? next : used
  }

  /// The kernel gave a new slab this colour: later ones follow from it.
  public mutating func setColour(cache: Int, to colour: Int) {
    let colours = caches[cache].geometry.colours
    caches[cache].colourNext = profile.slab.coloursBeforeUse ? colour : (colour + 1 >= colours ? 0 : colour + 1)
  }

  /// Adds a slab that was there before the trace, all of whose objects are handed out.
  public mutating func adoptSlab(cache: Int, base: UInt64, offset: Int) -> Int32 {
    let geometry = caches[cache].geometry
    let id = makeSlab(cache: cache, base: base, offset: offset, order: geometry.order)
    slabs[Int(id)].active = UInt16(geometry.objectsPerSlab)
    caches[cache].liveObjects += geometry.objectsPerSlab
    return id
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
    if let position = position(of: object, in: caches[cache].shared) {
      close(caches[cache].shared, position)
      caches[cache].shared.count -= 1
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
    caches[cache].freeObjects -= 1
    caches[cache].liveObjects += 1
    if slab.active == 0 {
      unlink(object.slab)
      addToPartial(object.slab, atTail: false)
    }
    if Int(slabs[Int(object.slab)].active) == objects { unlink(object.slab) }
    return true
  }

  /// Puts what a CPU's array holds back into the slabs: the reaper or a drain must have done so.
  public mutating func drain(cache: Int, cpu: Int) {
    let state = cache * cpuLimit + cpu
    let first = released.count
    putBack(cache, arrays[state].start, arrays[state].count)
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
    putBack(cache, start, moved)
    arrays[state].count -= moved
    for index in 0..<arrays[state].count { entries[start + index] = entries[start + moved + index] }
    reverseReleased(from: first)
    return true
  }

  /// The kernel took a new slab: whatever this CPU could have had must have been handed out. Returns those objects.
  public mutating func exhaust(cache: Int, cpu: Int) -> [SlabObject] {
    let state = cache * cpuLimit + cpu
    var taken = array(cache: cache, cpu: cpu) + sharedArray(cache: cache)
    arrays[state].count = 0
    caches[cache].shared.count = 0
    let objects = caches[cache].geometry.objectsPerSlab
    while true {
      let id = caches[cache].partial.head >= 0 ? caches[cache].partial.head : caches[cache].free.head
      if id < 0 { break }
      let slab = slabs[Int(id)]
      for index in (slab.list + Int(slab.active))..<(slab.list + objects) {
        taken.append(SlabObject(slab: id, index: indices[index]))
      }
      slabs[Int(id)].active = UInt16(objects)
      unlink(id)
    }
    caches[cache].freeObjects = 0
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
    caches[cache].shared.count = removeEntries(of: id, caches[cache].shared)
    let free = objects - Int(slabs[Int(id)].active)
    caches[cache].freeObjects -= free
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
    var free = caches[cache].freeObjects + caches[cache].shared.count
    for cpu in 0..<cpuLimit { free += arrays[cache * cpuLimit + cpu].count }
    caches[cache].liveObjects = caches[cache].slabs * caches[cache].geometry.objectsPerSlab - free
  }
}
