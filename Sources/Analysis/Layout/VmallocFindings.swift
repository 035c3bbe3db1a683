public import MemoryModels
public import ProcSnapshots

/// The space of `vmalloc` as a snapshot's `/proc/vmallocinfo` has it, put back into the model.
public struct VmallocFindings: Sendable {
  /// Who holds addresses.
  public struct Caller: Sendable, Hashable {
    public var name: String
    public var areas: Int
    /// Bytes of addresses, guard pages included.
    public var bytes: UInt64
    /// Pages behind them, as far as the lines tell.
    public var pages: UInt64
  }

  /// Areas of one use.
  public struct UseCount: Sendable, Hashable {
    public var use: String
    public var areas: Int
    public var bytes: UInt64
  }

  /// Addresses in the order of the areas were followed: where the model would have put each, given those before it.
  public struct Placement: Sendable, Hashable {
    public var checked = 0
    public var matched = 0
    /// Areas that stand above a hole where they would fit: something in it was freed since.
    public var aboveHole = 0
  }

  public var areaCount: Int
  public var uses: [UseCount]
  public var callers: [Caller]
  /// Pages that back areas.
  public var pages: UInt64
  /// Bytes of addresses in use, guard pages included.
  public var usedBytes: UInt64
  /// Bytes freed and not yet purged.
  public var waitingBytes: UInt64
  /// Lines that could not be put into the space: outside of it, or overlapping.
  public var misfits: Int
  /// The space with its areas; `nil` if the kernel hid the addresses.
  public var space: VmallocSpace?
  public var placement: Placement?
  /// Whether the range is that of the layout, and not guessed from the areas.
  public var isRangeKnown: Bool

  /// Reads the areas of a snapshot into a space of the given range; where they lie elsewhere, the range is that of the
  /// areas.
  public init(_ info: VmallocInfo, range: Range<UInt64>?, policy: VmallocPolicy) {
    areaCount = info.areas.count
    pages = info.areas.reduce(0) { $0 &+ ($1.pages ?? 0) }
    usedBytes = 0
    waitingBytes = 0
    misfits = 0
    var byUse: [String: UseCount] = [:]
    var byCaller: [String: Caller] = [:]
    for area in info.areas {
      let size = min(area.size, 1 << 48)
      usedBytes &+= size
      if area.isUnpurged { waitingBytes &+= size }
      let use = Self.useName(area)
      byUse[use, default: UseCount(use: use, areas: 0, bytes: 0)].areas += 1
      byUse[use]?.bytes &+= size
      let name = area.caller.map { String($0.prefix { $0 != "+" }) } ?? (area.isUnpurged ? "(freed)" : "(no caller)")
      byCaller[name, default: Caller(name: name, areas: 0, bytes: 0, pages: 0)].areas += 1
      byCaller[name]?.bytes &+= size
      byCaller[name]?.pages &+= area.pages ?? 0
    }
    uses = byUse.values.sorted { ($1.bytes, $0.use) < ($0.bytes, $1.use) }
    callers = byCaller.values.sorted { ($1.bytes, $0.name) < ($0.bytes, $1.name) }
    isRangeKnown = range != nil
    if info.hasHiddenAddresses || info.areas.isEmpty { return }
    let areas = info.areas.sorted { $0.start.value < $1.start.value }
    var whole = range
    if let known = range,
      let first = areas.first, let last = areas.last,
      !known.contains(first.start.value) || last.end.value > known.upperBound
    {
      whole = nil
      isRangeKnown = false
    }
    let lower = areas.first?.start.value ?? 0
    let upper = areas.map(\.end.value).max() ?? 0
    guard lower < upper || whole != nil else { return }
    var space = VmallocSpace(range: whole ?? lower..<upper, policy: policy)
    var replay = space
    var placement = Placement()
    for area in areas {
      let found = VmallocSpace.Area(
        start: area.start.value, end: area.end.value, use: Self.use(area), hasGuard: !Self.isPerCPU(area),
        isWaiting: area.isUnpurged)
      guard found.start < found.end, space.insert(found) else {
        misfits += 1
        continue
      }
      follow(found, area, &replay, &placement)
    }
    self.space = space
    self.placement = policy.search == .lowestFit ? placement : nil
  }

  /// Lets the model choose an area's address, then puts the area where it is.
  private func follow(
    _ found: VmallocSpace.Area, _ line: VmallocInfo.Area, _ replay: inout VmallocSpace, _ placement: inout Placement
  ) {
    // The per-CPU allocator searches from the top, and what waits for a purge does not say what it was.
    if !Self.isPerCPU(line), !line.isUnpurged, !line.isMapRAM, found.size > replay.policy.pageSize {
      placement.checked += 1
      var trial = replay
      let bytes = found.size - trial.policy.pageSize
      if let chosen = trial.allocate(bytes: bytes, use: found.use) {
        if chosen.start == found.start { placement.matched += 1 }
        if chosen.start < found.start { placement.aboveHole += 1 }
      }
    }
    _ = replay.insert(found)
  }

  private static func isPerCPU(_ area: VmallocInfo.Area) -> Bool {
    area.caller?.hasPrefix("pcpu_get_vm_areas") ?? false
  }

  private static func has(_ area: VmallocInfo.Area, _ flag: String) -> Bool {
    area.attributes.contains(.flag(flag))
  }

  private static func isStack(_ area: VmallocInfo.Area) -> Bool {
    guard let caller = area.caller, area.pages == 4 || area.pages == 2 else { return false }
    return ["kernel_clone+", "copy_process+", "dup_task_struct+", "_do_fork+"].contains { caller.hasPrefix($0) }
  }

  private static func use(_ area: VmallocInfo.Area) -> VmallocSpace.Use {
    if has(area, "ioremap") { return .ioremap }
    if has(area, "vmap") { return .vmap }
    if isStack(area) { return .stack }
    return has(area, "vmalloc") ? .vmalloc : .other
  }

  private static func useName(_ area: VmallocInfo.Area) -> String {
    if isPerCPU(area) { return "per-CPU memory" }
    if area.isUnpurged { return "freed, not purged" }
    if area.isMapRAM { return "vm_map_ram" }
    if isStack(area) { return "kernel stacks" }
    for name in ["ioremap", "vmap", "dma-coherent", "user", "vmalloc"] where has(area, name) { return name }
    return "other"
  }

  /// The largest hole; `nil` if nothing is known of holes.
  public var largestHole: Range<UInt64>? {
    space?.holes.max { ($0.count64, $1.lowerBound) < ($1.count64, $0.lowerBound) }
  }

  /// Bytes of all holes.
  public var freeBytes: UInt64? { space.map { $0.holes.reduce(0) { $0 + $1.count64 } } }

  /// The part of free addresses, in thousandths, that is not in the largest hole.
  public var fragmentation: Int? {
    guard let free = freeBytes, free > 0, let largest = largestHole else { return nil }
    // A space can have 2^57 bytes: thousandths need the wide product.
    let wide = (free - largest.count64).multipliedFullWidth(by: 1000)
    return Int(free.dividingFullWidth(wide).quotient)
  }
}

extension Range<UInt64> {
  /// Addresses in the range.
  public var count64: UInt64 { upperBound - lowerBound }
}
