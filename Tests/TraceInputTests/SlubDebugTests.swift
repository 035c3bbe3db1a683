import TestSupport
import Testing
import TraceEvents

@testable import TraceInput

@Suite("Kernel logs of slub_debug=T")
struct SlubDebugTests {
  /// A real excerpt: `slub_debug=T,kmalloc-64` on Linux 6.1, and what ftrace saw of the same thousand calls.
  @Test("have the same calls as the ftrace of the same time: kind, object, size, call site, task")
  func sameAsFtrace() throws {
    let log = try readAll(TraceInput.open(path: SampleTraces.file("6.1-slub-smp1-slubdebug/dmesg.txt.zst")))
    let trace = try readAll(TraceInput.open(path: SampleTraces.path("6.1-slub-smp1-slubdebug")))
    #expect(log.events.count == 1000)
    #expect(log.context.container == .slubDebugLog)
    #expect(log.context.kernelRelease == "6.1.192-lab-slub")
    #expect(log.statistics[.malformedLines] == 0)
    func describe(_ event: Event, _ read: ReadTrace) -> String {
      "\(event.kind) \(event.address) \(event.allocatedBytes) \(event.pid) \(read.text(event.comm)) "
        + read.text(event.callSite)
    }
    #expect(log.events.map { describe($0, log) } == trace.events.map { describe($0, trace) })
    #expect(log.events.allSatisfy { log.text($0.name) == "kmalloc-64" && $0.stack != .none })
    #expect(log.statistics[.assumedRequests] == log.statistics.eventsByKind[Int(EventKind.kmalloc.rawValue)])
    // Printed within a second and a half of being traced, by two clocks of one machine.
    for (left, right) in zip(log.events, trace.events) { #expect(right.time - left.time < 1_500_000_000) }
  }

  struct Era: Sendable, CustomTestStringConvertible {
    var what: String
    var text: String
    var expected: String
    var frames: Int
    var testDescription: String { what }
  }

  static let eras = [
    Era(
      what: "ARM, Linux 3.0, without time",
      text: """
        TRACE kmalloc-128 alloc 0x83df8300 inuse=16 fp=0x  (null)
        [<80014294>] (unwind_backtrace+0x0/0xf0) from [<8009c4c4>] (alloc_debug_processing+0x90/0x12c)
        [<8009c4c4>] (alloc_debug_processing+0x90/0x12c) from [<8009d0e8>] (__slab_alloc.constprop.0+0x2e4/0x344)
        [<8009d0e8>] (__slab_alloc.constprop.0+0x2e4/0x344) from [<8009d2c0>] (kmem_cache_alloc+0xa4/0xf8)
        [<8009d2c0>] (kmem_cache_alloc+0xa4/0xf8) from [<801c1a2c>] (my_probe+0x1c/0x58 [my_driver])
        """, expected: "kmalloc 83df8300 128 0 0 0||my_probe+0x1c/0x58 [my_driver]|kmalloc-128", frames: 4),
    Era(
      what: "ARM, Linux 6.1",
      text: """
        [    1.000000] TRACE kmalloc-64 free 0xc1a2b300 inuse=3 fp=0x00000000
        [    1.000000] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0 #1
        [    1.000001]  unwind_backtrace from show_stack+0x10/0x14
        [    1.000002]  show_stack from dump_stack_lvl+0x40/0x4c
        [    1.000003]  dump_stack_lvl from free_debug_processing+0x100/0x200
        [    1.000004]  free_debug_processing from __slab_free+0x80/0x300
        [    1.000005]  __slab_free from kfree+0x90/0x120
        [    1.000006]  kfree from single_release+0x24/0x2c
        """, expected: "kfree c1a2b300 0 1000000000 0 1|init|single_release+0x24/0x2c|kmalloc-64", frames: 6),
    Era(
      what: "x86-64, Linux 3.5",
      text: """
        <6>[   12.345678] TRACE dentry free 0xffff880003c8d0c0 inuse=20 fp=0xffff880003c8d180
        <6>[   12.345700] Object ffff880003c8d0c0: 00 00 00 00 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b  ....kkkkkkkkkkkk
        <6>[   12.345700] Object ffff880003c8d0d0: 00 00 00 00 6b 6b 6b a5                          ....kkk.
        <4>[   12.345712] Pid: 42, comm: my app Not tainted 3.5.0 #1
        <4>[   12.345713] Call Trace:
        <4>[   12.345714]  [<ffffffff8113f0a9>] free_debug_processing+0x1d9/0x220
        <4>[   12.345715]  [<ffffffff8113f3a5>] __slab_free+0x33/0x2a0
        <4>[   12.345715]  [<ffffffff8113f3a5>] ? d_free+0x4d/0x60
        <4>[   12.345716]  [<ffffffff8113f6c3>] kmem_cache_free+0x193/0x1a0
        <4>[   12.345717]  [<ffffffff8116a8bd>] d_free+0x4d/0x60
        [   12.400000] TRACE dentry alloc 0xffff880003c8d0c0 inuse=20 fp=0xffff880003c8d180
        """,
      expected: "kmemCacheFree ffff880003c8d0c0 0 12345678000 0 42|my app|d_free+0x4d/0x60|dentry\n"
        + "kmemCacheAlloc ffff880003c8d0c0 24 12400000000 0 0|||dentry", frames: 4),
    Era(
      what: "Linux 6.12, with caller and UID, an object of a module, for its caller's caller",
      text: """
        [    3.000001][    T7] TRACE kmalloc-rnd-03-2k alloc 0x00000000deadbeef inuse=1 fp=0x0000000000000000
        [    3.000002][    T7] CPU: 3 UID: 0 PID: 7 Comm: kworker/3:0 Tainted: G        W          6.12.1 #2
        [    3.000003][    T7] Hardware name: QEMU
        [    3.000003][    T7] Call Trace:
        [    3.000004][    T7]  <TASK>
        [    3.000005][    T7]  dump_stack_lvl+0x33/0x42
        [    3.000005][    T7]  __kmalloc_node_track_caller_noprof+0x7c/0xa6
        [    3.000006][    T7]  kmemdup_noprof+0x20/0x50
        [    3.000007][    T7]  ext4_fill_super+0x99/0x1000 [ext4]
        [    3.000008][    T7]  </TASK>
        """,
      expected: "kmalloc deadbeef 2048 3000001000 3 7|kworker/3:0|ext4_fill_super+0x99/0x1000 [ext4]|kmalloc-rnd-03-2k",
      frames: 4),
  ]

  @Test("of all eras are read", arguments: eras)
  func era(era: Era) throws {
    let read = try readTrace(era.text + "\n")
    let found = read.events.map { event in
      "\(event.kind) \(String(event.address, radix: 16)) \(event.allocatedBytes) \(event.time) \(event.cpu) "
        + "\(event.pid)|\(read.text(event.comm))|\(read.text(event.callSite))|\(read.text(event.name))"
    }
    #expect(found.joined(separator: "\n") == era.expected)
    #expect(read.frames(read.events[0]).count == era.frames)
    #expect(read.statistics[.malformedLines] == 0)
  }

  @Test("name their hashed pointers, their losses and their damage")
  func trouble() throws {
    let read = try readTrace(
      """
      [    1.000000] TRACE kmalloc-64 alloc 0x00000000deadbeef inuse=1 fp=0x0000000000000000
      [    1.000001] TRACE kmalloc-64 alloc 0x00000000dead
      [    1.000002] ** 12 printk messages dropped **
      [    1.000003] TRACE kmalloc-64 free 0x00000000deadbeef inuse=1 fp=0x0000000000000000
      [    1.000004] e1000: some other message

      """)
    #expect(read.events.map(\.kind) == [.kmalloc, .kfree])
    #expect(read.statistics[.hashedPointers] == 2)
    #expect(read.statistics[.lostEvents] == 1)
    #expect(read.statistics[.malformedLines] == 1)
    #expect(read.statistics.samples.first { $0.counter == .malformedLines }?.location == .line(2))
  }

  @Test("that are cut or damaged anywhere keep the calls before")
  func damage() throws {
    let whole = Array((Self.eras[2].text + "\n" + Self.eras[1].text + "\n").utf8)
    let count = try readTrace(whole).events.count
    for cut in 100..<whole.count {
      let read = try readTrace(Array(whole.prefix(cut)))
      #expect(read.events.count >= 1 && read.events.count <= count)
    }
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<2000 {
      var bytes = whole
      bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^= UInt8.random(in: 1...255, using: &generator)
      let read = try readTrace(bytes)
      #expect((2...3).contains(read.events.count))
    }
  }
}
