import FoundationEssentials
import KmemreplayCLI
import TestSupport
import Testing

@Suite struct LayoutCommandTests {
  @Test func thePublishedARMExampleIsAnswered() throws {
    let arguments = ["layout", "--arch", "arm", "--kernel", "3.5", "--ram", "1G", "--vmalloc", "546M"]
    let output = MemorySink()
    #expect(CommandRunner.run(arguments, in: CommandEnvironment(output: output, errors: MemorySink())) == .done)
    #expect(output.text.contains("vmalloc   0xdd000000  0xfeffffff    544 MiB"))
    #expect(run("layout", "--arch", "arm", "--ram", "1G", "--format", "markdown").output.hasPrefix("# Kernel address"))
    struct Document: Decodable {
      struct Region: Decodable {
        var kind: String
        var first: String
        var bytes: UInt64
      }
      var schema: String
      var lowMemoryBytes: UInt64
      var regions: [Region]
    }
    let json = run(
      "layout", "--arch", "arm", "--ram", "960M", "--vmalloc", "524M", "--kernel", "3.5", "--format", "json")
    let document = try JSONDecoder().decode(Document.self, from: Data(json.output.utf8))
    #expect(document.schema == "kmemreplay.layout/1")
    #expect(document.lowMemoryBytes == 484 << 20)
    #expect(document.regions.first { $0.kind == "vmalloc" }?.first == "0xde800000")
  }

  @Test func theSampleFillsItsVmallocSpace() {
    let result = run("layout", "--snapshot", CapturedSnapshots.sample, "--allocate", "100K", "--allocate", "29")
    #expect(result.status == .done)
    #expect(result.output.contains("where lowest-fit puts them"))
    #expect(result.output.contains("slot of 32"))
  }

  @Test func whatCanNotBeDoneSaysSo() throws {
    #expect(run("layout", "--ram", "1G", "--vmalloc", "100M").errors.contains("32-bit kernels"))
    #expect(run("layout", "--ram", "1G", "--image", "/no/such").status == .failed)
    let path = try CapturedSnapshots.directory(["buddyinfo": "Node 0, zone   Normal      1 \n"])
    defer { CapturedSnapshots.remove(path) }
    #expect(run("layout", "--snapshot", path).errors.contains("Give --ram"))
    #expect(run("layout", "--snapshot", path, "--ram", "1G").status == .done)
  }

  @Test(arguments: [
    ["layout"], ["layout", "--ram", "much"], ["layout", "--ram", "1G", "--format", "csv"],
    ["layout", "--ram", "1G", "--allocate", "0"], ["layout", "--ram", "1G", "--label", "x"],
    ["layout", "--ram", "1G", "--cpus", "0"],
  ])
  func aCommandLineThatMakesNoSenseIsAUsageError(arguments: [String]) {
    let errors = MemorySink()
    let status = CommandRunner.run(arguments, in: CommandEnvironment(output: MemorySink(), errors: errors))
    #expect(status == .usage)
    #expect(errors.text.contains("Usage: kmemreplay layout"))
  }
}
