import KernelTypes
import MemoryModels
import TraceEvents

extension SlabFollower {
  /// One allocation: predict, compare, put right.
  mutating func allocation(
    _ address: UInt64, cpu: Int, cache: Int, claim: PageClassifier.Claim?, _ pages: inout PageClassifier
  ) {
    let prediction = predict(cache, cpu)
    if case .needsSlab(let order) = prediction { countPredicted(cache, order) }
    freshSlab = -1
    var slab = pages.owner(address: address)
    if slab >= 0, slub.cache(ofSlab: slab) != cache {
      // The page changed hands without the trace showing it.
      lose(slab, &pages)
      slab = -1
    }
    if slab < 0 {
      slab = newSlab(address, cache, cpu, prediction, claim, &pages)
      if slab < 0 { return }
    }
    guard let object = slub.object(slab: slab, address: address) else {
      grades.objectsOnUnknownPages += 1
      return
    }
    let isBorn = born[Int(slab)]
    if grades.isOfSlabs, isFree(object, inPlaceOf: prediction) {
      grade(cache, isBorn, true)
      if freshSlab != slab { _ = slub.allocate(cache: cache, cpu: cpu) }
      return
    }
    if case .object(let predicted) = prediction, predicted == object {
      grade(cache, isBorn, true)
      _ = slub.allocate(cache: cache, cpu: cpu)
      return
    }
    if case .needsSlab = prediction, isFirstOfNew(slab, object) {
      grade(cache, isBorn, true)
      return
    }
    grade(cache, isBorn, false)
    putRight(object, cache, cpu, prediction, &pages)
  }

  /// What the model would do, after objects that the kernel must have handed out unseen are taken away.
  private mutating func predict(_ cache: Int, _ cpu: Int) -> AllocationOutcome {
    var prediction = slub.prediction(cache: cache, cpu: cpu)
    while infersUnseen, case .object(let object) = prediction,
      unseen.isTakenUnseen(address: slub.address(of: object), at: ordinal)
    {
      _ = slub.allocate(cache: cache, cpu: cpu)
      grades.caches[cache].takenUnseen += 1
      prediction = slub.prediction(cache: cache, cpu: cpu)
    }
    return prediction
  }

  @inline(__always)
  private mutating func grade(_ cache: Int, _ isBorn: Bool, _ isRight: Bool) {
    if isBorn {
      grades.caches[cache].objectAddress.count(isRight)
    } else {
      grades.caches[cache].oldObjectAddress.count(isRight)
    }
  }

  /// Whether the prediction, where free lists are in random order, is right about the slab; the model's list is then put
  /// in the order that the kernel's must have.
  private mutating func isFree(_ object: SlabObject, inPlaceOf prediction: AllocationOutcome) -> Bool {
    switch prediction {
    case .object(let predicted): slub.relabel(object, as: predicted)
    case .needsSlab:
      freshSlab == object.slab && slub.relabel(object, as: SlabObject(slab: freshSlab, index: 0))
    }
  }

  /// Whether the slab was just added for this very request.
  private func isFirstOfNew(_ slab: Int32, _ object: SlabObject) -> Bool {
    slab == freshSlab && object.index == 0
  }

  /// Finds out what a page that holds no known slab is: a block just taken from the page allocator (the kernel grew), or
  /// a slab from before the trace.
  private mutating func newSlab(
    _ address: UInt64, _ cache: Int, _ cpu: Int, _ prediction: AllocationOutcome, _ claim: PageClassifier.Claim?,
    _ pages: inout PageClassifier
  ) -> Int32 {
    if let claim { return grow(cache, cpu, claim.head, Int(claim.block.order), prediction, &pages) }
    if pages.owner(address: address) == PageClassifier.claimed { return -1 }
    if case .needsSlab = prediction { grades.caches[cache].slabGrowth.count(false) }
    let geometry = slub.geometry(cache: cache)
    let bytes = UInt64(1) << (pageShift + UInt64(geometry.order))
    let base = address & ~(bytes - 1)
    if let waiting = limbo.remove(base >> pageShift) {
      // The model gave it back too early: it was empty then.
      grades.caches[cache].slabRelease.count(false)
      let all = (0..<slub.geometry(cache: Int(waiting.cache)).objectsPerSlab).map { UInt16($0) }
      let slab = adopt(Int(waiting.cache), base, all, activeOn: nil, &pages)
      born[Int(slab)] = true
      isCounted[Int(slab)] = false
      return Int(waiting.cache) == cache ? slab : -1
    }
    return adopt(cache, base, [], activeOn: nil, &pages)
  }

  private mutating func grow(
    _ cache: Int, _ cpu: Int, _ head: UInt64, _ order: Int, _ prediction: AllocationOutcome,
    _ pages: inout PageClassifier
  ) -> Int32 {
    let base = (head &+ pageOffset) << pageShift
    observedPages += Int64(Order.pages(order))
    grades.caches[cache].observedSlabs += 1
    var wasPredicted = false
    if case .needsSlab(let wanted) = prediction {
      wasPredicted = true
      grades.caches[cache].slabGrowth.count(wanted == order)
      // Runs through the empty lists as the kernel does.
      _ = slub.allocate(cache: cache, cpu: cpu)
    } else {
      grades.caches[cache].slabGrowth.count(false)
      grades.caches[cache].takenUnseen += UInt64(slub.exhaust(cache: cache, cpu: cpu))
    }
    let object = slub.addSlab(cache: cache, cpu: cpu, base: base, order: order)
    settleReleases(&pages)
    register(object.slab, base, order, born: true, counted: wasPredicted, &pages)
    freshSlab = object.slab
    return object.slab
  }

  /// The model took a slab of its own accord.
  private mutating func countPredicted(_ cache: Int, _ order: Int) {
    predictedPages += Int64(Order.pages(order))
    grades.caches[cache].predictedSlabs += 1
  }

  /// The block just taken became a slab for requests without an event.
  mutating func growUnseen(_ claim: PageClassifier.Claim, cache: Int, cpu: Int, _ pages: inout PageClassifier) {
    let order = Int(claim.block.order)
    let base = (claim.head &+ pageOffset) << pageShift
    observedPages += Int64(Order.pages(order))
    grades.caches[cache].observedSlabs += 1
    var agrees = false
    if case .needsSlab(let wanted) = predict(cache, cpu) { agrees = wanted == order }
    grades.caches[cache].slabGrowth.count(agrees)
    if agrees { countPredicted(cache, order) }
    let slab = slub.addSlabUnseen(cache: cache, cpu: cpu, base: base, order: order)
    settleReleases(&pages)
    register(slab, base, order, born: true, counted: agrees, &pages)
  }

  private mutating func putRight(
    _ object: SlabObject, _ cache: Int, _ cpu: Int, _ prediction: AllocationOutcome, _ pages: inout PageClassifier
  ) {
    let wasFree = slub.isFree(object)
    let miss: AddressMiss
    if freshSlab == object.slab {
      miss = .kernelGrew
    } else if !wasFree {
      miss = .freedUnseen
      grades.caches[cache].freedUnseen += 1
    } else if case .object(let predicted) = prediction {
      if predicted.slab == object.slab {
        miss = .takenUnseen
      } else {
        miss = slub.isOnOtherCPU(object.slab, cpu: cpu) ? .otherCPU : .otherSlab
      }
    } else {
      miss = .modelGrew
    }
    if case .needsSlab = prediction, freshSlab != object.slab, born[Int(object.slab)] {
      grades.caches[cache].slabGrowth.count(false)
    }
    grades.caches[cache].misses[AddressMiss.allCases.firstIndex(of: miss) ?? 0] += 1
    grades.caches[cache].takenUnseen += UInt64(slub.take(object, cpu: cpu))
    settleReleases(&pages)
  }

  /// One free; the object lies on `slab`.
  mutating func free(_ address: UInt64, cpu: Int, slab: Int32, _ pages: inout PageClassifier) {
    guard let object = slub.object(slab: slab, address: address) else {
      grades.objectsOnUnknownPages += 1
      return
    }
    if slub.isFree(object) { takenBefore(object, cpu) }
    slub.free(object, cpu: cpu)
    if !slub.released.isEmpty { settleReleases(&pages) }
  }

  /// An object that is freed although the model has it free was handed out unseen. If its slab was next in line on this
  /// CPU, the kernel has used up the one before it and has this one in use.
  private mutating func takenBefore(_ object: SlabObject, _ cpu: Int) {
    let cache = slub.cache(ofSlab: object.slab)
    if !slub.takesSingly, slub.slabInLine(cache: cache, cpu: cpu) == object.slab {
      grades.caches[cache].takenUnseen += UInt64(slub.exhaustActive(cache: cache, cpu: cpu))
      if case .object(let next) = slub.allocate(cache: cache, cpu: cpu) { slub.free(next, cpu: cpu) }
    }
    grades.caches[cache].takenUnseen += 1
    slub.takeUnseen(object)
  }

  /// A slab from before the trace of which only a free is seen: it was full.
  mutating func oldSlab(
    _ address: UInt64, _ name: StringID, _ directory: borrowing CacheDirectory, _ pages: inout PageClassifier
  ) -> Int32 {
    if pages.isInTracedBlock(address: address) { return -1 }
    guard let cache = old.cache(ofPage: address >> pageShift, name: name, directory), cache < slub.cacheCount else {
      return -1
    }
    let bytes = UInt64(1) << (pageShift + UInt64(slub.geometry(cache: cache).order))
    return adopt(cache, address & ~(bytes - 1), [], activeOn: nil, &pages)
  }
}
