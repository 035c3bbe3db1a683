import FoundationEssentials
import KernelTypes
import KmemreplayCLI
import TestSupport
import Testing

/// `replay --pages model --sysctl`: the machine's own settings beside others.
@Suite struct ReplaySettingsTests {
  private struct Document: Decodable {
    struct Change: Decodable {
      var name: String
      var reason: String?
    }
    struct Limit: Decodable {
      var zone: String
      var name: String
      var before: Int
      var after: Int
    }
    struct Counts: Decodable {
      var requests: UInt64
      var belowLowMark: UInt64
      var kswapdWakes: UInt64
      var kswapdWakesAfterBoost: UInt64
      var belowMinimumMark: UInt64
      var refills: UInt64
      var drainedBlocks: UInt64
      var panics: UInt64
    }
    struct Settings: Decodable {
      var changes: [Change]
      var limits: [Limit]
      var own: Counts
      var changed: Counts
    }
    struct PageFrame: Decodable {
      var settings: Settings?
    }
    struct Verification: Decodable { var pageFrame: PageFrame }
    var verification: Verification
  }

  private func run(_ settings: [String], capture: String, _ more: String...) -> CommandResult {
    let lists = SampleTraces.file(capture + "/free-lists.tar.zst")
    let arguments =
      ["replay", SampleTraces.path(capture), "--pages", "model", "--before", lists, "--before-label", "t0"]
      + ["--before-at", "mark:snap-end t0", "--after-at", "mark:snap-begin t1", "--quiet", "--kernel", "6.1"] + more
      + settings.flatMap { ["--sysctl", $0] }
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(arguments, in: CommandEnvironment(output: output, errors: errors))
    return CommandResult(status: status, output: output.text, errors: errors.text)
  }

  private func settings(_ assignments: String..., capture: String = "6.1-slob-smp1-pressure") throws
    -> Document.Settings
  {
    let result = run(assignments, capture: capture, "--format", "json")
    #expect(result.status == .done, "\(result.errors)")
    let document = try JSONDecoder().decode(Document.self, from: Data(result.output.utf8))
    return try #require(document.verification.pageFrame.settings)
  }

  @Test func moreKeptFreeMeansMoreShortage() throws {
    let result = try settings("vm.min_free_kbytes=4096")
    // Those that were served: with more kept free, a few are not.
    #expect(result.own.requests > 10_000 && result.changed.requests <= result.own.requests)
    #expect(result.own.belowLowMark > 0 && result.changed.belowLowMark > result.own.belowLowMark)
    #expect(result.changed.belowMinimumMark > result.own.belowMinimumMark)
    let minimum = try #require(result.limits.first { $0.zone == "DMA32" && $0.name == "min" })
    #expect(minimum.after > 3 * minimum.before)
    #expect(Set(result.limits.map(\.name)).isSuperset(of: ["min", "low", "high", "per-CPU list, high"]))
  }

  @Test func eachSettingThatAReplayObeysChangesIt() throws {
    let scaled = try settings("vm.watermark_scale_factor=500")
    #expect(scaled.changed.belowLowMark > scaled.own.belowLowMark)
    #expect(!scaled.limits.contains { $0.name == "min" })
    let unboosted = try settings("vm.watermark_boost_factor=0")
    #expect(unboosted.own.kswapdWakesAfterBoost > 0 && unboosted.changed.kswapdWakesAfterBoost == 0)
    let reserved = try settings("vm.lowmem_reserve_ratio=2 256 32 0")
    let reserve = try #require(reserved.limits.first { $0.name == "reserved from higher requests" })
    #expect(reserve.zone == "DMA" && reserve.after > 100 * reserve.before)
    #expect(reserved.changed.belowLowMark > reserved.own.belowLowMark, "DMA helps out less")
    let listed = try settings("vm.percpu_pagelist_high_fraction=8", capture: "6.1-slub-smp1-rtnc")
    #expect(listed.limits.contains { $0.name == "per-CPU list, high" })
    #expect(listed.changed.drainedBlocks < listed.own.drainedBlocks, "longer lists are cut less often")
    let stopped = try settings("vm.panic_on_oom=1", capture: "6.1-slab-smp1-oom")
    #expect(stopped.own.panics == 0 && stopped.changed.panics == 1)
  }

  @Test func settingsThatCanNotMatterAreListed() throws {
    let result = run(["vm.swappiness=10", "vm.overcommit_memory=2"], capture: "6.1-slub-smp1-script-s20k")
    #expect(result.status == .done)
    #expect(result.output.contains("Other settings: none of them can change a replay."))
    #expect(result.output.contains("vm.swappiness can't change a replay: what is reclaimed and written"))
    #expect(result.output.contains("vm.overcommit_memory can't change a replay: it decides about address spaces"))
    let document = try settings("vm.swappiness=10", capture: "6.1-slub-smp1-script-s20k")
    #expect(document.own.belowLowMark == document.changed.belowLowMark && document.limits.isEmpty)
    // Every knob that models obey is one or the other.
    #expect(
      Set(VirtualMemorySettings.replayedNames).union(VirtualMemorySettings.withoutEffectOnReplay.keys)
        == Set(VirtualMemorySettings.names))
    #expect(VirtualMemorySettings.replayedNames.count >= 9)
  }

  @Test func theComparisonIsInEveryForm() {
    let text = run(["vm.min_free_kbytes=4096"], capture: "6.1-slub-smp1-script-s20k")
    #expect(text.output.contains("Other settings (vm.min_free_kbytes from computed to 4096): "))
    #expect(text.output.contains("The model says (modelled)"))
    let markdown = run(["vm.min_free_kbytes=4096"], capture: "6.1-slub-smp1-script-s20k", "--format", "markdown")
    #expect(markdown.output.contains("### Other settings"))
    #expect(run(["vm.no_such=1"], capture: "6.1-slub-smp1-script-s20k").status == .usage)
  }
}
