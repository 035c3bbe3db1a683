import MemoryModels
import Testing

@Suite("Entries by name") struct EntryLayoutTests {
  @Test(arguments: TranslationScheme.all())
  func `fields tile every entry, and encoding what was decoded gives it back`(scheme: TranslationScheme) {
    var state: UInt64 = 0x1234_5678_9ABC_DEF1
    for round in 0..<4000 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      // Present more often than not, and pages on every level.
      var raw = round % 4 == 0 ? state : state | 1
      if scheme.entryBytes == 4 { raw &= 0xFFFF_FFFF }
      for level in 0..<scheme.levelCount {
        let layout = scheme.layout(raw, level: level)
        #expect(layout.fields.reduce(0) { $0 + $1.width } == scheme.entryBytes * 8)
        #expect(layout.encode(layout.decode(raw).map { ($0.field.name, $0.value) }) == raw)
      }
    }
    let copy = TranslationScheme.linuxARMLayout
    #expect(copy.encode(copy.decode(0x8000_071D).map { ($0.field.name, $0.value) }) == 0x8000_071D)
  }

  @Test func `bits have their names`() {
    let page = TranslationScheme.x86_64.layout(0x8000_0000_1234_5867, level: 3)
    #expect(page.kind == .page)
    #expect(
      page.words(0x8000_0000_1234_5867) == [
        "present", "writable", "user", "accessed", "dirty", "software=4", "no-execute",
      ])
    #expect(
      page.encode([("present", 1), ("user", 1), ("physical", 0x12345), ("no-execute", 1)]) == 0x8000_0000_1234_5005)
    #expect(TranslationScheme.x86_64.entryKind(0xE7, level: 2) == .block)
    #expect(TranslationScheme.x86_64.entryKind(0xE7, level: 0) == .table)
    #expect(TranslationScheme.ia32.layout(0x0040_00E7, level: 0).words(0x0040_00E7).contains("page-size"))
    #expect(TranslationScheme.pae.layout(0x2001, level: 0).words(0x2001) == ["present"])
    #expect(TranslationScheme.arm.layout(0x6FDD_6831, level: 0).words(0x6FDD_6831) == ["type=1", "bit4", "domain=1"])
    #expect(TranslationScheme.arm.entryKind(0x8000_0C0E, level: 0) == .block)
    #expect(
      TranslationScheme.linuxARMLayout.words(0x8000_171D) == ["valid", "memory-type=7", "user", "no-execute", "shared"])
  }
}
