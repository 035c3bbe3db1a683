import KernelTypes

/// A stretch of a trace in which an object was handed out without an event.
struct UnseenAllocation {
  var address: UInt64
  /// The number of the object's last event before it was handed out unseen.
  var after: UInt64
  /// The number of the free that proves it.
  var freedAt: UInt64
}

/// Objects that the kernel handed out without an event (`kmem_cache_alloc_bulk`), known by a later free.
///
/// An object that is freed twice in a row was handed out in between. Which free objects are in that state tells a
/// replay that the kernel won't hand them out visibly.
struct UnseenAllocations: ~Copyable {
  /// How many are remembered; those of a trace that has more are not inferred.
  static let limit = 1 << 20

  private let intervals: [UnseenAllocation]
  // The next interval of each address.
  private var next = AddressTable(filler: Int32(0))

  /// Takes intervals that are sorted by address, then time.
  init(_ sorted: [UnseenAllocation]) {
    intervals = sorted
    for index in intervals.indices.reversed() { next.insert(intervals[index].address, Int32(index)) }
  }

  /// Whether the next event of the object at `address` after event `ordinal` is a free, so that it is handed out
  /// unseen before that. Must be asked in ascending order of `ordinal`.
  @inline(__always)
  mutating func isTakenUnseen(address: UInt64, at ordinal: UInt64) -> Bool {
    guard let first = next.value(address) else { return false }
    return check(address, ordinal, Int(first))
  }

  private mutating func check(_ address: UInt64, _ ordinal: UInt64, _ first: Int) -> Bool {
    var index = first
    while index < intervals.count, intervals[index].address == address, intervals[index].freedAt <= ordinal {
      index += 1
    }
    guard index < intervals.count, intervals[index].address == address else {
      next.remove(address)
      return false
    }
    if index != first { next.insert(address, Int32(index)) }
    return intervals[index].after <= ordinal
  }
}
