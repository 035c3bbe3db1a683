import KernelTypes
import MemoryModels
import TraceEvents

extension SLOBFollower {
  /// One allocation: predict, compare, put right.
  mutating func allocation(
    _ address: UInt64, requested: UInt64, cpu: Int, cache: Int, claim: PageClassifier.Claim?,
    _ pages: inout PageClassifier
  ) {
    let bytes = slob.allocatedBytes(cache: cache, requested: requested)
    held.insert(address, Held(bytes: UInt32(clamping: bytes), cache: Int32(cache)))
    let prediction = slob.prediction(cache: cache, bytes: bytes)
    if let claim {
      grow(address, cache, bytes, claim, prediction, &pages)
      return
    }
    var id = pages.owner(address: address)
    if id < 0 {
      if id == PageClassifier.claimed || bytes >= pageSize { return }
      id = adopt(address, cache, &pages)
    }
    guard slob.order(ofPage: id) == 0, bytes < pageSize,
      let object = slob.object(page: id, address: address, cache: cache)
    else {
      grades.objectsOnUnknownPages += 1
      return
    }
    let isBorn = born[Int(id)]
    if prediction == object {
      grade(cache, isBorn, true)
      _ = slob.allocate(cache: cache, bytes: bytes)
      return
    }
    if isBorn {
      grade(cache, true, false)
      if prediction == nil { grades.caches[cache].slabGrowth.count(false) }
      let miss: AddressMiss = prediction == nil ? .modelGrew : .otherSlab
      grades.caches[cache].misses[AddressMiss.allCases.firstIndex(of: miss) ?? 0] += 1
    }
    slob.take(object, cache: cache, bytes: bytes)
  }

  @inline(__always)
  private mutating func grade(_ cache: Int, _ isBorn: Bool, _ isRight: Bool) {
    if isBorn {
      grades.caches[cache].objectAddress.count(isRight)
    } else {
      grades.caches[cache].oldObjectAddress.count(isRight)
    }
  }

  /// The kernel took a new page for this request.
  private mutating func grow(
    _ address: UInt64, _ cache: Int, _ bytes: Int, _ claim: PageClassifier.Claim, _ prediction: SlabObject?,
    _ pages: inout PageClassifier
  ) {
    let order = Int(claim.block.order)
    observedPages += Int64(Order.pages(order))
    let wanted = bytes >= pageSize ? slob.orderOf(bytes) : 0
    grades.caches[cache].slabGrowth.count(prediction == nil && wanted == order)
    if prediction == nil {
      predictedPages += Int64(Order.pages(wanted))
    } else {
      grades.caches[cache].takenUnseen += UInt64(slob.exhaust(cache: cache, bytes: bytes))
    }
    if wanted != order { return }
    let taken = slob.addSlab(cache: cache, bytes: bytes, base: (claim.head &+ pageOffset) << pageShift)
    register(taken.slab, cache, born: true, &pages)
    if bytes >= pageSize { return }
    let isRight = prediction == nil && slob.address(of: taken, cache: cache) == address
    grade(cache, true, isRight)
    if !isRight {
      grades.caches[cache].misses[AddressMiss.allCases.firstIndex(of: .kernelGrew) ?? 0] += 1
      if slob.address(of: taken, cache: cache) != address,
        let object = slob.object(page: taken.slab, address: address, cache: cache)
      {
        slob.take(object, cache: cache, bytes: bytes)
        slob.free(taken, cache: cache, bytes: bytes)
      }
    }
  }

  /// One free.
  mutating func free(
    _ address: UInt64, name: StringID, cpu: Int, _ directory: borrowing CacheDirectory,
    _ pages: inout PageClassifier
  ) {
    var object = held.remove(address)
    if object == nil, name != .none, let cache = directory.cache(of: .named(name)), cache < slob.cacheCount {
      // Its allocation was not seen, but its cache's objects all have one size.
      object = Held(bytes: UInt32(clamping: slob.allocatedBytes(cache: cache, requested: 0)), cache: Int32(cache))
    }
    guard let object else {
      grades.freesOfUnknown += 1
      return
    }
    if object.cache < 0 { return }
    if isDeferred[Int(object.cache)] {
      deferred.append(Deferred(due: time + Self.gracePeriod, address: address, held: object))
      return
    }
    giveBack(address, object, &pages)
  }

  mutating func giveBack(_ address: UInt64, _ object: Held, _ pages: inout PageClassifier) {
    let cache = Int(object.cache)
    let bytes = Int(object.bytes)
    var id = pages.owner(address: address)
    if id < 0 {
      if bytes >= pageSize || pages.isInTracedBlock(address: address) { return }
      id = adopt(address, cache, &pages)
    }
    guard bytes < pageSize else {
      // The page may have changed hands without the trace showing it.
      if slob.order(ofPage: id) == slob.orderOf(bytes), slob.base(ofPage: id) == address {
        slob.free(SlabObject(slab: id, index: 0), cache: cache, bytes: bytes)
        settleReleases(&pages)
      }
      return
    }
    guard slob.order(ofPage: id) == 0, let place = slob.object(page: id, address: address, cache: cache),
      !slob.overlapsFree(place, bytes: bytes)
    else { return }
    slob.free(place, cache: cache, bytes: bytes)
    if !slob.released.isEmpty { settleReleases(&pages) }
  }
}
