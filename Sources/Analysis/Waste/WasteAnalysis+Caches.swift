import KernelTypes
import TraceEvents

extension WasteAnalysis {
  /// The index of the group of an allocation when waste is summed up by cache.
  mutating func cacheGroup(
    _ batch: borrowing EventBatch, _ row: Int, _ strings: StringInterner, isKmalloc: Bool
  ) -> Int {
    if isKmalloc {
      let allocated = batch.allocatedBytes[row]
      let key = CacheKey.kmalloc(
        allocatedBytes: allocated,
        requestClass: classes.observe(requested: batch.requestedBytes[row], allocated: allocated),
        isReclaimable: evidence.isReclaimable(batch.gfp[row], strings)
      ).packed
      return keys.index(key.first, key.second)
    }
    let name = batch.name[row]
    if name != .none {
      let key = CacheKey.named(name).packed
      return keys.index(key.first, key.second)
    }
    let known = keys.count
    let key = CacheKey.site(
      batch.callSite[row], requestedBytes: batch.requestedBytes[row], allocatedBytes: batch.allocatedBytes[row]
    ).packed
    let group = keys.index(key.first, key.second)
    if keys.count != known { evidence.noteSite(group) }
    return group
  }

  /// Takes in what a free says about the cache of its object, and moves the object's sums to that cache.
  mutating func learnName(of object: LiveObject, from batch: borrowing EventBatch, _ row: Int, isLive: Bool) {
    if object.group == WasteLedger.uncounted { return }
    let site = Int(object.group)
    if !evidence[site].isSite { return }
    let name = batch.name[row]
    evidence.learn(name, site: site)
    move(object, to: name, isLive: isLive, countsFree: !isLive)
    if batch.flags[row].isDisjoint(with: [.hashedPointer, .unknownPointer]) {
      evidence.pages.insert(
        batch.address[row] / pageSize,
        .init(name: name, allocatedBytes: object.allocatedBytes, sequence: sequence))
    }
  }

  @discardableResult
  private mutating func move(_ object: LiveObject, to name: StringID, isLive: Bool, countsFree: Bool) -> Int {
    let key = CacheKey.freedAs(name, site: Int(object.group)).packed
    let target = keys.index(key.first, key.second)
    addMissingGroups()
    ledger.move(object, to: target, isLive: isLive, countsFree: countsFree)
    return target
  }

  /// Names the live objects whose site tells nothing by their neighbours: objects of the same size on the same page lie
  /// in the same slab, so they belong to the same cache.
  ///
  /// A neighbour that was freed counts only if the object was there already: the slab can't have changed hands between.
  /// An object that gets a name is a neighbour with a name, so this goes on until nothing changes.
  mutating func resolveByNeighbours() {
    while resolveOnce() {}
  }

  private mutating func resolveOnce() -> Bool {
    var named = AddressTable<CacheNameEvidence.PageName>(filler: .init(name: .none, allocatedBytes: 0, sequence: 0))
    var nameless: [UInt64] = []
    let pageSize = self.pageSize
    ledger.live.forEach { address, object in
      if object.group == WasteLedger.uncounted { return }
      let name = certainName(group: Int(object.group))
      if name != .none {
        named.insert(address / pageSize, .init(name: name, allocatedBytes: object.allocatedBytes, sequence: 0))
      } else if evidence[Int(object.group)].isSite {
        nameless.append(address)
      }
    }
    var isChanged = false
    for address in nameless {
      guard let object = ledger.live.value(address) else { continue }
      var name = StringID.none
      if let freed = evidence.pages.value(address / pageSize), freed.allocatedBytes == object.allocatedBytes,
        freed.sequence > object.sequence
      {
        name = freed.name
      } else if let neighbour = named.value(address / pageSize), neighbour.allocatedBytes == object.allocatedBytes {
        name = neighbour.name
      }
      if name == .none { continue }
      evidence.learn(name, site: Int(object.group))
      let target = move(object, to: name, isLive: true, countsFree: false)
      ledger.live.update(address) { $0.group = UInt32(truncatingIfNeeded: target) }
      isChanged = true
    }
    return isChanged
  }

  /// The cache that all objects of a group belong to, if it is known.
  private func certainName(group: Int) -> StringID {
    let site = evidence[group]
    if site.isSite { return site.isSeveral ? .none : site.name }
    switch CacheKey(packed: keys[group]) {
    case .freedAs(let name, _), .named(let name): return name
    default: return .none
    }
  }
}
