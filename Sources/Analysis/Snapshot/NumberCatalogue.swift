/// One line about each number of the kernel's files that a reader may not know.
public enum NumberCatalogue {
  /// What a line of /proc/meminfo counts; `nil` if it is not known here.
  public static func memInfo(_ name: String) -> String? { memInfoLines[name] }

  /// What a value of a zone in /proc/zoneinfo counts.
  public static func zone(_ name: String) -> String? { zoneLines[name] }

  /// What an event counter of /proc/vmstat counts.
  public static func event(_ name: String) -> String? { eventLines[name] }

  /// The event counters that are explained, in the order they are shown.
  public static let events: [String] = [
    "pgfault", "pgmajfault", "pgscan_kswapd", "pgscan_direct", "pgsteal_kswapd", "pgsteal_direct", "allocstall_normal",
    "allocstall_movable", "allocstall_dma32", "pswpin", "pswpout", "compact_stall", "compact_success", "compact_fail",
    "compact_migrate_scanned", "kcompactd_wake", "thp_fault_alloc", "thp_fault_fallback", "workingset_refault_anon",
    "workingset_refault_file", "drop_pagecache", "drop_slab", "oom_kill",
  ]

  private static let memInfoLines: [String: String] = [
    "MemTotal": "memory that the kernel manages: all RAM without what was reserved at boot",
    "MemFree": "pages that nobody uses, per-CPU lists not included",
    "MemAvailable": "what programs could get without swapping: free memory above the marks, and cache that can go",
    "Buffers": "cached blocks of devices (file system metadata)",
    "Cached": "file data in memory, tmpfs and shared memory included",
    "SwapCached": "pages in memory that have a copy in swap",
    "Active": "pages used lately: reclaimed last",
    "Inactive": "pages not used lately: reclaimed first",
    "Active(anon)": "of it, memory of programs",
    "Inactive(anon)": "of it, memory of programs and shared memory",
    "Active(file)": "of it, file data",
    "Inactive(file)": "of it, file data",
    "Unevictable": "pages that can't be reclaimed: locked, ramfs, secret memory",
    "Mlocked": "of it, pages locked by mlock",
    "HighTotal": "memory that the kernel can't address permanently (32-bit)",
    "HighFree": "of it, free",
    "LowTotal": "memory that the kernel addresses directly (32-bit)",
    "LowFree": "of it, free",
    "SwapTotal": "swap space", "SwapFree": "swap space that is free",
    "Zswap": "memory that compressed swap takes", "Zswapped": "swapped data that is compressed in memory",
    "Dirty": "data that waits to be written", "Writeback": "data that is being written",
    "AnonPages": "memory of programs that is mapped and in no file",
    "Mapped": "file data that is mapped", "Shmem": "shared memory and tmpfs",
    "KReclaimable": "kernel memory that can be reclaimed: SReclaimable and a little more",
    "Slab": "memory of the slab allocator", "SReclaimable": "of it, caches that shrink on demand (dentries, inodes)",
    "SUnreclaim": "of it, what can't be reclaimed; large kmallocs included",
    "KernelStack": "stacks that threads have in the kernel", "PageTables": "page tables of processes",
    "SecPageTables": "page tables of virtual machines",
    "NFS_Unstable": "always 0 since 5.8", "Bounce": "copies for devices that can't reach high memory",
    "WritebackTmp": "copies of FUSE data that is being written",
    "CommitLimit": "what may be promised in overcommit mode 2: overcommit_ratio percent of memory, and swap",
    "Committed_AS": "what has been promised: it would all be needed if every program touched all its memory",
    "VmallocTotal": "address space for vmalloc, not memory",
    "VmallocUsed": "pages in vmalloc areas, without guard pages",
    "VmallocChunk": "always 0 since 4.4", "Percpu": "memory for variables that each CPU has for itself",
    "HardwareCorrupted": "memory taken out of use after errors",
    "AnonHugePages": "huge pages of programs (transparent)", "ShmemHugePages": "huge pages of shared memory",
    "ShmemPmdMapped": "of it, mapped as huge pages", "FileHugePages": "huge pages of files",
    "FilePmdMapped": "of it, mapped as huge pages", "CmaTotal": "memory set aside for contiguous requests of drivers",
    "CmaFree": "of it, free", "Unaccepted": "memory of a confidential machine that is not accepted yet",
    "Balloon": "memory given back to the host",
    "HugePages_Total": "pages in the pool of huge pages (a number)", "HugePages_Free": "of it, not in use",
    "HugePages_Rsvd": "of it, promised and not yet used", "HugePages_Surp": "pages beyond nr_hugepages",
    "Hugepagesize": "size of a huge page", "Hugetlb": "memory in all pools of huge pages",
    "DirectMap4k": "memory that the kernel maps in 4 KiB pages", "DirectMap2M": "in 2 MiB pages",
    "DirectMap4M": "in 4 MiB pages", "DirectMap1G": "in 1 GiB pages",
  ]

  private static let zoneLines: [String: String] = [
    "free": "pages in free blocks",
    "boost": "pages that the marks are raised by for the moment, after types were mixed",
    "min": "below this only requests with access to reserves are served",
    "low": "below this kswapd is woken", "high": "up to this kswapd works",
    "promo": "up to this kswapd works where memory has tiers",
    "spanned": "pages from the zone's first to its last, holes included",
    "present": "pages that exist", "managed": "pages that the allocator has: present without what was reserved at boot",
    "cma": "pages for contiguous requests of drivers",
    "protection": "pages kept from requests that higher zones could serve, by zone",
    "start_pfn": "the zone's first page frame",
    "node_unreclaimable": "1 if reclaim has given up on the node",
    "pagesets": "pages in per-CPU lists: free, but in no block; shown as count, high and batch of each CPU",
  ]

  private static let eventLines: [String: String] = [
    "pgfault": "page faults", "pgmajfault": "page faults that had to read from disk",
    "pgscan_kswapd": "pages that kswapd looked at", "pgscan_direct": "pages looked at by requests that had to reclaim",
    "pgsteal_kswapd": "pages that kswapd reclaimed", "pgsteal_direct": "pages reclaimed by requests that had to",
    "allocstall_normal": "requests for Normal that had to reclaim by themselves",
    "allocstall_movable": "requests for Movable that had to reclaim by themselves",
    "allocstall_dma32": "requests for DMA32 that had to reclaim by themselves",
    "pswpin": "pages read from swap", "pswpout": "pages written to swap",
    "compact_stall": "requests that compacted memory by themselves", "compact_success": "of them, with success",
    "compact_fail": "of them, without", "compact_migrate_scanned": "pages that compaction looked at to move them",
    "kcompactd_wake": "times that background compaction was woken",
    "thp_fault_alloc": "faults that got a huge page", "thp_fault_fallback": "faults that did not get a huge page",
    "workingset_refault_anon": "pages swapped out too early: needed again soon",
    "workingset_refault_file": "file pages dropped too early: needed again soon",
    "drop_pagecache": "times that somebody dropped the page cache",
    "drop_slab": "times that somebody dropped caches of names and inodes",
    "oom_kill": "processes killed for lack of memory",
  ]
}
