import Analysis
import KernelTypes
import TestSupport
import Testing
import TraceEvents

@Suite struct WasteCacheEvidenceTests {
  private func allocate(_ trace: ScriptedTrace, _ address: UInt64, site: String = "s+0x1/0x2", name: String = "") {
    trace.allocate(address, 184, 192, site: site, kind: .kmemCacheAlloc, name: name)
  }

  private func byName(_ result: WasteResult) -> [String: WasteResult.Group] {
    Dictionary(uniqueKeysWithValues: result.groups.map { ($0.key, $0) })
  }

  @Test func theNameInAnAllocationIsTaken() throws {
    let trace = ScriptedTrace()
    allocate(trace, 0x1000, name: "dentry")
    #expect(try waste(trace, by: .cache).groups.map(\.key) == ["dentry"])
  }

  @Test func aFreeNamesAllObjectsOfItsSiteAndSize() throws {
    let trace = ScriptedTrace()
    allocate(trace, 0x1000)
    allocate(trace, 0x9000)
    trace.free(0x1000, kind: .kmemCacheFree, name: "dentry")
    let groups = try waste(trace, by: .cache).groups
    #expect(groups.map(\.key) == ["dentry"])
    #expect(groups[0].total.objects == 2)
    #expect(groups[0].live.objects == 1)
    #expect(groups[0].peak.objects == 2)
    #expect(groups[0].frees == 1)
  }

  @Test func objectsOfASiteWithSeveralNamesAreNamedOneByOne() throws {
    let trace = ScriptedTrace()
    allocate(trace, 0x1000)
    allocate(trace, 0x2000)
    allocate(trace, 0x3000)
    trace.free(0x1000, kind: .kmemCacheFree, name: "one")
    trace.free(0x2000, kind: .kmemCacheFree, name: "two")
    let groups = byName(try waste(trace, by: .cache))
    #expect(groups["one"]?.total.objects == 1)
    #expect(groups["two"]?.total.objects == 1)
    #expect(groups["one"]?.peak.objects == 1)
    #expect(groups["one"]?.frees == 1)
    let unknown = groups["(unknown 192 B, s+0x1/0x2)"]
    #expect(unknown?.live.objects == 1)
    #expect(unknown?.frees == 0)
  }

  @Test func aLiveObjectIsNamedByANeighbourFreedAfterItsAllocation() throws {
    let trace = ScriptedTrace()
    allocate(trace, 0x1000)
    allocate(trace, 0x10C0)
    allocate(trace, 0x3000)
    trace.free(0x1000, kind: .kmemCacheFree, name: "one")
    trace.free(0x3000, kind: .kmemCacheFree, name: "two")
    let groups = byName(try waste(trace, by: .cache))
    #expect(groups["one"]?.live.objects == 1)
    #expect(groups["one"]?.total.objects == 2)
    #expect(groups.count == 2)
  }

  @Test func aNeighbourFreedBeforeTheAllocationSaysNothing() throws {
    let trace = ScriptedTrace()
    allocate(trace, 0x1000)
    allocate(trace, 0x3000)
    trace.free(0x1000, kind: .kmemCacheFree, name: "one")
    trace.free(0x3000, kind: .kmemCacheFree, name: "two")
    allocate(trace, 0x10C0)
    #expect(byName(try waste(trace, by: .cache))["(unknown 192 B, s+0x1/0x2)"]?.live.objects == 1)
  }

  @Test func aLiveNeighbourOfAKnownSiteNamesAnObject() throws {
    let trace = ScriptedTrace()
    allocate(trace, 0x1000, site: "known")
    allocate(trace, 0x9000, site: "known")
    trace.free(0x9000, kind: .kmemCacheFree, name: "dentry")
    allocate(trace, 0x10C0, site: "unknown")
    #expect(try waste(trace, by: .cache).groups.map(\.key) == ["dentry"])
    let hashed = WasteNaming(hasHashedPointers: true)
    #expect(
      try waste(trace, by: .cache, naming: hashed).groups.map(\.key).sorted() == [
        "(unknown 192 B, unknown)", "dentry",
      ])
  }

  @Test func aNameSpreadsFromPageToPage() throws {
    let trace = ScriptedTrace()
    allocate(trace, 0x1000, site: "known")
    allocate(trace, 0x9000, site: "known")
    trace.free(0x9000, kind: .kmemCacheFree, name: "dentry")
    allocate(trace, 0x10C0, site: "second")
    allocate(trace, 0x20C0, site: "second")
    allocate(trace, 0x2180, site: "third")
    #expect(try waste(trace, by: .cache).groups.map(\.key) == ["dentry"])
  }

  @Test func namesThatComeAfterTheWindowStillCount() throws {
    let trace = ScriptedTrace()
    allocate(trace, 0x1000)
    allocate(trace, 0x2000)
    trace.mark("end")
    trace.free(0x1000, kind: .kmemCacheFree, name: "one")
    trace.free(0x2000, kind: .kmemCacheFree, name: "two")
    let result = try waste(trace, by: .cache, window: TimeWindow(to: .mark("end")))
    let groups = byName(result)
    #expect(groups.count == 2)
    #expect(groups["one"]?.live.objects == 1)
    #expect(groups["two"]?.live.objects == 1)
    #expect(groups["two"]?.peak.objects == 1)
    #expect(result.frees == 0)
    #expect(result.live.objects == 2)
  }

  @Test(arguments: UInt64(1)...20)
  func namingByEvidenceLosesAndInventsNothing(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let trace = ScriptedTrace()
    for _ in 0..<600 {
      let slot = UInt64.random(in: 0..<80, using: &random)
      let address = 0x10000 + (slot / 8) * 4096 + (slot % 8) * 192
      if Bool.random(using: &random) {
        allocate(trace, address, site: "s\(slot % 3)")
      } else {
        trace.free(
          address, kind: .kmemCacheFree, name: Int.random(in: 0..<4, using: &random) == 0 ? "" : "cache\(slot / 16)")
      }
    }
    let result = try waste(
      trace, by: .cache, window: TimeWindow(from: .sinceFirstEvent(ClockTime(seconds: 0, nanoseconds: 100_000))))
    #expect(result.groups.reduce(Amount()) { $0 + $1.total } == result.total)
    #expect(result.groups.reduce(Amount()) { $0 + $1.live } == result.live)
    #expect(result.groups.reduce(Amount()) { $0 + $1.peak } == result.peak.amount)
    #expect(result.groups.reduce(0) { $0 + $1.frees } == result.frees)
    #expect(result.groups.allSatisfy { $0.live.objects < 1000 && $0.total.objects < 1000 && $0.peak.objects < 1000 })
  }
}
