extension SLAB {
  /// What is wrong with the model's data; empty when all is well. For tests: walks everything.
  public func checkInvariants() -> [String] {
    var faults: [String] = []
    func expect(_ isTrue: Bool, _ text: @autoclosure () -> String) { if !isTrue { faults.append(text()) } }
    var slabsByCache = [Int](repeating: 0, count: caches.count)
    var freeByNode = [Int](repeating: 0, count: nodes.count)
    var activeByCache = [Int](repeating: 0, count: caches.count)
    for (id, slab) in slabs.enumerated() where slab.place != .unused {
      let cache = Int(slab.cache)
      let objects = caches[cache].geometry.objectsPerSlab
      slabsByCache[cache] += 1
      freeByNode[Int(slab.home)] += objects - Int(slab.active)
      expect(Int(slab.home) / nodeCount == cache, "slab \(id): is on the lists of another cache")
      activeByCache[cache] += Int(slab.active)
      expect(Int(slab.active) <= objects, "slab \(id): \(slab.active) of \(objects) objects active")
      let isRight =
        switch slab.place {
        case .free: slab.active == 0
        case .partial: slab.active > 0 && Int(slab.active) < objects
        case .full: Int(slab.active) == objects
        case .unused: false
        }
      expect(isRight, "slab \(id): \(slab.active) of \(objects) objects active, but it is \(slab.place)")
      let free = indices[(slab.list + Int(slab.active))..<(slab.list + objects)]
      expect(Set(free).count == free.count, "slab \(id): an object is free twice")
    }
    for (index, cache) in caches.enumerated() {
      expect(cache.slabs == slabsByCache[index], "\(cache.name): \(cache.slabs) slabs, found \(slabsByCache[index])")
      let inArrays = objectsInArrays(cache: index)
      expect(
        cache.liveObjects == activeByCache[index] - inArrays,
        "\(cache.name): \(cache.liveObjects) live, found \(activeByCache[index]) − \(inArrays)")
    }
    for (home, part) in nodes.enumerated() {
      let cache = caches[home / nodeCount]
      expect(
        part.freeObjects == freeByNode[home],
        "\(cache.name): \(part.freeObjects) free objects, found \(freeByNode[home])")
      for (list, place) in [(part.partial, Place.partial), (part.free, Place.free)] {
        var previous: Int32 = -1
        var id = list.head
        while id >= 0 {
          expect(slabs[Int(id)].place == place, "\(cache.name): slab \(id) is on the list of \(place) slabs")
          expect(Int(slabs[Int(id)].home) == home, "\(cache.name): slab \(id) is on another node's list")
          expect(slabs[Int(id)].previous == previous, "\(cache.name): slab \(id) has a wrong link")
          previous = id
          id = slabs[Int(id)].next
        }
        expect(list.tail == previous, "\(cache.name): the list of \(place) slabs ends elsewhere")
      }
    }
    var seen = Set<SlabObject>()
    for array in arrays + nodes.map(\.shared) + aliens {
      expect(array.count <= array.limit, "an array holds \(array.count) of at most \(array.limit)")
      for object in entries[array.start..<(array.start + array.count)] {
        expect(seen.insert(object).inserted, "object \(object.index) of slab \(object.slab) is in two arrays")
        let slab = slabs[Int(object.slab)]
        let free = indices[
          (slab.list + Int(slab.active))..<(slab.list + caches[Int(slab.cache)].geometry.objectsPerSlab)]
        expect(!free.contains(object.index), "object \(object.index) of slab \(object.slab) is in an array and free")
      }
    }
    return faults
  }
}
