import Analysis
import KernelTypes
import TestSupport
import Testing
import TraceEvents

@Suite struct InfoAnalysisTests {
  private func info(
    _ trace: ScriptedTrace, capacity: Int, window: TimeWindow = .wholeTrace
  ) throws -> InfoResult {
    trace.rewind()
    var cursor = TimeWindowCursor(window)
    var analysis = InfoAnalysis()
    var batch = EventBatch(capacity: capacity)
    while try trace.read(into: &batch) {
      for part in cursor.parts(of: batch, strings: trace.strings, clock: .time) { analysis.consume(batch, part) }
    }
    return analysis.finish(strings: trace.strings)
  }

  @Test(arguments: [1, 2, 7, 4096])
  func tasksAndCPUsAreCountedWhereverRunsAndBatchesEnd(capacity: Int) throws {
    var random = SeededGenerator(seed: 3)
    let trace = ScriptedTrace()
    var tasks: [String: UInt64] = [:]
    var cpus: [UInt64] = [0, 0, 0]
    for _ in 0..<500 {
      let task = Int.random(in: 0..<3, using: &random)
      let cpu = Int.random(in: 0..<3, using: &random)
      let hasTask = Int.random(in: 0..<10, using: &random) > 0
      cpus[cpu] += 1
      if hasTask { tasks["t\(task)-\(task)", default: 0] += 1 }
      trace.add(.kfree) {
        $0.comm = trace.strings.intern("t\(task)")
        $0.pid = Int32(task)
        $0.cpu = UInt16(cpu)
        $0.flags = hasTask ? .hasTask : []
      }
    }
    let result = try info(trace, capacity: capacity)
    #expect(result.eventsByCPU == cpus)
    #expect(Dictionary(uniqueKeysWithValues: result.tasks.map { ("\($0.name)-\($0.pid)", $0.events) }) == tasks)
    #expect(result.tasks.map(\.events) == result.tasks.map(\.events).sorted(by: >))
    #expect(result.lastTime == 499_000)
  }

  @Test(arguments: [1, 2, 4096])
  func onlyTheWindowCounts(capacity: Int) throws {
    let trace = ScriptedTrace()
    trace.allocate(0x1000, 1, 8)
    trace.mark("from")
    trace.allocate(0x2000, 1, 8)
    trace.free(0x1000)
    trace.mark("to")
    trace.free(0x2000)
    let result = try info(trace, capacity: capacity, window: TimeWindow(from: .mark("from"), to: .mark("to")))
    #expect(result.eventsByKind.reduce(0, +) == 4)
    #expect(result.eventsByKind[Int(EventKind.kfree.rawValue)] == 1)
    #expect(result.firstTime == 1000)
    #expect(result.lastTime == 4000)
    #expect(result.marks.map(\.time) == [1000, 4000])
    #expect(result.tasks.map(\.events) == [4])
  }

  @Test func theSpanReachesToTheLatestEventEvenIfAnEarlierOneComesLast() throws {
    let trace = ScriptedTrace()
    trace.add(.kfree) { $0.time = 100 }
    trace.mark("m")
    trace.add(.kfree) { $0.time = 150 }
    let result = try info(trace, capacity: 10)
    #expect(result.clockAtFirstEvent == 100)
    #expect(result.lastTime == trace.events[1].time - 100)
    #expect(result.marks.map(\.text) == ["m"])
  }
}
