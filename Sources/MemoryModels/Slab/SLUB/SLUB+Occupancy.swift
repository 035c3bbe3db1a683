extension SLUB {
  /// How full a cache's slabs are now.
  public func occupancy(cache index: Int) -> SlabOccupancy {
    let cache = caches[index]
    let slots = cache.slots
    let bytes = Int(cache.pages) * pageSize
    return SlabOccupancy(
      slabs: cache.slabs, pages: Int(cache.pages), slots: slots, liveObjects: cache.liveObjects,
      freeSlotBytes: (slots - cache.liveObjects) * cache.geometry.slotSize,
      paddingBytes: bytes - slots * cache.geometry.slotSize, peakSlabs: cache.peakSlabs, growths: cache.growths,
      releases: cache.releases)
  }

  /// What slabinfo would print as a cache's active objects: all slots but the free ones of slabs on the nodes' lists.
  /// Follows `get_slabinfo` in mm/slub.c, Linux 6.1.
  public func slabinfoActiveObjects(cache index: Int) -> Int {
    var free = 0
    for home in index * nodeCount..<(index + 1) * nodeCount {
      var id = nodes[home].head
      while id >= 0 {
        free += Int(slabs[Int(id)].objects - slabs[Int(id)].inUse)
        id = slabs[Int(id)].next
      }
    }
    return caches[index].slots - free
  }
}
