import KmemreplayCLI
import TestSupport
import Testing

@Suite("frag on the command line") struct FragCommandTests {
  private func frag(_ capture: String, _ options: [String]) -> CommandResult {
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(
      ["frag", SampleTraces.path(capture)] + options, in: CommandEnvironment(output: output, errors: errors))
    return CommandResult(status: status, output: output.text, errors: errors.text)
  }

  @Test("from kpageflags before, every count of buddyinfo after is predicted on two CPUs")
  func exactEnd() {
    let snapshots = SampleTraces.file("6.1-slub-smp2-rtnc/snapshots.tar.zst")
    let options = [
      "--before", snapshots, "--before-label", "t0", "--after", snapshots, "--after-label", "t1", "--to",
      "mark:snap-begin t1",
    ]
    let result = frag("6.1-slub-smp2-rtnc", options)
    #expect(result.status == .done && result.errors.isEmpty)
    #expect(result.output.contains("22 of 22 counts are equal; free pages differ by 0."))
    let json = frag("6.1-slub-smp2-rtnc", options + ["--format", "json"]).output
    #expect(json.contains("\"schema\" : \"kmemreplay.frag/1\""))
    #expect(json.contains("\"equalOrders\" : 11"))
    #expect(frag("6.1-slub-smp2-rtnc", options + ["--format", "markdown"]).output.contains("## Replayed and observed"))
  }

  @Test("without a snapshot the report says what the start was taken from")
  func noSnapshot() {
    let result = frag("6.1-slub-smp1-script-s20k", [])
    #expect(result.status == .done)
    #expect(result.output.contains("only what the trace's events touch"))
  }

  @Test("a snapshot that is not there, and a label without one, are clear errors")
  func badSnapshots() {
    let missing = frag("6.1-slub-smp1-script-s20k", ["--before", "/nonexistent-snapshot"])
    #expect(missing.status == .failed && missing.errors.contains("nonexistent-snapshot"))
    #expect(frag("6.1-slub-smp1-script-s20k", ["--before-label", "t0"]).status == .usage)
  }
}
