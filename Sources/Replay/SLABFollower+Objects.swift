import KernelTypes
import MemoryModels
import TraceEvents

extension SLABFollower {
  /// One allocation: predict, compare, put right.
  mutating func allocation(
    _ address: UInt64, requested: UInt64, cpu: Int, cache: Int, claim: PageClassifier.Claim?,
    _ pages: inout PageClassifier
  ) {
    lastFreed[cpu] = -1
    skipTakenUnseen(cache, cpu)
    let prediction = slab.prediction(cache: cache, cpu: cpu)
    let known = isKnown[cache * cpuLimit + cpu]
    defer { touch(cache, cpu) }
    if let claim {
      grow(address, cache, cpu, claim, prediction, &pages)
      return
    }
    var id = pages.owner(address: address)
    if id >= 0, slab.cache(ofSlab: id) != cache {
      // The page changed hands without the trace showing it.
      lose(id, isGraded: true, &pages)
      id = -1
    }
    if id < 0 {
      if id == PageClassifier.claimed { return }
      if prediction == nil, known { grades.caches[cache].slabGrowth.count(false) }
      id = adopt(address, cache, &pages)
    }
    guard let object = slab.object(slab: id, address: address) else {
      grades.objectsOnUnknownPages += 1
      return
    }
    if prediction == object {
      if known { grade(cache, born[Int(id)], true) }
      if slab.arrayCount(cache: cache, cpu: cpu) == 0 { isKnown[cache * cpuLimit + cpu] = true }
      if case .object(let taken) = slab.allocate(cache: cache, cpu: cpu) { mark(taken, out: true) }
      return
    }
    if known {
      grade(cache, born[Int(id)], false)
      if prediction == nil { grades.caches[cache].slabGrowth.count(false) }
      grades.caches[cache].misses[AddressMiss.allCases.firstIndex(of: miss(object, prediction, cache, cpu)) ?? 0] += 1
      if prediction == nil, !born[Int(id)], isOut(object), !knowsOthers(cache, cpu) {
        // Another CPU's array has flushed old objects to the shared one: how many, only the next growth tells.
        isKnown[cache * cpuLimit + cpu] = false
      }
    }
    putRight(object, cache, cpu, prediction, &pages)
  }

  /// Takes away objects that the kernel must have handed out unseen before its next visible allocation.
  private mutating func skipTakenUnseen(_ cache: Int, _ cpu: Int) {
    while infersUnseen, let next = slab.prediction(cache: cache, cpu: cpu),
      unseen.isTakenUnseen(address: slab.address(of: next), at: ordinal)
    {
      guard case .object(let taken) = slab.allocate(cache: cache, cpu: cpu) else { return }
      mark(taken, out: true)
      grades.caches[cache].takenUnseen += 1
    }
  }

  /// The array has been used; one that a cache had before kmem_cache_init_late is replaced by one that has not.
  @inline(__always)
  private mutating func touch(_ cache: Int, _ cpu: Int) {
    let array = cache * cpuLimit + cpu
    if isStartingUp[array], slab.arrayCount(cache: cache, cpu: cpu) == 0 {
      slab.renewArray(cache: cache, cpu: cpu)
      return
    }
    isStartingUp[array] = false
    slab.touch(cache: cache, cpu: cpu)
  }

  @inline(__always)
  private mutating func grade(_ cache: Int, _ isBorn: Bool, _ isRight: Bool) {
    if isBorn {
      grades.caches[cache].objectAddress.count(isRight)
    } else {
      grades.caches[cache].oldObjectAddress.count(isRight)
    }
  }

  private func miss(_ object: SlabObject, _ prediction: SlabObject?, _ cache: Int, _ cpu: Int) -> AddressMiss {
    if isOut(object) { return .freedUnseen }
    if prediction == nil { return .modelGrew }
    if slab.array(cache: cache, cpu: cpu).contains(object) { return .takenUnseen }
    for other in 0..<cpuLimit where other != cpu && slab.array(cache: cache, cpu: other).contains(object) {
      return .otherCPU
    }
    return .otherSlab
  }

  /// Whether the model knows what the other CPUs' arrays hold.
  private func knowsOthers(_ cache: Int, _ cpu: Int) -> Bool {
    (0..<cpuLimit).allSatisfy { $0 == cpu || isKnown[cache * cpuLimit + $0] }
  }

  /// The kernel took a new slab for this request.
  private mutating func grow(
    _ address: UInt64, _ cache: Int, _ cpu: Int, _ claim: PageClassifier.Claim, _ prediction: SlabObject?,
    _ pages: inout PageClassifier
  ) {
    let order = Int(claim.block.order)
    let base = (claim.head &+ pageOffset) << pageShift
    let geometry = slab.geometry(cache: cache)
    let known = isKnown[cache * cpuLimit + cpu]
    observedPages += Int64(Order.pages(order))
    grades.caches[cache].observedSlabs += 1
    if known { grades.caches[cache].slabGrowth.count(prediction == nil && geometry.order == order) }
    // As long as nothing was predicted, what the kernel did is where predictions start from.
    if prediction == nil || !known { countPredicted(cache, order) }
    if prediction != nil || !known {
      let taken = slab.exhaust(cache: cache, cpu: cpu)
      for object in taken { mark(object, out: true) }
      if known { grades.caches[cache].takenUnseen += UInt64(taken.count) }
    } else if case .object(let object) = slab.allocate(cache: cache, cpu: cpu) {
      mark(object, out: true)
    }
    isKnown[cache * cpuLimit + cpu] = true
    if order != geometry.order { return }
    // Where the objects start tells the colour, and which object goes out how many the array took.
    let (index, rest) = (address - base).quotientAndRemainder(dividingBy: UInt64(max(geometry.slotSize, 1)))
    let colour = Int(rest) / geometry.colourBytes
    let isColour = colour < max(geometry.colours, 1)
    let (wantedColour, wantedCount) = (slab.nextColour(cache: cache, cpu: cpu), slab.nextFill(cache: cache, cpu: cpu))
    let isRight = prediction == nil && colour == wantedColour && Int(index) + 1 == wantedCount
    let taken = slab.addSlab(
      cache: cache, cpu: cpu, base: base, colour: isColour ? colour : nil, filled: Int(index) + 1)
    if !known, index == 0, wantedCount > 1 { isStartingUp[cache * cpuLimit + cpu] = true }
    if isColour { slab.setColour(cache: cache, cpu: cpu, to: colour) }
    register(taken.slab, born: true, counted: !known || prediction == nil, allOut: false, &pages)
    mark(taken, out: true)
    if known, knowsColour[cache] {
      grade(cache, true, isRight)
      if !isRight {
        let miss: AddressMiss = prediction == nil ? .otherSlab : .kernelGrew
        grades.caches[cache].misses[AddressMiss.allCases.firstIndex(of: miss) ?? 0] += 1
      }
    }
    knowsColour[cache] = true
  }

  /// The model took a slab of its own accord.
  private mutating func countPredicted(_ cache: Int, _ order: Int) {
    predictedPages += Int64(Order.pages(order))
    grades.caches[cache].predictedSlabs += 1
  }

  /// The block just taken became a slab for requests without an event.
  mutating func growUnseen(_ claim: PageClassifier.Claim, cache: Int, cpu: Int, _ pages: inout PageClassifier) {
    let order = Int(claim.block.order)
    observedPages += Int64(Order.pages(order))
    grades.caches[cache].observedSlabs += 1
    // Whatever asked for an object then, the model would have needed a slab too if it had none.
    let agrees = slab.prediction(cache: cache, cpu: cpu) == nil
    if isKnown[cache * cpuLimit + cpu] { grades.caches[cache].slabGrowth.count(agrees) }
    if order != slab.geometry(cache: cache).order { return }
    if agrees { countPredicted(cache, order) }
    let id = slab.addSlabUnseen(cache: cache, cpu: cpu, base: (claim.head &+ pageOffset) << pageShift)
    register(id, born: true, counted: agrees, allOut: false, &pages)
  }

  /// Hands out `object` whatever the model would have chosen.
  private mutating func putRight(
    _ object: SlabObject, _ cache: Int, _ cpu: Int, _ prediction: SlabObject?, _ pages: inout PageClassifier
  ) {
    if isOut(object) {
      // It was freed unseen and has gone out again.
      if isKnown[cache * cpuLimit + cpu] { grades.caches[cache].freedUnseen += 1 }
      return
    }
    let array = slab.array(cache: cache, cpu: cpu)
    if array.isEmpty, slab.giveShared(above: object, cpu: cpu), slab.prediction(cache: cache, cpu: cpu) == object {
      // Another CPU had taken more from the shared array than the model thought.
      _ = slab.allocate(cache: cache, cpu: cpu)
      mark(object, out: true)
      return
    }
    if let position = array.lastIndex(of: object) {
      let depth = array.count - position - 1
      if depth > Self.smallGroup {
        // So many are not kept: they came back as a group, in reverse, or in another order altogether.
        if depth <= Self.largeGroup { slab.reverse(cache: cache, cpu: cpu, count: depth) }
        if slab.takeOut(object) != nil { mark(object, out: true) }
        return
      }
      // What lay above it was handed out unseen.
      for above in array[(position + 1)...] {
        _ = slab.takeOut(above)
        mark(above, out: true)
        grades.caches[cache].takenUnseen += 1
      }
      _ = slab.allocate(cache: cache, cpu: cpu)
      mark(object, out: true)
      return
    }
    if !array.isEmpty, array.count <= Self.largeGroup {
      // The array must have been empty: the reaper has put its objects back.
      slab.drain(cache: cache, cpu: cpu)
      settleReleases(&pages)
      if slab.place(ofSlab: object.slab) == .unused { return }
      if slab.prediction(cache: cache, cpu: cpu) == object {
        _ = slab.allocate(cache: cache, cpu: cpu)
        mark(object, out: true)
        return
      }
    }
    if slab.takeOut(object) != nil { mark(object, out: true) }
  }

  /// One free.
  mutating func free(
    _ address: UInt64, name: StringID, cpu: Int, _ directory: borrowing CacheDirectory,
    _ pages: inout PageClassifier
  ) {
    var id = pages.owner(address: address)
    if id == PageClassifier.unknownOwner || id == PageClassifier.old { id = oldSlab(address, name, directory, &pages) }
    if id < 0 {
      grades.freesOfUnknown += 1
      lastFreed[cpu] = -1
      return
    }
    guard let object = slab.object(slab: id, address: address) else {
      grades.objectsOnUnknownPages += 1
      return
    }
    let cache = slab.cache(ofSlab: id)
    if !isOut(object) {
      // It was handed out unseen.
      _ = slab.takeOut(object)
      grades.caches[cache].takenUnseen += 1
    }
    mark(object, out: false)
    lastFreed[cpu] = Int32(cache)
    slab.free(object, cpu: cpu)
    if !slab.released.isEmpty { settleReleases(&pages) }
  }

  /// A slab from before the trace of which only a free is seen.
  private mutating func oldSlab(
    _ address: UInt64, _ name: StringID, _ directory: borrowing CacheDirectory, _ pages: inout PageClassifier
  ) -> Int32 {
    if pages.isInTracedBlock(address: address) { return -1 }
    guard let cache = old.cache(ofPage: address >> pageShift, name: name, directory), cache < slab.cacheCount else {
      return -1
    }
    return adopt(address, cache, &pages)
  }
}
