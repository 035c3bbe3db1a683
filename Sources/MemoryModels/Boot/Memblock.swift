public import KernelTypes

/// The memory a kernel finds at boot, and what of it is taken before the buddy allocator exists.
///
/// Both lists are kept in ascending order, neighbours and overlaps joined. Addresses are bytes. Follows
/// `memblock_add_range` and `__next_mem_range` in mm/memblock.c, Linux 6.1.
public struct Memblock: Sendable, Equatable {
  /// Memory that there is.
  public private(set) var memory: [Range<UInt64>] = []
  /// Memory that is taken, or that must be left alone.
  public private(set) var reserved: [Range<UInt64>] = []

  public init() {}

  /// Adds memory.
  public mutating func add(_ range: Range<UInt64>) { Self.insert(range, into: &memory) }

  /// Takes memory, whether there is any or not.
  public mutating func reserve(_ range: Range<UInt64>) { Self.insert(range, into: &reserved) }

  /// Gives taken memory back.
  public mutating func free(_ range: Range<UInt64>) { Self.subtract(range, from: &reserved) }

  /// Forgets memory, such as what firmware keeps to itself.
  public mutating func remove(_ range: Range<UInt64>) { Self.subtract(range, from: &memory) }

  /// Takes the highest free range of a size and an alignment (a power of two) below `limit`; `nil` if there is none.
  /// Follows `memblock_find_in_range_node`, which goes from the top of memory down.
  public mutating func allocate(_ bytes: UInt64, alignment: UInt64 = 64, below limit: UInt64 = .max) -> UInt64? {
    if bytes == 0 || alignment.nonzeroBitCount != 1 { return nil }
    for range in free.reversed() {
      let end = min(range.upperBound, limit)
      if end < range.lowerBound || end - range.lowerBound < bytes { continue }
      let start = (end - bytes) & ~(alignment - 1)
      if start < range.lowerBound { continue }
      reserve(start..<start + bytes)
      return start
    }
    return nil
  }

  /// What is neither taken nor missing, in ascending order.
  public var free: [Range<UInt64>] {
    var left = memory
    for range in reserved { Self.subtract(range, from: &left) }
    return left
  }

  /// The whole page frames of what is free: what the buddy allocator is given.
  /// Follows `__free_memory_core`, which rounds inwards.
  public func freeFrames(pageSize: Int) -> [Range<PageFrame>] {
    let size = UInt64(max(pageSize, 1))
    return free.compactMap { range in
      let first = range.lowerBound / size + (range.lowerBound.isMultiple(of: size) ? 0 : 1)
      let end = range.upperBound / size
      return first < end ? PageFrame(first)..<PageFrame(end) : nil
    }
  }

  private static func insert(_ range: Range<UInt64>, into list: inout [Range<UInt64>]) {
    if range.isEmpty { return }
    var joined = range
    var others: [Range<UInt64>] = []
    for other in list {
      if other.upperBound < joined.lowerBound || other.lowerBound > joined.upperBound {
        others.append(other)
      } else {
        joined = min(joined.lowerBound, other.lowerBound)..<max(joined.upperBound, other.upperBound)
      }
    }
    let place = others.firstIndex { $0.lowerBound > joined.lowerBound } ?? others.count
    others.insert(joined, at: place)
    list = others
  }

  private static func subtract(_ range: Range<UInt64>, from list: inout [Range<UInt64>]) {
    if range.isEmpty { return }
    list = list.flatMap { other -> [Range<UInt64>] in
      if !other.overlaps(range) { return [other] }
      var parts: [Range<UInt64>] = []
      if other.lowerBound < range.lowerBound { parts.append(other.lowerBound..<range.lowerBound) }
      if other.upperBound > range.upperBound { parts.append(range.upperBound..<other.upperBound) }
      return parts
    }
  }
}

extension Machine {
  /// Creates the machine that a kernel has when it has handed its boot memory over to the buddy allocator.
  ///
  /// Zones reach from the first to the last frame of `boot.memory`. Follows `memblock_free_all` in mm/memblock.c,
  /// Linux 6.1, with the profile's order of release.
  public init(profile: KernelProfile, boot: Memblock, cpuLimit: Int? = nil) {
    let size = UInt64(max(profile.pageSize, 1))
    let start = (boot.memory.first?.lowerBound ?? 0) / size
    let end = (boot.memory.last?.upperBound ?? 0) / size
    self.init(
      profile: profile,
      spans: ZoneSpan.spans(
        start: PageFrame(start), end: PageFrame(end), architecture: profile.architecture,
        pageSize: profile.pageSize), cpuLimit: cpuLimit)
    for range in boot.freeFrames(pageSize: profile.pageSize) { release(range) }
    setUpLimits()
  }
}
