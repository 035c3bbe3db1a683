import Analysis
import KernelTypes
import MemoryModels
import ProcSnapshots
import Reports
import TestSupport
import Testing

@Suite struct LayoutReportTests {
  private func snapshot() -> Snapshot {
    let vmalloc =
      "0xf0800000-0xf0803000   12288 setup\u{1}_arch+0x1/0x2 pages=2 vmalloc\n"
      + "0xf0800000-0xf0803000   12288 setup_arch+0x1/0x2 pages=2 vmalloc\n"
      + "0xf0804000-0xf0806000    8192 of_iomap+0x1/0x2 phys=0x10000000 ioremap\n"
      + "0xf0810000-0xf0821000   69632 module_alloc+0x1/0x2 [a_module] pages=16 vmalloc\n"
      + "0xf0821000-0xf0823000    8192 unpurged vm_area\n"
    let files: [SnapshotFileKind: String] = [
      .version: "Linux version 6.1.9-test (a@b) (gcc) #1 SMP\n",
      .buddyInfo: "Node 0, zone   Normal    100     50     25      1      0 \n", .vmallocInfo: vmalloc,
    ]
    return Snapshot(
      name: "machine",
      files: Dictionary(
        uniqueKeysWithValues: files.map { ($0.key, FileContent(name: $0.key.rawValue, text: $0.value)) }))
  }

  private func report() throws -> LayoutReport {
    let layout = try KernelLayout(.init(architecture: .arm, memoryBytes: 1 << 30))
    let map =
      "c0008000 T _text\nc0600123 T _etext\nc0700000 D __start_rodata\nc0780000 D __end_rodata\nc0800000 D _sdata\n"
      + "c0850000 D _edata\nc0900000 T __init_begin\nc0a00000 T __init_end\n"
    let image = try KernelImageFile(parsing: FileContent(name: "System.map", text: map))
    let findings = LayoutFindings(
      layout: layout, profile: KernelProfile(architecture: .arm), image: image, snapshot: snapshot(),
      requests: [29, 30_000, 60_000, 8 << 20, 300 << 20], assumed: ["kernel"])
    return LayoutReport(findings: findings)
  }

  @Test func aLayoutLooksAsRecordedInEveryForm() throws {
    let report = try report()
    for (name, text) in [
      ("layout.txt", report.text()), ("layout.json", try report.json()), ("layout.md", report.markdown()),
    ] {
      #expect(try text == ExpectedFiles.snapshot(name, insteadOf: text), "differs from Snapshots/\(name)")
    }
    for line in report.text().split(separator: "\n") { #expect(line.count <= 130, "\(line)") }
  }

  @Test func requestsKnowWhatTheSnapshotHas() throws {
    let findings = try report().findings
    // 29 bytes take 64 on 32-bit ARM: a published example.
    #expect(findings.allocations[0].route.contiguousWasteBytes == 35)
    #expect(findings.allocations[1].isBlockFree == true)
    #expect(findings.allocations[2].isBlockFree == false)
    #expect(findings.allocations[3].fitsHole == true)
    #expect(findings.allocations[4].fitsHole == false)
    let vmalloc = try #require(findings.vmalloc)
    #expect(vmalloc.areaCount == 4 && vmalloc.misfits == 0 && vmalloc.waitingBytes == 8192)
    #expect(vmalloc.space?.checkInvariants() == nil)
    #expect(vmalloc.placement?.checked == 3)
    #expect(vmalloc.largestHole?.upperBound == 0xFF80_0000)
  }

  @Test func hiddenAddressesLeaveSizes() throws {
    let text =
      "0x00000000abcdef12-0x0000000012345678   12288 setup_arch+0x1/0x2 pages=2 vmalloc\n"
      + "0x00000000abcdef12-0x0000000099345678    8192 other+0x1/0x2 pages=1 vmalloc\n"
    let info = try VmallocInfo(parsing: FileContent(name: "vmallocinfo", text: text))
    let findings = VmallocFindings(
      info, range: nil, policy: VmallocPolicy(kernel: KernelVersion(6, 1), architecture: .x86_64))
    #expect(findings.usedBytes == 20_480 && findings.pages == 3)
    #expect(findings.space == nil && findings.freeBytes == nil && findings.fragmentation == nil)
  }

  /// Every capture's areas go into the model without overlap, and nearly all where lowest-fit puts them.
  @Test func realSpacesAreLaidOutAsTheModelWould() throws {
    for path in [CapturedSnapshots.sample] + CapturedSnapshots.archives.filter({ $0.contains("-rtnc/") }) {
      let snapshot = try SnapshotReader.read(path: path, label: "after")
      guard let info = snapshot.vmallocInfo, let kernel = snapshot.version?.kernel else { continue }
      let policy = VmallocPolicy(kernel: kernel, architecture: .x86_64)
      let findings = VmallocFindings(info, range: 0xFFFF_C900_0000_0000..<0xFFFF_E900_0000_0000, policy: policy)
      #expect(findings.misfits == 0 && findings.isRangeKnown, "\(path)")
      let placement = try #require(findings.placement)
      #expect(placement.checked > 20 && placement.matched * 100 >= placement.checked * 75, "\(path): \(placement)")
      #expect(placement.matched + placement.aboveHole == placement.checked, "\(path): \(placement)")
    }
  }
}
