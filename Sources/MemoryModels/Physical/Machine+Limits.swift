import KernelTypes

extension Machine {
  /// Sets watermarks, reserves and per-CPU limits as a kernel with this much memory does.
  ///
  /// `minimumFreeKilobytes` is the sysctl; without it the computed value is used, and the huge-page one where huge
  /// pages are on: from 512 MiB. Follows `init_per_zone_wmark_min` and `setup_per_zone_lowmem_reserve` in
  /// mm/page_alloc.c, Linux 6.1. Before 3.9 kernels used the pages a zone spans without holes; managed pages are
  /// used here.
  public mutating func setUpLimits(minimumFreeKilobytes: Int? = nil) {
    let policy = profile.pageAllocator
    let kilobytesPerPage = max(profile.pageSize / 1024, 1)
    var lowPages = 0
    var allPages = 0
    var populated = 0
    for index in 0..<zoneCount {
      allPages += zones[index].managedPages
      if zones[index].kind <= .normal, zones[index].managedPages > 0 {
        lowPages += zones[index].managedPages
        populated += 1
      }
    }
    var minimum =
      minimumFreeKilobytes
      ?? Watermarks.minimumFreeKilobytes(lowMemoryKilobytes: lowPages * kilobytesPerPage, policy: policy)
    if minimumFreeKilobytes == nil, policy.raisesMinimumForHugePages, allPages * kilobytesPerPage >= 512 << 10 {
      let recommended = Watermarks.recommendedPages(zones: populated, lowMemoryPages: lowPages, policy: policy)
      minimum = max(minimum, recommended * kilobytesPerPage)
    }
    for index in 0..<zoneCount {
      zones[index].watermarks = Watermarks(
        managedPages: zones[index].managedPages, lowMemoryPages: lowPages,
        minimumPages: minimum / kilobytesPerPage, isHighMemory: zones[index].kind > .normal, policy: policy)
      setUpReserve(index)
      zones[index].perCPULimits = PerCPULimits(
        managedPages: zones[index].managedPages, lowWatermark: zones[index].watermarks.low,
        cpuCount: profile.cpuCount, policy: policy, pageSize: profile.pageSize)
    }
  }

  /// What a zone keeps from requests that could go higher: a fraction of the memory above it.
  private mutating func setUpReserve(_ index: Int) {
    let ratio: Int =
      switch zones[index].kind {
      case .dma, .dma32: 256
      case .normal: 32
      case .highMemory, .movable: 0
      }
    for kind in Zone.Kind.allCases {
      var above = 0
      if ratio > 0, kind > zones[index].kind, zones[index].managedPages > 0 {
        for other in 0..<zoneCount where zones[other].kind > zones[index].kind && zones[other].kind <= kind {
          above += zones[other].managedPages
        }
      }
      zones[index].lowMemoryReserve[kind.rawValue] = ratio == 0 ? 0 : above / ratio
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
