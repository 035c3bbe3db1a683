import KmemreplayCLI
import TestSupport
import Testing
import TraceEvents

@Suite struct WindowOptionTests {
  // The events of the small trace are at 1.000001, 1.000002, 1.000003 and 1.000004 s.

  @Test func aMarkerCutsTheWindow() {
    let json = run("waste", "t", "--from", "mark:one", "--format", "json", on: smallTrace()).output
    #expect(json.contains(#""text" : "phase one""#))
    #expect(json.contains("\"total\" : {\n    \"allocatedBytes\" : 1024"))
  }

  @Test(arguments: ["1.000003", "+0.000002"])
  func secondsAreThoseOfTheClockOrCountFromTheFirstEvent(from: String) {
    let json = run("waste", "t", "--from", from, "--format", "json", on: smallTrace()).output
    #expect(json.contains("\"total\" : {\n    \"allocatedBytes\" : 1024"))
  }

  @Test func everyReportSaysThatOnlyAWindowCounts() {
    let options = ["--from", "1.000002", "--to", "1.000003"]
    for command in ["waste", "info"] {
      let text = run(command, "t", options[0], options[1], options[2], options[3], on: smallTrace()).output
      #expect(text.contains("only 1.000002 to 1.000003 s"))
      let json = run(
        command, "t", options[0], options[1], options[2], options[3], "--format", "json", on: smallTrace()
      ).output
      #expect(json.contains("\"firstClockNanoseconds\" : 1000002000"))
      #expect(!run(command, "t", "--format", "json", on: smallTrace()).output.contains("\"window\""))
    }
  }

  @Test func whatLiesBeforeTheWindowIsStillLive() {
    let json = run("waste", "t", "--from", "1.000002", "--to", "1.000002", "--format", "json", on: smallTrace()).output
    #expect(json.contains("\"live\" : {\n    \"allocatedBytes\" : 128"))
    #expect(json.contains("\"total\" : {\n    \"allocatedBytes\" : 0"))
  }

  @Test(arguments: [["--from", "mark:two"], ["--to", "mark:two"], ["--from", "99"], ["--to", "0.5"]])
  func aWindowThatHoldsNothingFailsAndSaysWhatThereIs(options: [String]) {
    let result = run("waste", "t", options[0], options[1], on: smallTrace())
    #expect(result.status == .failed)
    #expect(result.errors.contains("marker") || result.errors.contains("1.000001 to 1.000004"))
  }

  @Test func aWindowThatEndsBeforeItBeginsFails() {
    let result = run("waste", "t", "--from", "1.000003", "--to", "1.000001", on: smallTrace())
    #expect(result.status == .failed)
  }
}
