import Analysis
import MemoryModels
import Reports
import TestSupport
import Testing

@Suite("Scenario reports") struct ScenarioReportTests {
  private func expectSnapshot(_ name: String, _ text: String) throws {
    #expect(try text == ExpectedFiles.snapshot(name, insteadOf: text), "differs from Snapshots/\(name)")
  }

  private func runner(_ text: String) throws -> ScenarioRunner { ScenarioRunner(try Scenario(parsing: text)) }

  /// Something of everything that a report can show.
  private let story = """
    machine ram=64M swap=32M thp=never hugepages=2 tlb=haswell data-caches=32K/8,1M/16
    file lib|c size=256K tmpfs cached=256K
    process first
    map first text size=256K rx file=lib|c
    execute first text
    map first data size=1M
    write first data
    map first pool size=2M hugetlb
    write first pool size=4K
    fork first second
    write second data size=64K
    swap first data offset=512K size=64K
    read first data
    read first nowhere at=0x10 expect SEGV_MAPERR
    exit second
    process greedy
    map greedy all size=256M noreserve
    write greedy all expect SIGKILL
    assert kills = 1
    assert first data size = 1M
    assert first minor = 3
    """

  @Test func `The report looks as recorded in every form`() throws {
    let outcome = try runner(story).run()
    #expect(outcome.failures == 1)
    let report = ScenarioReport(name: "a story\u{1B}[31m.scenario", bytes: story.utf8.count, outcome: outcome)
    try expectSnapshot("scenario.txt", report.text())
    try expectSnapshot("scenario.json", report.json())
    try expectSnapshot("scenario.md", report.markdown())
  }

  @Test func `Another architecture's report has its pages and no buffers where there are none`() throws {
    let text =
      "machine scheme=arm64-16k ram=256M tlb=none\nprocess a\nmap a m size=1M\nwrite a m\nassert a m rss = 1M\n"
    let outcome = try runner(text).run()
    let report = ScenarioReport(name: "other.scenario", bytes: text.utf8.count, outcome: outcome)
    #expect(outcome.failures == 0)
    try expectSnapshot("scenario-arm64.txt", report.text())
  }

  @Test func `A walk through a scenario's tables looks as recorded in every form`() throws {
    let runner = try runner(
      "machine ram=64M swap=8M thp=never\nprocess a\nmap a data size=64K at=0x7f0000000000\nwrite a data\n"
        + "swap a data offset=8K size=4K\nmap a none size=4K at=0x7f0000100000\nwrite a none\nprotect a none none\n")
    _ = try runner.run()
    func report(_ place: String, _ access: MemoryAccess = .userRead) throws -> TranslationReport {
      var request = try runner.translation(
        of: place, access, processName: nil, controls: TranslationControls())
      request.source = "a.scenario"
      return TranslationReport(findings: TranslationFindings(request))
    }
    let page = try report("data+0x1234", .userWrite)
    try expectSnapshot("translate-scenario.txt", page.text())
    try expectSnapshot("translate-scenario.json", page.json())
    try expectSnapshot("translate-scenario.md", page.markdown())
    #expect(try report("7f0000002000").text().contains("swapped out to slot 0, of this process alone"))
    #expect(try report("none").text().contains("hidden from the processor"))
    #expect(try report("0").text().contains("no mapping, the kernel's entry: none"))
    #expect(throws: ScenarioPlaceError.self) { try report("nowhere") }
    #expect(throws: ScenarioPlaceError.self) { try report("data+0x10000") }
  }
}
