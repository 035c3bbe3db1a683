import TestSupport
import Testing
import TraceEvents
import TraceInput

@Suite("Stack traces")
struct StackTests {
  static func alloc(cpu: Int, frame: Int, seconds: Int = 1) -> String {
    "              wl-65      [00\(cpu)] .....     \(seconds).689306: mm_page_alloc: page=ffffea00000b3a00 "
      + "pfn=0x\(String(frame, radix: 16)) order=0 migratetype=1 gfp_flags=GFP_HIGHUSER_MOVABLE\n"
  }

  static func stack(cpu: Int, _ frames: [String]) -> String {
    "              wl-65      [00\(cpu)] .....     1.689388: <stack trace>\n" + frames.map { " => \($0)\n" }.joined()
  }

  @Test("belong to the event above them", arguments: [false, true])
  func above(usesFastPath: Bool) throws {
    let text =
      Self.alloc(cpu: 0, frame: 1) + Self.stack(cpu: 0, ["inner", "middle+0x1/0x2 [ext4]", "outer"])
      + Self.alloc(cpu: 0, frame: 2) + Self.alloc(cpu: 0, frame: 3) + Self.stack(cpu: 0, ["inner", "outer"])
    let trace = try readTrace(text, usesFastPath: usesFastPath)
    #expect(trace.events.map(\.address) == [1, 2, 3])
    #expect(trace.frames(trace.events[0]) == ["inner", "middle+0x1/0x2 [ext4]", "outer"])
    #expect(trace.events[1].stack == .none)
    #expect(trace.frames(trace.events[2]) == ["inner", "outer"])
    #expect(trace.statistics[.orphanStacks] == 0)
    #expect(trace.statistics[.malformedLines] == 0)
  }

  @Test("find their event behind lines of other CPUs")
  func otherCPUs() throws {
    let text =
      Self.alloc(cpu: 0, frame: 1) + Self.alloc(cpu: 1, frame: 2) + Self.alloc(cpu: 1, frame: 3)
      + Self.stack(cpu: 0, ["zero"]) + Self.stack(cpu: 1, ["one"])
    let trace = try readTrace(text)
    #expect(trace.frames(trace.events[0]) == ["zero"])
    #expect(trace.events[1].stack == .none)
    #expect(trace.frames(trace.events[2]) == ["one"])
  }

  @Test("find an event that was the last row of a full batch", arguments: [1, 3, 255, 256, 300, 4096])
  func fullBatch(capacity: Int) throws {
    var text = ""
    for index in 0..<capacity + 2 {
      text += Self.alloc(cpu: 0, frame: index)
      if index % 2 == 1 || index >= capacity - 2 { text += Self.stack(cpu: 0, ["frame\(index)"]) }
    }
    let trace = try readTrace(text, capacity: capacity)
    try #require(trace.events.count == capacity + 2)
    for (index, event) in trace.events.enumerated() {
      let hasStack = index % 2 == 1 || index >= capacity - 2
      #expect(trace.frames(event) == (hasStack ? ["frame\(index)"] : []))
      #expect(event.address == UInt64(index))
    }
  }

  @Test("of other events and of bad lines go to no event")
  func foreign() throws {
    let text =
      Self.alloc(cpu: 0, frame: 1)
      + "              wl-65      [000] .....     1.689388: sched_waking: comm=x\n" + Self.stack(cpu: 0, ["other"])
      + "              wl-65      [000] .....     1.689388: mm_page_alloc: page=ff pfn=zz\n"
      + Self.stack(cpu: 0, ["bad"])
    let trace = try readTrace(text)
    #expect(trace.events.count == 1)
    #expect(trace.events[0].stack == .none)
    #expect(trace.statistics[.orphanStacks] == 0)
  }

  @Test("without an event are counted")
  func orphans() throws {
    let trace = try readTrace(Self.stack(cpu: 0, ["a", "b"]) + Self.alloc(cpu: 0, frame: 1) + " => c\n => d\n")
    #expect(trace.statistics[.orphanStacks] == 2)
    #expect(trace.events.count == 1)
  }

  @Test("of user space are left out")
  func userStacks() throws {
    let text =
      Self.alloc(cpu: 0, frame: 1) + Self.stack(cpu: 0, ["kernel"])
      + "              wl-65      [000] .....     1.689388: <user stack trace>\n =>  <00007f3b2a>\n"
    let trace = try readTrace(text)
    #expect(trace.frames(trace.events[0]) == ["kernel"])
  }

  @Test("of trace-cmd lose the addresses")
  func traceCmd() throws {
    let text =
      Self.alloc(cpu: 0, frame: 1)
      + "              wl-65      [000]     1.689388: kernel_stack:         <stack trace >\n"
      + "=> __alloc_pages (ffffffff81234567)\n=> handle_mm_fault (ffffffff81234568)\n"
    let trace = try readTrace(text)
    #expect(trace.frames(trace.events[0]) == ["__alloc_pages", "handle_mm_fault"])
  }

  @Test("of perf script are call chains")
  func perf() throws {
    let line = "perf  8183 [000]  1396.291647:      kmem:kfree: call_site=f+0x10c ptr=0xffff88810449f7c0\n"
    let text =
      line + "\tffffffff816349cd __kmalloc_cache_node_noprof+0x20d ([kernel.kallsyms])\n"
      + "\t          146f2c [unknown] (/usr/bin/perf)\n\n" + line + "\n" + line
      + "        ffffffff816349cd spaces+0x20d ([kernel.kallsyms])\n\n"
    let trace = try readTrace(text)
    try #require(trace.events.count == 3)
    #expect(trace.frames(trace.events[0]) == ["__kmalloc_cache_node_noprof+0x20d", "[unknown]"])
    #expect(trace.events[1].stack == .none)
    #expect(trace.context.container == .perfScript)
  }

  @Test("that are the same have the same identifier")
  func shared() throws {
    let text = (0..<4).map { Self.alloc(cpu: 0, frame: $0) + Self.stack(cpu: 0, ["a", "b"]) }.joined()
    let trace = try readTrace(text)
    #expect(Set(trace.events.map(\.stack)).count == 1)
    #expect(trace.stacks.count == 1)
  }
}
