import FoundationEssentials
import KmemreplayCLI
import TestSupport
import Testing

@Suite("Gates on the command line") struct GateTests {
  private func temporaryPath(_ name: String) -> String {
    FileManager.default.temporaryDirectory.path + "/kmemreplay-test-\(UInt64.random(in: 0 ... .max))-\(name)"
  }

  @Test(
    "an exceeded threshold ends with 1 and says what was found and what was allowed; the report is written all the same"
  )
  func exceeded() {
    let result = run("waste", "t", "--fail-on", "live.wastedBytes>10", on: smallTrace())
    #expect(result.status == .thresholdExceeded)
    #expect(result.errors.contains("exceeded: live.wastedBytes is 424 B: more than 10 B is not allowed"))
    #expect(result.output.contains("live at the end"))
    let kept = run("waste", "t", "--fail-on", "live.wastedBytes>1KiB", "--fail-on", "live.objects>5", on: smallTrace())
    #expect(kept.status == .done)
    #expect(kept.errors.split(separator: "\n").count == 2)
  }

  @Test("a threshold on nothing is a failure, not a pass; one that makes no sense is a usage error")
  func absent() {
    #expect(run("waste", "t", "--fail-on", "live.wasted>10", on: smallTrace()).status == .failed)
    #expect(run("waste", "t", "--fail-on", "live.wastedBytes", on: smallTrace()).status == .usage)
  }

  @Test("--baseline tells what changed, and its changes can be gated")
  func baseline() throws {
    let base = temporaryPath("base.json")
    defer { try? FileManager.default.removeItem(atPath: base) }
    #expect(run("waste", "t", "--format", "json", "--output", base, on: smallTrace()).status == .done)
    let same = run(
      "waste", "t", "--baseline", base, "--fail-on", "change.live.wastedBytes>0", on: smallTrace())
    #expect(same.status == .done)
    #expect(same.errors.contains("nothing changed"))
    let more = smallTrace()
    more.allocate(0xFFFF_8880_0000_3000, 1100, 2048, site: "seq_open+0x27/0x65")
    let worse = run("waste", "t", "--baseline", base, "--fail-on", "change.live.wastedBytes>100", on: more)
    #expect(worse.status == .thresholdExceeded)
    #expect(worse.errors.contains("live.wastedBytes grew from 424 B to 1.3 KiB"))
    #expect(worse.errors.contains("seq_open"))
  }

  @Test("a baseline that is missing, no JSON or of another command fails before the trace is read")
  func badBaselines() throws {
    let path = temporaryPath("bad.json")
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(run("waste", "t", "--baseline", path, on: smallTrace()).status == .failed)
    try "not json".write(toFile: path, atomically: false, encoding: .utf8)
    #expect(run("waste", "t", "--baseline", path, on: smallTrace()).errors.contains("is no JSON document"))
    _ = run("info", "t", "--format", "json", "--output", path, on: smallTrace())
    let other = run("waste", "t", "--baseline", path, on: smallTrace())
    #expect(other.status == .failed)
    #expect(other.errors.contains("only results of the same command"))
  }

  @Test("JUnit and SARIF files are written, and GitHub's summary and annotations under GITHUB_ACTIONS")
  func files() throws {
    let paths = ["junit.xml", "findings.sarif", "summary.md"].map { temporaryPath($0) }
    defer { for path in paths { try? FileManager.default.removeItem(atPath: path) } }
    let trace = smallTrace()
    trace.rewind()
    let errors = MemorySink()
    var environment = CommandEnvironment(
      output: MemorySink(), errors: errors,
      variables: ["GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": paths[2]])
    environment.openTrace = { _ in OpenedTrace(source: trace) }
    let status = CommandRunner.run(
      ["waste", "t", "--fail-on", "live.wastedBytes>10", "--junit", paths[0], "--sarif", paths[1]], in: environment)
    #expect(status == .thresholdExceeded)
    #expect(try String(contentsOfFile: paths[0], encoding: .utf8).contains("<failure"))
    #expect(try String(contentsOfFile: paths[1], encoding: .utf8).contains("seq_open"))
    #expect(try String(contentsOfFile: paths[2], encoding: .utf8).contains("a gate failed"))
    #expect(errors.text.contains("::error title=kmemreplay waste::"))
  }

  @Test("diff compares two results and can be gated")
  func diff() throws {
    let base = temporaryPath("base.json")
    let new = temporaryPath("new.json")
    defer { for path in [base, new] { try? FileManager.default.removeItem(atPath: path) } }
    _ = run("waste", "t", "--format", "json", "--output", base, on: smallTrace())
    let more = smallTrace()
    more.allocate(0xFFFF_8880_0000_3000, 1100, 2048, site: "seq_open+0x27/0x65")
    _ = run("waste", "t", "--format", "json", "--output", new, on: more)
    let result = run("diff", base, new)
    #expect(result.status == .done)
    #expect(result.output.contains("live.wastedBytes grew"))
    let percent = run("diff", base, new, "--fail-on", "changePercent.live.wastedBytes>5")
    #expect(percent.status == .thresholdExceeded)
    #expect(percent.errors.contains("is 223.58 %: more than 5.00 % is not allowed"), "\(percent.errors)")
    #expect(run("diff", base, new, "--format", "json").output.contains("kmemreplay.diff/1"))
    #expect(run("diff", base, new, "--format", "markdown").output.hasPrefix("# What changed"))
    #expect(run("diff", base, "/no/such.json").status == .failed)
  }

  @Test("a whole report can be gated, too")
  func report() {
    let path = SampleTraces.path("6.1-slub-smp1-script-s20k")
    let result = run("report", path, "--format", "markdown", "--fail-on", "waste.callSite.live.wastedBytes>1GiB")
    #expect(result.status == .done, "\(result.errors)")
    #expect(run("report", path, "--fail-on", "waste.callSite.total.objects>10").status == .thresholdExceeded)
  }

  @Test("the first screen of waste says what to do about the biggest, unless --advise has said more")
  func hint() {
    let text = run("waste", SampleTraces.path("6.1-slub-smp1-boot")).output
    #expect(text.contains("Most: acpi_add_single_object"))
    #expect(text.contains("[estimated]; --advise simulates such changes."))
    #expect(!run("waste", SampleTraces.path("6.1-slub-smp1-boot"), "--by", "task").output.contains("Most: "))
  }

  @Test("completions and the manual page know every command")
  func shellFiles() {
    for shell in ["bash", "zsh", "fish"] {
      let script = run("completions", shell).output
      for command in ["waste", "compare", "frag", "diff"] { #expect(script.contains(command), "\(shell)") }
    }
    let page = run("manual").output
    #expect(page.hasPrefix(".TH KMEMREPLAY 1"))
    #expect(page.contains(".SS waste") && page.contains("\\-\\-fail\\-on") && page.contains(".SH EXIT STATUS"))
    #expect(!page.contains("bench"))
  }
}
