import TestSupport
import Testing

@testable import ProcSnapshots

@Suite("Dump of the free lists") struct FreeListDumpTests {
  private let text = """
    version 1 pageblock_order 9 last_order 10 migratetypes 4 pcp_lists 14 pcptypes 3 page_offset 0xffff888000000000
    zone DMA32 start_pfn 4096 spanned 61405 present 61405 managed 56390 wm_min 452 wm_low 565 wm_high 678 boost 0 \
    lowmem_reserve 0 0 0 7
    pcp DMA32 cpu 0 count 3 high 565 batch 15
    pcplist DMA32 cpu 0 idx 0: 5b28 5b1b
    pcplist DMA32 cpu 0 idx 2: 5e23
    nr_free DMA32 order 0: 3
    free DMA32 order 0 mt 1: 2ce9 10
    free DMA32 order 0 mt 2: 5e2f
    nr_free DMA32 order 1: 0
    blocks DMA32: 1000=1 1200=0
    slobfree small 5a70 48: 208+32 336+16
    slobfree large 30d9 2047: 0+2047

    """

  @Test func listsAreReadInTheirOrder() throws {
    let dump = try FreeListDump(parsing: FileContent(name: "kmfree", text: text))
    let zone = try #require(dump.zones.first)
    #expect(dump.pageblockOrder == 9 && zone.span == 4096..<65501 && zone.fields["wm_low"] == 565)
    #expect(zone.lowMemoryReserve == [0, 0, 0, 7] && zone.freeCounts == [3, 0])
    #expect(zone.freeLists[0] == [.init(number: 1, frames: [0x2ce9, 0x10]), .init(number: 2, frames: [0x5e2f])])
    #expect(zone.perCPU[0].lists.map(\.number) == [0, 2] && zone.perCPU[0].high == 565)
    #expect(zone.pageblocks.map(\.type) == [1, 0] && zone.pageblocks[1].frame == 0x1200)
    #expect(dump.slobPages.map(\.list) == [.small, .large] && dump.slobPages[0].freeUnits == 48)
    #expect(dump.slobPages[0].frame == 0x5a70 && dump.slobPages[0].blocks.map(\.start) == [208, 336])
    #expect(dump.text == text && dump.damage.isNone)
  }

  @Test func aLineThatMakesNoSenseIsLeftOut() throws {
    let bad = [
      "free DMA32 order 0 mt 1: 2ce9 xyz", "free Normal order 0 mt 1: 2ce9", "nr_free DMA32 order 7: 1", "?",
      "slobfree tiny 5a70 48: 208+48", "slobfree small 5a70 48: 208+32 216+16", "slobfree small 5a70 0: 208+0",
    ]
    for line in bad {
      let damaged = text.replacing("nr_free DMA32 order 1: 0", with: line)
      let dump = try FreeListDump(parsing: FileContent(name: "kmfree", text: damaged))
      #expect(dump.damage.linesLeftOut == 1 && dump.zones.first?.freeLists.count == 1, "\(line)")
    }
  }

  @Test func theCapturedDumpsPrintBackByteForByte() throws {
    for capture in ["6.1-slub-smp2-rtnc", "6.12-slub-smp1-script-s20k", "6.1-slob-smp1-script-s20k"] {
      let files = try Captures.files(SampleTraces.file(capture + "/free-lists.tar.zst"))
      let dumps = files.filter { $0.kind == .freeLists }
      #expect(dumps.count == 2)
      for file in dumps {
        let dump = try FreeListDump(parsing: file.content)
        #expect(dump.bytes == file.content.bytes && dump.damage.isNone && dump.zones.count == 2)
      }
    }
  }
}
