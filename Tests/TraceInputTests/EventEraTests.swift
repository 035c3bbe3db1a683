import KernelTypes
import TestSupport
import Testing
import TraceEvents
import TraceInput

/// One literal line of each event of each era, and what must come out of it.
@Suite("Events of every era")
struct EventEraTests {
  struct Expectation: Sendable, CustomTestStringConvertible {
    var era: String
    var line: String
    var kind: EventKind
    var address: UInt64
    var requested: UInt64 = 0
    var allocated: UInt64 = 0
    var callSite = ""
    var gfp = ""
    var name = ""
    var node: Int16 = -1
    var order: UInt8 = 0
    var type: UInt8 = 0
    var flags: EventFlags = []
    var features: EraFeatures = []
    var testDescription: String { "\(kind.name) of \(era)" }
  }

  private static let old = "              ls-1234  [001] d..1   100.000123: "
  private static let new = "              wl-66      [001] d..1.   100.000123: "

  static let expectations: [Expectation] = [
    Expectation(
      era: "2.6.32",
      line: old + "kmalloc: call_site=c104dd2f ptr=c147dd20 bytes_req=60 bytes_alloc=64 "
        + "gfp_flags=GFP_KERNEL|GFP_ZERO",
      kind: .kmalloc, address: 0xC147_DD20, requested: 60, allocated: 64, callSite: "c104dd2f",
      gfp: "GFP_KERNEL|GFP_ZERO", features: [.rawCallSites, .plainModifierNames]),
    Expectation(
      era: "3.6",
      line: old + "kmalloc_node: call_site=ffffffff81619b36 ptr=ffff88003d4a8000 bytes_req=512 "
        + "bytes_alloc=512 gfp_flags=GFP_ATOMIC|GFP_NOWARN node=0",
      kind: .kmallocNode, address: 0xFFFF_8800_3D4A_8000, requested: 512, allocated: 512,
      callSite: "ffffffff81619b36", gfp: "GFP_ATOMIC|GFP_NOWARN", node: 0,
      features: [.rawCallSites, .plainModifierNames, .nodeEvents]),
    Expectation(
      era: "3.6",
      line: old + "kmem_cache_alloc_node: call_site=ffffffff814a6b4a ptr=ffff880036c3f600 bytes_req=232 "
        + "bytes_alloc=256 gfp_flags=GFP_KERNEL node=-1",
      kind: .kmemCacheAllocNode, address: 0xFFFF_8800_36C3_F600, requested: 232, allocated: 256,
      callSite: "ffffffff814a6b4a", gfp: "GFP_KERNEL", features: [.rawCallSites, .nodeEvents]),
    Expectation(
      era: "3.6", line: old + "kmem_cache_free: call_site=c10c1d64 ptr=df9fa1b8", kind: .kmemCacheFree,
      address: 0xDF9F_A1B8, callSite: "c10c1d64", features: [.rawCallSites]),
    Expectation(
      era: "3.6", line: old + "kfree: call_site=ffffffff8115f4b3 ptr=          (null)", kind: .kfree, address: 0,
      callSite: "ffffffff8115f4b3", features: [.rawCallSites]),
    Expectation(
      era: "3.6",
      line: old + "mm_page_alloc: page=c1a0b0c0 pfn=125318 order=2 migratetype=0 gfp_flags=GFP_KERNEL|GFP_COMP",
      kind: .mmPageAlloc, address: 125318, gfp: "GFP_KERNEL|GFP_COMP", order: 2,
      features: [.decimalFrames, .plainModifierNames]),
    Expectation(
      era: "3.6, failed",
      line: old + "mm_page_alloc: page=          (null) pfn=18446601391869276160 order=4 "
        + "migratetype=2 gfp_flags=GFP_HIGHUSER_MOVABLE",
      kind: .mmPageAlloc, address: 18_446_601_391_869_276_160, gfp: "GFP_HIGHUSER_MOVABLE", order: 4, type: 2,
      flags: .failed, features: [.decimalFrames]),
    Expectation(
      era: "2.6.32", line: old + "mm_page_free_direct: page=ffffea0000a3d218 pfn=191237 order=0",
      kind: .mmPageFreeDirect, address: 191_237, features: [.decimalFrames, .directPageFrees]),
    Expectation(
      era: "2.6.32, batched", line: old + "mm_pagevec_free: page=ffffea0000a3d218 pfn=191237 order=0 cold=0",
      kind: .mmPageFreeDirect, address: 191_237, features: [.decimalFrames, .directPageFrees, .coldBatchedFrees]),
    Expectation(
      era: "3.6", line: old + "mm_page_free_batched: page=ffffea0000a3d218 pfn=191237 order=0 cold=0",
      kind: .mmPageFreeBatched, address: 191_237, features: [.decimalFrames, .coldBatchedFrees]),
    Expectation(
      era: "3.6",
      line: old + "mm_page_alloc_zone_locked: page=ffffea0000a3d218 pfn=191237 order=0 migratetype=2 "
        + "percpu_refill=1",
      kind: .mmPageAllocZoneLocked, address: 191_237, type: 2, flags: .perCPURefill, features: [.decimalFrames]),
    Expectation(
      era: "5.4",
      line: old + "kmalloc: call_site=alloc_pipe_info+0x5f/0x1a0 ptr=00000000abcd1234 bytes_req=1024 "
        + "bytes_alloc=1024 gfp_flags=GFP_KERNEL_ACCOUNT|__GFP_ZERO",
      kind: .kmalloc, address: 0xABCD_1234, requested: 1024, allocated: 1024,
      callSite: "alloc_pipe_info+0x5f/0x1a0", gfp: "GFP_KERNEL_ACCOUNT|__GFP_ZERO", flags: .hashedPointer,
      features: [.symbolicCallSites, .underscoreModifierNames]),
    Expectation(
      era: "5.4, module", line: old + "kfree: call_site=ext4_ext_map_blocks+0x108e/0x10ef [ext4] ptr=ffff888005c47b40",
      kind: .kfree, address: 0xFFFF_8880_05C4_7B40, callSite: "ext4_ext_map_blocks+0x108e/0x10ef [ext4]",
      features: [.symbolicCallSites]),
    Expectation(
      era: "5.4, hash key not ready", line: old + "kfree: call_site=init+0x1/0x2 ptr=(____ptrval____)", kind: .kfree,
      address: 0, callSite: "init+0x1/0x2", flags: .unknownPointer, features: [.symbolicCallSites]),
    Expectation(
      era: "5.15",
      line: old + "kmem_cache_free: call_site=rcu_core+0x204/0x3ca ptr=ffff888005b13200 "
        + "name=task_struct(113:user slice)",
      kind: .kmemCacheFree, address: 0xFFFF_8880_05B1_3200, callSite: "rcu_core+0x204/0x3ca",
      name: "task_struct(113:user slice)", features: [.symbolicCallSites, .nameInFree]),
    Expectation(
      era: "5.15", line: old + "mm_page_free: page=ffffea000016ca00 pfn=0x5b28 order=9", kind: .mmPageFree,
      address: 0x5B28, order: 9, features: [.hexadecimalFrames]),
    Expectation(
      era: "6.1",
      line: new + "kmalloc: call_site=kvmalloc_node+0x3f/0xc7 ptr=ffff88800309c6c8 bytes_req=2 "
        + "bytes_alloc=8 gfp_flags=GFP_KERNEL|__GFP_ZERO node=-1 accounted=false",
      kind: .kmalloc, address: 0xFFFF_8880_0309_C6C8, requested: 2, allocated: 8,
      callSite: "kvmalloc_node+0x3f/0xc7", gfp: "GFP_KERNEL|__GFP_ZERO",
      features: [.accounted, .nodeInKmalloc, .symbolicCallSites, .underscoreModifierNames, .fiveFlagColumns]),
    Expectation(
      era: "6.1",
      line: new + "kmem_cache_alloc: call_site=getname_flags+0x24/0x149 ptr=ffff888002521000 "
        + "bytes_req=4096 bytes_alloc=4096 gfp_flags=GFP_KERNEL node=1 accounted=true",
      kind: .kmemCacheAlloc, address: 0xFFFF_8880_0252_1000, requested: 4096, allocated: 4096,
      callSite: "getname_flags+0x24/0x149", gfp: "GFP_KERNEL", node: 1, flags: .accounted,
      features: [.accounted, .nodeInKmalloc, .symbolicCallSites, .fiveFlagColumns]),
    Expectation(
      era: "6.1, failed",
      line: new + "kmalloc: call_site=f+0x3f/0xc7 ptr=0000000000000000 bytes_req=70000 "
        + "bytes_alloc=0 gfp_flags=GFP_NOWAIT node=-1 accounted=false",
      kind: .kmalloc, address: 0, requested: 70000, callSite: "f+0x3f/0xc7", gfp: "GFP_NOWAIT", flags: .failed,
      features: [.accounted, .nodeInKmalloc, .symbolicCallSites, .fiveFlagColumns]),
    Expectation(
      era: "6.1, NULL", line: new + "kfree: call_site=vmstat_stop+0xd/0x15 ptr=0000000000000000", kind: .kfree,
      address: 0, callSite: "vmstat_stop+0xd/0x15", features: [.symbolicCallSites, .fiveFlagColumns]),
    Expectation(
      era: "6.1, ZERO_SIZE_PTR", line: new + "kfree: call_site=vmstat_stop+0xd/0x15 ptr=0000000000000010",
      kind: .kfree, address: 0x10, callSite: "vmstat_stop+0xd/0x15",
      features: [.symbolicCallSites, .fiveFlagColumns]),
    Expectation(
      era: "6.1",
      line: new + "kmem_cache_free: call_site=do_sys_openat2+0xae/0xbc ptr=ffff888002521000 name=names_cache",
      kind: .kmemCacheFree, address: 0xFFFF_8880_0252_1000, callSite: "do_sys_openat2+0xae/0xbc", name: "names_cache",
      features: [.symbolicCallSites, .nameInFree, .fiveFlagColumns]),
    Expectation(
      era: "6.1",
      line: new + "mm_page_alloc: page=ffffea00000c8c00 pfn=0x3230 order=1 migratetype=0 "
        + "gfp_flags=__GFP_IO|__GFP_FS|__GFP_NOWARN",
      kind: .mmPageAlloc, address: 0x3230, gfp: "__GFP_IO|__GFP_FS|__GFP_NOWARN", order: 1,
      features: [.hexadecimalFrames, .underscoreModifierNames, .fiveFlagColumns]),
    Expectation(
      era: "6.1, failed",
      line: new + "mm_page_alloc: page=0000000000000000 pfn=0x0 order=9 migratetype=1 gfp_flags=GFP_TRANSHUGE",
      kind: .mmPageAlloc, address: 0, gfp: "GFP_TRANSHUGE", order: 9, type: 1, flags: .failed,
      features: [.hexadecimalFrames, .fiveFlagColumns]),
    Expectation(
      era: "6.1", line: new + "mm_page_free_batched: page=ffffea00000b3bc0 pfn=0x2cef order=0",
      kind: .mmPageFreeBatched, address: 0x2CEF, features: [.hexadecimalFrames, .fiveFlagColumns]),
    Expectation(
      era: "6.1", line: new + "mm_page_pcpu_drain: page=ffffea00000bd8c0 pfn=0x2f63 order=3 migratetype=1",
      kind: .mmPagePCPUDrain, address: 0x2F63, order: 3, type: 1, features: [.hexadecimalFrames, .fiveFlagColumns]),
    Expectation(
      era: "6.1",
      line: new + "mm_page_alloc_zone_locked: page=ffffea00000b3e00 pfn=0x2cf8 order=2 migratetype=1 "
        + "percpu_refill=0",
      kind: .mmPageAllocZoneLocked, address: 0x2CF8, order: 2, type: 1,
      features: [.hexadecimalFrames, .fiveFlagColumns]),
    Expectation(
      era: "6.1",
      line: new + "mm_page_alloc_extfrag: page=ffffea000005c000 pfn=0x1700 alloc_order=1 fallback_order=8 "
        + "pageblock_order=9 alloc_migratetype=2 fallback_migratetype=1 fragmenting=1 change_ownership=1",
      kind: .mmPageAllocExtfrag, address: 0x1700, requested: 8, allocated: 1, node: 9, order: 1, type: 2,
      flags: [.fragmenting, .changeOwnership], features: [.hexadecimalFrames, .fiveFlagColumns]),
    Expectation(
      era: "5.10", line: old + "rss_stat: mm_id=2206645770 curr=1 member=0 size=-4096B", kind: .rssStat,
      address: 2_206_645_770, requested: UInt64(bitPattern: -4096), name: "0", flags: .changeOwnership),
    Expectation(
      era: "6.1", line: new + "rss_stat: mm_id=7 curr=0 type=MM_ANONPAGES size=184320B", kind: .rssStat, address: 7,
      requested: 184_320, name: "MM_ANONPAGES", features: .fiveFlagColumns),
    Expectation(
      era: "6.18",
      line: new + "kmem_cache_alloc: call_site=alloc_empty_file+0x3c/0xe0 ptr=ffff888165c52480 name=filp "
        + "bytes_req=184 bytes_alloc=192 gfp_flags=GFP_KERNEL node=-1 accounted=true",
      kind: .kmemCacheAlloc, address: 0xFFFF_8881_65C5_2480, requested: 184, allocated: 192,
      callSite: "alloc_empty_file+0x3c/0xe0", gfp: "GFP_KERNEL", name: "filp", flags: .accounted,
      features: [.accounted, .nodeInKmalloc, .nameInAlloc, .symbolicCallSites, .fiveFlagColumns]),
    Expectation(
      era: "6.18, name with spaces",
      line: new + "kmem_cache_alloc: call_site=f+0x3c/0xe0 ptr=ffff888165c52480 "
        + "name=my cache (x=1) bytes_req=184 bytes_alloc=192 gfp_flags=GFP_KERNEL node=-1 accounted=false",
      kind: .kmemCacheAlloc, address: 0xFFFF_8881_65C5_2480, requested: 184, allocated: 192, callSite: "f+0x3c/0xe0",
      gfp: "GFP_KERNEL", name: "my cache (x=1)",
      features: [.accounted, .nodeInKmalloc, .nameInAlloc, .symbolicCallSites, .fiveFlagColumns]),
    Expectation(
      era: "6.1", line: new + "page_fault_user: address=0x7ffd07b14690 ip=0x412edb error_code=0x6",
      kind: .pageFaultUser, address: 0x7FFD_07B1_4690, requested: 6, allocated: 0x412EDB),
    Expectation(
      era: "6.1", line: new + "page_fault_kernel: address=0x30d8690 ip=__put_user_nocheck_4 error_code=0x3",
      kind: .pageFaultKernel, address: 0x30D_8690, requested: 3, callSite: "__put_user_nocheck_4"),
    Expectation(
      era: "6.1, perf", line: new + "exceptions:page_fault_user: address=init_task+0x10 ip=do_it error_code=0x4",
      kind: .pageFaultUser, address: 0, requested: 4, callSite: "do_it", flags: .unknownPointer),
    Expectation(
      era: "6.1", line: new + "sched_process_fork: comm=a child_pid=7 pid=65 child_comm=b c child_pid=66",
      kind: .schedProcessFork, address: 66, requested: 65, name: "b c"),
    Expectation(
      era: "6.1", line: new + "sched_process_exec: filename=/bin/a b pid=66 old_pid=66", kind: .schedProcessExec,
      address: 66, requested: 66, name: "/bin/a b"),
    Expectation(
      era: "6.1", line: new + "sched_process_exit: comm=wl pid=66 prio=120", kind: .schedProcessExit, address: 66),
    Expectation(
      era: "6.1",
      line: new + "sys_mmap(addr: 0, len: 1000, prot: 3, flags: 22, fd: ffffffffffffffff, off: 0)",
      kind: .syscallEnter, address: 0, requested: 0x1000, allocated: 0x22_0000_0003, name: "mmap"),
    Expectation(
      era: "6.1", line: new + "sys_mmap -> 0x7f0a1c000000", kind: .syscallExit, address: 0,
      requested: 0x7F0A_1C00_0000, name: "mmap"),
    Expectation(
      era: "6.1, trace-cmd",
      line: new + "sys_enter_mremap: addr: 0x7f0a1c000000, old_len: 0x1000, new_len: 0x2000, flags: 0x1, new_addr: 0x0",
      kind: .syscallEnter, address: 0x7F0A_1C00_0000, requested: 0x1000, allocated: 0x2000, name: "mremap", order: 1),
    Expectation(
      era: "6.1, trace-cmd", line: new + "syscalls:sys_exit_brk: 0x55d0c0000000", kind: .syscallExit, address: 0,
      requested: 0x55D0_C000_0000, name: "brk"),
    Expectation(
      era: "6.1", line: new + "mm_vmscan_wakeup_kswapd: nid=0 order=3 gfp_flags=GFP_ATOMIC", kind: .kswapdWakeup,
      address: 0, gfp: "GFP_ATOMIC", node: 0, order: 3),
    Expectation(
      era: "6.1", line: new + "mm_vmscan_kswapd_wake: nid=1 order=0", kind: .kswapdWake, address: 0, node: 1),
    Expectation(
      era: "6.1", line: new + "mm_vmscan_direct_reclaim_end: nr_reclaimed=43", kind: .directReclaimEnd, address: 0,
      requested: 43),
    Expectation(
      era: "6.1, perf",
      line: new
        + "compaction:mm_compaction_begin: zone_start=0x1 migrate_pfn=0x2 free_pfn=0xe00 zone_end=0x1000, mode=sync",
      kind: .compactionBegin, address: 1, requested: 2, allocated: 0xE00),
    Expectation(
      era: "6.1", line: new + "mm_compaction_isolate_migratepages: range=(0x1 ~ 0x200) nr_scanned=436 nr_taken=144",
      kind: .compactionIsolateMigrate, address: 1, requested: 0x200, allocated: 144),
    Expectation(
      era: "3.5", line: old + "mm_compaction_isolate_freepages: nr_scanned=436 nr_taken=144",
      kind: .compactionIsolateFree, address: 0, allocated: 144),
    Expectation(
      era: "6.1", line: new + "mm_compaction_suitable: node=1 zone=DMA32    order=9 ret=skipped",
      kind: .compactionSuitable, address: 0, requested: 1, name: "DMA32", node: 1, order: 9),
    Expectation(
      era: "6.1", line: new + "mm_compaction_finished: node=0 zone=Normal   order=-1 ret=no_suitable_page",
      kind: .compactionFinished, address: 0, requested: 3, name: "Normal", node: 0, order: 255),
    Expectation(
      era: "6.1",
      line: new
        + "mm_compaction_end: zone_start=0x1 migrate_pfn=0x600 free_pfn=0x600 zone_end=0x1000, mode=sync "
        + "status=partial_skipped",
      kind: .compactionEnd, address: 1, requested: 0x600, allocated: 0x600, order: 6),
    Expectation(
      era: "6.1",
      line: new + "mm_compaction_defer_compaction: node=0 zone=DMA      order=9 order_failed=0 consider=3 limit=4",
      kind: .compactionDefer, address: 0, requested: 3, allocated: 2, name: "DMA", node: 0, order: 9),
    Expectation(
      era: "6.1", line: new + "mm_compaction_wakeup_kcompactd: nid=0 order=9 classzone_idx=Movable ",
      kind: .kcompactdWakeup, address: 0, node: 0, order: 9),
    Expectation(
      era: "6.1", line: new + "mm_compaction_kcompactd_sleep: nid=1", kind: .kcompactdSleep, address: 0, node: 1),
    Expectation(
      era: "6.1",
      line: new
        + "reclaim_retry_zone: node=0 zone=DMA32    order=2 reclaimable=2808 available=2937 min_wmark=130 "
        + "no_progress_loops=0 wmark_check=1",
      kind: .reclaimRetry, address: 130, requested: 2808, allocated: 2937, name: "DMA32", node: 0, order: 2, type: 1),
    Expectation(
      era: "6.1",
      line: new
        + "mm_vmscan_lru_shrink_inactive: nid=0 nr_scanned=32 nr_reclaimed=22 nr_dirty=0 nr_writeback=0 nr_congested=0 "
        + "nr_immediate=0 nr_activate_anon=0 nr_activate_file=0 nr_ref_keep=0 nr_unmap_fail=0 priority=12 flags=X",
      kind: .lruShrinkInactive, address: 0, requested: 32, allocated: 22, node: 0),
    Expectation(
      era: "6.1", line: new + "mark_victim: pid=68 comm=wl total-vm=74116kB anon-rss=23572kB oom_score_adj=1000",
      kind: .oomMarkVictim, address: 68),
    Expectation(
      era: "6.1", line: new + "oom_score_adj_update: pid=68 comm=wl oom_score_adj=-17", kind: .oomScoreAdjust,
      address: 68, requested: 0 &- 17),
    Expectation(
      era: "any", line: new + "tracing_mark_write: WL snap-begin: t0", kind: .mark, address: 0,
      name: "WL snap-begin: t0"),
  ]

  @Test("is read with every field", arguments: expectations, [false, true])
  func everyField(expected: Expectation, usesFastPath: Bool) throws {
    // Three times, so that the fast path has learned the line and its end.
    let text = String(repeating: expected.line + "\n", count: 3)
    let trace = try readTrace(text, usesFastPath: usesFastPath)
    try #require(trace.events.count == 3)
    for (index, event) in trace.events.enumerated() {
      #expect(event.kind == expected.kind)
      #expect(event.address == expected.address)
      #expect(event.requestedBytes == expected.requested)
      #expect(event.allocatedBytes == expected.allocated)
      #expect(trace.text(event.callSite) == expected.callSite)
      #expect(trace.text(event.gfp) == expected.gfp)
      #expect(trace.text(event.name) == expected.name)
      #expect(event.node == expected.node)
      #expect(event.order == expected.order)
      #expect(event.migrateType == expected.type)
      #expect(event.flags == expected.flags.union(.hasTask))
      #expect(event.time == 100_000_123_000)
      #expect(event.cpu == 1)
      #expect(event.position == UInt64(index + 1))
    }
    #expect(trace.context.features.isSuperset(of: expected.features))
    #expect(trace.statistics[.malformedLines] == 0)
  }

  @Test("gives fields by their keys in any order")
  func anyOrder() throws {
    let line =
      Self.new + "kmalloc: node=2 gfp_flags=GFP_NOFS future=[1 2] bytes_alloc=96 ptr=ffff888002521000 "
      + "bytes_req=70 call_site=f+0x1/0x2\n"
    let trace = try readTrace(line)
    let event = try #require(trace.events.first)
    #expect(event.requestedBytes == 70)
    #expect(event.allocatedBytes == 96)
    #expect(event.node == 2)
    #expect(trace.text(event.callSite) == "f+0x1/0x2")
  }

  @Test("tells the width of pointers", arguments: [("c147dd20", 4), ("ffff888002521000", 8), ("00000000abcd1234", 8)])
  func pointerWidth(pointer: String, bytes: Int) throws {
    let trace = try readTrace(Self.new + "kfree: call_site=f+0x1/0x2 ptr=\(pointer)\n")
    #expect(trace.context.pointerBytes == bytes)
  }

  @Test("counts hashed and unknown pointers")
  func pointerCounters() throws {
    let text = ["00000000abcd1234", "(ptrval)", "(____ptrval____)", "0000000000000000", "ffff888002521000"]
      .map { Self.new + "kfree: call_site=f+0x1/0x2 ptr=\($0)\n" }.joined()
    let trace = try readTrace(text)
    #expect(trace.statistics[.hashedPointers] == 1)
    #expect(trace.statistics[.unknownPointers] == 2)
  }

  @Test("counts events it doesn't interpret by name")
  func otherEvents() throws {
    let text =
      Self.new + "sched_switch: prev_comm=a prev_pid=1 ==> next_comm=b\n" + Self.new
      + "mm_page_pcpu_refill: page=ffffea00000bd8c0 pfn=0x2f63 order=3 migratetype=1\n" + Self.new
      + "sched_switch: prev_comm=a prev_pid=1 ==> next_comm=b\n" + Self.new + "bprint: f: text\n"
    let trace = try readTrace(text)
    #expect(trace.events.isEmpty)
    #expect(trace.statistics[.unknownEvents] == 4)
    let names = trace.statistics.otherEvents.map { "\(trace.text($0.key)) \($0.value)" }.sorted()
    #expect(names == ["bprint 1", "mm_page_pcpu_refill 1", "sched_switch 2"])
  }
}
