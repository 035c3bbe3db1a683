import Analysis
import KernelTypes
import MemoryModels
import Reports
import TestSupport
import Testing

@Suite("Translation reports") struct TranslationReportTests {
  private func report(
    _ scheme: TranslationScheme, _ address: UInt64, _ access: MemoryAccess = .userRead, segment: LogicalAddress? = nil
  ) throws -> TranslationReport {
    var frames = FrameSequence(from: PageFrame(16))
    let table = try #require(PageTable(scheme, frames: &frames))
    let data = PageAttributes([.read, .write, .user], isDirty: true)
    let start: UInt64 = scheme.half == .high ? 0xFFFF_0000_0000_0000 : 0
    let small = start + (scheme.virtualAddressBits == 32 ? 0x0804_0000 : 0x7_1234_0000) & ~(scheme.pageBytes - 1)
    try table.map(small, to: 0x1234_0000, data, frames: &frames)
    let sizes = scheme.pageSizes.filter { $0.repeats == 1 && $0.bytes > scheme.pageBytes }
    if let size = sizes.first {
      try table.map(
        start + 0x6000_0000, to: 0x4000_0000, bytes: size.bytes, PageAttributes([.read, .execute, .user]),
        frames: &frames)
    }
    let request = TranslationRequest(
      address: start + address, access: access, segment: segment, descriptors: .linuxIA32, scheme: scheme,
      root: table.rootAddress, memory: table.image, tablePages: table.tablePages)
    return TranslationReport(findings: TranslationFindings(request))
  }

  private func small(_ scheme: TranslationScheme) -> UInt64 {
    scheme.virtualAddressBits == 32 ? 0x0804_0ABC : 0x7_1234_0ABC & ~(scheme.pageBytes - 1) + 0xABC
  }

  private func expectSnapshot(_ name: String, _ text: String) throws {
    #expect(try text == ExpectedFiles.snapshot(name, insteadOf: text), "differs from Snapshots/\(name)")
  }

  @Test func `a walk looks as recorded in every scheme`() throws {
    var text = ""
    for scheme in TranslationScheme.all() + TranslationScheme.all(half: .high).filter({ $0.name == "arm64-4k" }) {
      for address in [small(scheme), 0x6000_0123] {
        let report = try report(scheme, address)
        #expect(report.findings.outcome?.page != nil)
        text += report.text() + "\n"
      }
    }
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 })
    try expectSnapshot("translate-schemes.txt", text)
  }

  @Test func `faults look as recorded, with their codes`() throws {
    var text = ""
    for scheme in [TranslationScheme.ia32, .x86_64, .arm, TranslationScheme.arm64()].compactMap({ $0 }) {
      for access in [MemoryAccess.userWrite, .userExecute] {
        text += try report(scheme, 0x6100_0000, access).text() + "\n"
      }
      text += try report(scheme, small(scheme), .userExecute).text() + "\n"
      text += try report(scheme, 0x6000_0000, .userWrite).text() + "\n"
    }
    text += try report(.x86_64, 1 << 50).text() + "\n"
    for (selector, register) in [(0x7B, Segmentation.Register.data), (0x68, .data), (0x7B, .stack)] {
      let segment = LogicalAddress(
        selector: SegmentSelector(UInt16(selector)), currentPrivilege: 3, register: register)
      text += try report(.ia32, 0x0804_0ABC, segment: segment).text() + "\n"
    }
    try expectSnapshot("translate-faults.txt", text)
  }

  @Test func `JSON and Markdown look as recorded`() throws {
    let scheme = TranslationScheme.x86_64
    try expectSnapshot("translate.json", try report(scheme, small(scheme)).json())
    try expectSnapshot("translate-fault.json", try report(scheme, 0x6000_0000, .userWrite).json())
    try expectSnapshot("translate.md", try report(.arm, small(.arm)).markdown())
  }
}
