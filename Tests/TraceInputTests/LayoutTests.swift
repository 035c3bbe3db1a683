import TestSupport
import Testing
import TraceEvents
import TraceInput

/// The columns in front of an event, as each tool and option prints them.
@Suite("Line layouts")
struct LayoutTests {
  struct Layout: Sendable, CustomTestStringConvertible {
    var name: String
    var prefix: String
    var comm = "bash"
    var pid: Int32 = 8242
    var cpu: UInt16 = 3
    var time: UInt64 = 1_423_994_636_000
    var container = TraceContext.Container.ftraceText
    var clock = TraceContext.Clock.time
    var hasTask = true
    var testDescription: String { name }
  }

  private static let event = "kfree: call_site=f+0x10/0x20 ptr=ffff888160ea3500"

  static let layouts: [Layout] = [
    Layout(name: "five flags (5.17 and later)", prefix: "            bash-8242    [003] d..1.  1423.994636: "),
    Layout(name: "four flags", prefix: "            bash-8242    [003] d..1  1423.994636: "),
    Layout(name: "narrow pid column of 3.x", prefix: "            bash-8242  [003] d..1  1423.994636: "),
    Layout(name: "no flags", prefix: "            bash-8242    [003]   1423.994636: "),
    Layout(name: "flags with letters and digits", prefix: "            bash-8242    [003] dNZff  1423.994636: "),
    Layout(name: "flags of 6.13's lazy preemption", prefix: "            bash-8242    [003] bBs2.  1423.994636: "),
    Layout(name: "tgid", prefix: "            bash-8242    (   8240) [003] .....  1423.994636: "),
    Layout(name: "unknown tgid", prefix: "            bash-8242    (-------) [003] .....  1423.994636: "),
    Layout(
      name: "large time", prefix: "            bash-8242    [003] ..... 1234567.994636: ", time: 1_234_567_994_636_000),
    Layout(
      name: "nanoseconds", prefix: "            bash-8242    [003] .....  1423.994636208: ", time: 1_423_994_636_208),
    Layout(
      name: "counter clock", prefix: "            bash-8242    [003] ..... 3697218038189: ", time: 3_697_218_038_189,
      clock: .ticks),
    Layout(name: "latency format", prefix: "    bash-8242      3..... 1423994636us+: "),
    Layout(name: "latency format, no mark", prefix: "    bash-8242      3d..1  1423994636us : "),
    Layout(name: "latency format of trace-cmd", prefix: "    bash-8242      3.....  1423.994636: "),
    Layout(
      name: "latency format, counter clock", prefix: "    bash-8242      3d..1. 3697218038189: ",
      time: 3_697_218_038_189, clock: .ticks),
    Layout(name: "dump into the kernel log", prefix: "[   12.345678]     bash-8242      3d..1. 1423994636us : "),
    Layout(
      name: "dump with level and caller", prefix: "<4>[   12.345678][    T1]     bash-8242      3d..1. 1423994636us!: "),
    Layout(
      name: "trace lines in a kernel log", prefix: "[12345.678901]             bash-8242    [003] d..1.  1423.994636: "),
    Layout(name: "spaces cut off", prefix: "bash-8242    [003] d..1.  1423.994636: "),
    Layout(
      name: "perf script", prefix: "            bash  8242 [003]  1423.994636:                            kmem:",
      container: .perfScript),
    Layout(
      name: "perf script -g", prefix: "bash  8242 [003]  1423.994636:                            kmem:",
      container: .perfScript),
    Layout(
      name: "perf script with pid and tid",
      prefix: "            bash  8240/8242  [003]  1423.994636:                            kmem:",
      container: .perfScript),
    Layout(
      name: "perf script --ns", prefix: "            bash  8242 [003]  1423.994636208:                kmem:",
      time: 1_423_994_636_208, container: .perfScript),
    Layout(
      name: "perf script without task", prefix: "[003]  1423.994636: kmem:", comm: "", pid: 0, hasTask: false),
    Layout(name: "trace-cmd report", prefix: "            bash-8242    [003]  1423.994636: "),
    Layout(name: "unknown comm", prefix: "           <...>-8242    [003] .....  1423.994636: ", comm: "<...>"),
    Layout(
      name: "comm with spaces", prefix: "  Web Content #1-8242    [003] .....  1423.994636: ", comm: "Web Content #1"),
    Layout(
      name: "comm with dashes", prefix: "   jbd2/vda-8-12-8242    [003] .....  1423.994636: ", comm: "jbd2/vda-8-12"),
    Layout(
      name: "comm with colon", prefix: "   kworker/u4:0 -8242    [003] .....  1423.994636: ", comm: "kworker/u4:0 "),
    Layout(
      name: "comm with brackets", prefix: "    a-1 [000] b-8242    [003] .....  1423.994636: ",
      comm: "a-1 [000] b"),
    Layout(
      name: "comm with brackets, cut", prefix: "x [1] y-8242    [003] .....  1423.994636: ", comm: "x [1] y"),
    Layout(
      name: "comm with parentheses", prefix: "      (sd-pam) -8242    [003] .....  1423.994636: ", comm: "(sd-pam) "),
    Layout(
      name: "perf comm with spaces", prefix: "  Web Content 2  8242 [003]  1423.994636: kmem:", comm: "Web Content 2",
      container: .perfScript),
  ]

  @Test("is taken apart", arguments: layouts, ["\n", "\r\n"])
  func takenApart(layout: Layout, lineEnd: String) throws {
    for usesFastPath in [false, true] {
      let text = String(repeating: layout.prefix + Self.event + lineEnd, count: 3)
      let trace = try readTrace(text, usesFastPath: usesFastPath)
      try #require(trace.events.count == 3, "\(trace.statistics)")
      for event in trace.events {
        #expect(trace.text(event.comm) == layout.comm)
        #expect(event.pid == layout.pid)
        #expect(event.cpu == layout.cpu)
        #expect(event.time == layout.time)
        #expect(event.flags.contains(.hasTask) == layout.hasTask)
        #expect(event.address == 0xFFFF_8881_60EA_3500)
        #expect(trace.text(event.callSite) == "f+0x10/0x20")
      }
      #expect(trace.context.container == layout.container)
      #expect(trace.context.clock == layout.clock)
      #expect(trace.context.observedCPUCount == 4)
    }
  }

  @Test("knows five flag columns from four")
  func fiveFlags() throws {
    let five = try readTrace("            bash-8242    [003] d..1.  1423.994636: " + Self.event + "\n")
    let four = try readTrace("            bash-8242    [003] d..1  1423.994636: " + Self.event + "\n")
    #expect(five.context.features.contains(.fiveFlagColumns))
    #expect(!four.context.features.contains(.fiveFlagColumns))
  }

  @Test("reads trace-cmd's padded names, repeated call sites and plain %p", arguments: [false, true])
  func traceCmd(usesFastPath: Bool) throws {
    let line =
      "              wl-68    [000]     2.378879: kmalloc:              (alloc_bprm+0x29) "
      + "call_site=alloc_bprm+0x29 ptr=0xffff888002545600 bytes_req=416 bytes_alloc=512 "
      + "gfp_flags=GFP_KERNEL|__GFP_ZERO node=-1 accounted=false\n"
    let text =
      "cpus=2\n" + line + line
      + "              wl-68    [000]     2.378900: mm_page_alloc:        page=(nil) pfn=0x0 order=0 migratetype=1 "
      + "gfp_flags=GFP_HIGHUSER_MOVABLE|__GFP_COMP\n"
      + "              wl-78    [000]     6.251018: print:                tracing_mark_write: WL msg\n"
    let trace = try readTrace(text, usesFastPath: usesFastPath)
    try #require(trace.events.count == 4)
    #expect(trace.context.container == .traceCmdReport)
    #expect(trace.context.headerCPUCount == 2)
    #expect(trace.events[1].address == 0xFFFF_8880_0254_5600)
    #expect(trace.events[1].allocatedBytes == 512)
    #expect(trace.text(trace.events[1].callSite) == "alloc_bprm+0x29")
    #expect(!trace.events[1].flags.contains(.hashedPointer))
    #expect(trace.events[2].flags.contains(.failed))
    #expect(trace.text(trace.events[3].name) == "WL msg")
  }

  @Test(
    "keeps the text of marks without what tools put in front",
    arguments: [
      ("tracing_mark_write: WL msg", "WL msg"), ("print: tracing_mark_write: WL msg", "WL msg"),
      ("print: 0xffffffff81234567: WL msg", "WL msg"), ("print: ip=0xffffffff81234567 WL msg", "WL msg"),
      ("ftrace:print: tracing_mark_write: WL msg", "WL msg"), ("tracing_mark_write: hello (x): [y]", "hello (x): [y]"),
      ("tracing_mark_write: B|123|name", "B|123|name"), ("tracing_mark_write: ", ""),
    ])
  func marks(text: String, expected: String) throws {
    let trace = try readTrace("            bash-8242    [003] d..1.  1423.994636: \(text)\n")
    let event = try #require(trace.events.first)
    #expect(event.kind == .mark)
    #expect(trace.text(event.name) == expected)
  }
}
