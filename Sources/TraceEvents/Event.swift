public import KernelTypes

/// Small facts about one event.
@frozen
public struct EventFlags: OptionSet, Sendable, BitwiseCopyable {
  public var rawValue: UInt8

  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The allocation failed: its pointer or page is NULL.
  @inlinable public static var failed: EventFlags { EventFlags(rawValue: 1 << 0) }
  /// The allocation is charged to a memory control group (`accounted=true`).
  @inlinable public static var accounted: EventFlags { EventFlags(rawValue: 1 << 1) }
  /// The pointer is a hash (`%p` of a kernel that hides addresses) and carries no address.
  @inlinable public static var hashedPointer: EventFlags { EventFlags(rawValue: 1 << 2) }
  /// The pointer text was a placeholder such as `(____ptrval____)`: it does not even identify the object. Page faults:
  /// the address was printed as a symbol.
  @inlinable public static var unknownPointer: EventFlags { EventFlags(rawValue: 1 << 3) }
  /// zone_locked: the page refills a per-CPU list (`percpu_refill=1`).
  @inlinable public static var perCPURefill: EventFlags { EventFlags(rawValue: 1 << 4) }
  /// extfrag: `fragmenting=1`.
  @inlinable public static var fragmenting: EventFlags { EventFlags(rawValue: 1 << 5) }
  /// extfrag: `change_ownership=1`. rss_stat: `curr=1`.
  @inlinable public static var changeOwnership: EventFlags { EventFlags(rawValue: 1 << 6) }
  /// The event has a task column; without it `comm` and `pid` say nothing.
  @inlinable public static var hasTask: EventFlags { EventFlags(rawValue: 1 << 7) }
}

/// One trace event: a row of an `EventBatch`. Which fields mean something depends on `kind`.
@frozen
public struct Event: Sendable, BitwiseCopyable {
  /// Nanoseconds of the trace's clock (raw ticks for counter clocks).
  public var time: UInt64
  /// Slab events: the object's address. Page events: the page frame number. rss_stat: `mm_id`. Page faults: the address
  /// that faulted. System calls: their first argument. sched_process_fork: the child's PID; exec and exit: the PID.
  /// Compaction: the first frame of a zone or range. reclaim_retry_zone: `min_wmark`.
  public var address: UInt64
  /// Slab allocations: `bytes_req`. extfrag: `fallback_order`. rss_stat: `size`, the bit pattern of an `Int64`. Page
  /// faults: the error code. System calls: the length; at their return, the result. sched_process_fork: the parent's PID.
  /// Isolated ranges: the frame behind the last. mm_compaction_suitable, _finished: the result as the kernel numbers it.
  /// Looks at lists: pages looked at. reclaim_retry_zone: `reclaimable`.
  public var requestedBytes: UInt64
  /// Slab allocations: `bytes_alloc`. extfrag: `fallback_migratetype`. Page faults: the instruction's address, if it is
  /// printed as a number. System calls: protection or advice in the lower half, flags in the upper; mremap: new length.
  /// Isolated ranges: pages taken. Looks at lists: pages reclaimed. reclaim_retry_zone: `available`.
  public var allocatedBytes: UInt64
  /// Where the event stands in the input: a line number from 1, or a byte offset in binary containers.
  public var position: UInt64
  /// Slab events: the `call_site` as printed, without module suffix changes. Page faults: the instruction's symbol.
  public var callSite: StringID
  /// The task's name.
  public var comm: StringID
  /// The `gfp_flags` as printed.
  public var gfp: StringID
  /// kmem_cache events: the cache's name where the kernel says it. Marks: the text. rss_stat: the member.
  /// System calls: their name. sched_process_fork: the child's name. sched_process_exec: the file. Events of a zone: its
  /// name.
  public var name: StringID
  /// The stack trace that follows the event, or `.none`.
  public var stack: StackID
  public var pid: Int32
  /// The NUMA node asked for, −1 if none. extfrag: `pageblock_order`. mmap: the file descriptor.
  public var node: Int16
  public var cpu: UInt16
  public var kind: EventKind
  /// Page events: the block's order. extfrag: `alloc_order`. mremap: the flags. mm_compaction_end: the result.
  public var order: UInt8
  /// Page events: the migrate type as the kernel numbers it. extfrag: `alloc_migratetype`. reclaim_retry_zone:
  /// `wmark_check`.
  public var migrateType: UInt8
  public var flags: EventFlags

  @inlinable
  public init(kind: EventKind, time: UInt64 = 0, cpu: UInt16 = 0) {
    self.time = time
    address = 0
    requestedBytes = 0
    allocatedBytes = 0
    position = 0
    callSite = .none
    comm = .none
    gfp = .none
    name = .none
    stack = .none
    pid = 0
    node = -1
    self.cpu = cpu
    self.kind = kind
    order = 0
    migrateType = 0
    // Not an array literal: unoptimised callers and other modules would build it on the heap, once an event.
    flags = EventFlags(rawValue: 0)
  }
}
