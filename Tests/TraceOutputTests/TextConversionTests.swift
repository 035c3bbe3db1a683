import KernelTypes
import TestSupport
import Testing
import TraceEvents
import TraceInput
import TraceOutput

@Suite("Text that was written")
struct TextConversionTests {
  @Test("gives the same events, features and counters when it is read again", arguments: sampleNames)
  func roundTrip(name: String) throws {
    let original = try readAll(TraceInput.open(path: SampleTraces.path(name)))
    let text = try converted(TraceInput.open(path: SampleTraces.path(name))) { FtraceTextWriter($0) }
    let again = try readTrace(text)
    #expect(again.events.map(again.meaning) == original.events.map(original.meaning))
    #expect(again.context.features == original.context.features)
    #expect(again.context.headerCPUCount == original.context.headerCPUCount)
    #expect(again.context.entriesWritten == original.context.entriesWritten)
    // A trace of page events alone shows its pointers' size in `page=`, which events don't carry.
    let hasPointers = original.events.contains { $0.kind.isObjectAllocation || $0.kind.isObjectFree }
    #expect(again.context.pointerBytes == (hasPointers ? original.context.pointerBytes : nil))
    #expect(again.context.container == .ftraceText)
    #expect(again.statistics[.malformedLines] == 0)
    #expect(again.statistics.eventsByKind == original.statistics.eventsByKind)
    #expect(again.statistics[.hashedPointers] == original.statistics[.hashedPointers])
  }

  private static let eras = """
    # tracer: nop
    #
    # entries-in-buffer/entries-written: 10/30   #P:4
    #
                bash-8242  [003] ....  1423.994636: kmalloc: call_site=c104dd2f ptr=c147dd20 bytes_req=10 bytes_alloc=16 gfp_flags=GFP_KERNEL|GFP_ZERO
                bash-8242  [003] ....  1423.994637: kmalloc_node: call_site=c104dd2f ptr=  (null) bytes_req=10 bytes_alloc=16 gfp_flags=GFP_KERNEL node=-1
                bash-8242  [003] ....  1423.994638: kmem_cache_alloc: call_site=c104dd2f ptr=(____ptrval____) bytes_req=10 bytes_alloc=16 gfp_flags=GFP_KERNEL
           a b-c [d]-77    [000] ....  1423.994639: kfree: call_site=c104dd2f ptr=c147dd20
                bash-8242  [003] ....  1423.994640: kmem_cache_free: call_site=c104dd2f ptr=c147dd24
                bash-8242  [003] ....  1423.994641: mm_page_alloc: page=c1a00000 pfn=4096 order=2 migratetype=1 gfp_flags=GFP_KERNEL
                bash-8242  [003] ....  1423.994642: mm_page_alloc: page=  (null) pfn=0 order=9 migratetype=2 gfp_flags=GFP_KERNEL
                bash-8242  [003] ....  1423.994643: mm_page_free_batched: page=c1a00000 pfn=4096 order=0 cold=1
                bash-8242  [003] ....  1423.994644: mm_page_alloc_zone_locked: page=c1a00000 pfn=4097 order=0 migratetype=1 percpu_refill=1
                bash-8242  [003] ....  1423.994645: mm_page_pcpu_drain: page=c1a00000 pfn=4097 order=0 migratetype=1
                bash-8242  [003] ....  1423.994646: mm_page_alloc_extfrag: page=c1a00000 pfn=5 alloc_order=1 fallback_order=3 pageblock_order=9 alloc_migratetype=0 fallback_migratetype=2 fragmenting=1 change_ownership=0
                bash-8242  [003] ....  1423.994647: rss_stat: mm_id=77 curr=1 member=1 size=-4096B
                bash-8242  [003] ....  1423.994648: tracing_mark_write: a mark, with  spaces
    CPU:2 [LOST 12 EVENTS]
    """ + "\n"

  @Test("of an old 32-bit kernel is in that kernel's spelling")
  func oldKernel() throws {
    let original = try readTrace(Self.eras)
    #expect(original.events.count == 13)
    let text = try converted(TraceInput.open(bytes: Array(Self.eras.utf8))) { FtraceTextWriter($0) }
    let again = try readTrace(text)
    #expect(again.events.map(again.meaning) == original.events.map(original.meaning))
    #expect(again.context.features == original.context.features)
    #expect(again.context.pointerBytes == 4)
    #expect(again.statistics[.lostEvents] == 12)
    #expect(again.statistics[.overwrittenEntries] == 20)
    let expected = try ExpectedFiles.snapshot("old-kernel.txt", insteadOf: String(decoding: text, as: UTF8.self))
    #expect(String(decoding: text, as: UTF8.self) == expected)
  }

  @Test("keeps nanoseconds, ticks and tasks that nobody named")
  func times() throws {
    for line in [
      "            bash-8242    [003] ..... 1423.994636123: kfree: call_site=a+0x1/0x2 ptr=ffff888000001000\n",
      "            bash-8242    [003] ..... 142399463: kfree: call_site=a+0x1/0x2 ptr=ffff888000001000\n",
      " [003] 1423.994636: kmem:kfree: call_site=a+0x1/0x2 ptr=ffff888000001000\n",
    ] {
      let original = try readTrace(line)
      let text = try converted(TraceInput.open(bytes: Array(line.utf8))) { FtraceTextWriter($0) }
      let again = try readTrace(text)
      #expect(again.events.map(again.meaning) == original.events.map(original.meaning))
      #expect(again.context.clock == original.context.clock)
    }
  }

  @Test("has page faults, process events and mapping calls as they were")
  func processEvents() throws {
    let prefix = "            bash-8242    [003] ..... 1423.994636: "
    let lines = [
      "page_fault_user: address=0x7f0012345678 ip=0x7f0000001000 error_code=0x6",
      "page_fault_kernel: address=some_symbol+0x10/0x20 ip=copy_user+0x1/0x2 error_code=0x2",
      "sched_process_fork: comm=bash pid=8242 child_comm=a b child_pid=8250",
      "sched_process_exec: filename=/bin/a b pid=8250 old_pid=8250",
      "sched_process_exit: comm=bash pid=8242 prio=120",
      "sys_mmap(addr: 0, len: 1000, prot: 3, flags: 22, fd: ffffffffffffffff, off: 0)",
      "sys_mmap -> 0x7f0a1c000000", "sys_munmap(addr: 7f0a1c000000, len: 1000)",
      "sys_mprotect(start: 7f0a1c000000, len: 1000, prot: 1)", "sys_brk(brk: 55d0c0000000)",
      "sys_mremap(addr: 7f0a1c000000, old_len: 1000, new_len: 2000, flags: 1, new_addr: 0)",
      "sys_madvise(start: 7f0a1c000000, len_in: 1000, behavior: 4)",
    ]
    let text = lines.map { prefix + $0 + "\n" }.joined()
    let original = try readTrace(text)
    #expect(original.events.count == lines.count)
    let again = try readTrace(converted(TraceInput.open(bytes: Array(text.utf8))) { FtraceTextWriter($0) })
    #expect(again.events.map(again.meaning) == original.events.map(original.meaning))
  }

  @Test("as CSV has a line an event and quotes what needs it")
  func csv() throws {
    let csv = try converted(TraceInput.open(bytes: Array(Self.eras.utf8))) { CSVTraceWriter($0) }
    let text = String(decoding: csv, as: UTF8.self)
    #expect(text == (try ExpectedFiles.snapshot("old-kernel.csv", insteadOf: text)))
    #expect(text.split(separator: "\r\n").count == 14)
    let fields = text.split(separator: "\r\n").map { line in
      line.split(separator: ",", omittingEmptySubsequences: false)
    }
    #expect(fields.dropLast().allSatisfy { $0.count == 18 })
  }
}
