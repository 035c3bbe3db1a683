import KmemreplayCLI
import TestSupport
import Testing

/// Real captures through the whole tool. The files under SampleTraces/expected were compared with a separate
/// computation in Python, by regular expressions and dictionaries: all groups, peaks and markers were equal.
@Suite struct WholeTraceTests {
  private func waste(_ capture: String, _ options: String...) -> String {
    let output = MemorySink()
    let errors = MemorySink()
    let status = CommandRunner.run(
      ["waste", SampleTraces.path(capture)] + options, in: CommandEnvironment(output: output, errors: errors))
    #expect(status == .done)
    #expect(errors.text.isEmpty)
    return output.text
  }

  @Test(
    arguments: ["6.1-slub-smp1-script-s20k", "6.1-slub-smp1-boot"], ["call-site", "cache", "task", "gfp"])
  func groupsOfARealCaptureAreThoseExpected(capture: String, by grouping: String) throws {
    let csv = waste(capture, "--by", grouping, "--format", "csv")
    let expected = try ExpectedFiles.text(
      at: SampleTraces.expected("\(capture).waste-\(grouping).csv"), insteadOf: csv)
    #expect(csv == expected)
  }

  @Test func sumsOfTheScriptCaptureAreThoseOfAnIndependentComputation() {
    let json = waste("6.1-slub-smp1-script-s20k", "--format", "json", "--top", "1")
    #expect(json.contains(Self.amount("total", 10569, 4_733_138, 5_697_080)))
    #expect(json.contains(Self.amount("live", 5, 1624, 1632)))
    #expect(json.contains(Self.amount("peak", 2096, 889_981, 1_107_040)))
    #expect(json.contains("\"atNanoseconds\" : 54808000"))
    #expect(json.contains("\"frees\" : 10564"))
    #expect(json.contains("\"freesOfNull\" : 8"))
    #expect(json.contains("\"freesOfUnseen\" : 2,"))
  }

  @Test func sumsOfTheBootCaptureAreThoseOfAnIndependentComputation() {
    let json = waste("6.1-slub-smp1-boot", "--format", "json", "--top", "1")
    #expect(json.contains(Self.amount("total", 94681, 55_733_944, 58_665_512)))
    #expect(json.contains(Self.amount("live", 35590, 8_400_250, 8_707_800)))
    #expect(json.contains(Self.amount("peak", 39206, 10_940_925, 11_282_896)))
    #expect(json.contains(Self.amount("peakWaste", 38936, 10_121_773, 10_772_232)))
    #expect(json.contains("\"allocationsOfLive\" : 3"))
    #expect(json.contains("\"freesOfUnseen\" : 2174"))
    #expect(json.contains("\"freesOfZeroSize\" : 30"))
    #expect(json.contains("\"freesOfNull\" : 3301"))
  }

  /// Matches an amount's keys in sorted order, with the keys that may stand between them left out.
  private static func amount(_ name: String, _ objects: Int, _ requested: Int, _ allocated: Int) -> Amount {
    Amount(name: name, objects: objects, requestedBytes: requested, allocatedBytes: allocated)
  }

  fileprivate struct Amount {
    var name: String
    var objects: Int
    var requestedBytes: Int
    var allocatedBytes: Int
  }
}

extension String {
  /// Whether a JSON document has an amount on its top level.
  fileprivate func contains(_ amount: WholeTraceTests.Amount) -> Bool {
    let lines = split(separator: "\n")
    guard let start = lines.firstIndex(of: "  \"\(amount.name)\" : {") else { return false }
    let body = lines[start...].prefix { $0 != "  }," }
    return [
      "    \"objects\" : \(amount.objects),", "    \"requestedBytes\" : \(amount.requestedBytes),",
      "    \"allocatedBytes\" : \(amount.allocatedBytes),",
    ].allSatisfy { body.contains(Substring($0)) }
  }
}
