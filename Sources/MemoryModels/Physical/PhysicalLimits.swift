public import KernelTypes

/// The marks, reserves and list lengths of all zones of a machine: pure arithmetic from sizes and settings.
///
/// Follows `init_per_zone_wmark_min`, `__setup_per_zone_wmarks`, `setup_per_zone_lowmem_reserve` and
/// `calculate_totalreserve_pages` in mm/page_alloc.c, Linux 6.1, and 3.5 where the policy says so.
public struct PhysicalLimits: Hashable, Sendable {
  /// A zone and its size.
  public struct ZoneSize: Hashable, Sendable {
    public var node: Int
    public var kind: Zone.Kind
    /// Pages that limits derive from: managed pages, present ones before 3.9.
    public var pages: Int

    public init(node: Int = 0, kind: Zone.Kind, pages: Int) {
      self.node = node
      self.kind = kind
      self.pages = pages
    }
  }

  /// The limits of one zone, in pages.
  public struct ZoneLimits: Hashable, Sendable {
    public var node: Int
    public var kind: Zone.Kind
    public var watermarks: Watermarks
    /// Pages kept from requests that could use higher zones, by the kind of the highest (`lowmem_reserve`).
    public var reserve: [Int]
    public var perCPU: PerCPULimits
  }

  public var minimumFreeKilobytes: Int
  public var zones: [ZoneLimits]
  /// Pages that nothing but emergencies may use (`totalreserve_pages`).
  public var totalReservePages: Int

  /// The limits of zones in ascending order, all zones of a node together.
  ///
  /// Without a set `min_free_kbytes` it is computed: the square root of low memory, more where huge pages are on
  /// (`hasHugePages`). `configured` are the kinds of zones the kernel has, which `lowmem_reserve_ratio` counts through.
  /// Per-CPU lists of a zone are shared out among the CPUs of its node, as `cpusByNode` says, or else all.
  public init(
    zones sizes: [ZoneSize], profile: KernelProfile, hasHugePages: Bool, configured: [Zone.Kind]? = nil,
    cpusByNode: [Int: Int] = [:]
  ) {
    let policy = profile.pageAllocator
    let settings = profile.virtualMemory
    let kilobytesPerPage = max(profile.pageSize / 1024, 1)
    let movableIsHigh = profile.kernel >= KernelVersion(6, 12)
    func isHigh(_ kind: Zone.Kind) -> Bool { kind == .highMemory || kind == .movable && movableIsHigh }
    let low = sizes.reduce(0) { $0 + (isHigh($1.kind) ? 0 : $1.pages) }
    minimumFreeKilobytes =
      settings.minimumFreeKilobytes
      ?? Self.computedMinimum(sizes, kilobytesPerPage, policy: policy, hasHugePages: hasHugePages)
    let ratios = Self.ratios(settings, configured: configured ?? Self.configuredKinds(profile))
    var limits: [ZoneLimits] = []
    for size in sizes {
      let marks = Watermarks(
        managedPages: size.pages, lowMemoryPages: low, minimumPages: minimumFreeKilobytes / kilobytesPerPage,
        isHighMemory: isHigh(size.kind), policy: policy)
      let ratio = ratios[size.kind] ?? 0
      let reserve = Self.reserve(size, among: sizes, ratio: ratio, zeroMeansOne: profile.kernel < KernelVersion(5, 0))
      let perCPU = PerCPULimits(
        managedPages: size.pages, lowWatermark: marks.low,
        cpuCount: cpusByNode[size.node].flatMap { $0 > 0 ? $0 : nil } ?? profile.cpuCount, policy: policy,
        pageSize: profile.pageSize, fraction: settings.perCPUHighFraction, oldFraction: settings.perCPUFraction)
      limits.append(
        ZoneLimits(node: size.node, kind: size.kind, watermarks: marks, reserve: reserve, perCPU: perCPU))
    }
    zones = limits
    totalReservePages = zip(sizes, limits).reduce(0) { sum, zone in
      sum + min(zone.0.pages, (zone.1.reserve.max() ?? 0) + zone.1.watermarks.high)
    }
  }

  /// `min_free_kbytes` as the kernel sets it at boot. Follows `calculate_min_free_kbytes` in mm/page_alloc.c and
  /// `set_recommended_min_free_kbytes` in mm/khugepaged.c, Linux 6.1.
  public static func computedMinimum(
    _ sizes: [ZoneSize], _ kilobytesPerPage: Int, policy: PageAllocatorPolicy, hasHugePages: Bool
  ) -> Int {
    let low = sizes.filter { $0.kind <= .normal && $0.pages > 0 }
    let pages = low.reduce(0) { $0 + $1.pages }
    let computed = Watermarks.minimumFreeKilobytes(lowMemoryKilobytes: pages * kilobytesPerPage, policy: policy)
    guard hasHugePages, policy.raisesMinimumForHugePages else { return computed }
    let recommended = Watermarks.recommendedPages(zones: low.count, lowMemoryPages: pages, policy: policy)
    return max(computed, recommended * kilobytesPerPage)
  }

  /// The zones an architecture's kernels are configured with. Follows the Kconfig of arch/, Linux 6.1.
  public static func configuredKinds(_ profile: KernelProfile) -> [Zone.Kind] {
    switch profile.architecture {
    case .x86_64: [.dma, .dma32, .normal, .movable]
    case .x86: [.dma, .normal, .highMemory, .movable]
    case .arm: [.normal, .highMemory, .movable]
    case .arm64:
      profile.kernel >= KernelVersion(5, 5) ? [.dma, .dma32, .normal, .movable] : [.dma32, .normal, .movable]
    }
  }

  /// The ratio of each kind of zone: as set, or the default.
  private static func ratios(_ settings: VirtualMemorySettings, configured: [Zone.Kind]) -> [Zone.Kind: Int] {
    var ratios: [Zone.Kind: Int] = [:]
    for (index, kind) in Zone.Kind.allCases.filter(configured.contains).enumerated() {
      let standard = VirtualMemorySettings.standardReserveRatio(
        isNormal: kind == .normal, isDMA: kind == .dma || kind == .dma32)
      guard let set = settings.lowMemoryReserveRatios else {
        ratios[kind] = standard
        continue
      }
      // Kernels before 5.x take one number fewer than there are zones.
      ratios[kind] = set.indices.contains(index) ? set[index] : 0
    }
    return ratios
  }

  /// What a zone keeps from requests that could go higher: a fraction of the memory above it, by the highest zone they
  /// may use. Follows `setup_per_zone_lowmem_reserve`; a ratio of 0 was taken for 1 before 5.0.
  public static func reserve(
    _ zone: ZoneSize, among sizes: [ZoneSize], ratio: Int, zeroMeansOne: Bool
  ) -> [Int] {
    let isOff = ratio < 1 && !zeroMeansOne || zone.pages == 0
    return Zone.Kind.allCases.map { kind in
      if isOff || kind <= zone.kind { return 0 }
      let above = sizes.reduce(0) { sum, other in
        other.node == zone.node && other.kind > zone.kind && other.kind <= kind ? sum + other.pages : sum
      }
      return above / max(ratio, 1)
    }
  }
}
