import FoundationEssentials
import KmemreplayCLI
import TestSupport
import Testing

@Suite("Allocator variants and snapshots on the command line") struct AllocatorVariantTests {
  private func row(_ name: String, of text: String) -> [Int] {
    let line = text.split(separator: "\n").first { $0.hasPrefix("  " + name) }
    return (line ?? "").split(separator: " ").compactMap { Int($0.filter { $0 != "," }) }
  }

  @Test("compare runs SLUB with several settings beside each other, and smaller slabs need fewer pages at the peak")
  func variants() {
    let result = run(
      "compare", SampleTraces.path("6.1-slub-smp1-script-s20k"), "--allocators",
      "slub,slub:max-order=0,slub:max-order=1,slub:debug=FZPU,slub:tiny")
    #expect(result.status == .done)
    let peaks = row("slab pages, peak", of: result.output)
    #expect(peaks.count == 5)
    if peaks.count == 5 { #expect(peaks[1] < peaks[0] && peaks[3] > 2 * peaks[0] && peaks[4] < peaks[0]) }
    #expect(result.output.contains("SLUB max-order=0: not graded, a kernel that nobody traced."))
    #expect(result.output.contains("SLUB: made this trace"))
  }

  @Test("a setting that is none, a bad value and a repeated choice are usage errors")
  func badChoices() {
    for list in ["slub:foo", "slub:max-order=x", "slub:max-order=11", "slab:tiny", "slub,slub", "slub:debug=Q", ""] {
      #expect(run("compare", "trace.txt", "--allocators", list).status == .usage, "\(list)")
    }
  }

  @Test("a trace of a kernel with slub_debug=FZPU is recognised by its sizes and predicted to the byte")
  func debugTrace() {
    let result = run("replay", SampleTraces.path("6.1-slub-smp1-script-s20k-debug"))
    #expect(result.output.contains("slub_debug=ZPU"))
    #expect(row("bytes_alloc of kmalloc", of: result.output).prefix(2) == [10379, 10379])
    #expect(row("object address ", of: result.output).prefix(2) == [9914, 9914])
    #expect(row("slab growth", of: result.output).prefix(2) == [219, 220])
    #expect(row("slab release", of: result.output).prefix(2) == [181, 181])
  }

  @Test("a trace of a kernel with slub_debug can be asked what it would need without")
  func withoutDebugging() {
    let result = run(
      "compare", SampleTraces.path("6.1-slub-smp1-script-s20k-debug"), "--allocators", "slub,slub:debug=-")
    let peaks = row("slab pages, peak", of: result.output)
    // The same script on the kernel without debugging peaked at 313 pages.
    #expect(peaks.count == 2)
    if peaks.count == 2 { #expect(abs(peaks[1] - 313) <= 10 && peaks[0] > 850) }
  }

  @Test("slabinfo after is predicted from slabinfo before, cache by cache, geometry from the rules")
  func slabinfo() {
    let folder = SampleTraces.file("6.1-slub-smp2-rtnc/snapshots.tar.zst")
    let result = run(
      "replay", SampleTraces.path("6.1-slub-smp2-rtnc"), "--before", folder, "--before-label", "t0", "--after", folder,
      "--after-label", "t1", "--from", "mark:snap-end t0", "--to", "mark:snap-begin t1")
    #expect(result.status == .done)
    let slabs = row("slabs in slabinfo", of: result.output)
    #expect(slabs.count >= 2)
    if slabs.count >= 2 { #expect(slabs[0] >= 49 && slabs[1] == 55) }
    #expect(row("geometry in slabinfo", of: result.output).prefix(2) == [55, 55])
    #expect(row("dentry  ", of: result.output).suffix(3) == [391, 457, 457])
    let json = run(
      "replay", SampleTraces.path("6.1-slub-smp2-rtnc"), "--before", folder, "--before-label", "t0", "--after", folder,
      "--after-label", "t1", "--format", "json")
    #expect(json.output.contains("\"slabinfo\" : {"))
  }

  @Test("caches that the trace doesn't name get their names from a snapshot, by their sizes")
  func names() {
    let snapshot = SampleTraces.file("6.1-slub-smp1-boot/snapshot.tar.zst")
    let trace = SampleTraces.path("6.1-slub-smp1-boot")
    func nameless(_ text: String) -> Int { text.split(separator: "\n").filter { $0.contains("(unknown ") }.count }
    let without = nameless(run("replay", trace, "--top", "200").output)
    let with = nameless(run("replay", trace, "--top", "200", "--before", snapshot).output)
    #expect(with < without)
  }

  @Test("slub_max_order comes from the kernel's command line in a snapshot")
  func kernelParameters() throws {
    let directory = FileManager.default.temporaryDirectory.path + "/kmemreplay-test-\(UInt64.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try "console=ttyS0 slub_max_order=0 quiet\n".write(
      toFile: directory + "/cmdline", atomically: false, encoding: .utf8)
    let result = run("replay", SampleTraces.path("6.1-slub-smp1-script-s20k-order0"), "--before", directory)
    #expect(result.output.contains("orders 0 to 0"))
    #expect(row("slab growth", of: result.output).prefix(2) == [242, 242])
  }

  @Test("a kernel with freelists in random order is recognised, and every object's slab and every growth predicted")
  func randomFreelists() {
    let result = run("replay", SampleTraces.path("6.1-slub-smp1-script-s20k-random"))
    #expect(row("object's slab  ", of: result.output).prefix(2) == [8220, 8220])
    #expect(row("slab growth", of: result.output).prefix(2) == [109, 109])
    #expect(row("slab release", of: result.output).prefix(2) == [34, 34])
    #expect(!result.output.contains("object address"))
  }
}
