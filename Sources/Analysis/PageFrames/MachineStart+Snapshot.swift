public import KernelTypes
public import MemoryModels
public import ProcSnapshots
public import Replay

extension MachineStart {
  /// The machine that a snapshot knows; `nil` if it doesn't tell what was free.
  public static func machine(_ snapshot: Snapshot, profile: KernelProfile) -> Machine? {
    if let dump = snapshot.freeLists { return machine(dump, pageFlags: snapshot.pageFlags, profile: profile) }
    guard let flags = snapshot.pageFlags, let zones = snapshot.zoneInfo else { return nil }
    var evidence = StartEvidence(FrameSurvey.Places())
    return machine(flags, zones, snapshot.pageTypeInfo, profile: profile, evidence: &evidence)
  }

  /// The machine that kpageflags of a snapshot knows, with what the trace's first event of each block and pageblock adds:
  /// the types of pageblocks, the order of the free lists, and the per-CPU lists. `told` are the first frames of the blocks
  /// whose place is from the trace. `nil` if the snapshot doesn't tell what was free.
  public static func machine(
    _ snapshot: Snapshot, survey: borrowing FrameSurvey, profile: KernelProfile, told: inout Set<UInt64>
  ) -> Machine? {
    guard let flags = snapshot.pageFlags, let zones = snapshot.zoneInfo else { return nil }
    var evidence = StartEvidence(survey.places)
    if survey.pageblockOrder == profile.pageAllocator.pageblockOrder {
      survey.forEachTypedPageblock { evidence.types[$0] = $1 }
    }
    let machine = machine(flags, zones, snapshot.pageTypeInfo, profile: profile, evidence: &evidence)
    told = evidence.told
    return machine
  }

  /// A machine in which those blocks are free which kpageflags shows to be.
  ///
  /// Blocks are as large as free buddies can be, and stand on their lists by address. The types of pageblocks are
  /// guessed from what is in them. What CPUs keep is not told.
  private static func machine(
    _ flags: KPageFlags, _ zoneInfo: ZoneInfo, _ types: PageTypeInfo?, profile: KernelProfile,
    evidence: inout StartEvidence
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
        guessTypes(&$0, flags, span, profile.pageAllocator, evidence)
        appendFree(&$0, flags, span, profile.pageAllocator, &evidence)
        appendPerCPU(&$0, profile, &evidence)
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
    _ zone: inout Zone, _ flags: KPageFlags, _ span: ZoneSpan, _ policy: PageAllocatorPolicy,
    _ evidence: StartEvidence
  ) {
    let size = 1 << policy.pageblockOrder
    let end = min(Int(span.frames.upperBound.rawValue), flags.pages.words.count)
    var start = Int(span.frames.lowerBound.rawValue)
    while start < end {
      let next = min((start / size + 1) * size, end)
      if let number = evidence.types[UInt64(start / size)],
        let type = MigrateType(
          number: Int(number), numbering: policy.numbering, hasContiguous: policy.hasContiguous)
      {
        zone.setPageblockType(of: PageFrame(UInt64(start)), to: type)
        start = next
        continue
      }
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
    _ zone: inout Zone, _ flags: KPageFlags, _ span: ZoneSpan, _ policy: PageAllocatorPolicy,
    _ evidence: inout StartEvidence
  ) {
    let end = min(Int(span.frames.upperBound.rawValue), flags.pages.words.count)
    var frame = Int(span.frames.lowerBound.rawValue)
    var blocks: [StartEvidence.Block] = []
    while frame < end {
      guard flags.flags(of: frame).contains(.buddy) else {
        frame += 1
        continue
      }
      var order = frame == 0 ? policy.maximumOrder : min(frame.trailingZeroBitCount, policy.maximumOrder)
      while order > 0, !isFree(frame..<frame + 1 << order, flags, upTo: end) { order -= 1 }
      blocks.append(.init(frame: UInt64(frame), order: order))
      frame += 1 << order
    }
    evidence.sort(&blocks)
    for block in blocks {
      let frame = PageFrame(block.frame)
      zone.append(freeBlock: frame, order: block.order, type: zone.pageblockType(of: frame))
    }
  }

  /// What the trace hands out without taking it from the buddy's lists first stood on a CPU's list, the first at its head;
  /// what it drains first stood at the end, the first last.
  private static func appendPerCPU(_ zone: inout Zone, _ profile: KernelProfile, _ evidence: inout StartEvidence) {
    let policy = profile.pageAllocator
    for placed in evidence.places.handedOut + evidence.places.drained.reversed() {
      guard Int(placed.cpu) < max(profile.cpuCount, 1),
        let type = MigrateType(
          number: Int(placed.type), numbering: policy.numbering, hasContiguous: policy.hasContiguous)
      else { continue }
      let isPlaced = zone.append(
        perCPUBlock: PageFrame(placed.frame), order: Int(placed.order), type: type, cpu: Int(placed.cpu))
      if isPlaced { evidence.told.insert(placed.frame) }
    }
  }

  private static func isFree(_ frames: Range<Int>, _ flags: KPageFlags, upTo end: Int) -> Bool {
    frames.upperBound <= end && frames.allSatisfy { flags.flags(of: $0).contains(.buddy) }
  }
}

/// What a trace's first events tell of lists and pageblocks at its start.
struct StartEvidence {
  struct Block {
    var frame: UInt64
    var order: Int
  }

  /// The types of pageblocks by number, as the kernel numbers them.
  var types: [UInt64: UInt8] = [:]
  let places: FrameSurvey.Places

  /// Where the lists are not known otherwise.
  init(_ places: FrameSurvey.Places) { self.places = places }

  /// Frames whose first use shows where their block stood.
  var told: Set<UInt64> = []

  /// Sorts blocks that are in ascending order by when the trace takes them; those that it does not take stay behind.
  mutating func sort(_ blocks: inout [Block]) {
    if places.removed.isEmpty { return }
    var ranks = Array(repeating: Int.max, count: blocks.count)
    for (rank, placed) in places.removed.enumerated() {
      // The last block that starts at or before the frame.
      var (low, high) = (0, blocks.count)
      while low < high {
        let middle = (low + high) / 2
        if blocks[middle].frame <= placed.frame { low = middle + 1 } else { high = middle }
      }
      guard low > 0 else { continue }
      let block = blocks[low - 1]
      if placed.frame - block.frame < Order.pages(block.order), ranks[low - 1] == .max {
        ranks[low - 1] = rank
        told.insert(placed.frame)
      }
    }
    let order = blocks.indices.sorted { (ranks[$0], $0) < (ranks[$1], $1) }
    blocks = order.map { blocks[$0] }
  }
}
