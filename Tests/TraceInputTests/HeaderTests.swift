import TestSupport
import Testing
import TraceEvents
import TraceInput

@Suite("Headers and losses")
struct HeaderTests {
  static let event =
    "            bash-8242    [003] d..1.  1423.994636: kfree: call_site=f+0x10/0x20 ptr=ffff888160ea3500\n"

  @Test("of the kernel give tracer, CPUs and entries")
  func kernelHeader() throws {
    let text =
      "# tracer: nop\n#\n# entries-in-buffer/entries-written: 387/19684   #P:2\n#\n"
      + "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n" + Self.event
    let trace = try readTrace(text)
    #expect(trace.context.tracer == "nop")
    #expect(trace.context.headerCPUCount == 2)
    #expect(trace.context.entriesInBuffer == 387)
    #expect(trace.context.entriesWritten == 19684)
    #expect(trace.statistics[.overwrittenEntries] == 19684 - 387)
    #expect(trace.context.cpuCount == 2)
    #expect(trace.statistics.lines == 6)
    #expect(trace.statistics.bytes == UInt64(text.utf8.count))
  }

  @Test("of the latency format give entries and CPUs")
  func latencyHeader() throws {
    let text =
      "# tracer: nop\n#\n# nop latency trace v1.1.5 on 6.18.44\n"
      + "# latency: 0 us, #924/930, CPU#0 | (M:PREEMPT(none) VP:0, KP:0, SP:0 HP:0 #P:2)\n"
    let trace = try readTrace(text)
    #expect(trace.context.entriesInBuffer == 924)
    #expect(trace.statistics[.overwrittenEntries] == 6)
    #expect(trace.context.headerCPUCount == 2)
    #expect(trace.events.isEmpty)
  }

  @Test(
    "reports of lost events are added up",
    arguments: [
      ("CPU:1 [LOST 19297 EVENTS]", 19297), ("CPU:0 [LOST EVENTS]", 1), ("CPU:3 [12 EVENTS DROPPED]", 12),
      ("CPU:3 [EVENTS DROPPED]", 1), ("[   12.345678] CPU:1 [LOST 7 EVENTS]", 7),
      ("            perf  7927 [000]  1371.717416: PERF_RECORD_LOST lost 5", 5),
    ])
  func lostEvents(line: String, count: UInt64) throws {
    let trace = try readTrace(Self.event + line + "\n" + Self.event)
    #expect(trace.statistics[.lostEvents] == count)
    #expect(trace.statistics[.malformedLines] == 0)
    #expect(trace.events.count == 2)
    #expect(trace.statistics.samples.contains { $0.counter == .lostEvents && $0.location == .line(2) })
  }

  @Test(
    "lines around events mean nothing",
    arguments: [
      "##### CPU 1 buffer started ####", "---------------------------------", "Dumping ftrace buffer:", "   ",
      "CPU 1 is empty", "version = 6", "[   12.345678] Dumping ftrace buffer:",
      "[   12.345678] ---------------------------------", "[    0.000000] Linux version 6.1.0",
      "      [SUBBUFFER START]",
    ])
  func harmless(line: String) throws {
    let trace = try readTrace(Self.event + line + "\n" + Self.event)
    #expect(trace.events.count == 2)
    #expect(trace.statistics[.malformedLines] == 0)
  }

  @Test("times that go back are counted")
  func outOfOrder() throws {
    let later = Self.event.replacing("1423.994636", with: "1423.994637")
    let trace = try readTrace(Self.event + later + Self.event + later)
    #expect(trace.statistics[.outOfOrder] == 1)
    #expect(trace.statistics.samples.first { $0.counter == .outOfOrder }?.location == .line(3))
  }

  @Test("a header alone is a trace without events")
  func headerOnly() throws {
    let trace = try readTrace("# tracer: nop\n#\n# entries-in-buffer/entries-written: 0/0   #P:2\n")
    #expect(trace.events.isEmpty)
    #expect(trace.statistics.events == 0)
  }

  @Test("events are counted by kind")
  func kinds() throws {
    let trace = try readTrace(Self.event + Self.event)
    #expect(trace.statistics.events == 2)
    #expect(trace.statistics.eventsByKind[Int(EventKind.kfree.rawValue)] == 2)
  }
}
