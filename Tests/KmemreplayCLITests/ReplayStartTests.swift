import FoundationEssentials
import KmemreplayCLI
import TestSupport
import Testing

/// `replay` with what is known of the allocator's state at the start.
@Suite("replay from a known start") struct ReplayStartTests {
  private struct Report: Decodable {
    struct Grade: Decodable, Equatable {
      var checked: Int
      var matched: Int
    }
    struct Verification: Decodable {
      var objectAddress: Grade?
      var slabGrowth: Grade?
      var slabRelease: Grade?
      var start: String?
    }
    struct Mark: Decodable {
      struct Pages: Decodable { var predicted: Int, observed: Int }
      var text: String
      var slabPages: Int
      var followed: Pages?
      var alone: Int?
    }
    var verification: Verification
    var marks: [Mark]
  }

  private func result(_ arguments: [String]) -> CommandResult {
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(arguments, in: CommandEnvironment(output: output, errors: errors))
    return CommandResult(status: status, output: output.text, errors: errors.text)
  }

  private func report(_ arguments: [String]) throws -> Report {
    let result = result(["replay"] + arguments + ["--format", "json"])
    #expect(result.status == .done)
    return try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
  }

  private let slob = SampleTraces.path("6.1-slob-smp1-script-s20k")
  private var dump: [String] {
    let lists = SampleTraces.file("6.1-slob-smp1-script-s20k/free-lists.tar.zst")
    return ["--before", lists, "--before-label", "t0", "--before-at", "mark:snap-end t0"]
  }

  @Test("from a dump of SLOB's lists all addresses, growths and releases are predicted, but for one interrupt's")
  func slobFromDump() throws {
    let verification = try report([slob, "--allocator", "slob"] + dump).verification
    #expect(verification.start == "dump")
    let address = try #require(verification.objectAddress)
    #expect(address.checked == 9089 && address.matched >= 9088)
    #expect(verification.slabGrowth == .init(checked: 353, matched: 353))
    #expect(verification.slabRelease == .init(checked: 353, matched: 353))
    let text = result(["replay", slob, "--allocator", "slob"] + dump).output
    #expect(text.contains("Graded from the moment of --before on: its dump of SLOB's lists"))
  }

  @Test("without a dump, or with one of another allocator, the lists are guessed")
  func slobWithoutDump() throws {
    let guessed = try report([slob, "--allocator", "slob"]).verification
    #expect(guessed.start == nil && (guessed.objectAddress?.matched ?? 0) < 9000)
    let lists = SampleTraces.file("6.1-slab-smp1-script-s20k/free-lists.tar.zst")
    let other = try report([slob, "--allocator", "slob", "--before", lists, "--before-label", "t0"]).verification
    #expect(other.start == nil && other.objectAddress == guessed.objectAddress)
  }

  @Test("grades from the dump on don't mix with those of a window that opened earlier")
  func window() throws {
    let all = try report([slob, "--allocator", "slob"] + dump).verification
    let window = try report([slob, "--allocator", "slob", "--from", "mark:snap-begin t0"] + dump).verification
    #expect(window.objectAddress == all.objectAddress)
    let later = try report([slob, "--allocator", "slob", "--from", "mark:half-freed"] + dump).verification
    let (part, whole) = (try #require(later.objectAddress), try #require(all.objectAddress))
    #expect(part.checked > 1000 && part.checked < whole.checked && part.checked - part.matched <= 1)
  }

  /// What the kernel counted at the marks, less what it counted at t0 (/proc/vmstat).
  private static let scripts: [(capture: String, allocator: String, kernel: [Int])] = [
    ("6.1-slub-smp1-script-s20k", "slub", [253, 229, 264, 251, 188, 176]),
    ("6.1-slub-smp1-script-smix", "slub", [243, 239, 257, 256, 247, 227]),
    ("6.1-slub-smp2-script-s20k", "slub", [269, 245, 277, 265, 226, 206]),
    ("6.1-slab-smp1-script-s20k", "slab", [271, 248, 280, 258, 235, 193]),
    ("6.1-slob-smp1-script-s20k", "slob", [248, 175, 241, 147, 73, 2]),
  ]

  @Test(
    "left alone from the start that the trace shows, a model's slab pages are the kernel's at every mark",
    arguments: scripts)
  func alone(script: (capture: String, allocator: String, kernel: [Int])) throws {
    let start = script.allocator == "slob" ? dump : []
    let cpus = script.capture.contains("smp2") ? "2" : "1"
    let marks = try report(
      [SampleTraces.path(script.capture), "--allocator", script.allocator, "--cpus", cpus, "--alone"] + start
    ).marks
    func change(_ mark: String) throws -> Int {
      let found = try #require(marks.first { $0.text == "WL snap-begin " + mark })
      return try #require(found.alone)
    }
    let first = try change("t0")
    let names = ["peak1", "half-freed", "peak2", "random-freed", "end-live", "all-freed"]
    for (mark, kernel) in zip(names, script.kernel) {
      // A machine has 2,000 to 3,000 slab pages then: well within 1 % of them. SLOB's RCU-freed objects are late.
      let error = abs(try change(mark) - first - kernel)
      #expect(error <= (script.allocator == "slob" ? 12 : 6), "\(mark)")
    }
  }

  @Test("without --alone, or for another allocator, there is no such figure")
  func notAlone() throws {
    let trace = SampleTraces.path("6.1-slub-smp1-script-s20k")
    #expect(try report([trace]).marks.allSatisfy { $0.alone == nil && $0.followed != nil })
    #expect(try report([trace, "--allocator", "slub", "--alone"]).marks.allSatisfy { $0.alone != nil })
    let text = result(["replay", trace, "--alone"]).output
    #expect(text.contains("(followed, observed, alone: change of slab pages since the first event)"))
  }

  @Test("when --before was taken can only be said with --before")
  func usage() {
    #expect(result(["replay", slob, "--before-at", "1"]).status == .usage)
    #expect(result(["replay", slob, "--after-at", "1"]).status == .usage)
  }
}
