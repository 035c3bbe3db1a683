/// The trace events that this toolkit understands; everything else is counted by name.
@frozen
public enum EventKind: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  case kmalloc
  case kmallocNode
  case kfree
  case kmemCacheAlloc
  case kmemCacheAllocNode
  case kmemCacheFree
  case mmPageAlloc
  case mmPageFree
  case mmPageFreeBatched
  /// The name of `mm_page_free` before Linux 3.3.
  case mmPageFreeDirect
  case mmPageAllocZoneLocked
  case mmPagePCPUDrain
  case mmPageAllocExtfrag
  case rssStat
  /// A text that user space wrote into the trace (`tracing_mark_write`, `print`).
  case mark
  /// A page fault taken in user mode.
  case pageFaultUser
  /// A page fault taken in kernel mode, on behalf of the current task or not.
  case pageFaultKernel
  case schedProcessFork
  case schedProcessExec
  case schedProcessExit
  /// The entry of a system call that changes an address space (`sys_enter_mmap`, …); other calls are counted by name.
  case syscallEnter
  /// The return of such a call.
  case syscallExit
  /// The reclaiming thread begins to work: `mm_vmscan_kswapd_wake`.
  case kswapdWake
  case kswapdSleep
  /// A request wakes the reclaiming thread: `mm_vmscan_wakeup_kswapd`.
  case kswapdWakeup
  /// A request reclaims memory itself.
  case directReclaimBegin
  case directReclaimEnd
  case compactionBegin
  case compactionEnd
  /// A zone is looked at for compaction.
  case compactionSuitable
  case compactionIsolateMigrate
  case compactionIsolateFree
  case compactionMigrate
  /// The OOM killer has chosen a process.
  case oomMarkVictim
  case oomScoreAdjust
  /// A look at a list of inactive pages.
  case lruShrinkInactive
  /// A request that found nothing after reclaim asks whether another try could help.
  case reclaimRetry
  /// Compaction of a zone asks whether it has done enough.
  case compactionFinished
  /// After a failure the next tries are left out.
  case compactionDefer
  /// A request, or the reclaiming thread, wakes the compacting one.
  case kcompactdWakeup
  case kcompactdWake
  case kcompactdSleep
  /// A cache of names, inodes or the like was asked to shrink.
  case shrinkSlab

  /// The name the kernel prints; marks and system calls have several, this is the first.
  public var name: String {
    switch self {
    case .kmalloc: "kmalloc"
    case .kmallocNode: "kmalloc_node"
    case .kfree: "kfree"
    case .kmemCacheAlloc: "kmem_cache_alloc"
    case .kmemCacheAllocNode: "kmem_cache_alloc_node"
    case .kmemCacheFree: "kmem_cache_free"
    case .mmPageAlloc: "mm_page_alloc"
    case .mmPageFree: "mm_page_free"
    case .mmPageFreeBatched: "mm_page_free_batched"
    case .mmPageFreeDirect: "mm_page_free_direct"
    case .mmPageAllocZoneLocked: "mm_page_alloc_zone_locked"
    case .mmPagePCPUDrain: "mm_page_pcpu_drain"
    case .mmPageAllocExtfrag: "mm_page_alloc_extfrag"
    case .rssStat: "rss_stat"
    case .mark: "tracing_mark_write"
    case .pageFaultUser: "page_fault_user"
    case .pageFaultKernel: "page_fault_kernel"
    case .schedProcessFork: "sched_process_fork"
    case .schedProcessExec: "sched_process_exec"
    case .schedProcessExit: "sched_process_exit"
    case .syscallEnter: "sys_enter"
    case .syscallExit: "sys_exit"
    case .kswapdWake: "mm_vmscan_kswapd_wake"
    case .kswapdSleep: "mm_vmscan_kswapd_sleep"
    case .kswapdWakeup: "mm_vmscan_wakeup_kswapd"
    case .directReclaimBegin: "mm_vmscan_direct_reclaim_begin"
    case .directReclaimEnd: "mm_vmscan_direct_reclaim_end"
    case .compactionBegin: "mm_compaction_begin"
    case .compactionEnd: "mm_compaction_end"
    case .compactionSuitable: "mm_compaction_suitable"
    case .compactionIsolateMigrate: "mm_compaction_isolate_migratepages"
    case .compactionIsolateFree: "mm_compaction_isolate_freepages"
    case .compactionMigrate: "mm_compaction_migratepages"
    case .oomMarkVictim: "mark_victim"
    case .oomScoreAdjust: "oom_score_adj_update"
    case .lruShrinkInactive: "mm_vmscan_lru_shrink_inactive"
    case .reclaimRetry: "reclaim_retry_zone"
    case .compactionFinished: "mm_compaction_finished"
    case .compactionDefer: "mm_compaction_defer_compaction"
    case .kcompactdWakeup: "mm_compaction_wakeup_kcompactd"
    case .kcompactdWake: "mm_compaction_kcompactd_wake"
    case .kcompactdSleep: "mm_compaction_kcompactd_sleep"
    case .shrinkSlab: "mm_shrink_slab_end"
    }
  }

  /// Whether the event hands out a slab object.
  @inlinable
  public var isObjectAllocation: Bool {
    switch self {
    case .kmalloc, .kmallocNode, .kmemCacheAlloc, .kmemCacheAllocNode: true
    default: false
    }
  }

  /// Whether the event takes a slab object back.
  @inlinable
  public var isObjectFree: Bool { self == .kfree || self == .kmemCacheFree }

  /// Whether the event tells about a process or its address space instead of an allocator.
  @inlinable
  public var isProcessEvent: Bool {
    rawValue >= EventKind.pageFaultUser.rawValue && rawValue <= EventKind.syscallExit.rawValue
  }

  /// Whether the event tells about reclaim, compaction or the OOM killer.
  @inlinable
  public var isReclaimEvent: Bool { rawValue >= EventKind.kswapdWake.rawValue }
}
