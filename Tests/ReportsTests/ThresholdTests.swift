import Testing

@testable import Reports

@Suite("Thresholds") struct ThresholdTests {
  private static let document = """
    {"live": {"wastedBytes": 2097152, "wastedPercent": 23.4},
     "zones": [{"zone": "DMA", "fragmentationIndex": [-1, 0.25]}, {"zone": "Normal", "fragmentationIndex": [-1, 0.95]},
               {"zone": "Normal", "fragmentationIndex": [-1, 0.5]}],
     "groups": [{"key": "a.isra.0+0x5/0x9", "live": {"wastedBytes": 64}}], "span": 1500000}
    """

  private func judge(_ expression: String) throws -> ThresholdOutcome {
    ThresholdOutcome(try Threshold(expression), in: try JSONValue(parsing: Self.document))
  }

  @Test(
    "numbers with units are compared with what the report says",
    arguments: [
      ("live.wastedPercent>20", true), ("live.wastedPercent > 23.4 %", false), ("live.wastedPercent>=23.4%", true),
      ("live.wastedBytes>1MiB", true), ("live.wastedBytes>2MiB", false), ("live.wastedBytes==2048KiB", true),
      ("live.wastedBytes<3MB", true), ("span>1ms", true), ("span>2ms", false), ("span!=1500us", false),
      ("zones.Normal.fragmentationIndex[1]>0.8", true), ("zones.DMA.fragmentationIndex[1]>0.8", false),
      ("zones[0].fragmentationIndex[0]<0", true), ("groups[\"a.isra.0+0x5/0x9\"].live.wastedBytes>63", true),
    ])
  func comparisons(expression: String, isExceeded: Bool) throws {
    #expect(try judge(expression).verdict == (isExceeded ? .exceeded : .kept))
  }

  @Test("of several zones with one name, one is enough to exceed a threshold")
  func anyOfSeveral() throws {
    let outcome = try judge("zones.Normal.fragmentationIndex[1]>0.8")
    #expect(outcome.found == 0.95)
  }

  @Test("a place that is not in the report is no pass: it can't be judged, and the message says what there is")
  func absent() throws {
    let outcome = try judge("live.wastedPercentage>20")
    #expect(outcome.verdict == .absent)
    #expect(outcome.message.contains("`live` has wastedBytes, wastedPercent"))
    #expect(try judge("zones.HighMem.fragmentationIndex[1]>0").message.contains("`zones` has DMA, Normal, Normal"))
    #expect(try judge("zones.DMA.fragmentationIndex[9]>0").verdict == .absent)
    #expect(try judge("live>0").verdict == .absent)
  }

  @Test("messages have units people read")
  func messages() throws {
    #expect(
      try judge("live.wastedBytes>1MiB").message == "live.wastedBytes is 2.0 MiB: more than 1.0 MiB is not allowed")
    #expect(
      try judge("live.wastedPercent>30").message == "live.wastedPercent is 23.40 %; more than 30.00 % would fail")
  }

  @Test(
    "what is no threshold is refused with what was expected",
    arguments: [
      "live.wastedPercent", "live.wastedPercent>", ">20", "live..x>1", "live.>1", "a[>1", "a[x]>1", "a>1parsec",
      "a>many", "[0]>1", "", "a.[0]>1", "a>1e999",
    ])
  func syntax(expression: String) {
    #expect(throws: Threshold.SyntaxError.self) { try Threshold(expression) }
  }

  @Test("paths print as they are read")
  func paths() throws {
    for text in ["live.wastedBytes", "zones.Normal.fragmentationIndex[4]", "groups[\"a.b+0x1\"].live"] {
      #expect(FieldPath(text)?.description == text)
    }
  }

  @Test func `Figures are written by what they are of, also where they fall`() throws {
    let path = try #require(FieldPath("changePercent.live.wastedBytes"))
    #expect(FigureText.text(223.584, path: path) == "223.58 %")
    #expect(FigureText.text(-149_712_000, name: "atNanoseconds") == "-149.7 ms")
    #expect(
      FigureText.text(-1536, name: "wastedBytes") == "-1.5 KiB"
        && FigureText.text(-12_345, name: "objects") == "-12,345")
  }
}
