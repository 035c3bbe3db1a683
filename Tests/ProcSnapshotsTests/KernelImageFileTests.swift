import ProcSnapshots
import Testing

@Suite struct KernelImageFileTests {
  private func read(_ text: String) throws -> KernelImageFile {
    try KernelImageFile(parsing: FileContent(name: "image", text: text))
  }

  @Test func aSystemMapNamesSectionsByTheirEnds() throws {
    let file = try read(
      "0000000000000000 D __per_cpu_start\nffffffff81000000 T _stext\nffffffff81000000 T _text\n"
        + "ffffffff81601220 T _etext\nffffffff81800000 D __start_rodata\nffffffff819bd000 D __end_rodata\n"
        + "                 U not_a_symbol\n")
    #expect(file.form == .systemMap)
    #expect(file.sections.map(\.name) == ["text", "rodata"])
    #expect(file.sections.map(\.size) == [0x601220, 0x1BD000])
  }

  @Test func readelfIsReadInAllItsWidths() throws {
    let wide = try read(
      "Section Headers:\n  [Nr] Name              Type            Address          Off    Size   ES Flg Lk Inf Al\n"
        + "  [ 0]                   NULL            0000000000000000 000000 000000 00      0   0  0\n"
        + "  [ 1] .text             PROGBITS        ffffffff81000000 200000 e020d7 00  AX  0   0 4096\n"
        + "  [12] .comment          PROGBITS        0000000000000000 200000 000020 01  MS  0   0  1\n")
    #expect(wide.form == .readelf)
    #expect(wide.sections.map(\.name) == [".text"])
    #expect(wide.sections.first?.start == 0xFFFF_FFFF_8100_0000)
    #expect(wide.sections.first?.size == 0xE020D7)
    #expect(wide.sections.first?.alignment == 4096)
    let narrow = try read(
      "  [ 1] .text             PROGBITS         ffffffff81000000  00200000\n"
        + "       0000000000e020d7  0000000000000000  AX       0     0     4096\n")
    #expect(narrow.sections == wide.sections)
    let small = try read("  [ 2] .text             PROGBITS        c0008240 008240 4d6a50 00  AX  0   0 64\n")
    #expect(small.sections.first?.start == 0xC000_8240)
    #expect(small.sections.first?.size == 0x4D6A50)
  }

  @Test(arguments: ["", "hello\n", "c0008000 T start\n", "[ 1] .text\n", "\u{0}\n"])
  func otherFilesAreRefused(text: String) {
    #expect(throws: SnapshotError.self) { try read(text) }
  }
}
