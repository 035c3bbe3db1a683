/// The settings of `/proc/sys/vm` that the models obey, as one value.
///
/// Each property is the knob of the same name; the doc comment has the kernel's name. What the kernel computes at boot
/// is `nil` until somebody sets it. Defaults follow mm/ of Linux 6.1, and earlier kernels where they differ.
public struct VirtualMemorySettings: Sendable, Hashable, Codable {
  // MARK: - Watermarks and reserves

  /// `min_free_kbytes`; `nil` is the computed value.
  public var minimumFreeKilobytes: Int?
  /// `watermark_scale_factor`, in ten-thousandths of a zone.
  public var watermarkScaleFactor: Int
  /// `watermark_boost_factor`, in ten-thousandths of the high mark.
  public var watermarkBoostFactor: Int
  /// `lowmem_reserve_ratio`, from the lowest configured zone on; `nil` is the default.
  public var lowMemoryReserveRatios: [Int]?
  /// `percpu_pagelist_high_fraction` (5.14 and later): all CPUs' share of a zone is one of so many parts; 0 is the kernel's rule.
  public var perCPUHighFraction: Int
  /// `percpu_pagelist_fraction` (up to 5.13): one CPU's share of a zone is one of so many parts; 0 is the kernel's rule.
  public var perCPUFraction: Int

  // MARK: - Compaction and nodes

  /// `extfrag_threshold`, in thousandths.
  public var fragmentationThreshold: Int
  /// `compaction_proactiveness`, 0 to 100.
  public var compactionProactiveness: Int
  /// `compact_unevictable_allowed`, as 0 or 1.
  public var compactsUnevictable: Int
  /// `zone_reclaim_mode`: bits 1 reclaim, 2 write out, 4 unmap.
  public var zoneReclaimMode: Int
  /// `min_unmapped_ratio`, percent of a node.
  public var minimumUnmappedRatio: Int
  /// `min_slab_ratio`, percent of a node.
  public var minimumSlabRatio: Int

  // MARK: - Reclaim

  /// `swappiness`.
  public var swappiness: Int
  /// `vfs_cache_pressure`, percent.
  public var cachePressure: Int
  /// `page-cluster`: pages read from swap together, as a power of two.
  public var pageCluster: Int

  // MARK: - Writeback

  /// `dirty_ratio`, percent of available memory.
  public var dirtyRatio: Int
  /// `dirty_background_ratio`, percent of available memory.
  public var dirtyBackgroundRatio: Int
  /// `dirty_bytes`; 0 uses the ratio.
  public var dirtyBytes: Int
  /// `dirty_background_bytes`; 0 uses the ratio.
  public var dirtyBackgroundBytes: Int
  /// `dirty_expire_centisecs`.
  public var dirtyExpireCentiseconds: Int
  /// `dirty_writeback_centisecs`; 0 never writes by the clock.
  public var dirtyWritebackCentiseconds: Int
  /// `highmem_is_dirtyable`, as 0 or 1.
  public var highMemoryIsDirtyable: Int

  // MARK: - Overcommit

  /// `overcommit_memory`: 0 guess, 1 always, 2 never.
  public var overcommitMode: Int
  /// `overcommit_ratio`, percent of memory.
  public var overcommitRatio: Int
  /// `overcommit_kbytes`; 0 uses the ratio.
  public var overcommitKilobytes: Int
  /// `admin_reserve_kbytes`; `nil` is the computed value.
  public var adminReserveKilobytes: Int?
  /// `user_reserve_kbytes`; `nil` is the computed value.
  public var userReserveKilobytes: Int?

  // MARK: - Out of memory, failing memory, huge pages

  /// `panic_on_oom`: 0 kill, 1 stop unless only a part of the machine is short, 2 always stop.
  public var panicOnOutOfMemory: Int
  /// `oom_kill_allocating_task`, as 0 or 1.
  public var killsAllocatingTask: Int
  /// `oom_dump_tasks`, as 0 or 1.
  public var dumpsTasks: Int
  /// `memory_failure_early_kill`, as 0 or 1.
  public var memoryFailureEarlyKill: Int
  /// `memory_failure_recovery`, as 0 or 1.
  public var memoryFailureRecovery: Int
  /// `nr_hugepages`.
  public var hugePages: Int
  /// `nr_overcommit_hugepages`.
  public var overcommitHugePages: Int

  // MARK: - Address spaces

  /// `max_map_count`.
  public var maximumMapCount: Int
  /// `mmap_min_addr`, in bytes.
  public var minimumMapAddress: Int
  /// `legacy_va_layout`, as 0 or 1.
  public var legacyAddressLayout: Int

  /// The defaults of a kernel.
  public init(kernel: KernelVersion = KernelVersion(6, 1)) {
    watermarkScaleFactor = kernel >= KernelVersion(4, 6) ? 10 : 0
    watermarkBoostFactor = kernel >= KernelVersion(5, 0) ? 15_000 : 0
    perCPUHighFraction = 0
    perCPUFraction = 0
    fragmentationThreshold = 500
    compactionProactiveness = kernel >= KernelVersion(5, 9) ? 20 : 0
    compactsUnevictable = 1
    zoneReclaimMode = 0
    minimumUnmappedRatio = 1
    minimumSlabRatio = 5
    swappiness = 60
    cachePressure = 100
    pageCluster = 3
    dirtyRatio = 20
    dirtyBackgroundRatio = 10
    dirtyBytes = 0
    dirtyBackgroundBytes = 0
    dirtyExpireCentiseconds = 3000
    dirtyWritebackCentiseconds = 500
    highMemoryIsDirtyable = 0
    overcommitMode = 0
    overcommitRatio = 50
    overcommitKilobytes = 0
    panicOnOutOfMemory = 0
    killsAllocatingTask = 0
    dumpsTasks = 1
    memoryFailureEarlyKill = 0
    memoryFailureRecovery = 1
    hugePages = 0
    overcommitHugePages = 0
    maximumMapCount = 65_530
    minimumMapAddress = 4096
    legacyAddressLayout = 0
  }

  /// The part of a zone above it that a zone keeps free, by the kind of zone: the default of `lowmem_reserve_ratio`.
  public static func standardReserveRatio(isNormal: Bool, isDMA: Bool) -> Int { isDMA ? 256 : isNormal ? 32 : 0 }
}
