import KmemreplayCLI
import TestSupport
import Testing

@Suite struct TranslateCommandTests {
  @Test func `a mapping is walked, in every form of report`() {
    let mapping = "7f1234567000=12345000:4K:ru"
    let text = run("translate", "7f1234567abc", "--map", mapping)
    #expect(text.status == .done)
    #expect(text.output.contains("physical address 0x12345abc"))
    #expect(
      text.output.contains("PML4 (pgd)") && text.output.contains("Table pages by level: pgd 1, pud 1, pmd 1, pte 1"))
    let write = run("translate", "0x7f1234567abc", "--map", mapping, "--access", "write", "--format", "json")
    #expect(write.output.contains(#""errorCode" : 7"#) && write.output.contains("kmemreplay.translate/1"))
    let markdown = run("translate", "7f1234567abc", "--map", mapping, "--kernel-mode", "--smap", "--format", "markdown")
    #expect(markdown.output.contains("# Translation of 0x7f1234567abc") && markdown.output.contains("error code 0x1"))
  }

  @Test func `a dump is read, and its errors are said with file, line and column`() throws {
    let good = "scheme ia32\nroot 1000\n1080: 2067\n2100: 5067\ngdt 83: 0040f2345678ffff\n"
    let folder = try CapturedSnapshots.directory([
      "good": good, "bad": "scheme ia32\nroot 1000\n1080 2067\n", "none": "1080: 1\n",
    ])
    defer { CapturedSnapshots.remove(folder) }
    let walk = run("translate", "8040123", "--tables", folder + "/good")
    #expect(walk.status == .done && walk.output.contains("physical address 0x5123"))
    let segment = run("translate", "0x10", "--tables", folder + "/good", "--selector", "83")
    #expect(segment.output.contains("Linear address: 0x345688"))
    let beyond = run("translate", "8040123", "--tables", folder + "/good", "--root", "9000")
    #expect(beyond.status == .failed && beyond.errors.contains("lacks a table"))
    let bad = run("translate", "8040123", "--tables", folder + "/bad")
    #expect(bad.status == .failed && bad.errors.contains("/bad: line 3, column 6: `2067`; expected a colon"))
    #expect(
      run("translate", "1", "--tables", folder + "/none", "--scheme", "pae").errors.contains(
        "expected a line such as `root"))
    #expect(run("translate", "1", "--tables", folder + "/missing").status == .failed)
  }

  @Test func `a scenario's tables are walked, by address or region`() throws {
    let scenario = SampleTraces.file("scenarios/copy-on-write.scenario")
    let walk = run("translate", "data+0x2010", "--scenario", scenario, "--process", "parent", "--access", "write")
    #expect(walk.status == .done, "\(walk.errors)")
    #expect(walk.output.contains("region data + 0x2010") && walk.output.contains("PML4 (pgd)"))
    #expect(walk.output.contains("the kernel's entry: a page, writable, dirty, accessed"))
    let json = run("translate", "data", "--scenario", scenario, "--format", "json")
    #expect(json.status == .done && json.output.contains(#""container" : "scenario""#))
    let below = run("translate", "0x10", "--scenario", scenario, "--process", "parent")
    #expect(below.status == .done && below.output.contains("the entry is not present"))
    let nobody = run("translate", "data", "--scenario", scenario, "--process", "child")
    #expect(nobody.status == .failed && nobody.errors.contains("no process `child` is alive at the end; alive: parent"))
    #expect(run("translate", "heap9", "--scenario", scenario).errors.contains("nor a region of `parent`"))
    let folder = try CapturedSnapshots.directory(["bad": "process a\nfly\n"])
    defer { CapturedSnapshots.remove(folder) }
    #expect(run("translate", "0", "--scenario", folder + "/bad").errors.contains("/bad:2:1: unknown word `fly`"))
  }

  @Test func `what can't be mapped is said`() {
    #expect(run("translate", "1000", "--map", "1000=1000:8K").errors.contains("the scheme has no page of that size"))
    #expect(run("translate", "1000", "--map", "800000000000=0").errors.contains("not canonical"))
    let twice = run("translate", "1000", "--map", "1000=1000", "--map", "1000=2000", "--arch", "arm")
    #expect(twice.status == .failed && twice.errors.contains("0x1000: is mapped already"))
    let kernel = run(
      "translate", "ffff800000001234", "--map", "ffff800000000000=40000000:2M:rx", "--arch", "arm64", "--kernel-mode")
    #expect(kernel.status == .done && kernel.output.contains("0x40001234"))
  }

  @Test(arguments: [
    ["translate"], ["translate", "1000"], ["translate", "xyz", "--map", "0=0"], ["translate", "1", "--map", "0"],
    ["translate", "1", "--map", "0=0:4K:q"], ["translate", "1", "--map", "0=0", "--tables", "x"],
    ["translate", "1", "--map", "0=0", "--scheme", "vax"], ["translate", "1", "--map", "0=0", "--stack"],
    ["translate", "1", "--map", "0=0", "--selector", "12345"], ["translate", "1", "--map", "0=0", "--format", "csv"],
    ["translate", "1", "--map", "0=0", "--root", "0"], ["translate", "1", "--map", "0=0", "--scenario", "x"],
    ["translate", "1", "--map", "0=0", "--process", "a"], ["translate", "data", "--map", "0=0"],
    ["translate", "1", "--scenario", "x", "--scheme", "arm"],
    ["translate", "1", "--scenario", "x", "--selector", "73"],
  ])
  func `a command line that makes no sense is a usage error`(arguments: [String]) {
    let errors = MemorySink()
    let status = CommandRunner.run(arguments, in: CommandEnvironment(output: MemorySink(), errors: errors))
    #expect(status == .usage)
  }

  @Test func `the benchmark translates`() {
    let result = run("bench-translate", "--millions", "1", "--repetitions", "1", "--cpu", "cortex-a53")
    #expect(result.status == .done && result.output.contains("sparse"))
  }
}
