import KernelTypes

/// Objects that the kernel handed out without an event (`kmem_cache_alloc_bulk`), known by a later free.
///
/// An object that is freed twice in a row was handed out in between. Which free objects are in that state tells a
/// replay that the kernel won't hand them out visibly. At most `limit` such intervals are kept.
struct UnseenAllocations: ~Copyable {
  struct Interval {
    var address: UInt64
    /// The number of the object's last event before it was handed out unseen.
    var after: UInt64
    /// The number of the free that proves it.
    var freedAt: UInt64
  }

  static let limit = 1 << 20

  private(set) var intervals: [Interval] = []
  /// How many intervals were not kept.
  private(set) var dropped: UInt64 = 0
  // The next interval of an address, by address, after `seal`.
  private var next = AddressTable(filler: Int32(0))

  mutating func add(address: UInt64, after: UInt64, freedAt: UInt64) {
    if intervals.count < Self.limit {
      intervals.append(Interval(address: address, after: after, freedAt: freedAt))
    } else {
      dropped += 1
    }
  }

  /// Sorts the intervals so that they can be asked for.
  mutating func seal() {
    intervals.sort { ($0.address, $0.freedAt) < ($1.address, $1.freedAt) }
    for index in intervals.indices.reversed() { next.insert(intervals[index].address, Int32(index)) }
  }

  /// Whether the next event of the object at `address` after event `ordinal` is a free, so that it is handed out
  /// unseen before that. Must be asked in ascending order of `ordinal`.
  mutating func isTakenUnseen(address: UInt64, at ordinal: UInt64) -> Bool {
    guard let first = next.value(address) else { return false }
    var index = Int(first)
    while index < intervals.count, intervals[index].address == address, intervals[index].freedAt <= ordinal {
      index += 1
    }
    guard index < intervals.count, intervals[index].address == address else {
      next.remove(address)
      return false
    }
    if index != Int(first) { next.insert(address, Int32(index)) }
    return intervals[index].after <= ordinal
  }
}
