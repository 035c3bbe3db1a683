public import KernelTypes

/// The physical memory of a machine: the zones of its nodes, and the choice between them.
///
/// Requests name frames by the machine's numbering. What only time decides is left to the driver: reclaim, compaction,
/// and what a request does when neither the low nor the minimum mark lets it through.
///
/// Follows mm/page_alloc.c, Linux 6.1. Not modelled: memory policies, dirty-page limits, cpusets, and ZONE_MOVABLE
/// (`kernelcore=`).
public struct Machine: ~Copyable {
  /// How a request ended.
  public struct Counters: Hashable, Sendable {
    /// Requests that no zone could serve above its low mark, which wake the reclaiming thread.
    public var belowLowMark = 0
    /// Requests that found a zone near them below its mark and `zone_reclaim_mode` on: the node reclaims its own pages
    /// before others are asked.
    public var nodeReclaims = 0
    /// Requests that failed.
    public var failed = 0
    /// Frees of frames that are in no zone or free already.
    public var invalidFrees = 0
  }

  public let profile: KernelProfile
  public let zoneCount: Int
  public private(set) var counters = Counters()
  // Ascending by frame.
  let zones: UnsafeMutablePointer<Zone>
  /// In which order the zones are tried, by the node of the CPU that asks.
  var zoneLists: ZoneOrder
  private let hasContiguous: Bool
  private let reclaimsNodes: Bool

  /// Creates the zones of the spans, in ascending order and without memory; `distances` are those of the nodes, as the
  /// firmware's table has them.
  public init(profile: KernelProfile, spans: [ZoneSpan], distances: [[Int]] = [], cpuLimit: Int? = nil) {
    self.profile = profile
    zoneCount = spans.count
    zones = .allocate(capacity: max(spans.count, 1))
    let policy = profile.pageAllocator
    let cpus = max(cpuLimit ?? profile.cpuCount, 1)
    for (index, span) in spans.enumerated() {
      let zone = Zone(
        kind: span.kind, node: span.node, start: span.frames.lowerBound, end: span.frames.upperBound, policy: policy,
        cpuLimit: cpus)
      (zones + index).initialize(to: zone)
    }
    zoneLists = ZoneOrder(
      spans, kernel: profile.kernel, distances: distances, avoidsFragmentation: policy.avoidsFragmentation, cpus: cpus)
    hasContiguous = policy.hasContiguous
    reclaimsNodes = profile.virtualMemory.zoneReclaimMode & 7 != 0 && zoneLists.nodes.count > 1
  }

  /// Creates a machine that has `totalBytes` of memory from frame 0 on, all of it free, as if just booted.
  public init(profile: KernelProfile, totalBytes: UInt64, cpuLimit: Int? = nil) {
    let end = PageFrame(totalBytes / UInt64(profile.pageSize))
    self.init(profile: profile, ranges: [PageFrame(0)..<end], cpuLimit: cpuLimit)
  }

  /// Creates a machine with these ranges of free memory, in ascending order, as if just booted.
  ///
  /// What lies between them belongs to the zones and is never free unless it is freed.
  public init(profile: KernelProfile, ranges: [Range<PageFrame>], cpuLimit: Int? = nil) {
    self.init(
      profile: profile,
      spans: ZoneSpan.spans(
        start: ranges.first?.lowerBound ?? PageFrame(0), end: ranges.last?.upperBound ?? PageFrame(0),
        architecture: profile.architecture, pageSize: profile.pageSize), cpuLimit: cpuLimit)
    for range in ranges { release(range) }
    setUpLimits()
  }

  deinit {
    zones.deinitialize(count: zoneCount)
    zones.deallocate()
  }

  /// A zone, from the lowest.
  // Read only: with a setter for a type that can't be copied, the optimiser of Swift 6.3 crashes.
  public subscript(zone index: Int) -> Zone {
    unsafeAddress { UnsafePointer(pointer(toZone: index)) }
  }

  /// Changes a zone in place.
  @discardableResult
  public mutating func withZone<Result>(_ index: Int, _ body: (inout Zone) -> Result) -> Result {
    body(&pointer(toZone: index).pointee)
  }

  private func pointer(toZone index: Int) -> UnsafeMutablePointer<Zone> {
    precondition(index >= 0 && index < zoneCount, "no such zone")
    return zones + index
  }

  /// The index of the zone whose span holds a frame.
  @inline(__always)
  public func zoneIndex(of frame: PageFrame) -> Int? {
    // Most memory is in the highest zones.
    var index = zoneCount &- 1
    while index >= 0 {
      if frame >= zones[index].start { return frame < zones[index].end ? index : nil }
      index &-= 1
    }
    return nil
  }

  /// Hands memory over at boot, to whichever zones it is in.
  public mutating func release(_ range: Range<PageFrame>) {
    for index in 0..<zoneCount { zones[index].release(range) }
  }

  // MARK: - Requests

  /// The highest zone a request may use. Follows `gfp_zone` in include/linux/gfp.h, Linux 6.1.
  @inline(__always)
  public static func highestKind(_ flags: GFPFlags) -> Zone.Kind {
    if flags.isDisjoint(with: [.dma, .dma32, .highMemory]) { return .normal }
    if flags.contains(.dma) { return .dma }
    if flags.contains(.dma32) { return .dma32 }
    return flags.contains(.movable) ? .movable : .highMemory
  }

  /// Hands out a block from the highest zone that may serve the request and is above its mark; `nil` when none is.
  ///
  /// All zones are tried at the low mark, then at the minimum mark with the reserves the flags give access to.
  /// `conditions` are added to those that the flags make.
  /// Follows `get_page_from_freelist` and `__alloc_pages_slowpath` in mm/page_alloc.c, Linux 6.1, without reclaim.
  public mutating func allocate(
    order: Int = 0, migrateType: MigrateType = .unmovable, flags: GFPFlags = .kernel,
    conditions extra: PageRequestFlags = PageRequestFlags(rawValue: 0), cpu: Int = 0
  ) -> PageFrame? {
    let highest = Self.highestKind(flags)
    let list = zoneLists.list(cpu: cpu, isLocalOnly: flags.contains(.thisNode))
    var conditions = extra
    if hasContiguous, migrateType == .movable { conditions.insert(.contiguous) }
    if list.avoidsFragmentation, highest >= .normal {
      // Going to another node is better avoided than mixing types, but worse than mixing them at home.
      let local = zoneLists.list(cpu: cpu, isLocalOnly: true)
      if let frame = allocate(order, migrateType, conditions.union(.noFragment), cpu, local, highest, .low) {
        return frame
      }
    }
    if let frame = allocate(order, migrateType, conditions, cpu, list, highest, .low) { return frame }
    return allocateSlowly(order, migrateType, conditions, flags, cpu, list, highest)
  }

  /// Hands out a block of one zone, whatever its marks, as a trace has it.
  ///
  /// `flags` are the request's; missed high marks on the way to that zone are remembered where the policy does.
  public mutating func allocate(
    inZone index: Int, order: Int, migrateType: MigrateType, flags: GFPFlags = .kernel,
    conditions: PageRequestFlags = [], cpu: Int
  ) -> PageFrame? {
    let highest = Self.highestKind(flags)
    let list = zoneLists.list(cpu: cpu, isLocalOnly: false)
    for place in 0..<list.count {
      let above = Int(list.zones[place])
      if zones[above].kind <= highest {
        _ = zones[above].admits(.low, order: order, highest: highest, flags: conditions)
      }
      if above == index { break }
    }
    return pointer(toZone: index).pointee.allocate(
      order: order, migrateType: migrateType, flags: conditions, cpu: cpu)
  }

  @inline(__always)
  private mutating func allocate(
    _ order: Int, _ type: MigrateType, _ conditions: PageRequestFlags, _ cpu: Int, _ list: ZoneOrder.List,
    _ highest: Zone.Kind, _ mark: Zone.Mark
  ) -> PageFrame? {
    var place = 0
    while place < list.count {
      let index = Int(list.zones[place])
      place &+= 1
      if zones[index].kind > highest { continue }
      if zones[index].admits(mark, order: order, highest: highest, flags: conditions) {
        if let frame = zones[index].allocate(order: order, migrateType: type, flags: conditions, cpu: cpu) {
          return frame
        }
      } else if reclaimsNodes, mark == .low, zoneLists.isNear(zones[index].node, cpu: cpu) {
        counters.nodeReclaims += 1
      }
    }
    return nil
  }

  @inline(never)
  private mutating func allocateSlowly(
    _ order: Int, _ type: MigrateType, _ conditions: PageRequestFlags, _ flags: GFPFlags, _ cpu: Int,
    _ list: ZoneOrder.List, _ highest: Zone.Kind
  ) -> PageFrame? {
    counters.belowLowMark += 1
    var conditions = conditions.union(slowConditions(flags, order: order))
    if let frame = allocate(order, type, conditions, cpu, list, highest, .minimum) { return frame }
    if flags.contains(.memoryReserves), !flags.contains(.noMemoryReserves) {
      conditions.insert(.noWatermarks)
      if let frame = allocate(order, type, conditions, cpu, list, highest, .minimum) { return frame }
    }
    counters.failed += 1
    return nil
  }

  /// The reserves that a request has access to once no zone is above its low mark.
  /// Follows `gfp_to_alloc_flags` in mm/page_alloc.c, Linux 6.1.
  func slowConditions(_ flags: GFPFlags, order: Int) -> PageRequestFlags {
    var conditions = PageRequestFlags(rawValue: 0)
    if flags.contains(.high) { conditions.insert(.minimumReserve) }
    if flags.isDisjoint(with: [.directReclaim, .noMemoryReserves]) {
      conditions.insert(.nonBlocking)
      if order > 0, flags.contains(.high), profile.pageAllocator.reservesHighAtomic { conditions.insert(.highAtomic) }
    }
    return conditions
  }

  /// Takes a block back, which may be part of one that was handed out; false when it is in no zone or free already.
  /// Follows `__free_pages` in mm/page_alloc.c, Linux 6.1.
  @discardableResult
  public mutating func free(_ frame: PageFrame, order: Int = 0, cpu: Int = 0) -> Bool {
    if let index = zoneIndex(of: frame), zones[index].free(frame, order: order, cpu: cpu) { return true }
    counters.invalidFrees += 1
    return false
  }

  /// Takes exactly this block, wherever its pages are free; false, and nothing changed, when one of them is not.
  @discardableResult
  public mutating func take(_ frame: PageFrame, order: Int = 0, isMovable: Bool = false) -> Bool {
    guard let index = zoneIndex(of: frame) else { return false }
    return zones[index].take(frame, order: order, isMovable: isMovable)
  }

  /// Whether a frame is free, on a buddy allocator's or on a CPU's lists.
  public func isFree(_ frame: PageFrame) -> Bool {
    guard let index = zoneIndex(of: frame) else { return false }
    return zones[index].isFree(frame)
  }

  /// Gives everything on a CPU's lists back to the buddy allocators.
  public mutating func drain(cpu: Int) {
    for index in 0..<zoneCount { zones[index].drain(cpu: cpu) }
  }

  /// Free pages of all zones, without per-CPU lists.
  public var freePages: Int {
    var total = 0
    for index in 0..<zoneCount { total += zones[index].freePages }
    return total
  }

  /// Pages on all CPUs' lists.
  public var pagesInPerCPULists: Int {
    var total = 0
    for index in 0..<zoneCount { total += zones[index].pagesInPerCPULists }
    return total
  }
}
