// Objects freed on another memory node than theirs.
extension SLAB {
  /// Keeps an object of another node in the array for that node, which goes home first if it is full.
  /// Follows `__cache_free_alien` in mm/slab.c, Linux 6.1.
  @inline(never)
  mutating func freeAlien(_ object: SlabObject, _ cache: Int, _ state: Int) {
    let from = arrays[state].home - cache * nodeCount
    let to = Int(slabs[Int(object.slab)].home) - cache * nodeCount
    let alien = alien(cache, from, to)
    if aliens[alien].count == aliens[alien].limit { drainAlien(cache, from: from, to: to) }
    entries[aliens[alien].start + aliens[alien].count] = object
    aliens[alien].count += 1
  }

  @inline(__always)
  func alien(_ cache: Int, _ from: Int, _ to: Int) -> Int { (cache * nodeCount + from) * nodeCount + to }

  /// Gives a node the objects back that another one collected: the newest go to its shared array, as many as fit, the others
  /// to their slabs. Follows `__drain_alien_cache` in mm/slab.c, Linux 6.1.
  mutating func drainAlien(_ cache: Int, from: Int, to: Int) {
    if from == to { return }
    let alien = alien(cache, from, to)
    let count = aliens[alien].count
    if count == 0 { return }
    let home = cache * nodeCount + to
    let moved = min(count, nodes[home].shared.limit - nodes[home].shared.count)
    let target = nodes[home].shared.start + nodes[home].shared.count
    let start = aliens[alien].start
    for index in 0..<moved { entries[target + index] = entries[start + count - moved + index] }
    nodes[home].shared.count += moved
    let first = released.count
    putBack(home, start, count - moved)
    reverseReleased(from: first)
    aliens[alien].count = 0
  }

  /// The objects of node `to` that CPUs of node `from` freed and that are not home yet, oldest first.
  public func alienArray(cache: Int, from: Int, to: Int) -> [SlabObject] {
    if nodeCount == 1 || from == to { return [] }
    let array = aliens[alien(cache, from, to)]
    return Array(entries[array.start..<(array.start + array.count)])
  }

  /// Free objects that a node keeps of a cache before it gives slabs back.
  public func freeLimit(cache: Int, node: Int) -> Int { nodes[cache * nodeCount + node].freeLimit }

  /// The memory node that a slab lies on.
  public func node(ofSlab id: Int32) -> Int { Int(slabs[Int(id)].home) % nodeCount }
}
