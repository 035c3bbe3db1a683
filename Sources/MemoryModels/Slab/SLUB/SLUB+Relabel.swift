// Freelists in random order (CONFIG_SLAB_FREELIST_RANDOM): which slab serves a request is the model's to say, which of its
// objects only the trace knows.
extension SLUB {
  /// Where the index of a free object is written.
  private enum Link {
    case privateHead(state: Int)
    case sharedHead
    case after(Int)
  }

  /// Puts a free object into the place that `first`, an object of the same slab, has or would have on the free list.
  ///
  /// `first` is free (the two change places) or was just handed out as the first object of a new slab (then it is free
  /// afterwards, and `object` handed out). Returns whether that could be done.
  public mutating func relabel(_ object: SlabObject, as first: SlabObject) -> Bool {
    if object == first { return true }
    let id = Int(object.slab)
    guard object.slab == first.slab, isFree(object), let before = link(to: object.index, slab: id) else { return false }
    let start = slabs[id].links
    let behind = links[start + Int(object.index)]
    if !isFree(first) {
      set(before, to: first.index, slab: id)
      links[start + Int(first.index)] = behind
      links[start + Int(object.index)] = Self.handedOut
      return true
    }
    guard let beforeFirst = link(to: first.index, slab: id) else { return false }
    let behindFirst = links[start + Int(first.index)]
    set(beforeFirst, to: object.index, slab: id)
    if behindFirst == object.index {
      links[start + Int(object.index)] = first.index
    } else {
      links[start + Int(object.index)] = behindFirst
      set(before, to: first.index, slab: id)
    }
    links[start + Int(first.index)] = behind
    return true
  }

  private func link(to index: UInt16, slab id: Int) -> Link? {
    let slab = slabs[id]
    let state = Int(slab.cache) * cpuLimit + Int(slab.cpu)
    if slab.place == .active, cpus[state].active == Int32(id),
      let found = link(to: index, from: cpus[state].freelist, head: .privateHead(state: state), links: slab.links)
    {
      return found
    }
    return link(to: index, from: slab.freelist, head: .sharedHead, links: slab.links)
  }

  private func link(to index: UInt16, from first: UInt16, head: Link, links start: Int) -> Link? {
    if first == index { return head }
    var current = first
    while current != Self.endOfList, current != Self.handedOut {
      let next = links[start + Int(current)]
      if next == index { return .after(start + Int(current)) }
      current = next
    }
    return nil
  }

  private mutating func set(_ link: Link, to index: UInt16, slab id: Int) {
    switch link {
    case .privateHead(let state): cpus[state].freelist = index
    case .sharedHead: slabs[id].freelist = index
    case .after(let position): links[position] = index
    }
  }
}
