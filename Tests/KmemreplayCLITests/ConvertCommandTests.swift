import FoundationEssentials
import KmemreplayCLI
import TestSupport
import Testing

@Suite struct ConvertCommandTests {
  private func run(_ arguments: String...) -> (status: KmemreplayCLI.ExitStatus, output: String, errors: String) {
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(arguments, in: CommandEnvironment(output: output, errors: errors))
    return (status, output.text, errors.text)
  }

  private func temporaryPath(_ name: String) -> String {
    FileManager.default.temporaryDirectory.path + "/kmemreplay-test-\(UInt64.random(in: 0 ... .max))-\(name)"
  }

  /// A JSON document without its `input` object.
  private func withoutInput(_ json: String) -> String {
    var isInside = false
    return json.split(separator: "\n").filter { line in
      if line == "  \"input\" : {" { isInside = true }
      defer { if line == "  }," { isInside = false } }
      return !isInside
    }.joined(separator: "\n")
  }

  @Test(
    arguments: ["6.1-slub-smp2-rtnc", "6.1-slob-smp1-script-s20k", "6.1-slub-smp1-stack", "6.12-slub-smp1-script-s20k"])
  func reportsOfAConvertedTraceAreTheSameByteForByte(name: String) {
    let path = SampleTraces.path(name)
    let kmr = temporaryPath("t.kmr")
    defer { try? FileManager.default.removeItem(atPath: kmr) }
    let result = run("convert", path, kmr)
    #expect(result.status == .done)
    #expect(result.output.contains("events in"))
    #expect(result.errors.isEmpty)
    for command in [["waste"], ["waste", "--by", "cache"], ["replay", "--allocator", "slub"], ["frag"]] {
      let original = run(command + [path, "--format", "json"])
      let converted = run(command + [kmr, "--format", "json"])
      #expect(original.status == converted.status)
      #expect(converted.output.contains("\"container\" : \"kmr\"") || original.status == .failed)
      #expect(withoutInput(original.output) == withoutInput(converted.output))
    }
  }

  private func run(_ arguments: [String]) -> (status: KmemreplayCLI.ExitStatus, output: String) {
    let output = MemorySink()
    let status = CommandRunner.run(arguments, in: CommandEnvironment(output: output, errors: MemorySink()))
    return (status, output.text)
  }

  @Test func convertedTextGivesTheSameWaste() {
    let path = SampleTraces.path("6.1-slub-smp2-script-s20k")
    let text = temporaryPath("t.txt.zst")
    defer { try? FileManager.default.removeItem(atPath: text) }
    #expect(run("convert", path, text).status == .done)
    let left = run("waste", path, "--format", "csv")
    let right = run("waste", text, "--format", "csv")
    #expect(left.output == right.output)
    #expect(!left.output.isEmpty)
  }

  @Test func aWindowHoldsOnlyItsEvents() {
    let path = SampleTraces.path("6.1-slub-smp1-script-s20k")
    let kmr = temporaryPath("window.kmr")
    defer { try? FileManager.default.removeItem(atPath: kmr) }
    #expect(run("convert", path, kmr, "--from", "mark:steady", "--to", "+0.05").status != .usage)
    let result = run("convert", path, kmr, "--to", "+0.05")
    #expect(result.status == .done)
    let all = run("waste", path, "--to", "+0.05", "--format", "csv").output
    #expect(run("waste", kmr, "--format", "csv").output == all)
  }

  @Test func aFailedConversionLeavesAnOldFileAndNoNewOne() throws {
    let path = SampleTraces.path("6.1-slub-smp1-stack")
    let output = temporaryPath("old.kmr")
    defer { try? FileManager.default.removeItem(atPath: output) }
    try "old".write(toFile: output, atomically: false, encoding: .utf8)
    #expect(run("convert", path, output, "--from", "mark:no such marker").status == .failed)
    #expect(try String(contentsOfFile: output, encoding: .utf8) == "old")
    let folder = FileManager.default.temporaryDirectory.path
    let left = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.contains("old.kmr.partial") }
    #expect(left.isEmpty)
  }

  @Test func theInputIsNeverOverwritten() throws {
    let path = temporaryPath("t.txt")
    defer { try? FileManager.default.removeItem(atPath: path) }
    try "# tracer: nop\n".write(toFile: path, atomically: false, encoding: .utf8)
    let result = run("convert", path, path)
    #expect(result.status == .failed)
    #expect(result.errors.contains("is the input itself"))
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "# tracer: nop\n")
  }

  @Test func aNameThatSaysNoFormIsAUsageError() {
    let result = run("convert", SampleTraces.path("6.1-slub-smp1-stack"), "/tmp/no-extension")
    #expect(result.status == .usage)
    #expect(result.errors.contains("--as"))
  }
}
