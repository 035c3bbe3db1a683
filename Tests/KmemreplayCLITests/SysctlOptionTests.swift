import FoundationEssentials
import KmemreplayCLI
import TestSupport
import Testing

@Suite struct SysctlOptionTests {
  private struct Document: Decodable {
    struct Setting: Decodable {
      var name: String
      var before: String
      var after: String
    }
    struct Row: Decodable {
      var group: String
      var name: String
      var printed: Int?
      var before: Int
      var after: Int
    }
    struct WhatIf: Decodable {
      var settings: [Setting]
      var limits: [Row]
      var sentences: [String]
    }
    var schema: String
    var whatIf: WhatIf
  }

  private func whatIf(_ settings: String..., snapshot: String = CapturedSnapshots.sample) throws
    -> Document.WhatIf
  {
    let arguments =
      ["snapshot", snapshot, "--label", "after", "--format", "json"]
      + settings.flatMap { ["--sysctl", $0] }
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(
      arguments, in: CommandEnvironment(output: output, errors: errors))
    #expect(status == .done, "\(errors.text)")
    let document = try JSONDecoder().decode(Document.self, from: Data(output.text.utf8))
    #expect(document.schema == "kmemreplay.snapshot/1")
    return document.whatIf
  }

  @Test func settingsOfASnapshotComputeWhatItPrinted() throws {
    let result = try whatIf("vm.swappiness=60")
    #expect(result.settings.isEmpty)
    for row in result.limits { #expect(row.before == row.after) }
    for row in result.limits
    where ["min", "low", "high", "CommitLimit", "per-CPU list, batch"].contains(row.name) {
      let printed = try #require(row.printed, "\(row.name)")
      // Marks were computed at boot, when a little less memory had been handed over.
      #expect(
        abs(printed - row.before) <= max(4, printed / 50),
        "\(row.group), \(row.name): \(printed), \(row.before)")
    }
    let names = Set(result.limits.map(\.name))
    for name in [
      "min", "CommitLimit", "MemAvailable", "dirty pages: writers wait", "min_free_kbytes",
    ] {
      #expect(names.contains(name), "\(name)")
    }
  }

  @Test func eachSettingMovesItsLimits() throws {
    func moved(_ setting: String) throws -> Set<String> {
      Set(try whatIf(setting).limits.filter { $0.before != $0.after }.map(\.name))
    }
    #expect(
      try moved("vm.min_free_kbytes=16384").isSuperset(of: [
        "min", "low", "high", "min_free_kbytes", "MemAvailable",
      ]))
    #expect(try moved("vm.watermark_scale_factor=500").isSuperset(of: ["low", "high"]))
    #expect(try !moved("vm.watermark_scale_factor=500").contains("min"))
    #expect(try moved("vm.overcommit_ratio=80") == ["CommitLimit"])
    #expect(try moved("vm.dirty_ratio=40") == ["dirty pages: writers wait"])
    #expect(try moved("vm.dirty_background_bytes=4096") == ["dirty pages: background writing"])
    #expect(try moved("vm.page-cluster=0") == ["pages read together at most"])
    #expect(try moved("vm.vfs_cache_pressure=200") == ["names and inodes looked at"])
    #expect(try moved("vm.compaction_proactiveness=50") == ["starts above a score of"])
    #expect(try moved("vm.percpu_pagelist_high_fraction=8") == ["per-CPU list, high"])
  }

  @Test func theAnswerIsReadable() {
    let text = run("snapshot", CapturedSnapshots.sample, "--sysctl", "vm.min_free_kbytes=65536")
    #expect(text.status == .done)
    #expect(text.output.contains("to 65536"))
    for line in text.output.split(separator: "\n") { #expect(line.count <= 120, "\(line)") }
    let markdown = run(
      "snapshot", CapturedSnapshots.sample, "--sysctl", "vm.swappiness=10", "--format", "markdown")
    #expect(markdown.output.hasPrefix("# Other settings\n"))
  }

  @Test func oneMoreProcessMeetsTheMarksInOrder() throws {
    struct Forecast: Decodable {
      var milestones: [String: UInt64]
      var takenBytes: UInt64
    }
    struct Press: Decodable {
      var before: Forecast
      var after: Forecast
    }
    struct PressDocument: Decodable {
      struct Inner: Decodable { var press: Press }
      var whatIf: Inner
    }
    let json = run(
      "snapshot", CapturedSnapshots.sample, "--press", "1G", "--sysctl", "vm.min_free_kbytes=32768",
      "--format", "json")
    #expect(json.status == .done, "\(json.errors)")
    let press = try JSONDecoder().decode(PressDocument.self, from: Data(json.output.utf8)).whatIf
      .press
    let wakes = try #require(press.before.milestones["reclaimerWakes"])
    let killed = try #require(press.before.milestones["killed"])
    #expect(wakes < killed && killed <= press.before.takenBytes)
    #expect(killed > 100 << 20 && killed < 236 << 20, "the machine has 235 MiB, most of it free")
    let earlier = try #require(press.after.milestones["reclaimerWakes"])
    #expect(earlier + (20 << 20) < wakes, "with more kept free, kswapd wakes earlier")
    #expect(
      run("snapshot", CapturedSnapshots.sample, "--press", "4K").output.contains(
        "could have 4.0 KiB"))
    let path = try CapturedSnapshots.directory(["buddyinfo": "Node 0, zone   Normal      1 \n"])
    defer { CapturedSnapshots.remove(path) }
    #expect(run("snapshot", path, "--press", "4K").errors.contains("--press needs"))
  }

  @Test func settingsChangeAReplay() throws {
    // A machine that keeps almost all memory free serves from below its marks: zones are chosen otherwise.
    let trace = SampleTraces.path("6.1-slub-smp1-script-s20k")
    #expect(run("replay", trace, "--sysctl", "vm.min_free_kbytes=2048", "--quiet").status == .done)
  }

  @Test(arguments: [
    ["vm.swappiness=300"], ["vm.no_such=1"], ["swappiness"], ["vm.drop_caches=3"],
    ["vm.swappiness=ten"],
  ])
  func settingsThatMakeNoSenseAreUsageErrors(settings: [String]) {
    let errors = MemorySink()
    let arguments = ["snapshot", CapturedSnapshots.sample] + settings.flatMap { ["--sysctl", $0] }
    let status = CommandRunner.run(
      arguments, in: CommandEnvironment(output: MemorySink(), errors: errors))
    #expect(status == .usage)
    #expect(errors.text.contains("--sysctl"))
  }
}
