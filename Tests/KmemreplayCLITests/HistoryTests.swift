import FoundationEssentials
import KmemreplayCLI
import TestSupport
import Testing

@Suite("History of figures on the command line") struct HistoryTests {
  private func temporaryPath(_ name: String) -> String {
    FileManager.default.temporaryDirectory.path + "/kmemreplay-test-\(UInt64.random(in: 0 ... .max))-\(name)"
  }

  private func remove(_ path: String) {
    for suffix in ["", "-wal", "-shm", "-journal"] { try? FileManager.default.removeItem(atPath: path + suffix) }
  }

  @Test("runs are kept with their commits, and history shows how a figure developed")
  func trend() {
    let file = temporaryPath("history.sqlite")
    defer { remove(file) }
    for run in 0..<5 {
      let trace = smallTrace()
      for object in 0..<run {
        trace.allocate(0xFFFF_8880_0010_0000 + UInt64(object) * 0x1000, 1100, 2048, site: "seq_open+0x27/0x65")
      }
      let result = KmemreplayCLITests.run("waste", "t", "--history", file, "--commit", "c\(run)", on: trace)
      #expect(result.status == .done, "\(result.errors)")
    }
    let text = run("history", file).output
    #expect(text.hasPrefix("waste, live.wastedBytes: 4.1 KiB in the last of 5 runs, 3.7 KiB more than in the first."))
    #expect(text.contains("▁▃▅▇█"))
    #expect(text.contains("c4"))
    let json = run("history", file, "--figure", "live.objects", "--format", "json").output
    #expect(json.contains("\"kmemreplay.history/1\""))
    #expect(json.contains("\"value\" : 5"))
    #expect(run("history", file, "--top", "2").output.contains("last of 2 runs"))
  }

  @Test("the commit comes from CI's own variables if it isn't given")
  func commitOfCI() throws {
    let file = temporaryPath("history.sqlite")
    defer { remove(file) }
    let trace = smallTrace()
    trace.rewind()
    var environment = CommandEnvironment(
      output: MemorySink(), errors: MemorySink(), variables: ["GITHUB_SHA": "0123abcd"])
    environment.openTrace = { _ in OpenedTrace(source: trace) }
    #expect(CommandRunner.run(["waste", "t", "--history", file], in: environment) == .done)
    #expect(run("history", file).output.contains("0123abcd"))
  }

  @Test("a file that is no history, a missing one, and an unknown figure are told")
  func badFiles() throws {
    let path = temporaryPath("not.sqlite")
    defer { remove(path) }
    #expect(run("history", path).status == .failed)
    try "this is no database, only text that is long enough to look like one".write(
      toFile: path, atomically: false, encoding: .utf8)
    #expect(run("history", path).status == .failed)
    #expect(run("waste", "t", "--history", path, on: smallTrace()).status == .failed)
    let file = temporaryPath("history.sqlite")
    defer { remove(file) }
    _ = run("waste", "t", "--history", file, on: smallTrace())
    let unknown = run("history", file, "--figure", "live.nothing")
    #expect(unknown.status == .failed)
    #expect(unknown.errors.contains("live.wastedBytes"))
  }
}
