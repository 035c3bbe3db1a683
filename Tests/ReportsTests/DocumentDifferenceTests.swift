import Reports
import Testing

@Suite("Differences between results") struct DocumentDifferenceTests {
  private func document(
    _ wasted: Int, _ groups: [(String, Int)], schema: String = "kmemreplay.waste/1", by: String = "call-site"
  )
    throws -> JSONValue
  {
    let rows = groups.map { #"{"key": "\#($0.0)", "live": {"wastedBytes": \#($0.1)}}"# }.joined(separator: ",")
    return try JSONValue(
      parsing: """
        {"schema": "\(schema)", "by": "\(by)", "input": {"bytes": \(wasted)}, "quality": {"events": \(wasted)},
         "live": {"wastedBytes": \(wasted), "objects": 7}, "groups": [\(rows)]}
        """)
  }

  private func difference() throws -> DocumentDifference {
    try DocumentDifference(
      base: try document(1000, [("a", 600), ("b", 400)]), baseName: "base.json",
      new: try document(1500, [("a", 500), ("c", 1000)]), newName: "new.json")
  }

  @Test("sums are compared; where the results came from and data quality are not")
  func sums() throws {
    let sums = try difference().sums
    #expect(sums.map(\.path.description) == ["live.objects", "live.wastedBytes"])
    #expect(sums.map(\.change) == [0, 500])
    #expect(sums.map(\.changePercent) == [0, 50])
  }

  @Test("groups are matched by name; new and vanished ones count from and to nothing")
  func groups() throws {
    let group = try #require(try difference().groups.first)
    #expect(group.list == "groups" && group.figure == "live.wastedBytes")
    #expect(group.rows.map(\.name) == ["c", "b", "a"])
    #expect(group.rows.map(\.change) == [1000, -400, -100])
  }

  @Test("thresholds see changes beside the new result's own figures")
  func thresholds() throws {
    let all = try document(1500, []).merged(with: try difference().document)
    func verdict(_ text: String) throws -> ThresholdOutcome.Verdict {
      ThresholdOutcome(try Threshold(text), in: all).verdict
    }
    #expect(try verdict("change.live.wastedBytes>400") == .exceeded)
    #expect(try verdict("change.live.wastedBytes>500") == .kept)
    #expect(try verdict("changePercent.live.wastedBytes>=50%") == .exceeded)
    #expect(try verdict("live.wastedBytes>1400") == .exceeded)
  }

  @Test("results of different commands, versions or groupings are not compared")
  func mismatches() throws {
    let base = try document(1, [])
    for other in [
      try document(1, [], schema: "kmemreplay.replay/1"), try document(1, [], by: "cache"),
      try JSONValue(parsing: "{\"a\": 1}"), try JSONValue(parsing: "[]"),
    ] {
      #expect(throws: DocumentDifference.Mismatch.self) {
        _ = try DocumentDifference(base: base, baseName: "a", new: other, newName: "b")
      }
    }
  }

  @Test("the report says first what grew, and the same result twice says that nothing changed")
  func report() throws {
    let text = DifferenceReport(try difference()).text()
    #expect(text.hasPrefix("base.json → new.json: live.wastedBytes grew from 1000 B to 1.5 KiB (+500 B, +50.00 %)."))
    #expect(text.contains("groups, by live.wastedBytes"))
    let same = try document(5, [("a", 1)])
    let none = try DocumentDifference(base: same, baseName: "x", new: same, newName: "y")
    #expect(DifferenceReport(none).text().hasPrefix("x → y: nothing changed."))
    let json = try JSONValue(parsing: try DifferenceReport(try difference()).json())
    #expect(json["schema"] == .string("kmemreplay.diff/1"))
    #expect(json["change"]?["live"]?["wastedBytes"]?.number == 500)
  }
}
