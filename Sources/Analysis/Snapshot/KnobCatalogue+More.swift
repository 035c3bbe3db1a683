extension KnobCatalogue {
  static let writeback: [KnobEntry] = [
    .init("dirty_ratio", "20", "percent of available memory that may be dirty before writers must write themselves") {
      $0.number == 0 ? "dirty_bytes counts instead" : "writers are slowed at \($0.number) %" + $0.share($0.number)
    },
    .init(
      "dirty_background_ratio", "10",
      "percent of available memory that may be dirty before it is written in the background"
    ) {
      $0.number == 0
        ? "dirty_background_bytes counts instead" : "writing starts at \($0.number) %" + $0.share($0.number)
    },
    .init("dirty_bytes", "0", "dirty_ratio as a size; 0 uses the ratio") {
      $0.number == 0 ? "the ratio counts" : KnobContext.size($0.number / 1024)
    },
    .init("dirty_background_bytes", "0", "dirty_background_ratio as a size; 0 uses the ratio") {
      $0.number == 0 ? "the ratio counts" : KnobContext.size($0.number / 1024)
    },
    .init("dirty_expire_centisecs", "3000", "age at which dirty data is written") {
      "data is at most about \(KnobContext.seconds($0.number)) old before it is written"
    },
    .init("dirty_writeback_centisecs", "500", "how often the flusher looks; 0 never") {
      $0.number == 0 ? "periodic writing is off" : "every \(KnobContext.seconds($0.number))"
    },
    .init("dirtytime_expire_seconds", "43200", "age at which changed time stamps alone are written (lazytime)") {
      $0.number % 3600 == 0 ? "\($0.number / 3600) h" : "\($0.number) s"
    },
    .init("highmem_is_dirtyable", "0", "whether high memory counts when dirty limits are computed (32-bit)") {
      $0.number == 0 ? "low memory alone counts" : "all memory counts"
    },
    .init("laptop_mode", "0", "seconds that writing waits for the disk to be up anyway") {
      $0.number == 0 ? "off" : "\($0.number) s after the last read"
    },
    .init("nr_pdflush_threads", "0", "threads that write back; obsolete, always 0 since 2.6.32") { "\($0.number)" },
  ]

  static let hugePages: [KnobEntry] = [
    .init("nr_hugepages", "0", "huge pages set aside in the pool") {
      $0.number == 0 ? "no pool" : "\($0.number) pages that nothing else can use"
    },
    .init("nr_hugepages_mempolicy", "0", "the same, by the memory policy of whoever writes it") {
      $0.number == 0 ? "no pool" : "\($0.number) pages"
    },
    .init("nr_overcommit_hugepages", "0", "huge pages that the pool may take beyond that") {
      $0.number == 0 ? "the pool does not grow" : "up to \($0.number) more"
    },
    .init("hugetlb_shm_group", "0", "the group that may share memory of huge pages") {
      $0.number == 0 ? "root's group only" : "group \($0.number)"
    },
    .init("hugetlb_optimize_vmemmap", "0", "whether page descriptors of huge pages are freed") {
      $0.number == 0 ? "descriptors are kept" : "7 of 8 pages of descriptors are freed"
    },
    .init("hugepages_treat_as_movable", "0", "whether the pool may lie in the movable zone (up to 4.15)") {
      $0.number == 0 ? "it may not" : "it may"
    },
    .init("enable_soft_offline", "1", "whether pages with corrected errors are taken out of use") {
      $0.number == 0 ? "they stay in use" : "they are moved and retired"
    },
    .init("memory_failure_early_kill", "0", "whether processes are killed at once when their memory fails") {
      $0.number == 0 ? "only when they touch it" : "at once"
    },
    .init("memory_failure_recovery", "1", "whether failing memory is survived at all") {
      $0.number == 0 ? "the machine stops" : "the page is taken out of use"
    },
  ]

  static let numa: [KnobEntry] = [
    .init("min_unmapped_ratio", "1", "percent of a node in unmapped file pages before the node reclaims by itself") {
      "\($0.number) %, with zone_reclaim_mode only"
    },
    .init("min_slab_ratio", "5", "percent of a node in reclaimable slab before the node reclaims by itself") {
      "\($0.number) %, with zone_reclaim_mode only"
    },
    .init("numa_stat", "1", "whether hits and misses by node are counted") {
      $0.number == 0 ? "not counted: a little faster" : "counted"
    },
    .init(
      "numa_zonelist_order", "Node", "whether nodes or zones come first when memory is looked for; fixed since 4.14"
    ) {
      "\($0.text): the nearest node's zones first, highest zone first"
    },
    .init("scan_unevictable_pages", "0", "obsolete: did nothing since 2.6.33") { _ in "nothing" },
  ]
}
