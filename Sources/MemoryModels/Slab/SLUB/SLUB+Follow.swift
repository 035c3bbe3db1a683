// What a driver needs that follows a real kernel's trace: to ask what would happen, and to put the model right after the
// kernel did something else or something the trace doesn't show.
extension SLUB {
  /// What `allocate` would answer, without doing it.
  public func prediction(cache: Int, cpu: Int) -> AllocationOutcome {
    let state = cpus[cache * cpuLimit + cpu]
    if state.freelist != Self.endOfList {
      return .object(SlabObject(slab: state.active, index: state.freelist))
    }
    if state.active >= 0, let object = firstFree(state.active) { return .object(object) }
    var partial = state.partial
    while partial >= 0 {
      if let object = firstFree(partial) { return .object(object) }
      partial = slabs[Int(partial)].next
    }
    if let home = listToTakeFrom(cache: cache, cpu: cpu), let object = firstFree(nodes[home].head) {
      return .object(object)
    }
    return .needsSlab(order: caches[cache].geometry.order)
  }

  private func firstFree(_ id: Int32) -> SlabObject? {
    if id < 0 || slabs[Int(id)].freelist == Self.endOfList { return nil }
    return SlabObject(slab: id, index: slabs[Int(id)].freelist)
  }

  /// The address of an object.
  public func address(of object: SlabObject) -> UInt64 {
    let slab = slabs[Int(object.slab)]
    let cache = Int(slab.cache)
    return slab.base &+ caches[cache].leftPadding &+ UInt64(object.index) &* UInt64(caches[cache].geometry.slotSize)
  }

  /// The object of a slab that starts at `address`; `nil` when no object starts there.
  public func object(slab id: Int32, address: UInt64) -> SlabObject? {
    let slab = slabs[Int(id)]
    let size = UInt64(caches[Int(slab.cache)].geometry.slotSize)
    let first = slab.base &+ caches[Int(slab.cache)].leftPadding
    if address < first { return nil }
    let (index, rest) = (address - first).quotientAndRemainder(dividingBy: size)
    if rest != 0 || index >= UInt64(slab.objects) { return nil }
    return SlabObject(slab: id, index: UInt16(index))
  }

  /// Whether an object is on a free list.
  public func isFree(_ object: SlabObject) -> Bool {
    links[slabs[Int(object.slab)].links + Int(object.index)] != Self.handedOut
  }

  /// Bytes before each object of a cache in its slot.
  public func leftPadding(cache: Int) -> Int { Int(caches[cache].leftPadding) }

  /// The cache a slab belongs to.
  public func cache(ofSlab id: Int32) -> Int { Int(slabs[Int(id)].cache) }

  /// Where a slab stands.
  public func place(ofSlab id: Int32) -> Place { slabs[Int(id)].place }

  /// Whether a slab belongs to another CPU than `cpu`.
  public func isOnOtherCPU(_ id: Int32, cpu: Int) -> Bool {
    let slab = slabs[Int(id)]
    return (slab.place == .active || slab.place == .perCPUPartial) && Int(slab.cpu) != cpu
  }

  /// The address of a slab's first byte.
  public func base(ofSlab id: Int32) -> UInt64 { slabs[Int(id)].base }

  /// The order of a slab's block.
  public func order(ofSlab id: Int32) -> Int { Int(slabs[Int(id)].order) }

  /// The number of free objects in a slab, a CPU's private ones included.
  public func freeCount(_ id: Int32) -> Int {
    let slab = slabs[Int(id)]
    var count = 0
    for index in 0..<Int(slab.objects) where links[slab.links + index] != Self.handedOut { count += 1 }
    return count
  }

  /// Adds a slab that was there before the trace, with its free objects in the order they will be handed out. It stands
  /// where the caller puts it: at the tail of the node's list, or as the slab in use of `activeOn` if that has none.
  public mutating func adoptSlab(cache: Int, base: UInt64, free: [UInt16], activeOn cpu: Int?) -> Int32 {
    let id = makeSlab(cache: cache, base: base)
    let slab = slabs[Int(id)]
    for index in 0..<Int(slab.objects) { links[slab.links + index] = Self.handedOut }
    var next = Self.endOfList
    for index in free.reversed() where index < slab.objects {
      links[slab.links + Int(index)] = next
      next = index
    }
    slabs[Int(id)].freelist = next
    slabs[Int(id)].inUse = slab.objects - UInt16(free.count)
    caches[cache].liveObjects += Int(slab.objects) - free.count
    if next == Self.endOfList { return id }
    if let cpu, !takesSingly, cpus[cache * cpuLimit + cpu].active < 0 {
      activate(id, cache * cpuLimit + cpu, cpu)
      _ = loadSharedFreelist(id, cache * cpuLimit + cpu)
    } else {
      addPartial(id, atTail: true)
    }
    return id
  }

  /// Hands `object` out on `cpu` whatever the model would have chosen, and returns how many objects must have been taken
  /// unseen for that.
  ///
  /// When the object lies deeper in the slab in use, everything above it was taken. When it lies on another slab, that
  /// slab becomes the one in use; the old one's free objects were taken and have come back, for a CPU leaves a slab only
  /// when that is full. An object the model holds as handed out was freed unseen.
  public mutating func take(_ object: SlabObject, cpu: Int) -> Int {
    let id = object.slab
    if takesSingly {
      if isFree(object) { takeUnseen(object) }
      return 0
    }
    let cache = Int(slabs[Int(id)].cache)
    let state = cache * cpuLimit + cpu
    if slabs[Int(id)].place == .unused { return 0 }
    var returned: [SlabObject] = []
    defer {
      for object in returned.reversed() { free(object, cpu: cpu) }
    }
    if cpus[state].active != id {
      returned = takeActive(state)
      detach(id)
      activate(id, state, cpu)
      _ = loadSharedFreelist(id, state)
    }
    if !isFree(object) {
      returnUnseen(after: object, state)
      return 0
    }
    var taken = 0
    while true {
      if cpus[state].freelist == Self.endOfList, !loadSharedFreelist(id, state) { return taken }
      let index = cpus[state].freelist
      let link = slabs[Int(id)].links + Int(index)
      cpus[state].freelist = links[link]
      links[link] = Self.handedOut
      caches[cache].liveObjects += 1
      if index == object.index { return taken }
      unseenObjects[id, default: []].append(index)
      taken += 1
    }
  }

  /// An object taken unseen is on the free list again: those behind it came back with it, or never left.
  private mutating func returnUnseen(after object: SlabObject, _ state: Int) {
    guard var list = unseenObjects[object.slab], let position = list.firstIndex(of: object.index) else { return }
    let start = slabs[Int(object.slab)].links
    for index in list[(position + 1)...].reversed() where links[start + Int(index)] == Self.handedOut {
      links[start + Int(index)] = cpus[state].freelist
      cpus[state].freelist = index
      caches[Int(slabs[Int(object.slab)].cache)].liveObjects -= 1
    }
    list.removeSubrange(position...)
    unseenObjects[object.slab] = list
  }

  /// Takes a free object off its list, wherever that is: somebody got it unseen.
  public mutating func takeUnseen(_ object: SlabObject) {
    let id = Int(object.slab)
    let cache = Int(slabs[id].cache)
    if slabs[id].place == .active {
      let state = cache * cpuLimit + Int(slabs[id].cpu)
      var freelist = cpus[state].freelist
      if unlink(object.index, from: &freelist, slab: id) {
        cpus[state].freelist = freelist
        caches[cache].liveObjects += 1
        return
      }
    }
    var freelist = slabs[id].freelist
    guard unlink(object.index, from: &freelist, slab: id) else { return }
    slabs[id].freelist = freelist
    slabs[id].inUse += 1
    caches[cache].liveObjects += 1
    if freelist == Self.endOfList, slabs[id].place == .nodePartial {
      removePartial(object.slab)
      slabs[id].place = .full
    }
  }

  private mutating func unlink(_ index: UInt16, from head: inout UInt16, slab id: Int) -> Bool {
    let start = slabs[id].links
    if head == index {
      head = links[start + Int(index)]
      links[start + Int(index)] = Self.handedOut
      return true
    }
    var previous = head
    while previous != Self.endOfList {
      let next = links[start + Int(previous)]
      if next == index {
        links[start + Int(previous)] = links[start + Int(index)]
        links[start + Int(index)] = Self.handedOut
        return true
      }
      previous = next
    }
    return false
  }

  /// Takes a slab off whatever list it is on; it is then full as far as lists go.
  mutating func detach(_ id: Int32) {
    let slab = slabs[Int(id)]
    let state = Int(slab.cache) * cpuLimit + Int(slab.cpu)
    switch slab.place {
    case .unused, .full: return
    case .nodePartial:
      removePartial(id)
    case .active:
      if cpus[state].active == id { returnPrivateObjects(state) }
    case .perCPUPartial:
      var previous: Int32 = -1
      var current = cpus[state].partial
      while current >= 0, current != id {
        previous = current
        current = slabs[Int(current)].next
      }
      if current == id {
        if previous >= 0 {
          slabs[Int(previous)].next = slab.next
        } else {
          cpus[state].partial = slab.next
        }
        cpus[state].partialCount -= slab.counted
      }
      slabs[Int(id)].next = -1
    }
    slabs[Int(id)].place = .full
  }

  /// Takes a slab out of the model because the kernel has given its pages back.
  public mutating func removeSlab(_ id: Int32) {
    if slabs[Int(id)].place == .unused { return }
    let cache = Int(slabs[Int(id)].cache)
    let free = freeCount(id)
    let before = released.count
    detach(id)
    caches[cache].liveObjects -= Int(slabs[Int(id)].objects) - free
    if slabs[Int(id)].place != .unused { discard(id) }
    released.removeLast(released.count - before)
  }

  /// The kernel grew although the model had free objects for this CPU: they were taken unseen. Marks every object on
  /// this CPU's lists and the node's as handed out, and returns how many there were.
  public mutating func exhaust(cache: Int, cpu: Int) -> Int {
    let state = cache * cpuLimit + cpu
    var taken = 0
    let active = cpus[state].active
    if active >= 0 {
      taken += handOutAll(active)
      slabs[Int(active)].place = .full
      cpus[state].active = -1
      cpus[state].freelist = Self.endOfList
    }
    while cpus[state].partial >= 0 {
      let id = popPerCPUPartial(state)
      taken += handOutAll(id)
      slabs[Int(id)].place = .full
    }
    cpus[state].partialCount = 0
    let home = localNode(cache: cache, cpu: cpu)
    while nodes[home].head >= 0 {
      let id = nodes[home].head
      removePartial(id)
      taken += handOutAll(id)
      slabs[Int(id)].place = .full
    }
    return taken
  }

  /// The kernel took a slab for requests without an event that used up the CPU's slab, and whose objects have mostly come
  /// back: the new slab is in use, and what was free on the old one was taken and freed again.
  public mutating func addSlabUnseen(cache: Int, cpu: Int, base: UInt64, order: Int) -> Int32 {
    if takesSingly { return addSlab(cache: cache, cpu: cpu, base: base, order: order).slab }
    let returned = takeActive(cache * cpuLimit + cpu)
    let first = addSlab(cache: cache, cpu: cpu, base: base, order: order)
    free(first, cpu: cpu)
    // The first to be handed out again is freed last.
    for object in returned.reversed() { free(object, cpu: cpu) }
    return first.slab
  }

  /// Hands out all free objects of the slab in use, which then is full and in use no more, and returns them in the order of
  /// its list.
  private mutating func takeActive(_ state: Int) -> [SlabObject] {
    let active = cpus[state].active
    if active < 0 { return [] }
    let taken = takeFree(active).map { SlabObject(slab: active, index: $0) }
    forgetActive(state)
    return taken
  }

  /// The slab that would come into use on `cpu` if the one in use had no free object, or −1.
  public func slabInLine(cache: Int, cpu: Int) -> Int32 {
    let partial = cpus[cache * cpuLimit + cpu].partial
    return partial >= 0 ? partial : nodes[localNode(cache: cache, cpu: cpu)].head
  }

  /// Marks the free objects of the slab in use as handed out unseen, and returns how many there were.
  public mutating func exhaustActive(cache: Int, cpu: Int) -> Int {
    let state = cache * cpuLimit + cpu
    let active = cpus[state].active
    if active < 0 { return 0 }
    let taken = handOutAll(active)
    cpus[state].freelist = Self.endOfList
    return taken
  }

  private mutating func handOutAll(_ id: Int32) -> Int {
    let taken = takeFree(id)
    if !taken.isEmpty { unseenObjects[id, default: []] += taken }
    return taken.count
  }

  /// Hands out all free objects of a slab, a CPU's private ones first, and returns them in the order of their lists.
  private mutating func takeFree(_ id: Int32) -> [UInt16] {
    let slab = slabs[Int(id)]
    var taken: [UInt16] = []
    var heads = [slab.freelist]
    let state = Int(slab.cache) * cpuLimit + Int(slab.cpu)
    if slab.place == .active, cpus[state].active == id { heads.insert(cpus[state].freelist, at: 0) }
    for head in heads {
      var index = head
      while index != Self.endOfList {
        taken.append(index)
        let link = slab.links + Int(index)
        index = links[link]
        links[link] = Self.handedOut
      }
    }
    slabs[Int(id)].freelist = Self.endOfList
    slabs[Int(id)].inUse = slab.objects
    caches[Int(slab.cache)].liveObjects += taken.count
    return taken
  }
}
