import FoundationEssentials
import KmemreplayCLI
import TestSupport
import Testing
import TraceEvents

@Suite("report on the command line") struct ReportCommandTests {
  private func report(_ input: String, _ options: [String]) -> CommandResult {
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(["report", input] + options, in: CommandEnvironment(output: output, errors: errors))
    return CommandResult(status: status, output: output.text, errors: errors.text)
  }

  @Test("the output's name decides on the form, and the first screen answers four questions")
  func html() throws {
    let folder = try CapturedSnapshots.directory(["old.txt": "x"])
    defer { CapturedSnapshots.remove(folder) }
    let result = report(SampleTraces.path("6.1-slub-smp1-script-s20k"), ["-o", folder + "/r.html"])
    #expect(result.status == .done && result.errors.isEmpty && result.output.isEmpty)
    let html = try String(contentsOfFile: folder + "/r.html", encoding: .utf8)
    #expect(html.hasPrefix("<!doctype html>"))
    for question in ["How much is wasted?", "Where?", "Which allocator would waste least?", "Is memory fragmented?"] {
      #expect(html.contains("<h2>\(question)</h2>"))
    }
  }

  @Test("the figures are those of the commands that it puts together")
  func composition() throws {
    let capture = SampleTraces.path("6.1-slub-smp1-boot")
    let json = report(capture, ["--format", "json"]).output
    #expect(json.contains("\"schema\" : \"kmemreplay.report/1\""))
    // As `replay`, `compare` and `waste` say for this capture.
    #expect(json.contains("\"footprintWastedPercent\" : 27.25"))
    #expect(json.contains("\"bestAllocator\" : \"slob\""))
    #expect(json.contains("\"matched\" : 89181"))
    let live = json.components(separatedBy: "\"live\" : {").dropFirst().contains {
      $0.contains("\"allocatedBytes\" : 8707800") && $0.contains("\"objects\" : 35590")
    }
    #expect(live)
    let markdown = report(capture, ["--format", "markdown"]).output
    #expect(markdown.utf8.count < 60_000)
    #expect(markdown.contains("```mermaid\nxychart-beta"))
    let csv = report(capture, ["--format", "csv", "--table", "allocators"]).output
    #expect(csv.split(separator: "\r\n").count == 4)
  }

  @Test(
    "the Markdown of real captures is as recorded, and two runs give the same HTML",
    arguments: ["6.1-slub-smp1-script-s20k", "6.1-slub-smp1-stack", "6.1-slob-smp1-script-s20k"])
  func recorded(capture: String) throws {
    func run(_ format: String) -> String {
      let output = MemorySink()
      // The report names its input; where the package lies is nobody's business.
      let environment = CommandEnvironment(
        output: output, errors: MemorySink(),
        openRepeatedly: { _ in RepeatableTrace(SampleTraces.path(capture)).open })
      #expect(CommandRunner.run(["report", "trace.txt.zst", "--format", format], in: environment) == .done)
      return output.text
    }
    let markdown = run("markdown")
    let expected = SampleTraces.expected("\(capture).report.md")
    #expect(try markdown == ExpectedFiles.text(at: expected, insteadOf: markdown))
    let html = run("html")
    #expect(html.utf8.count < 2_000_000 && html == run("html"))
  }

  @Test("with snapshots from before and after, the end is compared with what the kernel counted")
  func snapshots() {
    let archive = SampleTraces.file("6.1-slub-smp2-rtnc/snapshots.tar.zst")
    let result = report(
      SampleTraces.path("6.1-slub-smp2-rtnc"),
      [
        "--before", archive, "--before-label", "t0", "--after", archive, "--after-label", "t1", "--to",
        "mark:snap-begin t1", "--format", "csv", "--table", "grades",
      ])
    #expect(result.status == .done, "\(result.errors)")
    #expect(result.output.contains("free blocks,22,22,100"))
  }

  @Test("a snapshot alone gives what it can")
  func snapshotAlone() {
    let path = CapturedSnapshots.sample
    let text = report(path, []).output
    #expect(text.contains("Is memory fragmented?"))
    #expect(report(path, ["--format", "html"]).output.contains("id=\"snapshot-alone\""))
    #expect(report(path, ["--format", "json"]).output.contains("\"schema\" : \"kmemreplay.report/1\""))
  }

  @Test("a trace of page events only has no slab parts, and one without page events no memory parts")
  func partialTraces() {
    let pages = report(SampleTraces.path("6.1-slub-smp1-stack"), ["--format", "html"])
    #expect(pages.status == .done && pages.output.contains("Is memory fragmented?"))
    #expect(!pages.output.contains("id=\"allocators\"") && pages.output.contains("Who holds pages?"))
    let output = MemorySink()
    let trace = smallTrace()
    let environment = CommandEnvironment(
      output: output, errors: MemorySink(),
      openRepeatedly: { _ in
        {
          trace.rewind()
          return OpenedTrace(source: trace)
        }
      })
    #expect(CommandRunner.run(["report", "t", "--format", "html"], in: environment) == .done)
    #expect(output.text.contains("id=\"waste\"") && !output.text.contains("id=\"memory-map\""))
  }

  @Test("usage errors say what to do")
  func usage() {
    let capture = SampleTraces.path("6.1-slub-smp1-script-s20k")
    #expect(report(capture, ["--format", "csv"]).status == .usage)
    #expect(report(capture, ["--table", "caches"]).status == .usage)
    #expect(report(capture, ["--before-label", "t0"]).status == .usage)
    let missing = report(capture, ["--format", "csv", "--table", "nothing"])
    #expect(missing.status == .failed && missing.errors.contains("call-sites"))
    #expect(report("/nonexistent.txt", []).status == .failed)
  }
}
