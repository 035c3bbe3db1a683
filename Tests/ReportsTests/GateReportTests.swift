import FoundationEssentials
import Reports
import Testing

@Suite("Verdicts in the forms of CI systems") struct GateReportTests {
  private func outcomes(_ expressions: String...) throws -> [ThresholdOutcome] {
    let document = try JSONValue(parsing: #"{"live": {"wastedPercent": 23.4}}"#)
    return try expressions.map { ThresholdOutcome(try Threshold($0), in: document) }
  }

  @Test("JUnit has a test case for each threshold: passed, failed, or in error when it can't be judged")
  func junit() throws {
    let xml = JUnitReport(
      command: "waste", input: "a <b>&\"c\u{1B}.txt",
      outcomes: try outcomes("live.wastedPercent>20", "live.wastedPercent>30", "live.none>1")
    ).xml()
    #expect(xml.contains(#"tests="3" failures="1" errors="1""#))
    #expect(xml.contains(#"name="live.wastedPercent&gt;20"><failure"#))
    #expect(xml.contains("a &lt;b&gt;&amp;&quot;c\u{FFFD}.txt"))
    #expect(!xml.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
  }

  @Test("annotations can't be broken out of by what a trace is called")
  func annotations() throws {
    let summary = GateSummary(
      command: "waste", input: "x\n::set-output name=a::b%", outcomes: try outcomes("live.wastedPercent>20"))
    let text = summary.gitHubAnnotations()
    #expect(text.split(separator: "\n").count == 1)
    #expect(text.hasPrefix("::error title=kmemreplay waste::live.wastedPercent is 23.40 %"))
    #expect(text.contains("%0A") && text.contains("%25"))
    #expect(summary.isExceeded && !summary.hasAbsent)
  }

  @Test("SARIF names exceeded thresholds and the call sites that waste most, with source lines where they are known")
  func sarif() throws {
    let document = try JSONValue(
      parsing: """
        {"by": "call-site", "input": {"name": "my trace.txt"}, "live": {"wastedPercent": 23.4},
         "groups": [{"key": "f+0x1/0x2", "live": {"wastedBytes": 512, "objects": 3},
                     "source": {"file": "mm/f.c", "line": 12}},
                    {"key": "g+0x1/0x2", "live": {"wastedBytes": 0, "objects": 3}}]}
        """)
    let text = try SARIFReport(
      outcomes: [ThresholdOutcome(try Threshold("live.wastedPercent>20"), in: document)], document: document
    ).json()
    let log = try JSONValue(parsing: text)
    #expect(log["version"] == .string("2.1.0"))
    guard case .array(let runs)? = log["runs"], case .array(let results)? = runs.first?["results"] else {
      Issue.record("no results")
      return
    }
    #expect(results.count == 2)
    #expect(results[0]["level"] == .string("error"))
    #expect(text.contains("my%20trace.txt"))
    #expect(text.contains("\"uri\" : \"mm/f.c\"") && text.contains("\"startLine\" : 12"))
  }
}
