public import KernelTypes

extension Machine {
  /// Sets watermarks, reserves and per-CPU limits as a kernel with this much memory and the profile's settings does.
  ///
  /// `minimumFreeKilobytes` is used in place of the profile's; without either the computed value is, and the huge-page
  /// one where huge pages are on (`hasHugePages`): if that is not known, from 512 MiB. Follows `init_per_zone_wmark_min` in mm/page_alloc.c, Linux 6.1. Before
  /// 3.9 kernels used the pages a zone spans without holes; managed pages are used here.
  public mutating func setUpLimits(minimumFreeKilobytes: Int? = nil, hasHugePages: Bool? = nil) {
    var profile = profile
    if let minimumFreeKilobytes {
      var settings = profile.virtualMemory
      settings.minimumFreeKilobytes = minimumFreeKilobytes
      profile.use(settings)
    }
    let limits = self.limits(profile, hasHugePages: hasHugePages)
    for (index, zone) in limits.zones.enumerated() {
      zones[index].watermarks = zone.watermarks
      zones[index].lowMemoryReserve = zone.reserve
      zones[index].perCPULimits = zone.perCPU
    }
  }

  /// The limits that a kernel with this much memory and the settings of a profile computes, by zone.
  public func limits(_ profile: KernelProfile, hasHugePages: Bool? = nil) -> PhysicalLimits {
    var sizes: [PhysicalLimits.ZoneSize] = []
    var pages = 0
    for index in 0..<zoneCount {
      sizes.append(.init(node: zones[index].node, kind: zones[index].kind, pages: zones[index].managedPages))
      pages += zones[index].managedPages
    }
    var cpus: [Int: Int] = [:]
    if nodes.count > 1 { for node in nodes { cpus[node] = zoneLists.cpus(of: node) } }
    return PhysicalLimits(
      zones: sizes, profile: profile,
      hasHugePages: hasHugePages ?? (pages * max(profile.pageSize / 1024, 1) >= 512 << 10), cpusByNode: cpus)
  }

  // MARK: - Nodes

  /// The numbers of the nodes that have zones, ascending.
  public var nodes: [Int] { zoneLists.nodes }

  /// Says which node a CPU belongs to; false, and nothing changed, if no such node has zones.
  @discardableResult
  public mutating func setNode(_ node: Int, cpu: Int) -> Bool { zoneLists.setNode(node, cpu: cpu) }

  /// The number of a CPU's node.
  public func node(cpu: Int) -> Int { zoneLists.node(cpu: cpu) }

  /// The index of a node's zone of a kind.
  public func zoneIndex(node: Int, kind: Zone.Kind) -> Int? {
    for index in 0..<zoneCount where zones[index].node == node && zones[index].kind == kind { return index }
    return nil
  }

  /// The zones in the order in which requests of a CPU try them.
  public func zoneOrder(cpu: Int) -> [Int] {
    let list = zoneLists.list(cpu: cpu, isLocalOnly: false)
    return (0..<list.count).map { Int(list.zones[$0]) }
  }
}

extension Zone {
  /// Whether the zone may serve a request now; remembers a missed high mark where the policy does.
  /// Follows the checks of `get_page_from_freelist` in mm/page_alloc.c, Linux 6.1 and 6.12.
  @inline(__always)
  mutating func admits(_ mark: Mark, order: Int, highest: Kind, flags: PageRequestFlags) -> Bool {
    if tracksHighMark, !isBelowHigh {
      if isAboveMark(.high, order: order, highest: highest, flags: flags) { return true }
      isBelowHigh = true
    }
    return flags.contains(.noWatermarks) || isAboveMark(mark, order: order, highest: highest, flags: flags)
  }
}
