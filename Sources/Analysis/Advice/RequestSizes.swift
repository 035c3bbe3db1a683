public import KernelTypes
public import TraceEvents

/// Which sizes each call site asks kmalloc for, and how many such objects live at the end and at most at once.
///
/// Memory is bounded by live objects and by distinct pairs of call site and size.
public struct RequestSizes: ~Copyable {
  /// The objects of one call site that ask for as much, rounded up to 8 bytes.
  struct Key: Hashable {
    var callSite: StringID
    var bytes: Int
  }

  struct Count {
    var live = 0
    var peak = 0
  }

  private let classes: SizeClasses
  private var keys: [Key: Int32] = [:]
  private(set) var order: [Key] = []
  private(set) var counts: [Count] = []
  private var liveKeys = AddressTable(filler: Int32(0))
  // The key looked up last: call sites repeat.
  private var last: (key: Key, index: Int32)?

  /// Prepares to look at a trace of a kernel with these classes.
  public init(classes: SizeClasses) { self.classes = classes }

  /// Looks at a batch.
  public mutating func consume(_ batch: borrowing EventBatch) {
    for row in 0..<batch.count {
      switch batch.kind[row] {
      case .kmalloc, .kmallocNode:
        let requested = batch.requestedBytes[row]
        guard !batch.flags[row].contains(.failed), classes.index(bytes: requested) != nil else { continue }
        let index = number(Key(callSite: batch.callSite[row], bytes: Int((requested + 7) & ~7)))
        if let old = liveKeys.value(batch.address[row]) { counts[Int(old)].live -= 1 }
        liveKeys.insert(batch.address[row], index)
        counts[Int(index)].live += 1
        counts[Int(index)].peak = max(counts[Int(index)].peak, counts[Int(index)].live)
      case .kfree, .kmemCacheFree:
        if let index = liveKeys.remove(batch.address[row]) { counts[Int(index)].live -= 1 }
      default: break
      }
    }
  }

  private mutating func number(_ key: Key) -> Int32 {
    if let last, last.key == key { return last.index }
    let index: Int32
    if let known = keys[key] {
      index = known
    } else {
      index = Int32(order.count)
      keys[key] = index
      order.append(key)
      counts.append(Count())
    }
    last = (key, index)
    return index
  }

  /// Changes that would save object bytes, most promising first, at most `limit` of each kind: new kmalloc classes, and
  /// caches of their own for call sites. `atPeak` weighs by the most objects at once instead of those live at the end.
  public func candidates(limit: Int, atPeak: Bool) -> [AllocationChange] {
    newClasses(limit: limit, atPeak: atPeak) + ownCaches(limit: limit, atPeak: atPeak)
  }

  private func weight(_ index: Int, _ atPeak: Bool) -> Int { atPeak ? counts[index].peak : counts[index].live }

  /// For each class the size in between that would save most.
  private func newClasses(limit: Int, atPeak: Bool) -> [AllocationChange] {
    var found: [(saved: Int, bytes: Int)] = []
    for (number, size) in classes.sizes.enumerated() {
      let below = number == 0 ? 0 : classes.sizes[number - 1]
      var objects: [Int: Int] = [:]
      for index in order.indices where order[index].bytes > below && order[index].bytes < size {
        objects[order[index].bytes, default: 0] += weight(index, atPeak)
      }
      var sum = 0
      var best: (saved: Int, bytes: Int)?
      for bytes in objects.keys.sorted() {
        sum += objects[bytes] ?? 0
        let saved = sum * (size - bytes)
        if saved > best?.saved ?? 0 { best = (saved, bytes) }
      }
      if let best { found.append(best) }
    }
    found.sort { ($1.saved, $0.bytes) < ($0.saved, $1.bytes) }
    return found.prefix(limit).map { AllocationChange(kind: .kmallocClass(bytes: $0.bytes), expectedBytes: $0.saved) }
  }

  private func ownCaches(limit: Int, atPeak: Bool) -> [AllocationChange] {
    struct Site {
      var saved = 0
      var bytes = 0
      var objects = 0
    }
    var sites: [StringID: Site] = [:]
    for index in order.indices {
      let key = order[index]
      guard let number = classes.index(bytes: UInt64(key.bytes)), weight(index, atPeak) > 0 else { continue }
      let saved = weight(index, atPeak) * (classes.sizes[number] - key.bytes)
      var site = sites[key.callSite] ?? Site()
      // One size is what a cache is for: the one that would save most.
      if saved > site.saved { site = Site(saved: saved, bytes: key.bytes, objects: weight(index, atPeak)) }
      sites[key.callSite] = site
    }
    return sites.filter { $0.value.saved > 0 }
      .sorted { ($1.value.saved, $0.key.index) < ($0.value.saved, $1.key.index) }.prefix(limit)
      .map { AllocationChange(kind: .ownCache(callSite: $0.key, bytes: $0.value.bytes), expectedBytes: $0.value.saved) }
  }
}
