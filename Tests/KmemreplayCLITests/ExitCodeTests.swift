import KernelTypes
import KmemreplayCLI
import TestSupport
import Testing
import TraceEvents

@Suite struct ExitCodeTests {
  @Test func versionAndHelpAreNoErrors() {
    let version = run("--version")
    #expect(version.status == .done)
    #expect(version.output.hasPrefix("kmemreplay "))
    let help = run("waste", "--help")
    #expect(help.status == .done)
    #expect(help.output.contains("Example:"))
    #expect(run("info", "--help").output.contains("Example:"))
    #expect(run().status == .done)
  }

  @Test(arguments: [
    ["bogus"], ["waste"], ["waste", "t", "--by", "colour"], ["waste", "t", "--format", "html"],
    ["info", "t", "--format", "csv"], ["waste", "t", "--from", "yesterday"], ["waste", "t", "--from", "mark:"],
    ["waste", "t", "--top", "0"], ["waste", "t", "--page-size", "1000"], ["waste", "t", "--cpus", "0"],
    ["waste", "t", "--kernel", "new"], ["waste", "t", "u"],
    ["info", "t", "--symbols", "f"],
  ])
  func aCommandLineThatMakesNoSenseIsAUsageError(arguments: [String]) {
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(arguments, in: CommandEnvironment(output: output, errors: errors))
    #expect(status == .usage)
    #expect(output.text.isEmpty)
    #expect(errors.text.contains("Usage: kmemreplay"))
  }

  @Test func aTraceThatIsNotThereFailsWithItsName() {
    let result = run("waste", "/no/such/trace.txt")
    #expect(result.status == .failed)
    #expect(result.errors.contains("/no/such/trace.txt"))
    #expect(result.output.isEmpty)
  }

  @Test func aTraceWithoutKmemEventsFailsAndSaysWhatItHas() {
    let trace = ScriptedTrace()
    trace.statistics.otherEvents[trace.strings.intern("sched_switch")] = 7
    for command in ["info", "waste"] {
      let result = run(command, "t", on: trace)
      #expect(result.status == .failed)
      #expect(result.errors.contains("no kmem events"))
      #expect(result.errors.contains("sched_switch 7"))
    }
  }

  @Test func aTraceOfPageEventsAloneHasNoWasteButInfo() {
    let trace = ScriptedTrace()
    trace.add(.mmPageAlloc)
    #expect(run("waste", "t", on: trace).status == .failed)
    #expect(run("info", "t", on: trace).status == .done)
  }

  @Test func strictTurnsLossIntoAFailureThatStillReports() {
    let trace = smallTrace()
    #expect(run("waste", "t", "--strict", on: trace).status == .done)
    trace.statistics.count(.lostEvents, 12)
    #expect(run("waste", "t", on: trace).status == .done)
    let strict = run("waste", "t", "--strict", on: trace)
    #expect(strict.status == .failed)
    #expect(strict.output.contains("12 events lost"))
    #expect(strict.errors.contains("--strict"))
  }

  @Test func aReadErrorInTheMiddleFails() {
    let output = MemorySink()
    let errors = MemorySink()
    let environment = CommandEnvironment(output: output, errors: errors) { path throws(TraceError) in
      throw TraceError(.damagedCompression, input: path, at: .byteOffset(5), found: "a torn frame")
    }
    #expect(CommandRunner.run(["info", "x.zst"], in: environment) == .failed)
    #expect(errors.text == "kmemreplay: x.zst, byte 5: a torn frame\n")
  }

  @Test func aClosedPipeIsNoFailure() {
    final class ClosedPipe: TextSink {
      func write(_ text: String) throws(SinkError) { throw .brokenPipe }
    }
    let trace = smallTrace()
    let environment = CommandEnvironment(output: ClosedPipe(), errors: MemorySink()) { _ throws(TraceError) in
      OpenedTrace(source: trace)
    }
    #expect(CommandRunner.run(["waste", "t"], in: environment) == .done)
    #expect(CommandRunner.run(["--help"], in: environment) == .done)
  }
}
