public import KernelTypes
public import MemoryModels
public import ProcSnapshots

/// Makes the machine that a prediction of page frames starts from.
public enum MachineStart {
  /// How exactly the free lists at the start are known.
  public enum Knowledge: String, Sendable {
    /// In their order, from a dump.
    case freeLists
    /// Which pages were free; the order of the lists and what CPUs kept are not known.
    case pageFlags
    /// What the kernel was given at boot.
    case memoryMap
  }

  /// A machine whose lists are those of a dump; `pageFlags` of the same moment tell which pages can be moved.
  public static func machine(_ dump: FreeListDump, pageFlags: KPageFlags?, profile: KernelProfile) -> Machine {
    var profile = profile
    if (1...profile.pageAllocator.maximumOrder).contains(dump.pageblockOrder) {
      profile.pageAllocator.pageblockOrder = dump.pageblockOrder
    }
    let zones = dump.zones.filter { kind($0.name) != nil && !$0.span.isEmpty }
    let cpus = zones.flatMap(\.perCPU).map { $0.cpu + 1 }.max() ?? 1
    profile.cpuCount = max(profile.cpuCount, min(cpus, 8192))
    var machine = Machine(profile: profile, spans: spans(dump))
    for zone in zones {
      guard let index = machine.zoneIndex(of: PageFrame(zone.span.lowerBound)),
        machine[zone: index].start.rawValue == zone.span.lowerBound
      else { continue }
      machine.withZone(index) { fill(&$0, zone, profile) }
    }
    if let pageFlags { markMovable(&machine, pageFlags) }
    return machine
  }

  /// The zones that a snapshot tells of, ascending; overlapping ones, whose frames can't be told apart, are left out.
  public static func spans(_ snapshot: Snapshot) -> [ZoneSpan] {
    if let dump = snapshot.freeLists { return spans(dump) }
    return (snapshot.zoneInfo.map { spans($0) } ?? []).map(\.span)
  }

  private static func spans(_ dump: FreeListDump) -> [ZoneSpan] {
    let spans = dump.zones.filter { !$0.span.isEmpty }.compactMap { zone in
      kind(zone.name).map {
        ZoneSpan(
          kind: $0, node: zone.node, frames: PageFrame(zone.span.lowerBound)..<PageFrame(zone.span.upperBound))
      }
    }
    return separate(spans.sorted { $0.frames.lowerBound < $1.frames.lowerBound }) { $0 }
  }

  /// Leaves out what lies in the one before.
  static func separate<Element>(_ elements: [Element], _ span: (Element) -> ZoneSpan) -> [Element] {
    var result: [Element] = []
    for element in elements {
      if let last = result.last, span(element).frames.lowerBound < span(last).frames.upperBound { continue }
      result.append(element)
    }
    return result
  }

  static func kind(_ name: String) -> Zone.Kind? { Zone.Kind.allCases.first { $0.name == name } }

  private static func fill(_ zone: inout Zone, _ dump: FreeListDump.Zone, _ profile: KernelProfile) {
    let policy = profile.pageAllocator
    func type(_ number: Int) -> MigrateType {
      MigrateType(number: number, numbering: policy.numbering, hasContiguous: policy.hasContiguous) ?? .unmovable
    }
    func pages(_ name: String) -> Int { Int(min(dump.fields[name] ?? 0, 1 << 40)) }
    zone.setManagedPages(pages("managed"))
    zone.watermarks = Watermarks(minimum: pages("wm_min"), low: pages("wm_low"), high: pages("wm_high"))
    zone.setWatermarkBoost(pages("boost"))
    if profile.cpuCount == 1 {
      zone.setCounterThreshold(
        Zone.counterThreshold(managedPages: zone.managedPages, pageSize: profile.pageSize))
    }
    setReserve(&zone, dump.lowMemoryReserve.map { Int(min($0, 1 << 40)) }, profile.architecture)
    for block in dump.pageblocks { zone.setPageblockType(of: PageFrame(block.frame), to: type(block.type)) }
    zone.countHighAtomicPageblocks()
    for (order, lists) in dump.freeLists.enumerated() {
      for list in lists {
        for frame in list.frames { zone.append(freeBlock: PageFrame(frame), order: order, type: type(list.number)) }
      }
    }
    setLimits(&zone, dump, profile)
    for cpu in dump.perCPU {
      for list in cpu.lists {
        guard let (order, listType) = perCPUList(list.number, policy) else { continue }
        for frame in list.frames {
          let blockType = zone.pageblockType(of: PageFrame(frame))
          // Types without a list of their own are kept with the movable ones.
          let isApart = listType == .movable && (blockType == .highAtomic || blockType == .contiguous)
          zone.append(
            perCPUBlock: PageFrame(frame), order: order, type: isApart ? blockType : listType, cpu: cpu.cpu)
        }
      }
    }
  }

  private static func setLimits(_ zone: inout Zone, _ dump: FreeListDump.Zone, _ profile: KernelProfile) {
    guard let first = dump.perCPU.first else { return }
    var limits = PerCPULimits(
      managedPages: zone.managedPages, lowWatermark: zone.watermarks.low, cpuCount: profile.cpuCount,
      policy: profile.pageAllocator, pageSize: profile.pageSize)
    limits.batch = first.batch
    if profile.pageAllocator.perCPUHighRule != .tuned {
      limits.high = first.high
      limits.highMaximum = first.high
    }
    zone.perCPULimits = limits
    for cpu in dump.perCPU { zone.setPerCPUHigh(cpu.high, cpu: cpu.cpu) }
  }

  /// The order and type of a CPU's list by the kernel's index. Follows `order_to_pindex` in mm/page_alloc.c, Linux 6.1.
  private static func perCPUList(_ index: Int, _ policy: PageAllocatorPolicy) -> (order: Int, type: MigrateType)? {
    let small = 3 * (policy.perCPUMaximumOrder + 1)
    if index < small {
      let type = MigrateType(number: index % 3, numbering: policy.numbering)
      return type.map { (index / 3, $0) }
    }
    if index - small >= policy.perCPUPageblockLists { return nil }
    if policy.perCPUPageblockLists == 2 { return (policy.pageblockOrder, index == small ? .unmovable : .movable) }
    let type = MigrateType(number: index - small, numbering: policy.numbering)
    return type.map { (policy.pageblockOrder, $0) }
  }

  /// Reserves are printed by the kernel's own zone numbers, which leave out zones it is built without.
  static func setReserve(_ zone: inout Zone, _ pages: [Int], _ architecture: Architecture) {
    let kinds: [Zone.Kind] =
      switch architecture {
      case .x86_64, .arm64: [.dma, .dma32, .normal, .movable]
      case .x86: [.dma, .normal, .highMemory, .movable]
      case .arm: [.normal, .highMemory, .movable]
      }
    for (kind, reserve) in zip(kinds, pages) { zone.lowMemoryReserve[kind.rawValue] = reserve }
  }

  /// Pages on the lists of reclaimable ones are what can be moved. Follows `PageLRU` in `move_freepages`, Linux 6.1.
  static func markMovable(_ machine: inout Machine, _ pageFlags: KPageFlags) {
    for frame in pageFlags.pages.words.indices where pageFlags.flags(of: frame).contains(.lru) {
      let frame = PageFrame(UInt64(frame))
      if let zone = machine.zoneIndex(of: frame) { machine.withZone(zone) { $0.setMovable(frame, true) } }
    }
  }
}
