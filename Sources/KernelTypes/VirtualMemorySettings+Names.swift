/// Why a setting could not be taken.
public enum SettingError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No kernel has a knob of that name, as far as is known here.
  case unknown(String)
  /// The knob exists, and nothing that is modelled depends on it; the text says why.
  case withoutEffect(String, String)
  case notANumber(String, String)
  case outOfRange(String, Int, ClosedRange<Int>)
  /// Not `NAME=VALUE`.
  case malformed(String)

  public var description: String {
    switch self {
    case .unknown(let name):
      "vm.\(name) is no setting that is known here; expected a name of /proc/sys/vm such as vm.swappiness"
    case .withoutEffect(let name, let reason): "vm.\(name) can't change what is computed here: \(reason)"
    case .notANumber(let name, let text): "vm.\(name)=\(text): expected a number"
    case .outOfRange(let name, let value, let range):
      "vm.\(name)=\(value) is out of range; expected \(range.lowerBound) to \(range.upperBound)"
    case .malformed(let text): "`\(text)` is no setting; expected NAME=VALUE, such as vm.swappiness=10"
    }
  }
}

extension VirtualMemorySettings {
  /// A knob that is one number.
  struct Entry: Sendable {
    var name: String
    var range: ClosedRange<Int>
    var get: @Sendable (VirtualMemorySettings) -> Int?
    var set: @Sendable (inout VirtualMemorySettings, Int) -> Void

    init(
      _ name: String, _ range: ClosedRange<Int>,
      _ path: any WritableKeyPath<VirtualMemorySettings, Int> & Sendable
    ) {
      self.name = name
      self.range = range
      get = { $0[keyPath: path] }
      set = { $0[keyPath: path] = $1 }
    }

    init(
      _ name: String, _ range: ClosedRange<Int>,
      computed path: any WritableKeyPath<VirtualMemorySettings, Int?> & Sendable
    ) {
      self.name = name
      self.range = range
      get = { $0[keyPath: path] }
      set = { $0[keyPath: path] = $1 }
    }
  }

  // Ranges follow vm_table in kernel/sysctl.c, Linux 6.1; where that has none, what the models' products can hold.
  static let entries: [Entry] = [
    .init("min_free_kbytes", 0...(1 << 30), computed: \.minimumFreeKilobytes),
    .init("watermark_scale_factor", 1...3000, \.watermarkScaleFactor),
    .init("watermark_boost_factor", 0...1_000_000, \.watermarkBoostFactor),
    .init("percpu_pagelist_high_fraction", 0...(1 << 30), \.perCPUHighFraction),
    .init("percpu_pagelist_fraction", 0...(1 << 30), \.perCPUFraction),
    .init("extfrag_threshold", 0...1000, \.fragmentationThreshold),
    .init("compaction_proactiveness", 0...100, \.compactionProactiveness),
    .init("compact_unevictable_allowed", 0...1, \.compactsUnevictable),
    .init("zone_reclaim_mode", 0...7, \.zoneReclaimMode),
    .init("min_unmapped_ratio", 0...100, \.minimumUnmappedRatio),
    .init("min_slab_ratio", 0...100, \.minimumSlabRatio),
    .init("swappiness", 0...200, \.swappiness),
    .init("vfs_cache_pressure", 0...1_000_000, \.cachePressure),
    .init("page-cluster", 0...31, \.pageCluster),
    .init("dirty_ratio", 0...100, \.dirtyRatio),
    .init("dirty_background_ratio", 0...100, \.dirtyBackgroundRatio),
    .init("dirty_bytes", 0...(1 << 50), \.dirtyBytes),
    .init("dirty_background_bytes", 0...(1 << 50), \.dirtyBackgroundBytes),
    .init("dirty_expire_centisecs", 0...(1 << 30), \.dirtyExpireCentiseconds),
    .init("dirty_writeback_centisecs", 0...(1 << 30), \.dirtyWritebackCentiseconds),
    .init("highmem_is_dirtyable", 0...1, \.highMemoryIsDirtyable),
    .init("overcommit_memory", 0...2, \.overcommitMode),
    .init("overcommit_ratio", 0...10_000, \.overcommitRatio),
    .init("overcommit_kbytes", 0...(1 << 50), \.overcommitKilobytes),
    .init("admin_reserve_kbytes", 0...(1 << 50), computed: \.adminReserveKilobytes),
    .init("user_reserve_kbytes", 0...(1 << 50), computed: \.userReserveKilobytes),
    .init("panic_on_oom", 0...2, \.panicOnOutOfMemory),
    .init("oom_kill_allocating_task", 0...1, \.killsAllocatingTask),
    .init("oom_dump_tasks", 0...1, \.dumpsTasks),
    .init("memory_failure_early_kill", 0...1, \.memoryFailureEarlyKill),
    .init("memory_failure_recovery", 0...1, \.memoryFailureRecovery),
    .init("nr_hugepages", 0...(1 << 40), \.hugePages),
    .init("nr_overcommit_hugepages", 0...(1 << 40), \.overcommitHugePages),
    .init("max_map_count", 0...(1 << 31 - 1), \.maximumMapCount),
    .init("mmap_min_addr", 0...(1 << 48), \.minimumMapAddress),
    .init("legacy_va_layout", 0...1, \.legacyAddressLayout),
  ]

  private static let entriesByName = Dictionary(
    entries.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

  /// The knob that is a row of numbers.
  static let reserveRatioName = "lowmem_reserve_ratio"

  /// The names of all knobs that the models obey, as `/proc/sys/vm` has them.
  public static let names: [String] = entries.map(\.name) + [reserveRatioName]

  /// Whether the models obey a knob.
  public static func isObeyed(_ name: String) -> Bool { entriesByName[name] != nil || name == reserveRatioName }

  /// Knobs that can't change a replay or a computed limit, with the reason.
  public static let withoutEffect: [String: String] = [
    "block_dump": "it only logs",
    "dirtytime_expire_seconds": "it delays the writing of time stamps, which takes no memory",
    "drop_caches": "it is an order, not a setting: it empties caches once, when it is written",
    "compact_memory": "it is an order, not a setting: it compacts all zones once, when it is written",
    "enable_soft_offline": "it concerns pages with corrected errors, which no trace or snapshot tells of",
    "hugetlb_optimize_vmemmap": "it changes how large the pool's page descriptors are, which are taken at boot",
    "hugetlb_shm_group": "it is a permission",
    "laptop_mode": "it moves disk writes in time",
    "memfd_noexec": "it is a permission",
    "mmap_rnd_bits": "it makes addresses random; a replay has the addresses of its trace",
    "mmap_rnd_compat_bits": "it makes addresses random; a replay has the addresses of its trace",
    "nr_hugepages_mempolicy": "it is nr_hugepages by another way",
    "nr_pdflush_threads": "it has done nothing since 2.6.32",
    "numa_stat": "it switches counters off, not what they count",
    "numa_zonelist_order": "it is fixed to node order since 4.14; --kernel chooses the order before that",
    "page_lock_unfairness": "it is about waiting for page locks",
    "scan_unevictable_pages": "it has done nothing since 2.6.33",
    "stat_interval": "it decides when counters are added up, not what they count",
    "stat_refresh": "it is an order, not a setting",
    "unprivileged_userfaultfd": "it is a permission",
  ]

  /// The value of a knob; `nil` if it is left to the kernel, or not obeyed here.
  public subscript(name: String) -> Int? { Self.entriesByName[name]?.get(self) }

  /// The value of a knob as text; `computed` if it is left to the kernel.
  public func text(_ name: String) -> String {
    if let value = self[name] { return "\(value)" }
    if name == Self.reserveRatioName, let ratios = lowMemoryReserveRatios {
      return ratios.map(String.init).joined(separator: " ")
    }
    return "computed"
  }

  /// The name in `NAME=VALUE`, as `/proc/sys/vm` has it.
  public static func name(ofAssignment text: String) -> String {
    let name = text.prefix { $0 != "=" }.filter { $0 != " " }.map { $0 == "/" ? "." : $0 }
    let plain = String(name)
    return plain.hasPrefix("vm.") ? String(plain.dropFirst(3)) : plain
  }

  /// Sets a knob by its name, with or without `vm.` in front, as text.
  ///
  /// Setting one of a pair of ratio and amount switches the other off, as writing to the file does. Throws if the name
  /// is unknown or nothing here depends on it, or the value is not one that the kernel would take.
  public mutating func set(_ name: String, to text: String) throws(SettingError) {
    let name = name.hasPrefix("vm.") ? String(name.dropFirst(3)) : name
    if name == Self.reserveRatioName {
      let parts = text.split { $0 == " " || $0 == "\t" || $0 == "," }
      let ratios = parts.compactMap { Int($0) }
      guard !ratios.isEmpty, ratios.count == parts.count else { throw .notANumber(name, text) }
      if let bad = ratios.first(where: { !(0...(1 << 30)).contains($0) }) {
        throw .outOfRange(name, bad, 0...(1 << 30))
      }
      lowMemoryReserveRatios = ratios
      return
    }
    guard let entry = Self.entriesByName[name] else {
      if let reason = Self.withoutEffect[name] { throw .withoutEffect(name, reason) }
      throw .unknown(name)
    }
    guard let value = Int(text) else { throw .notANumber(name, text) }
    guard entry.range.contains(value) else { throw .outOfRange(name, value, entry.range) }
    entry.set(&self, value)
    switch name {
    // Follows dirty_ratio_handler and its siblings in mm/page-writeback.c and overcommit_ratio_handler in mm/util.c.
    case "dirty_ratio": dirtyBytes = 0
    case "dirty_bytes" where value > 0: dirtyRatio = 0
    case "dirty_background_ratio": dirtyBackgroundBytes = 0
    case "dirty_background_bytes" where value > 0: dirtyBackgroundRatio = 0
    case "overcommit_ratio": overcommitKilobytes = 0
    case "overcommit_kbytes" where value > 0: overcommitRatio = 0
    default: break
    }
  }

  /// Sets a knob from `NAME=VALUE`, as `sysctl -w` takes it.
  public mutating func set(assignment text: String) throws(SettingError) {
    guard let equals = text.firstIndex(of: "="), equals > text.startIndex else { throw .malformed(text) }
    let name = text[..<equals].filter { $0 != " " }
    let value = text[text.index(after: equals)...].drop { $0 == " " }
    try set(String(name.map { $0 == "/" ? "." : $0 }), to: String(value))
  }

  /// Takes over what `/proc/sys/vm` said; a value that no kernel would take is passed over. Both of a pair of ratio and
  /// amount are taken as they are.
  public mutating func adopt(_ name: String, _ text: String) {
    if name == Self.reserveRatioName {
      try? set(name, to: text)
    } else if let entry = Self.entriesByName[name], let value = Int(text), entry.range.contains(value) {
      entry.set(&self, value)
    }
  }
}
