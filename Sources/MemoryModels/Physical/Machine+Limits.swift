import KernelTypes

extension Machine {
  /// Sets watermarks, reserves and per-CPU limits as a kernel with this much memory and the profile's settings does.
  ///
  /// `minimumFreeKilobytes` is used in place of the profile's; without either the computed value is, and the huge-page
  /// one where huge pages are on: from 512 MiB. Follows `init_per_zone_wmark_min` in mm/page_alloc.c, Linux 6.1. Before
  /// 3.9 kernels used the pages a zone spans without holes; managed pages are used here.
  public mutating func setUpLimits(minimumFreeKilobytes: Int? = nil) {
    var profile = profile
    if let minimumFreeKilobytes {
      var settings = profile.virtualMemory
      settings.minimumFreeKilobytes = minimumFreeKilobytes
      profile.use(settings)
    }
    var sizes: [PhysicalLimits.ZoneSize] = []
    var pages = 0
    for index in 0..<zoneCount {
      sizes.append(.init(kind: zones[index].kind, pages: zones[index].managedPages))
      pages += zones[index].managedPages
    }
    let limits = PhysicalLimits(
      zones: sizes, profile: profile, hasHugePages: pages * max(profile.pageSize / 1024, 1) >= 512 << 10)
    for (index, zone) in limits.zones.enumerated() {
      zones[index].watermarks = zone.watermarks
      zones[index].lowMemoryReserve = zone.reserve
      zones[index].perCPULimits = zone.perCPU
    }
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
