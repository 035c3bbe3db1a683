import KernelTypes
import Testing

struct PageVocabularyTests {
  @Test func ordersHoldAtLeastTheBytesAsked() {
    let expected: [(UInt64, Int)] = [
      (0, 0), (1, 0), (4096, 0), (4097, 1), (8192, 1), (8193, 2), (4 << 20, 10), (4 << 20 + 1, 11),
    ]
    for (bytes, order) in expected { #expect(Order.holding(bytes: bytes, pageSize: 4096) == order) }
    #expect(Order.holding(bytes: 65_537, pageSize: 65_536) == 1)
    #expect(Order.pages(0) == 1 && Order.pages(10) == 1024)
  }

  @Test func buddiesFormTheNextLargerBlock() {
    #expect(PageFrame(6).buddy(order: 0) == PageFrame(7))
    #expect(PageFrame(6).buddy(order: 1) == PageFrame(4))
    #expect(PageFrame(4).buddy(order: 2) == PageFrame(0))
    for order in 0...10 {
      let frame = PageFrame(Order.pages(order) * 5)
      #expect(frame.buddy(order: order).buddy(order: order) == frame)
      #expect(frame.parent(order: order) == min(frame, frame.buddy(order: order)))
      #expect(frame.isAligned(order: order) && !frame.isAligned(order: order + 1))
    }
  }

  @Test func migrateTypesAreNumberedByVersion() {
    #expect(MigrateType(number: 1, numbering: .movableFirst) == .movable)
    #expect(MigrateType(number: 1, numbering: .reclaimableFirst) == .reclaimable)
    #expect(MigrateType(number: 2, numbering: .reclaimableFirst) == .movable)
    #expect(MigrateType(number: 3, numbering: .movableFirst) == .highAtomic)
    #expect(MigrateType(number: 4, numbering: .movableFirst) == .isolate)
    #expect(MigrateType(number: 4, numbering: .movableFirst, hasContiguous: true) == .contiguous)
    #expect(MigrateType(number: 5, numbering: .movableFirst) == nil)
    #expect(MigrateType(number: -1, numbering: .movableFirst) == nil)
  }

  @Test func versionsAreReadFromReleasesAndBanners() {
    #expect(KernelVersion(parsing: "6.1") == KernelVersion(6, 1))
    #expect(KernelVersion(parsing: "v5.10.226-generic") == KernelVersion(5, 10))
    #expect(KernelVersion(parsing: "Linux version 4.19.0-18-amd64 (builder)") == KernelVersion(4, 19))
    #expect(KernelVersion(parsing: "6.12-rc3") == KernelVersion(6, 12))
    for text in ["", "six", "6", "6.", ".1", "v", "Linux version"] { #expect(KernelVersion(parsing: text) == nil) }
    #expect(KernelVersion(3, 5) < KernelVersion(3, 18) && KernelVersion(5, 15) < KernelVersion(6, 1))
    #expect("\(KernelVersion(6, 12))" == "6.12")
  }

  @Test func flagsAreReadByTheNamesOfEveryEra() {
    #expect(GFPFlags(parsing: "GFP_KERNEL|__GFP_ZERO") == [.kernel, .zero])
    #expect(GFPFlags(parsing: "GFP_KERNEL|GFP_ZERO") == [.kernel, .zero])
    #expect(GFPFlags(parsing: "__GFP_WAIT|__GFP_IO|__GFP_FS") == .kernel)
    #expect(GFPFlags(parsing: "GFP_ATOMIC").isSuperset(of: [.high, .kswapdReclaim]))
    #expect(GFPFlags(parsing: "GFP_ATOMIC").contains(.directReclaim) == false)
    #expect(GFPFlags(parsing: "__GFP_REPEAT") == GFPFlags(parsing: "__GFP_RETRY_MAYFAIL"))
    #expect(GFPFlags(parsing: "GFP_HIGHUSER_MOVABLE").isSuperset(of: [.kernel, .highMemory, .movable, .hardWall]))
    #expect(GFPFlags(parsing: "GFP_NOFS") == [.reclaim, .inputOutput])
    #expect(GFPFlags(parsing: "none").isEmpty && GFPFlags(parsing: "").isEmpty)
  }

  @Test func unknownFlagsAreCounted() {
    var unknown = 0
    #expect(GFPFlags(parsing: "GFP_KERNEL|__GFP_FUTURE|0x8000000", unknown: &unknown) == .kernel)
    #expect(unknown == 2)
  }
}
