import KmemreplayCLI
import Reports
import TestSupport
import Testing
import TraceEvents

@Suite("faults on the command line") struct FaultsCommandTests {
  private static let snapshots = SampleTraces.file("6.1-slub-smp1-pf/snapshots.tar.zst")
  private static let window = ["--from", "mark:snap-end t0", "--to", "mark:snap-begin t1"]

  private func faults(_ options: [String], capture: String = SampleTraces.path("6.1-slub-smp1-pf")) -> CommandResult {
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(
      ["faults", capture] + options, in: CommandEnvironment(output: output, errors: errors))
    return CommandResult(status: status, output: output.text, errors: errors.text)
  }

  private var known: [String] {
    [
      "--before", Self.snapshots, "--before-label", "pre,t0", "--after", Self.snapshots, "--after-label", "post,t1",
    ]
  }

  @Test func `Faults of a real workload are foreseen, and their figures agree with the kernel's`() throws {
    let result = faults(known + Self.window)
    #expect(result.status == .done && result.errors.isEmpty)
    #expect(result.output.contains("4,716 page faults: 4,716 minor and 0 major"))
    #expect(result.output.contains("TLB figures are modelled"))
    let line = try #require(result.output.split(separator: "\n").first { $0.contains("frames taken in faults") })
    let right = try #require(line.split(separator: "(").last?.split(separator: " ").first)
    #expect((Double(right) ?? 0) > 96, "\(line)")
    let tables = try #require(result.output.split(separator: "\n").first { $0.contains("page tables made by fork") })
    let numbers = tables.split(separator: " ").compactMap { Int($0) }
    #expect(numbers.count == 2 && numbers[0] == numbers[1])
  }

  /// What a figure of the text report was predicted and observed as.
  private func pair(_ name: String, _ output: String) -> (predicted: Int, observed: Int)? {
    guard let line = output.split(separator: "\n").first(where: { $0.contains(name) }) else { return nil }
    let numbers = line.split(separator: " ").compactMap { Int($0.filter { $0 != "," }) }
    return numbers.count < 2 ? nil : (numbers[numbers.count - 2], numbers[numbers.count - 1])
  }

  @Test func `What a process holds at the end is what the kernel counted, to two pages`() throws {
    let text = faults(known + Self.window).output
    let total = try #require(pair("Rss of 65 at the end, pages", text))
    #expect(total.observed == 1285 && abs(total.predicted - total.observed) <= 2)
    let grades = text.replacing("10 of 12 mappings", with: "")
    let mappings = try #require(pair("Rss of mappings at the end, pages", grades))
    #expect(abs(mappings.predicted - mappings.observed) <= 2)
    let anonymous = try #require(pair("Anonymous of 65 at the end, pages", text))
    #expect(abs(anonymous.predicted - anonymous.observed) <= 1)
    let counters = try #require(text.split(separator: "\n").first { $0.contains("resident pages, by rss_stat") })
    #expect(counters.contains("101 of 127"))
    let forks = try #require(text.split(separator: "\n").first { $0.contains("resident pages of children at fork") })
    #expect(forks.contains("94 of 97"))
  }

  @Test func `Processes that have ended are shown as after their last fault, not as torn down`() throws {
    let json = try JSONValue(parsing: faults(known + Self.window + ["--format", "json"]).output)
    guard case .array(let processes)? = json["processes"] else {
      Issue.record("no processes")
      return
    }
    // Children of the workload share its buffer of 1,024 pages until they are killed.
    let children = processes.filter { $0["name"]?.text == "wl" && $0["ended"] == .bool(true) }
    #expect(children.count >= 40)
    for child in children {
      #expect((child["residentPages"]?["anonymous"]?.number ?? 0) > 1000, "\(child)")
    }
  }

  @Test(
    "on captures beside the package a process's total is right to two pages",
    arguments: [("slub", 2, 72), ("slab", 1, 64), ("slab", 2, 70), ("slob", 1, 64), ("slob", 2, 70)])
  func sharedTotals(allocator: String, cpus: Int, process: Int) throws {
    let capture = "6.1-\(allocator)-smp\(cpus)-pf"
    guard let path = SharedCaptures.path(capture) else {
      print("skipped: \(capture) is not in ../shared/captures")
      return
    }
    let snapshots = path.replacing("trace.txt.zst", with: "snaps.tar.zst")
    let options = [
      "--before", snapshots, "--before-label", "pre,t0", "--after", snapshots, "--after-label", "post,t1",
    ]
    let total = try #require(
      pair("Rss of \(process) at the end, pages", faults(options + Self.window, capture: path).output))
    #expect(total.observed > 1000 && abs(total.predicted - total.observed) <= 2)
  }

  @Test func `Without snapshots, mappings are inferred from what faults take`() {
    let result = faults(["--format", "json"])
    #expect(result.status == .done)
    #expect(result.output.contains("\"schema\" : \"kmemreplay.faults/1\""))
    #expect(result.output.contains("\"mappings\" : \"inferred\""))
    #expect(faults(["--format", "markdown"]).output.contains("## Verification"))
  }

  @Test func `A trace without page faults, and options without their partner, are clear errors`() {
    let without = faults([], capture: SampleTraces.path("6.1-slub-smp1-script-s20k"))
    #expect(without.status == .failed && without.errors.contains("has no page faults"))
    #expect(faults(["--before-label", "pre"]).status == .usage)
    #expect(faults(["--format", "csv"]).status == .usage)
    #expect(faults(["--tlb", "nothing"]).status == .usage)
    #expect(faults(["--scheme", "arm"]).status == .usage)
  }

  @Test func `The look-aside buffers of the processor are the ones asked for`() {
    let zen = faults(known + Self.window + ["--tlb", "zen1"])
    #expect(zen.status == .done && zen.output.contains("TLB of zen1 [modelled]"))
    // Without tags every switch of address space flushes all.
    #expect(zen.output.contains("flushes of everything"))
    let small = faults(known + Self.window + ["--tlb", "L1D:4,L1I:4"])
    #expect(small.status == .done && small.output.contains("TLB of L1D:4,L1I:4 [modelled]"))
    // What a fault was doesn't depend on them.
    let line = { (text: String) in text.split(separator: "\n").first { $0.contains("frames taken in faults") } }
    #expect(line(zen.output) == line(small.output) && line(zen.output) != nil)
  }

  @Test func `Faults outside of every mapping, at strange addresses, are classified`() {
    let trace = ScriptedTrace()
    for address: UInt64 in [0, 0x8000_0000_0000, .max, 0xFFFF_8880_0000_1000, 0x7FFF_FFFF_F000] {
      trace.add(.pageFaultUser) {
        $0.address = address
        $0.requestedBytes = 6
      }
      trace.add(.pageFaultKernel) {
        $0.address = address
        $0.requestedBytes = 0
      }
    }
    let result = run("faults", "made.txt", on: trace)
    #expect(result.status == .done)
    #expect(result.output.contains("no mapping (SEGV_MAPERR)"))
    #expect(result.output.contains("kernel address"))
  }
}
