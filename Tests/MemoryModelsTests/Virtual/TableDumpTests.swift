import KernelTypes
import MemoryModels
import Testing

@Suite("Table dumps") struct TableDumpTests {
  private func read(_ text: String, scheme: TranslationScheme? = nil) throws(TableDumpError) -> TableDump {
    try TableDump(parsing: text.utf8, scheme: scheme)
  }

  private func error(_ text: String, scheme: TranslationScheme? = nil) -> String? {
    do throws(TableDumpError) {
      _ = try read(text, scheme: scheme)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func `a dump is walked like tables in memory`() throws {
    let text = """
      # a comment
      scheme x86_64
      root 1000   # CR3
      17f0: 2067
      0x2240: 0x3067
      3d10: 4067
      4b38: 8000000012345067 0
      gdt 60: 00cf9b000000ffff
      """
    let dump = try read(text)
    #expect(dump.scheme == .x86_64 && dump.root == 0x1000 && dump.image.wordCount == 5)
    #expect(dump.descriptors[SegmentSelector(0x60)]?.isCode == true)
    let walk = dump.image.walk(0x7F12_3456_7ABC, .userRead, scheme: dump.scheme, root: 0x1000)
    #expect(walk.outcome.page?.physicalAddress == 0x1234_5ABC)
    #expect(walk.steps.map(\.entryAddress) == [0x17F0, 0x2240, 0x3D10, 0x4B38])
    let missing = dump.image.walk(0x7F12_3456_8ABC, .userRead, scheme: dump.scheme, root: 0x1000)
    #expect(missing.outcome.fault?.reason == .notPresent)
    let unknown = dump.image.walk(0x7F12_3456_7ABC, .userRead, scheme: dump.scheme, root: 0x9000)
    #expect(unknown.outcome.fault?.reason == .tableUnknown)
  }

  @Test func `what is wrong with a dump is said with line and column`() {
    #expect(error("root 1000")?.hasPrefix("no scheme; expected a line such as") == true)
    #expect(error("scheme vax")?.hasPrefix("line 1, column 8: the scheme `vax`; expected one of ia32") == true)
    let x86 = TranslationScheme.x86_64
    #expect(error("\n17f0 2067", scheme: x86) == "line 2, column 6: `2067`; expected a colon, as in `17f0: 2067`")
    #expect(error("17f0:", scheme: x86) == "line 1, column 6: the end of the line; expected a hexadecimal entry")
    #expect(error("17f0: 20g7", scheme: x86) == "line 1, column 7: `20g7`; expected a hexadecimal entry")
    #expect(error("17f0: -1", scheme: x86)?.contains("column 7") == true)
    #expect(error("0: 11111111111111111", scheme: x86)?.contains("column 4") == true)
    #expect(error("root", scheme: x86)?.hasPrefix("line 1, column 5: the end of the line") == true)
    #expect(error("root 1 2", scheme: x86)?.hasPrefix("line 1, column 8: `2`; expected the end of the line") == true)
    #expect(error("gdt 12345: 0", scheme: x86)?.contains("a selector of 16 bits") == true)
    #expect(error("fnord", scheme: x86)?.hasPrefix("line 1, column 1: `fnord`; expected `scheme`, `root`") == true)
    #expect(
      error("17f4: 1", scheme: x86)?.hasPrefix("line 1, column 1: the address 0x17f4; expected a multiple") == true)
    #expect(
      error("8: 1\n0: 0 2", scheme: x86)?.hasPrefix("line 2, column 6: a second value for 0x8, which had 0x1") == true)
    #expect(error("8: 123456789", scheme: .ia32)?.contains("an entry of more than 32 bits") == true)
    #expect(error("fffffffffffffff8: 1 2", scheme: x86)?.contains("beyond 52 bits") == true)
  }

  @Test func `any bytes at all end in a dump or in an error`() {
    var state: UInt64 = 7
    let alphabet = Array("0123456789abcdefx: #\n\trootschemegdt\u{0}".utf8)
    for _ in 0..<3000 {
      var text: [UInt8] = []
      for _ in 0..<40 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        text.append(
          state >> 60 == 0 ? UInt8(truncatingIfNeeded: state >> 40) : alphabet[Int(state >> 33) % alphabet.count])
      }
      do throws(TableDumpError) {
        _ = try TableDump(parsing: text, scheme: .x86_64)
      } catch {
        #expect(error.line >= 1 && error.column >= 1)
      }
    }
  }

  @Test(arguments: TranslationScheme.all())
  func `walking the words of a page table is walking the page table`(scheme: TranslationScheme) throws {
    var frames = FrameSequence(from: PageFrame(16))
    let table = try #require(PageTable(scheme, frames: &frames))
    let sizes = scheme.pageSizes.prefix(4)
    let attributes = PageAttributes([.read, .execute, .user])
    var probes: [UInt64] = [0, 0x1000_0000 - 1, 0xFFFF_FFFF]
    var next: UInt64 = 0x1000_0000
    for size in sizes {
      // ARM's tables cover 2 MiB, so that a section can't be beside them in such a pair.
      let alignment = max(size.bytes, 2 << 20)
      next = (next + alignment - 1) & ~(alignment - 1)
      try table.map(next, to: 0, bytes: size.bytes, attributes, frames: &frames)
      probes += [next - 1, next, next + size.bytes / 3, next + size.bytes - 1]
      next += size.bytes
    }
    let image = table.image
    for address in probes {
      for access in [MemoryAccess.userRead, .userWrite, .userExecute] {
        #expect(
          image.walk(address, access, scheme: scheme, root: table.rootAddress) == table.walk(address, access),
          "0x\(String(address, radix: 16))")
      }
    }
  }
}
