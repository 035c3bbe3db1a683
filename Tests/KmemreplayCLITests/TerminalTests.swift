import FoundationEssentials
import Reports
import TestSupport
import Testing
import TraceEvents

@testable import KmemreplayCLI

@Suite("Text on a terminal") struct TerminalTests {
  private func run(_ arguments: [String], _ style: TextStyle, on trace: ScriptedTrace) -> CommandResult {
    let output = MemorySink()
    let errors = MemorySink()
    trace.rewind()
    var environment = CommandEnvironment(output: output, errors: errors)
    environment.outputStyle = style
    environment.errorStyle = style
    environment.openTrace = { _ throws(TraceError) in OpenedTrace(source: trace) }
    let status = CommandRunner.run(arguments, in: environment)
    return CommandResult(status: status, output: output.text, errors: errors.text)
  }

  private let terminal = TextStyle(width: 100, usesColour: true, drawsBars: true)

  @Test func `Colours follow NO_COLOR, TERM and the locale, and the width COLUMNS`() {
    let usual = Terminal.style(columns: 132, ["TERM": "xterm-256color", "LANG": "en_GB.UTF-8"])
    #expect(usual == TextStyle(width: 132, usesColour: true, drawsBars: true))
    #expect(!Terminal.style(columns: 132, ["TERM": "xterm", "NO_COLOR": "1"]).usesColour)
    #expect(Terminal.style(columns: 132, ["TERM": "xterm", "NO_COLOR": ""]).usesColour)
    #expect(!Terminal.style(columns: 132, ["TERM": "dumb"]).usesColour)
    #expect(!Terminal.style(columns: 132, [:]).usesColour)
    #expect(Terminal.style(columns: 132, ["COLUMNS": "90"]).width == 90)
    #expect(Terminal.style(columns: nil, ["COLUMNS": "many"]).width == 80)
    #expect(Terminal.style(columns: 3, [:]).width == 40)
    #expect(!Terminal.style(columns: 80, ["LC_ALL": "C", "LANG": "en_GB.UTF-8"]).drawsBars)
    #expect(Terminal.style(columns: 80, ["LC_ALL": "", "LANG": "C.utf8"]).drawsBars)
  }

  @Test func `A terminal gets colours and bars; a file and JSON do not`() throws {
    let shown = run(["waste", "t"], terminal, on: smallTrace())
    #expect(shown.output.contains("\u{1B}[1m424 B") && shown.output.contains("█"))
    for format in ["json", "markdown", "csv"] {
      let result = run(["waste", "t", "--format", format], terminal, on: smallTrace())
      #expect(result.status == .done && !result.output.contains("\u{1B}"), "\(format)")
    }
    let folder = try CapturedSnapshots.directory(["old": ""])
    defer { CapturedSnapshots.remove(folder) }
    _ = run(["waste", "t", "--output", folder + "/waste.txt"], terminal, on: smallTrace())
    let file = try String(contentsOfFile: folder + "/waste.txt", encoding: .utf8)
    #expect(file == run(["waste", "t"], .plain, on: smallTrace()).output)
  }

  @Test func `--color always and never overrule the terminal, on both streams`() {
    let arguments = ["waste", "t", "--fail-on", "live.wastedBytes>10", "--color"]
    let always = run(arguments + ["always"], .plain, on: smallTrace())
    #expect(always.output.contains("\u{1B}[1m") && always.errors.contains("\u{1B}[31mexceeded"))
    let never = run(arguments + ["never"], terminal, on: smallTrace())
    #expect(!never.output.contains("\u{1B}") && !never.errors.contains("\u{1B}"))
    #expect(run(["waste", "t", "--color", "red"], .plain, on: smallTrace()).status == .usage)
  }

  @Test func `Every report fits an 80-column terminal`() {
    let style = TextStyle(width: 80, drawsBars: true)
    let trace = smallTrace()
    trace.allocate(0xFFFF_8880_0000_4000, 5, 8, site: "a_rather_long_name_of_a_function_that_goes_on_and_on+0x1/0x2")
    for arguments in [["waste", "t"], ["info", "t"], ["waste", "t", "--by", "cache", "--sort", "allocations"]] {
      let result = run(arguments, style, on: trace)
      #expect(result.status == .done, "\(result.errors)")
      for line in result.output.split(separator: "\n") { #expect(line.count <= 80, "\(arguments): \(line)") }
    }
    for allocator in ["slub", "slob"] {
      let output = MemorySink()
      var environment = CommandEnvironment(output: output, errors: MemorySink())
      environment.outputStyle = style
      let capture = SampleTraces.path("6.1-slub-smp1-script-s20k")
      #expect(CommandRunner.run(["replay", capture, "--allocator", allocator], in: environment) == .done)
      // File names and commands to type are not broken.
      let lines = output.text.split(separator: "\n").filter { !$0.contains("/") && !$0.contains("kmemreplay") }
      for line in lines { #expect(line.count <= 80, "\(line)") }
      #expect(output.text.contains("Slab pages over time"))
    }
  }

  @Test func `The output's name decides on the form where --format does not`() throws {
    let folder = try CapturedSnapshots.directory(["old": ""])
    defer { CapturedSnapshots.remove(folder) }
    for (name, beginning) in [
      ("a.json", "{"), ("a.md", "# Waste"), ("a.csv", "key,"), ("a.txt", "424 B"), ("a", "424 B"),
    ] {
      #expect(run(["waste", "t", "-o", folder + "/" + name], .plain, on: smallTrace()).status == .done)
      let text = try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
      #expect(text.hasPrefix(beginning), "\(name)")
    }
    let html = run(["waste", "t", "-o", folder + "/a.html"], .plain, on: smallTrace())
    #expect(html.status == .usage && html.errors.contains("which --output's name asks for"))
    #expect(
      run(["waste", "t", "-o", folder + "/a.html", "--format", "text"], .plain, on: smallTrace()).status == .done)
  }

  @Test func `Progress tells pass, part, rate and time left, and stays on one line`() {
    let text = ProgressMeter.text(
      seconds: 4, events: 8_000_000, bytes: 1 << 30, fraction: 0.25, pass: (2, 2), columns: 100)
    #expect(text == "pass 2 of 2, 25 %, 2.0 M events/s, 12 s left, 1.0 GiB, 8,000,000 events")
    let narrow = ProgressMeter.text(
      seconds: 4, events: 8_000_000, bytes: 1 << 30, fraction: 0.25, pass: (2, 2), columns: 50)
    #expect(narrow == "pass 2 of 2, 25 %, 2.0 M events/s, 12 s left")
    let pipe = ProgressMeter.text(seconds: 100, events: 8_000_000, bytes: 5, fraction: nil, pass: nil, columns: 80)
    #expect(pipe == "0.1 M events/s, 5 B, 8,000,000 events")
    let slow = ProgressMeter.text(seconds: 100, events: 1, bytes: 5, fraction: 0.02, pass: nil, columns: 80)
    #expect(slow.contains("1 h 21 min left"))
  }

  @Test func `--sort puts other groups first, in every form`() {
    let trace = smallTrace()
    for object in 0..<3 as Range<UInt64> {
      trace.allocate(0xFFFF_8880_0010_0000 + object * 0x1000, 60, 64, site: "often+0x1/0x2")
    }
    for (order, site) in [
      ("live", "seq_open"), ("objects", "often"), ("allocations", "often"), ("percent", "seq_open"),
    ] {
      let csv = run(["waste", "t", "--sort", order, "--format", "csv"], .plain, on: trace).output
      #expect(csv.split(separator: "\r\n").dropFirst().first?.hasPrefix(site) == true, "\(order)")
    }
    let text = run(["waste", "t", "--sort", "objects"], .plain, on: trace).output
    #expect(text.contains("most objects at the end first"))
  }

  @Test func `Every command has help with an example`() {
    let lines = KmemreplayCLITests.run("--help").output.split(separator: "\n").drop { $0 != "SUBCOMMANDS:" }
    let commands = lines.filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }.compactMap {
      $0.split(separator: " ").first
    }.filter { $0.first?.isLowercase == true }
    #expect(commands.count > 14)
    for command in commands {
      let name = String(command)
      let help = KmemreplayCLITests.run(name, "--help").output
      #expect(help.contains("Example: kmemreplay \(name)") || help.contains(" | kmemreplay \(name)"), "\(name)")
    }
  }
}
