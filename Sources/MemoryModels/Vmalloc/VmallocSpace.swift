/// The addresses that `vmalloc`, `vmap` and `ioremap` share: areas in use, freed ones that wait, and holes.
///
/// Every area but those made without has a guard page behind it, which counts in its size, as in `/proc/vmallocinfo`.
/// Freed addresses wait until enough of them came together, because all CPUs must forget them first.
///
/// Follows `alloc_vmap_area`, `__get_vm_area_node` and `__purge_vmap_area_lazy` in mm/vmalloc.c, Linux 6.1; for kernels
/// before 5.2 the search of 3.5. Where an alignment above a page meets a hole that fits only by luck, the kernel may pass
/// the hole over, by the shape of its tree; here it is passed over always.
public struct VmallocSpace: Sendable {
  /// What an area is for.
  public enum Use: String, Hashable, Sendable, Codable {
    case vmalloc
    case vmap
    case ioremap
    /// A kernel stack, which is aligned to its size.
    case stack
    /// Found in a snapshot, of some other kind.
    case other
  }

  /// Addresses in use or waiting.
  public struct Area: Hashable, Sendable {
    public var start: UInt64
    /// The address after the guard page.
    public var end: UInt64
    public var use: Use
    public var hasGuard: Bool
    /// Freed, and not to be used again until the next purge.
    public var isWaiting: Bool

    public init(start: UInt64, end: UInt64, use: Use, hasGuard: Bool, isWaiting: Bool = false) {
      self.start = start
      self.end = end
      self.use = use
      self.hasGuard = hasGuard
      self.isWaiting = isWaiting
    }

    /// Bytes, with the guard page.
    public var size: UInt64 { end - start }
  }

  public let range: Range<UInt64>
  public let policy: VmallocPolicy
  /// Ascending, without overlaps.
  public private(set) var areas: [Area] = []
  /// Pages that wait for a purge, guard pages included.
  public private(set) var waitingPages: UInt64 = 0
  /// How often waiting addresses were given back.
  public private(set) var purges = 0

  // The search of kernels before 5.2: where the last one ended, and the largest hole seen below.
  private var lastStart: UInt64?
  private var cachedHole: UInt64 = 0
  private var cachedAlignment: UInt64 = 1

  /// An empty space.
  public init(range: Range<UInt64>, policy: VmallocPolicy) {
    self.range = range
    self.policy = policy
  }

  // MARK: - Requests

  /// Reserves addresses for so many bytes; `nil` if no hole is large enough, even after a purge.
  ///
  /// `bytes` is what the caller asks for: it is rounded up to pages, and a guard page is added unless `hasGuard` is false.
  public mutating func allocate(
    bytes: UInt64, use: Use = .vmalloc, alignment: UInt64? = nil, hasGuard: Bool = true
  ) -> Area? {
    guard bytes > 0, let payload = policy.rounded(bytes) else { return nil }
    let size = payload + (hasGuard ? policy.pageSize : 0)
    let alignment = max(alignment ?? standardAlignment(use, payload), 1)
    var start = find(size, alignment)
    if start == nil, waitingPages > 0 {
      purge()
      start = find(size, alignment)
    }
    guard let start else { return nil }
    let area = Area(start: start, end: start + size, use: use, hasGuard: hasGuard)
    areas.insert(area, at: position(start))
    lastStart = start
    return area
  }

  private func standardAlignment(_ use: Use, _ payload: UInt64) -> UInt64 {
    switch use {
    case .ioremap: policy.mappingAlignment(bytes: payload)
    case .stack: policy.stackAlignment
    case .vmalloc, .vmap, .other: policy.pageSize
    }
  }

  /// Frees the area that starts at an address; its addresses wait for the next purge. False if there is none.
  @discardableResult
  public mutating func free(_ start: UInt64) -> Bool {
    let index = position(start)
    guard areas.indices.contains(index), areas[index].start == start, !areas[index].isWaiting else { return false }
    areas[index].isWaiting = true
    waitingPages += areas[index].size / policy.pageSize
    if waitingPages > policy.lazyPageLimit { purge() }
    return true
  }

  /// Gives waiting addresses back. Follows `__purge_vmap_area_lazy`.
  public mutating func purge() {
    if waitingPages == 0 { return }
    purges += 1
    // Freeing at or below the place of the last search moves that place to the area before.
    if let last = lastStart, let first = areas.first(where: { $0.isWaiting && $0.start <= last }) {
      let before = position(first.start)
      lastStart = areas[..<before].last { !$0.isWaiting }?.start
    }
    areas.removeAll(where: \.isWaiting)
    waitingPages = 0
  }

  /// Puts in an area as a snapshot found it; false, and nothing changed, when it overlaps another or leaves the range.
  @discardableResult
  public mutating func insert(_ area: Area) -> Bool {
    guard area.start < area.end, area.start >= range.lowerBound, area.end <= range.upperBound else { return false }
    let index = position(area.start)
    if index > 0, areas[index - 1].end > area.start { return false }
    if areas.indices.contains(index), areas[index].start < area.end { return false }
    areas.insert(area, at: index)
    if area.isWaiting { waitingPages += area.size / policy.pageSize }
    return true
  }

  /// The index of the first area at or after an address.
  private func position(_ address: UInt64) -> Int {
    var low = 0
    var high = areas.count
    while low < high {
      let middle = (low + high) / 2
      if areas[middle].start < address { low = middle + 1 } else { high = middle }
    }
    return low
  }

  // MARK: - Searching

  private mutating func find(_ size: UInt64, _ alignment: UInt64) -> UInt64? {
    switch policy.search {
    case .lowestFit: findLowest(size, alignment)
    case .afterLast: findAfterLast(size, alignment)
    }
  }

  private func aligned(_ address: UInt64, _ alignment: UInt64) -> UInt64? {
    let (sum, isTooLarge) = address.addingReportingOverflow(alignment - 1)
    return isTooLarge ? nil : sum / alignment * alignment
  }

  /// The first address in a hole where the size fits, aligned.
  private func place(_ hole: Range<UInt64>, _ size: UInt64, _ alignment: UInt64) -> UInt64? {
    guard let start = aligned(hole.lowerBound, alignment), start <= hole.upperBound,
      hole.upperBound - start >= size
    else { return nil }
    return start
  }

  /// Follows `find_vmap_lowest_match`.
  private func findLowest(_ size: UInt64, _ alignment: UInt64) -> UInt64? {
    let slack = alignment > policy.pageSize ? alignment - 1 : 0
    let (length, isTooLarge) = size.addingReportingOverflow(slack)
    if isTooLarge { return nil }
    var lower = range.lowerBound
    for area in areas {
      if area.start - lower >= length, let start = place(lower..<area.start, size, alignment) { return start }
      lower = area.end
    }
    // The last hole is taken even where it fits by luck.
    return place(lower..<range.upperBound, size, alignment)
  }

  /// Follows `alloc_vmap_area` in mm/vmalloc.c, Linux 3.5.
  private mutating func findAfterLast(_ size: UInt64, _ alignment: UInt64) -> UInt64? {
    var index = 0
    var address = range.lowerBound
    if let last = lastStart, size >= cachedHole, alignment >= cachedAlignment {
      index = position(last)
      // Nothing fitted below: the search goes on from there.
      address = areas.indices.contains(index) ? areas[index].end : last
      index += 1
    } else {
      cachedHole = 0
      lastStart = nil
    }
    cachedAlignment = alignment
    guard var start = aligned(address, alignment) else { return nil }
    while index < areas.count {
      let area = areas[index]
      if area.end > start {
        if area.start >= start, area.start - start >= size { return start }
        if area.start > start { cachedHole = max(cachedHole, area.start - start) }
        guard let next = aligned(area.end, alignment) else { return nil }
        start = next
      }
      index += 1
    }
    return start <= range.upperBound && range.upperBound - start >= size ? start : nil
  }

  // MARK: - What is left

  /// The holes, ascending; waiting addresses are none.
  public var holes: [Range<UInt64>] {
    var holes: [Range<UInt64>] = []
    var lower = range.lowerBound
    for area in areas {
      if area.start > lower { holes.append(lower..<area.start) }
      lower = area.end
    }
    if lower < range.upperBound { holes.append(lower..<range.upperBound) }
    return holes
  }

  /// Bytes of all areas, waiting ones included.
  public var usedBytes: UInt64 { areas.reduce(0) { $0 + $1.size } }
  /// Bytes of all guard pages.
  public var guardBytes: UInt64 { UInt64(areas.count { $0.hasGuard }) * policy.pageSize }

  /// What is wrong with the space, if anything: areas out of order, outside, or miscounted.
  public func checkInvariants() -> String? {
    var lower = range.lowerBound
    var waiting: UInt64 = 0
    for area in areas {
      if area.start < lower { return "an area at \(area.start) begins before \(lower)" }
      if area.end <= area.start || area.end > range.upperBound { return "an area ends at \(area.end)" }
      if area.isWaiting { waiting += area.size / policy.pageSize }
      lower = area.end
    }
    return waiting == waitingPages ? nil : "\(waitingPages) pages wait, \(waiting) are found"
  }
}
