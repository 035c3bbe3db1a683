import KmemreplayCLI
import TestSupport
import Testing

@Suite("--pages model on the command line") struct PagePredictionCommandTests {
  private func result(_ arguments: [String]) -> CommandResult {
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(arguments, in: CommandEnvironment(output: output, errors: errors))
    return CommandResult(status: status, output: output.text, errors: errors.text)
  }

  private let trace = SampleTraces.path("6.1-slub-smp1-script-s20k")
  private var options: [String] {
    let lists = SampleTraces.file("6.1-slub-smp1-script-s20k/free-lists.tar.zst")
    return [
      "--pages", "model", "--before", lists, "--before-label", "t0", "--before-at", "mark:snap-end t0",
    ]
  }

  @Test("frag grades frames, and the lists at the end, in every format")
  func frag() {
    let lists = SampleTraces.file("6.1-slub-smp1-script-s20k/free-lists.tar.zst")
    let arguments =
      ["frag", trace] + options + ["--after", lists, "--after-label", "t1", "--after-at", "mark:snap-begin t1"]
    let text = result(arguments)
    #expect(text.status == .done && text.output.contains("Page frames: 135 of 135 predicted (100.00 %)."))
    #expect(text.output.contains("free lists at the end, in order"))
    let json = result(arguments + ["--format", "json"]).output
    #expect(json.contains("\"pageFrame\"") && json.contains("\"checked\" : 135") && json.contains("\"pagetypeinfo\""))
    #expect(result(arguments + ["--format", "markdown"]).output.contains("## Page frames chosen by the model"))
  }

  @Test("replay grades frames beside its own answers")
  func replay() {
    let text = result(["replay", trace] + options)
    #expect(text.status == .done && text.output.contains("Page frames: "))
    #expect(text.output.contains("Start of the model: free lists in their order, from a dump."))
    let json = result(["replay", trace, "--format", "json"] + options).output
    #expect(json.contains("\"pageFrame\" : {"))
  }

  @Test("without a snapshot, with one that doesn't tell, or without page events there is a clear message")
  func noStart() throws {
    let none = result(["frag", trace, "--pages", "model"])
    #expect(none.status == .failed && none.errors.contains("--before"))
    let folder = try CapturedSnapshots.directory(["meminfo": "MemTotal:         235700 kB\n"])
    defer { CapturedSnapshots.remove(folder) }
    let poor = result(["frag", trace, "--pages", "model", "--before", folder])
    #expect(poor.status == .failed && poor.errors.contains("kpageflags"))
    #expect(result(["frag", trace, "--before-at", "1"]).status == .usage)
  }
}
