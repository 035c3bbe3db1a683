extension SLAB {
  /// How full a cache's slabs are now. Objects in arrays count as free slots.
  public func occupancy(cache index: Int) -> SlabOccupancy {
    let cache = caches[index]
    let geometry = cache.geometry
    let slots = cache.slabs * geometry.objectsPerSlab
    let management = geometry.freeList == .onSlab ? cache.slabs * geometry.freeListBytes : 0
    return SlabOccupancy(
      slabs: cache.slabs, pages: Int(cache.pages), slots: slots, liveObjects: cache.liveObjects,
      freeSlotBytes: (slots - cache.liveObjects) * geometry.slotSize,
      paddingBytes: Int(cache.pages) * pageSize - slots * geometry.slotSize - management,
      managementBytes: management, peakSlabs: cache.peakSlabs, growths: cache.growths, releases: cache.releases)
  }

  /// What slabinfo would print as a cache's active objects: objects in arrays count as active.
  /// Follows `get_slabinfo` in mm/slab.c, Linux 6.1.
  public func slabinfoActiveObjects(cache index: Int) -> Int {
    caches[index].slabs * caches[index].geometry.objectsPerSlab - freeObjects(cache: index)
  }

  /// Free objects in slabs of all nodes, arrays not counted.
  func freeObjects(cache: Int) -> Int {
    (cache * nodeCount..<(cache + 1) * nodeCount).reduce(0) { $0 + nodes[$1].freeObjects }
  }

  /// Objects in all arrays of a cache.
  func objectsInArrays(cache: Int) -> Int {
    var count = 0
    for cpu in 0..<cpuLimit { count += arrays[cache * cpuLimit + cpu].count }
    for home in cache * nodeCount..<(cache + 1) * nodeCount {
      count += nodes[home].shared.count
      if nodeCount == 1 { continue }
      for other in 0..<nodeCount { count += aliens[home * nodeCount + other].count }
    }
    return count
  }

  /// The address of an object.
  public func address(of object: SlabObject) -> UInt64 {
    let slab = slabs[Int(object.slab)]
    let slot = UInt64(caches[Int(slab.cache)].geometry.slotSize)
    return slab.base + UInt64(slab.offset) + UInt64(object.index) * slot
  }

  /// The objects in a CPU's array, the next to be handed out last.
  public func array(cache: Int, cpu: Int) -> [SlabObject] {
    let array = arrays[cache * cpuLimit + cpu]
    return Array(entries[array.start..<(array.start + array.count)])
  }

  /// The objects in the array that a node's CPUs share, the next to be handed out last.
  public func sharedArray(cache: Int, node: Int = 0) -> [SlabObject] {
    let array = nodes[cache * nodeCount + node].shared
    return Array(entries[array.start..<(array.start + array.count)])
  }
}
