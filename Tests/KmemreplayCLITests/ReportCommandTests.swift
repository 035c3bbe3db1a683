import FoundationEssentials
import KmemreplayCLI
import Reports
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
    #expect(json.contains("\"matched\" : 89259"))
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

  private static let faultCapture = SampleTraces.path("6.1-slub-smp1-pf")
  private static let faultOptions = [
    "--before", SampleTraces.file("6.1-slub-smp1-pf/snapshots.tar.zst"), "--before-label", "pre,t0", "--after",
    SampleTraces.file("6.1-slub-smp1-pf/snapshots.tar.zst"), "--after-label", "post,t1", "--from", "mark:snap-end t0",
    "--to", "mark:snap-begin t1",
  ]

  @Test func `Page faults are in every form of the report, with the figures of the faults command`() throws {
    let json = try JSONValue(parsing: report(Self.faultCapture, Self.faultOptions + ["--format", "json"]).output)
    let own = KmemreplayCLITests.run(["faults", Self.faultCapture] + Self.faultOptions + ["--format", "json"])
    let faults = try JSONValue(parsing: own.output)
    #expect(json["faults"]?["faults"] == faults["faults"] && json["faults"]?["faults"]?["total"]?.number == 4716)
    #expect(json["faults"]?["verification"] == faults["verification"])
    // The models beside it see the same trace as without page faults.
    let replayed = KmemreplayCLITests.run(["replay", Self.faultCapture] + Self.faultOptions + ["--format", "json"])
    let replay = try JSONValue(parsing: replayed.output)
    #expect(json["replay"]?["caches"] == replay["caches"] && json["replay"]?["model"] == replay["model"])
    let html = report(Self.faultCapture, Self.faultOptions + ["--format", "html"]).output
    for part in ["id=\"faults\"", "href=\"#faults\"", "Faults by mapping", "anonymous, write", "4,716"] {
      #expect(html.contains(part), "\(part)")
    }
    #expect(html.utf8.count < 2_000_000)
    let markdown = report(Self.faultCapture, Self.faultOptions + ["--format", "markdown"]).output
    #expect(markdown.contains("## Page faults") && markdown.utf8.count < 60_000)
    for (table, rows) in [("fault-kinds", 3), ("fault-processes", 1), ("fault-mappings", 5), ("fault-grades", 3)] {
      let csv = report(Self.faultCapture, Self.faultOptions + ["--format", "csv", "--table", table])
      #expect(csv.output.split(separator: "\r\n").count > rows, "\(table): \(csv.errors)")
    }
    let without = report(SampleTraces.path("6.1-slub-smp1-script-s20k"), ["--format", "html"]).output
    #expect(!without.contains("id=\"faults\""))
  }

  @Test func `--history draws the trend of earlier runs with this one at its end, and keeps this one`() throws {
    let folder = try CapturedSnapshots.directory(["old.txt": "x"])
    defer { CapturedSnapshots.remove(folder) }
    let file = folder + "/history.sqlite"
    func run(_ run: Int, _ format: String) -> CommandResult {
      let trace = smallTrace()
      for object in 0..<run {
        trace.allocate(0xFFFF_8880_0010_0000 + UInt64(object) * 0x1000, 1100, 2048, site: "seq_open+0x27/0x65")
      }
      let output = MemorySink()
      let errors = MemorySink()
      let environment = CommandEnvironment(
        output: output, errors: errors,
        openRepeatedly: { _ in
          {
            trace.rewind()
            return OpenedTrace(source: trace)
          }
        })
      let status = CommandRunner.run(
        ["report", "t", "--history", file, "--commit", "c\(run)", "--format", format]
          + (format == "csv" ? ["--table", "history"] : []), in: environment)
      return CommandResult(status: status, output: output.text, errors: errors.text)
    }
    let first = run(0, "html")
    #expect(first.status == .done && !first.output.contains("id=\"history\""), "\(first.errors)")
    for number in 1..<3 { #expect(run(number, "text").status == .done) }
    let html = run(3, "html").output
    #expect(html.contains("id=\"history\"") && html.contains("Object waste at the end"))
    // Four runs of each figure.
    #expect(html.components(separatedBy: "<title>c3, t: 3.2 KiB</title>").count == 2, "the waste of this run")
    let json = try JSONValue(parsing: run(4, "json").output)
    guard case .array(let trends)? = json["history"], case .array(let runs)? = trends.first?["runs"] else {
      Issue.record("no trends")
      return
    }
    #expect(trends.first?["command"]?.text == "report" && runs.count == 5)
    #expect(runs.map { $0["commit"]?.text } == ["c0", "c1", "c2", "c3", "c4"])
    let waste = runs.map { $0["figures"]?["summary.live.wastedBytes"]?.number }
    #expect(waste == [424, 1372, 2320, 3268, 4216])
    let csv = run(5, "csv").output.split(separator: "\r\n")
    #expect(csv.count == 7 && csv.last?.hasPrefix("this,c5,t,") == true)
    #expect(run(6, "markdown").output.contains("## History"))
    // The report's history is not a figure of its own.
    #expect(KmemreplayCLITests.run("history", file, "--figure", "summary.live.wastedBytes").output.contains("7 runs"))
  }

  @Test func `--sort puts the rows with most of a column first, in every table that has it`() throws {
    let capture = SampleTraces.path("6.1-slub-smp1-script-s20k")
    let csv = report(capture, ["--format", "csv", "--table", "call-sites", "--sort", "totalObjects"]).output
    let counts = csv.split(separator: "\r\n").dropFirst().compactMap {
      $0.split(separator: ",").last.flatMap { Int($0) }
    }
    #expect(counts.count > 2 && counts == counts.sorted(by: >))
    let unknown = report(capture, ["--sort", "colour"])
    #expect(unknown.status == .failed && unknown.errors.contains("liveWastedBytes"))
    #expect(report(capture, ["--sort", "slabs", "--format", "json"]).status == .usage)
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
