import KernelTypes
import Testing

@testable import MemoryModels

@Suite("Memory at boot") struct BootTests {
  private func lists(_ zone: borrowing Zone) -> [[UInt64]] {
    (0...10).map { zone.freeList(order: $0, type: .movable).map(\.rawValue) }
  }

  @Test("memblock hands out blocks as large as their alignment, the lowest address first")
  func memblockOrder() {
    var boot = Memblock()
    boot.add(0..<4096 << 12)
    boot.reserve(0..<3 << 12)
    boot.reserve(3000 << 12..<4096 << 12)
    #expect(boot.freeFrames(pageSize: 4096) == [PageFrame(3)..<PageFrame(3000)])
    var modern = Zone(kind: .normal, start: PageFrame(0), end: PageFrame(4096), policy: policy(6, 1), cpuLimit: 1)
    modern.release(PageFrame(3)..<PageFrame(3000))
    let expected: [[UInt64]] = [
      [3], [], [4], [8, 2992], [16, 2976], [32, 2944], [64], [128, 2816], [256, 2560], [512, 2048], [1024],
    ]
    let ascending = lists(modern)
    #expect(ascending == expected)
    var old = Zone(kind: .normal, start: PageFrame(0), end: PageFrame(4096), policy: policy(3, 5), cpuLimit: 1)
    old.release(PageFrame(3)..<PageFrame(3000))
    let reversed = lists(old)
    #expect(reversed.map(\.count) == expected.map(\.count))
    #expect(reversed[5] == [2944, 32] && reversed[9] == [2048, 512])
  }

  @Test("ranges are joined, cut and rounded inwards to whole pages")
  func memblockRanges() {
    var boot = Memblock()
    boot.add(0x1000..<0x9FC00)
    boot.add(0x10_0000..<0x20_0000)
    boot.add(0x9_FC00..<0x9_FD00)
    #expect(boot.memory == [0x1000..<0x9_FD00, 0x10_0000..<0x20_0000])
    boot.reserve(0x10_0800..<0x11_0010)
    boot.reserve(0x11_0010..<0x11_0020)
    #expect(boot.reserved == [0x10_0800..<0x11_0020])
    #expect(boot.freeFrames(pageSize: 4096) == [PageFrame(1)..<PageFrame(0x9F), PageFrame(0x111)..<PageFrame(0x200)])
    let top = boot.allocate(0x1000, alignment: 0x1000)
    let below = boot.allocate(0x2000, alignment: 0x1000, below: 0x9_F000)
    #expect(top == 0x1F_F000 && below == 0x9_D000)
    boot.free(0x9_D000..<0x9_F000)
    boot.remove(0x10_0000..<0x20_0000)
    let tooLarge = boot.allocate(1 << 30)
    #expect(boot.free == [0x1000..<0x9_FD00] && tooLarge == nil)
  }

  @Test("a machine starts from its memory map alone")
  func machineFromMap() {
    var boot = Memblock()
    boot.add(0x1000..<0x9_F000)
    boot.add(0x10_0000..<256 << 20)
    boot.reserve(16 << 20..<32 << 20)
    let machine = Machine(profile: KernelProfile(kernel: KernelVersion(6, 1)), boot: boot)
    let (dma, dma32) = (machine[zone: 0].managedPages, machine[zone: 1].managedPages)
    let (free, low) = (machine.freePages, machine[zone: 1].watermarks.low)
    let first = machine[zone: 1].freeList(order: 10, type: .movable).first
    #expect(dma == 0x9E + (16 << 8) - 0x100 && dma32 == (256 - 32) << 8)
    #expect(free == dma + dma32 && low > 0 && first == PageFrame(32 << 8))
  }

  @Test("bootmem hands out words of free pages at once, the others page by page")
  func bootmemOrder() {
    var bootmem = Bootmem(frames: PageFrame(16)..<PageFrame(200), wordBits: 32)
    bootmem.free(PageFrame(16)..<PageFrame(200))
    bootmem.reserve(PageFrame(70)..<PageFrame(95))
    let releases = bootmem.releases
    #expect(releases.prefix(16).map(\.order) == Array(repeating: 0, count: 16))
    #expect(releases[16] == .init(frame: PageFrame(32), order: 5))
    #expect(releases[17..<24].map(\.frame.rawValue) == [64, 65, 66, 67, 68, 69, 95])
    #expect(releases[24...].prefix(3).map(\.frame.rawValue) == [96, 128, 160])
    #expect(releases.last == .init(frame: PageFrame(199), order: 0))
    #expect(releases.reduce(0) { $0 + 1 << $1.order } == 184 - 25)
    let (lowest, none) = (bootmem.allocate(pages: 40, from: PageFrame(60)), bootmem.allocate(pages: 1000))
    #expect(lowest == PageFrame(95) && none == nil && bootmem.bitmapPages(pageSize: 4096) == 1)

    var old = Zone(
      kind: .normal, start: PageFrame(16), end: PageFrame(200), policy: policy(3, 5, .arm), cpuLimit: 1)
    var pages = 0
    for block in releases where old.release(block) { pages += 1 << block.order }
    let (free, wrong) = (old.freePages, old.checkInvariants())
    #expect(pages == 159 && free == 159 && wrong == nil)
  }

  @Test("a modelled page frame needs at most 16 bytes")
  func bytesOfAFrame() {
    // Besides its record a frame has two bits, and a byte for each pageblock.
    #expect(MemoryLayout<FrameRecord>.stride * 8 + 2 <= 16 * 8)
  }
}
