public import KernelTypes
public import MemoryModels
public import ProcSnapshots

extension MachineStart {
  /// The machine that a snapshot knows; `nil` if it doesn't tell what was free.
  public static func machine(_ snapshot: Snapshot, profile: KernelProfile) -> Machine? {
    if let dump = snapshot.freeLists { return machine(dump, pageFlags: snapshot.pageFlags, profile: profile) }
    guard let flags = snapshot.pageFlags, let zones = snapshot.zoneInfo else { return nil }
    return machine(flags, zones, snapshot.pageTypeInfo, profile: profile)
  }

  /// A machine in which those blocks are free which kpageflags shows to be.
  ///
  /// Blocks are as large as free buddies can be, and stand on their lists by address. The types of pageblocks are
  /// guessed from what is in them. What CPUs keep is not told.
  private static func machine(
    _ flags: KPageFlags, _ zoneInfo: ZoneInfo, _ types: PageTypeInfo?, profile: KernelProfile
  ) -> Machine? {
    var profile = profile
    if let types, (1...profile.pageAllocator.maximumOrder).contains(types.pageblockOrder) {
      profile.pageAllocator.pageblockOrder = types.pageblockOrder
    }
    let zones = spans(zoneInfo)
    if zones.isEmpty { return nil }
    var machine = Machine(profile: profile, spans: zones.map(\.span))
    markMovable(&machine, flags)
    for (zone, span) in zones {
      guard let index = machine.zoneIndex(of: span.frames.lowerBound) else { continue }
      machine.withZone(index) {
        setLimits(&$0, zone, profile)
        guessTypes(&$0, flags, span, profile.pageAllocator)
        appendFree(&$0, flags, span, profile.pageAllocator)
      }
    }
    return machine
  }

  /// The zones that have pages, ascending.
  static func spans(_ zoneInfo: ZoneInfo) -> [(zone: ZoneInfo.Zone, span: ZoneSpan)] {
    let spans = zoneInfo.zones.compactMap { zone -> (zone: ZoneInfo.Zone, span: ZoneSpan)? in
      guard let kind = kind(zone.id.zone), zone.isPopulated, let start = zone["start_pfn"],
        let spanned = zone["spanned"], (0...1 << 40).contains(start), (1...1 << 40).contains(spanned)
      else { return nil }
      let first = PageFrame(UInt64(start))
      return (zone, ZoneSpan(kind: kind, node: zone.id.node, frames: first..<first + UInt64(spanned)))
    }
    return separate(spans.sorted { $0.span.frames.lowerBound < $1.span.frames.lowerBound }) { $0.span }
  }

  private static func setLimits(_ zone: inout Zone, _ info: ZoneInfo.Zone, _ profile: KernelProfile) {
    func pages(_ name: String) -> Int { min(max(info[name] ?? 0, 0), 1 << 40) }
    zone.setManagedPages(pages("managed") > 0 ? pages("managed") : pages("present"))
    zone.watermarks = Watermarks(minimum: pages("min"), low: pages("low"), high: pages("high"))
    zone.setWatermarkBoost(pages("boost"))
    if let reserve = info.protection { setReserve(&zone, reserve, profile.architecture) }
    var limits = PerCPULimits(
      managedPages: zone.managedPages, lowWatermark: zone.watermarks.low, cpuCount: profile.cpuCount,
      policy: profile.pageAllocator, pageSize: profile.pageSize)
    if let set = info.pageSets.first {
      limits.batch = max(set.batch, 1)
      if profile.pageAllocator.perCPUHighRule != .tuned {
        limits.high = set.high
        limits.highMaximum = set.high
      }
    }
    zone.perCPULimits = limits
  }

  /// A pageblock with slab pages and few movable ones is unmovable; all others are movable, as they are at boot.
  private static func guessTypes(
    _ zone: inout Zone, _ flags: KPageFlags, _ span: ZoneSpan, _ policy: PageAllocatorPolicy
  ) {
    let size = 1 << policy.pageblockOrder
    let end = min(Int(span.frames.upperBound.rawValue), flags.pages.words.count)
    var start = Int(span.frames.lowerBound.rawValue)
    while start < end {
      let next = min((start / size + 1) * size, end)
      var movable = 0
      var fixed = 0
      for frame in start..<next {
        let flag = flags.flags(of: frame)
        if flag.contains(.lru) {
          movable += 1
        } else if flag.contains(.slab) || flag.contains(.pageTable) {
          fixed += 1
        }
      }
      if fixed > movable { zone.setPageblockType(of: PageFrame(UInt64(start)), to: .unmovable) }
      start = next
    }
  }

  private static func appendFree(
    _ zone: inout Zone, _ flags: KPageFlags, _ span: ZoneSpan, _ policy: PageAllocatorPolicy
  ) {
    let end = min(Int(span.frames.upperBound.rawValue), flags.pages.words.count)
    var frame = Int(span.frames.lowerBound.rawValue)
    while frame < end {
      guard flags.flags(of: frame).contains(.buddy) else {
        frame += 1
        continue
      }
      var order = frame == 0 ? policy.maximumOrder : min(frame.trailingZeroBitCount, policy.maximumOrder)
      while order > 0, !isFree(frame..<frame + 1 << order, flags, upTo: end) { order -= 1 }
      let block = PageFrame(UInt64(frame))
      zone.append(freeBlock: block, order: order, type: zone.pageblockType(of: block))
      frame += 1 << order
    }
  }

  private static func isFree(_ frames: Range<Int>, _ flags: KPageFlags, upTo end: Int) -> Bool {
    frames.upperBound <= end && frames.allSatisfy { flags.flags(of: $0).contains(.buddy) }
  }
}
