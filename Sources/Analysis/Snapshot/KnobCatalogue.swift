import ProcSnapshots

/// What the settings of /proc/sys/vm do: kernels 3.5 to 6.18.
///
/// Follows Documentation/admin-guide/sysctl/vm.rst and the sources of mm/, in words of our own.
enum KnobCatalogue {
  private static let entries: [String: KnobEntry] = {
    let all = limits + watermarkKnobs + writeback + overcommit + outOfMemory + hugePages + numa + others
    return Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }()

  /// Every knob of a snapshot, explained, in the order of its file.
  static func explain(_ settings: SysctlVM, memoryKilobytes: Int?, pageKilobytes: Int) -> [Knob] {
    settings.settings.filter { !$0.name.contains(".") }.map { setting in
      // Rows of numbers have tabs between them.
      let text = String(setting.value.description.map { $0 == "\t" ? " " : $0 })
      guard let entry = entries[setting.name] else { return Knob(name: setting.name, value: text) }
      let context = KnobContext(
        text: text, number: min(Int(text) ?? 0, 1 << 40), memoryKilobytes: memoryKilobytes,
        pageKilobytes: pageKilobytes)
      return Knob(
        name: setting.name, value: text, meaning: entry.meaning, standard: entry.standard,
        here: entry.reading(context))
    }
  }

  private static let watermarkKnobs: [KnobEntry] = [
    .init("min_free_kbytes", "computed", "memory kept free for requests that can't wait; all watermarks follow from it")
    {
      "\(KnobContext.size($0.number)) stay free: \($0.number / max($0.pageKilobytes, 1)) pages over all zones"
    },
    .init("watermark_scale_factor", "10", "distance between watermarks, in ten-thousandths of a zone") {
      "kswapd wakes and stops in steps of \($0.number / 100).\($0.number % 100 / 10)\($0.number % 10) % of a zone"
    },
    .init(
      "watermark_boost_factor", "15000", "how far marks rise for a while after types were mixed, in ten-thousandths"
    ) {
      $0.number == 0
        ? "fragmentation wakes nobody" : "up to \($0.number / 100) % of the high mark is reclaimed after a fallback"
    },
    .init(
      "lowmem_reserve_ratio", "256 256 32 0 0",
      "a zone keeps 1/ratio of the higher zones' pages from requests that could use those"
    ) {
      let ratios = $0.text.split(separator: " ")
      return ratios.map { $0 == "0" ? "no reserve" : "1/\($0)" }.joined(separator: ", ") + ", from the lowest zone on"
    },
    .init(
      "extfrag_threshold", "500",
      "up to this fragmentation index, failure counts as lack of memory, not as fragmentation"
    ) {
      "requests above order 3 are compacted for when the index is above \($0.number / 1000).\($0.number / 100 % 10)"
    },
    .init("compaction_proactiveness", "20", "how eagerly memory is compacted in the background (0 never, 100 always)") {
      $0.number == 0
        ? "never ahead of time"
        : "starts when \(max(min(max(100 - $0.number, 5) + 10, 100), 0)) % of free memory is in blocks below huge pages"
    },
    .init("compact_unevictable_allowed", "1", "whether compaction may move locked pages") {
      $0.number == 1 ? "locked pages move, which can delay their owner" : "locked pages stay"
    },
    .init("defrag_mode", "0", "whether requests reclaim and compact before they mix migrate types (6.15)") {
      $0.number == 1 ? "types are kept apart at the cost of reclaim" : "types are mixed as soon as one is out of blocks"
    },
    .init(
      "percpu_pagelist_high_fraction", "0",
      "part of a zone that all CPUs' page lists may hold; 0 derives it from the low mark"
    ) {
      $0.number == 0 ? "the kernel's own limit" : "1/\($0.number) of each zone, shared by its CPUs"
    },
    .init("percpu_pagelist_fraction", "0", "part of a zone that one CPU's page list may hold (up to 5.13)") {
      $0.number == 0 ? "six batches" : "1/\($0.number) of each zone"
    },
    .init("zone_reclaim_mode", "0", "whether a node reclaims its own pages before it uses another's (bits 1, 2, 4)") {
      $0.number == 0 ? "other nodes' memory is used first" : "1 reclaims, 2 writes pages out, 4 swaps: \($0.number)"
    },
  ]

  private static let limits: [KnobEntry] = [
    .init("max_map_count", "65530", "mappings a process may have") { "mmap fails at \($0.number) mappings" },
    .init("mmap_min_addr", "4096 or 65536", "lowest address a process may map, against NULL pointer attacks") {
      $0.number == 0 ? "even page 0 can be mapped" : "the first \(KnobContext.size($0.number / 1024)) can't be mapped"
    },
    .init("mmap_rnd_bits", "28 on x86-64", "random bits in the place of mappings") {
      "2^\($0.number) places: \(KnobContext.size($0.pageKilobytes << min($0.number, 40))) of address space"
    },
    .init("mmap_rnd_compat_bits", "8", "the same for 32-bit programs") { "2^\($0.number) places" },
    .init("legacy_va_layout", "0", "whether mappings grow upwards, as in 2.4") {
      $0.number == 0 ? "mappings grow down from below the stack" : "mappings grow up"
    },
    .init("memfd_noexec", "0", "whether memfd files may be executable (0 as asked, 1 not by default, 2 never)") {
      ["as the program asks", "not executable unless asked", "never executable"][min(max($0.number, 0), 2)]
    },
    .init("unprivileged_userfaultfd", "0", "whether ordinary users may handle page faults of the kernel themselves") {
      $0.number == 0 ? "only faults of user mode" : "all faults"
    },
    .init("admin_reserve_kbytes", "3 % of free memory at boot, at most 8192", "kept for root in overcommit mode 2") {
      "\(KnobContext.size($0.number)), enough to log in and kill something; counts in mode 2 only"
    },
    .init(
      "user_reserve_kbytes", "3 % of free memory at boot, at most 131072",
      "kept from one large process in overcommit mode 2"
    ) {
      "\(KnobContext.size($0.number)), or 1/32 of the process; counts in mode 2 only"
    },
  ]

  private static let overcommit: [KnobEntry] = [
    .init("overcommit_memory", "0", "whether more may be promised than there is (0 guess, 1 always, 2 never)") {
      [
        "only a single request beyond all memory and swap is refused", "nothing is refused",
        "CommitLimit is enforced",
      ][min(max($0.number, 0), 2)]
    },
    .init("overcommit_ratio", "50", "percent of memory in CommitLimit, beside swap") {
      "CommitLimit is \($0.number) % of memory, and swap; enforced in mode 2 only"
    },
    .init("overcommit_kbytes", "0", "the same as a fixed size; 0 uses the ratio") {
      $0.number == 0 ? "the ratio counts" : "\(KnobContext.size($0.number)), and swap"
    },
  ]

  private static let outOfMemory: [KnobEntry] = [
    .init("panic_on_oom", "0", "whether the machine stops instead of killing a process (2 also within cgroups)") {
      $0.number == 0 ? "a process is killed" : "the machine stops"
    },
    .init("oom_kill_allocating_task", "0", "whether the process that asks is killed, instead of the largest one") {
      $0.number == 0 ? "the one with the highest score is killed" : "whoever asks last is killed"
    },
    .init("oom_dump_tasks", "1", "whether all processes are listed in the log then") {
      $0.number == 0 ? "not listed" : "listed, with their sizes and scores"
    },
  ]

  private static let others: [KnobEntry] = [
    .init("swappiness", "60", "cost of swapping against reading files again (0 to 200; 100 is equal)") {
      $0.number == 0
        ? "anonymous pages are swapped only when there is hardly any cache left"
        : "anonymous to file pages are scanned \($0.number) to \(200 - min($0.number, 200)), as long as both cost the same"
    },
    .init("vfs_cache_pressure", "100", "how readily names and inodes are dropped, against the page cache") {
      $0.number == 0
        ? "never dropped: memory can run out" : "\($0.number) % of the usual pressure on dentries and inodes"
    },
    .init("vfs_cache_pressure_denom", "100", "what vfs_cache_pressure is divided by (6.16)") {
      "in parts of \($0.number)"
    },
    .init("page-cluster", "3", "pages read from swap together, as a power of two") {
      "up to \(1 << min(max($0.number, 0), 20)) pages at a time"
    },
    .init("page_lock_unfairness", "5", "how often a page's lock may be taken ahead of those who wait") {
      "\($0.number) times, then it is handed over in turn"
    },
    .init("stat_interval", "1", "seconds after which CPUs add their counters up") {
      "numbers of zoneinfo and vmstat may be \($0.number) s old in their last digits"
    },
    .init("drop_caches", "0", "written to, it drops caches: 1 pages, 2 dentries and inodes, 3 both") {
      $0.number == 0 ? "not used since boot" : "last written: \($0.number)"
    },
    .init("block_dump", "0", "whether block input and output is logged (up to 5.12)") {
      $0.number == 0 ? "not logged" : "logged"
    },
    .init("shrink_inodes_with_pagecache", "0", "a vendor's knob: whether inodes with cached pages may be dropped") {
      $0.number == 0 ? "they stay" : "they may go"
    },
  ]
}
