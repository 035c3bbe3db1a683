import FoundationEssentials
import KmemreplayCLI
import TestSupport
import Testing
import TraceEvents

@Suite struct OutputOptionTests {
  private func temporaryPath(_ name: String) -> String {
    FileManager.default.temporaryDirectory.path + "/kmemreplay-test-\(UInt64.random(in: 0 ... .max))-\(name)"
  }

  private func read(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  @Test func theReportGoesToTheOutputFileAndNotToStandardOutput() throws {
    let path = temporaryPath("report.json")
    defer { try? FileManager.default.removeItem(atPath: path) }
    let direct = run("waste", "t", "--format", "json", on: smallTrace())
    let result = run("waste", "t", "--format", "json", "--output", path, on: smallTrace())
    #expect(result.status == .done)
    #expect(result.output.isEmpty)
    #expect(try read(path) == direct.output)
  }

  @Test func aDashIsStandardOutput() {
    #expect(!run("waste", "t", "--output", "-", on: smallTrace()).output.isEmpty)
  }

  @Test func aFailedRunLeavesNoNewFileAndKeepsAnOldOne() throws {
    let path = temporaryPath("report.txt")
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(run("waste", "t", "--output", path, on: ScriptedTrace()).status == .failed)
    #expect(!FileManager.default.fileExists(atPath: path))
    try "old".write(toFile: path, atomically: false, encoding: .utf8)
    #expect(run("waste", "t", "--output", path, on: ScriptedTrace()).status == .failed)
    #expect(try read(path) == "old")
  }

  @Test func anOldLongerFileIsReplacedAsAWhole() throws {
    let path = temporaryPath("report.csv")
    defer { try? FileManager.default.removeItem(atPath: path) }
    try String(repeating: "x", count: 100_000).write(toFile: path, atomically: false, encoding: .utf8)
    #expect(run("waste", "t", "--format", "csv", "--output", path, on: smallTrace()).status == .done)
    #expect(try !read(path).contains("x,x") && !read(path).hasSuffix("x"))
  }

  @Test func theInputIsNeverOverwritten() throws {
    let path = temporaryPath("trace.txt")
    defer { try? FileManager.default.removeItem(atPath: path) }
    try "trace".write(toFile: path, atomically: false, encoding: .utf8)
    #expect(run("waste", path, "--output", path, on: smallTrace()).status == .failed)
    #expect(try read(path) == "trace")
  }

  @Test func anOutputFileThatCanNotBeMadeFailsBeforeTheWork() {
    let result = run("waste", "t", "--output", "/no/such/directory/report.txt", on: smallTrace())
    #expect(result.status == .failed)
    #expect(result.errors.contains("/no/such/directory/report.txt"))
  }

  @Test func topLimitsTheGroupsInEveryForm() {
    for format in ["text", "json", "markdown", "csv"] {
      let result = run("waste", "t", "--top", "1", "--format", format, on: smallTrace())
      #expect(result.output.contains("seq_open") || format == "markdown")
      #expect(!result.output.contains("alloc_pipe_info"))
    }
  }

  @Test func symbolFilesThatSayNothingFailWithTheReason() throws {
    let path = temporaryPath("kallsyms")
    defer { try? FileManager.default.removeItem(atPath: path) }
    try "0000000000000000 T _text\n0000000000000000 t helper\n".write(toFile: path, atomically: false, encoding: .utf8)
    let hidden = run("waste", "t", "--symbols", path, on: smallTrace())
    #expect(hidden.status == .failed)
    #expect(hidden.errors.contains("all addresses are zero"))
    try "no symbols here\n".write(toFile: path, atomically: false, encoding: .utf8)
    #expect(run("waste", "t", "--symbols", path, on: smallTrace()).status == .failed)
    #expect(run("waste", "t", "--symbols", path + "x", on: smallTrace()).status == .failed)
  }
}
