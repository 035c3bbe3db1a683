import FoundationEssentials
import KmemreplayCLI
import TestSupport
import Testing

@Suite struct SnapshotCommandTests {
  @Test func theSampleIsReportedInEveryForm() throws {
    let text = run("snapshot", CapturedSnapshots.sample)
    #expect(text.status == .done)
    #expect(text.output.contains("235.3 MiB of memory"))
    #expect(run("snapshot", CapturedSnapshots.sample, "--format", "markdown").output.hasPrefix("# Snapshot\n"))
    let json = run("snapshot", CapturedSnapshots.sample, "--format", "json")
    #expect(json.status == .done)
    struct Document: Decodable {
      struct Zone: Decodable {
        var zone: String
        var freeBlocks: [UInt64]
        var fragmentationIndex: [Double]
        var unusableIndex: [Double]
        var largestFreeOrder: Int
      }
      var schema: String
      var zones: [Zone]
    }
    let document = try JSONDecoder().decode(Document.self, from: Data(json.output.utf8))
    #expect(document.schema == "kmemreplay.snapshot/1")
    #expect(document.zones.map(\.zone) == ["DMA", "DMA32"])
    #expect(document.zones[0].fragmentationIndex.allSatisfy { $0 == -1 })
    #expect(document.zones[0].unusableIndex.last == 0.2)
    #expect(document.zones[1].largestFreeOrder == 10)
  }

  @Test func aSnapshotDiffersNotFromItself() {
    let result = run("snapshot", CapturedSnapshots.sample, "--diff", CapturedSnapshots.sample)
    #expect(result.status == .done)
    #expect(result.output.hasPrefix("Nothing differs."))
  }

  @Test func whatCanNotBeReadFailsWithItsName() throws {
    let missing = run("snapshot", "/no/such/place")
    #expect(missing.status == .failed)
    #expect(missing.errors.contains("/no/such/place"))
    let path = try CapturedSnapshots.directory(["buddyinfo": "", "notes": "x"])
    defer { CapturedSnapshots.remove(path) }
    let empty = run("snapshot", path)
    #expect(empty.status == .failed)
    #expect(empty.errors.contains("buddyinfo: an empty file"))
    #expect(empty.output.isEmpty)
  }

  @Test func strictTurnsDamageIntoAFailureThatStillReports() throws {
    let path = try CapturedSnapshots.directory(["buddyinfo": "Node 0, zone   Normal      1 \nbroken\n"])
    defer { CapturedSnapshots.remove(path) }
    #expect(run("snapshot", path).status == .done)
    let strict = run("snapshot", path, "--strict")
    #expect(strict.status == .failed)
    #expect(strict.output.contains("buddyinfo: 1 line left out"))
  }

  @Test func severalSnapshotsAskForALabel() throws {
    let zone = "Node 0, zone   Normal      1 \n"
    let path = try CapturedSnapshots.directory(["before/buddyinfo": zone, "after/buddyinfo": zone])
    defer { CapturedSnapshots.remove(path) }
    #expect(run("snapshot", path).errors.contains("Choose with --label: `after`, `before`"))
    #expect(run("snapshot", path, "--label", "after").status == .done)
    let files = run("snapshot", path + "/before/buddyinfo", path + "/after/buddyinfo")
    #expect(files.output.contains("1 file,"))
    #expect(run("snapshot", path, "--label", "before", "--diff", path, "--diff-label", "after").status == .done)
  }

  @Test(arguments: [
    ["snapshot"], ["snapshot", "-"], ["snapshot", "d", "--format", "csv"], ["snapshot", "d", "--format", "html"],
    ["snapshot", "d", "--diff-label", "x"], ["snapshot", "d", "--top", "0"],
  ])
  func aCommandLineThatMakesNoSenseIsAUsageError(arguments: [String]) {
    let errors = MemorySink()
    let status = CommandRunner.run(arguments, in: CommandEnvironment(output: MemorySink(), errors: errors))
    #expect(status == .usage)
    #expect(errors.text.contains("Usage: kmemreplay snapshot"))
  }
}
