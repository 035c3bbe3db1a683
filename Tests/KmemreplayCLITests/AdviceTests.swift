import KmemreplayCLI
import TestSupport
import Testing

@Suite("waste --advise") struct AdviceTests {
  private func rows(_ text: String) -> [String] {
    let lines = text.split(separator: "\n").map(String.init)
    guard let start = lines.firstIndex(where: { $0.hasPrefix("What would help") }) else { return [] }
    return lines[(start + 2)...].prefix { $0.hasPrefix("  a ") }.map { $0 }
  }

  @Test("changes are simulated on a boot, those that save most pages first, and none costs object bytes")
  func boot() {
    let result = run("waste", SampleTraces.path("6.1-slub-smp1-boot"), "--advise")
    let rows = rows(result.output)
    #expect(rows.count == 8)
    #expect(rows.first?.contains("a cache of 1,120 bytes for acpi_add_single_object") == true)
    #expect(rows.first?.contains("36.3 KiB") == true)
    #expect(rows.contains { $0.contains("a kmalloc class of ") })
    let saved = rows.map { $0.split(separator: "  ", omittingEmptySubsequences: true) }.compactMap {
      $0.dropFirst().first
    }
    #expect(saved.count == 8 && saved.allSatisfy { !$0.contains("-") })
  }

  @Test("pages without a change are those that replay says")
  func json() {
    let path = SampleTraces.path("6.1-slub-smp1-boot")
    let advised = run("waste", path, "--advise", "--format", "json").output
    let replayed = run("replay", path, "--format", "json").output
    // What `replay` says of the same trace without a change.
    #expect(replayed.contains("\"slabPages\" : 2819") && advised.contains("\"slabPages\" : 2819"))
    #expect(replayed.contains("\"peakSlabPages\" : 3132") && advised.contains("\"peakSlabPages\" : 3132"))
    #expect(advised.contains("\"change\" : \"own-cache\"") && advised.contains("\"change\" : \"kmalloc-class\""))
  }

  @Test("a trace without kmalloc requests that would gain says so")
  func nothing() {
    let trace = ScriptedTrace()
    trace.allocate(0xFFFF_8880_0000_1000, 128, 128, site: "f+0x1/0x2")
    let result = run("waste", "t", "--advise", on: trace)
    #expect(result.status != .done || result.output.contains("no size is common enough"))
  }
}
