extension VirtualMemorySettings {
  /// Knobs that models obey and that can't change a replay of page requests, with the reason.
  public static let withoutEffectOnReplay: [String: String] = {
    var reasons: [String: String] = [:]
    func add(_ reason: String, _ names: String...) { for name in names { reasons[name] = reason } }
    add(
      "what is reclaimed and written, and when, is the trace's", "swappiness", "vfs_cache_pressure", "page-cluster",
      "min_unmapped_ratio", "min_slab_ratio", "dirty_ratio", "dirty_background_ratio", "dirty_bytes",
      "dirty_background_bytes", "dirty_expire_centisecs", "dirty_writeback_centisecs", "highmem_is_dirtyable")
    add(
      "what compaction moves by itself is the trace's", "compaction_proactiveness", "compact_unevictable_allowed")
    add(
      "it decides about address spaces, and the page requests are the trace's", "overcommit_memory", "overcommit_ratio",
      "overcommit_kbytes", "admin_reserve_kbytes", "user_reserve_kbytes", "max_map_count", "mmap_min_addr",
      "legacy_va_layout")
    add("no memory fails in a trace", "memory_failure_early_kill", "memory_failure_recovery")
    add(
      "the pool takes its pages when its size is set, which a trace shows as requests like any other", "nr_hugepages",
      "nr_overcommit_hugepages")
    add("it only logs", "oom_dump_tasks")
    return reasons
  }()

  /// The knobs that a replay of page requests obeys, as `/proc/sys/vm` has them.
  public static let replayedNames: [String] = names.filter { withoutEffectOnReplay[$0] == nil }
}
