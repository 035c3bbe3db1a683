import Analysis
import KernelTypes
import TestSupport
import Testing
import TraceEvents

@Suite("What memory did over time")
struct TimelineTests {
  private func timeline(_ makeTrace: () -> ScriptedTrace) throws -> Timeline {
    var batch = EventBatch()
    var survey = TimelineSurvey()
    let first = makeTrace()
    var cursor = TimeWindowCursor(.wholeTrace)
    while try first.read(into: &batch) {
      for part in cursor.parts(of: batch, strings: first.strings, clock: .time) { survey.consume(batch, part) }
    }
    let second = makeTrace()
    var analysis = TimelineAnalysis(survey)
    cursor = TimeWindowCursor(.wholeTrace)
    while try second.read(into: &batch) {
      for part in cursor.parts(of: batch, strings: second.strings, clock: .time) {
        analysis.consume(batch, part, strings: second.strings)
      }
    }
    return analysis.finish()
  }

  private func sample() -> ScriptedTrace {
    let trace = ScriptedTrace()
    for index in 0..<5000 {
      trace.add(.kmalloc) {
        $0.address = 0x1000 + UInt64(index % 100) * 64
        $0.requestedBytes = 40
        $0.allocatedBytes = 64
      }
      trace.add(.kmemCacheAlloc) {
        $0.address = 0x90000
        $0.requestedBytes = 192
        $0.allocatedBytes = 192
        $0.callSite = trace.strings.intern("site+0x1/0x2")
      }
      trace.add(.kmemCacheFree) {
        $0.address = 0x90000
        $0.name = trace.strings.intern("dentry")
      }
      trace.add(.mmPageAlloc) {
        $0.address = UInt64(index)
        $0.order = 1
      }
      if index == 2500 { trace.add(.mark) { $0.name = trace.strings.intern("half") } }
      if index == 2600 { trace.add(.kmalloc) { $0.flags.insert(.failed) } }
    }
    return trace
  }

  @Test("has as many moments as it should, and its last values are what is live at the end")
  func ends() throws {
    let timeline = try timeline(sample)
    #expect(
      (TimelineAnalysis.intervals...TimelineAnalysis.intervals + 1).contains(timeline.requestedBytes.values.count))
    #expect(timeline.requestedBytes.values.last == 4000)
    #expect(timeline.allocatedBytes.values.last == 6400)
    #expect(timeline.wastedBytes.values.last == 2400)
    #expect(timeline.freePages.values.last == -10_000)
    #expect(timeline.allocatedBytes.peaks.max() == 6592)
  }

  @Test("names caches by their frees, and keeps markers and failures")
  func names() throws {
    let timeline = try timeline(sample)
    #expect(timeline.caches.map(\.name) == ["kmalloc-64", "dentry"])
    #expect(timeline.caches[1].peaks.max() == 192)
    #expect(timeline.marks.map(\.text) == ["half"])
    #expect(timeline.failures.count == 1)
  }

  @Test("weighs stacks by what was allocated, wasted and left")
  func stacks() throws {
    func lines(_ weight: StackWeights.Weight, _ subject: StackWeights.Subject) throws -> [StackWeights.Line] {
      let trace = ScriptedTrace()
      for index in 0..<3 {
        trace.add(.kmalloc) {
          $0.address = 0x1000 + UInt64(index) * 64
          $0.requestedBytes = 40
          $0.allocatedBytes = 64
          $0.callSite = trace.strings.intern("inner+0x1/0x2 [mod]")
          $0.stack = trace.stacks.intern(["inner+0x1/0x2 [mod]", "outer+0x1/0x2"].map { trace.strings.intern($0) })
        }
      }
      trace.add(.kfree) { $0.address = 0x1000 }
      trace.add(.mmPageAlloc) {
        $0.address = 7
        $0.order = 2
      }
      var analysis = StackWeights()
      var cursor = TimeWindowCursor(.wholeTrace)
      var batch = EventBatch()
      while try trace.read(into: &batch) {
        for part in cursor.parts(of: batch, strings: trace.strings, clock: .time) { analysis.consume(batch, part) }
      }
      return analysis.finish(subject, weight: weight, strings: trace.strings, stacks: trace.stacks)
    }
    let frames = ["task", "outer", "inner [mod]"]
    #expect(try lines(.allocated, .slab) == [.init(frames: frames, weight: 192)])
    #expect(try lines(.wasted, .slab) == [.init(frames: frames, weight: 72)])
    #expect(try lines(.live, .slab) == [.init(frames: frames, weight: 128)])
    #expect(try lines(.liveWasted, .slab) == [.init(frames: frames, weight: 48)])
    #expect(try lines(.count, .slab) == [.init(frames: frames, weight: 3)])
    #expect(try lines(.live, .pages) == [.init(frames: ["task"], weight: 16384)])
  }
}
