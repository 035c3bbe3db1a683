import KernelTypes
import KmemreplayCLI
import Reports
import TestSupport
import Testing
import TraceEvents
import TraceInput

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

  @Test func `What a change saves can be gated, by name or by the best of them`() {
    let path = SampleTraces.path("6.1-slub-smp1-boot")
    let best = run("waste", path, "--advise", "--top", "1", "--fail-on", "advice.best.savedBytes>16KiB")
    #expect(best.status == .thresholdExceeded)
    #expect(best.errors.contains("advice.best.savedBytes is 32.0 KiB: more than 16.0 KiB is not allowed"))
    let named = run("waste", path, "--advise", "--fail-on", "advice.changes.kmalloc-448.savedObjectBytes>1MiB")
    #expect(named.status == .done, "\(named.errors)")
    #expect(run("waste", path, "--fail-on", "advice.best.savedBytes>1").status == .failed, "nothing was simulated")
  }

  /// The trace of a kernel in which a call site has a cache of its own: its requests come from that cache, whose objects lie
  /// on pages where no others are.
  private final class ChangedKernel: EventSource {
    private let source: any EventSource
    private let site: StringID
    private let cache: StringID
    private let bytes: UInt64
    private let largest: UInt64
    private var objects: Set<UInt64> = []
    private static let distance: UInt64 = 1 << 40
    private(set) var changed = 0

    init(_ source: any EventSource, site: String, bytes: Int, above: Int) {
      self.source = source
      self.site = source.strings.intern(site)
      cache = source.strings.intern("cache_of_its_own")
      self.bytes = UInt64(bytes)
      largest = UInt64(above)
    }

    var strings: StringInterner { source.strings }
    var stacks: StackTable { source.stacks }
    var context: TraceContext { source.context }
    var statistics: ImportStatistics { source.statistics }

    func read(into batch: inout EventBatch) throws(TraceError) -> Bool {
      let more = try source.read(into: &batch)
      for row in 0..<batch.count {
        let address = batch.address[row]
        switch batch.kind[row] {
        case .kmalloc, .kmallocNode:
          let requested = batch.requestedBytes[row]
          guard batch.callSite[row] == site, requested > largest, requested <= bytes else { break }
          batch.kind[row] = .kmemCacheAlloc
          batch.requestedBytes[row] = bytes
          batch.allocatedBytes[row] = bytes
          batch.address[row] = address &+ Self.distance
          objects.insert(address)
          changed += 1
        case .kfree:
          guard objects.remove(address) != nil else { break }
          batch.kind[row] = .kmemCacheFree
          batch.address[row] = address &+ Self.distance
          batch.name[row] = cache
        default: break
        }
      }
      return more
    }
  }

  @Test(arguments: [
    ("acpi_add_single_object+0x39/0x5aa", 1120, 1024), ("tty_register_device_attr+0xcc/0x1b5", 448, 256),
  ])
  func `A replay of the trace that the changed kernel would have made needs as many pages as the advice says`(
    site: String, bytes: Int, below: Int
  ) throws {
    let path = SampleTraces.path("6.1-slub-smp1-boot")
    let advised = try JSONValue(parsing: run("waste", path, "--advise", "--format", "json").output)
    let advice = try #require(advised["advice"])
    guard case .array(let changes)? = advice["changes"] else {
      Issue.record("no changes")
      return
    }
    let change = try #require(changes.first { $0["name"]?.text == site && $0["bytes"]?.number == Double(bytes) })
    var changed = 0
    let output = MemorySink()
    let environment = CommandEnvironment(
      output: output, errors: MemorySink(),
      openRepeatedly: { _ in
        { () throws(TraceError) in
          let source = ChangedKernel(try TraceInput.open(path: path), site: site, bytes: bytes, above: below)
          return OpenedTrace(source: source) {
            changed = source.changed
            return nil
          }
        }
      })
    #expect(CommandRunner.run(["replay", "t", "--format", "json"], in: environment) == .done)
    let replayed = try JSONValue(parsing: output.text)
    let pages = try #require(replayed["model"]?["slabPages"]?.number)
    let peak = try #require(replayed["model"]?["peakSlabPages"]?.number)
    #expect(changed > 10)
    #expect(pages == (advice["slabPages"]?.number ?? 0) - (change["savedPages"]?.number ?? .infinity))
    #expect(peak == (advice["peakSlabPages"]?.number ?? 0) - (change["savedPeakPages"]?.number ?? .infinity))
    #expect((change["savedPages"]?.number ?? 0) > 0)
  }
}
