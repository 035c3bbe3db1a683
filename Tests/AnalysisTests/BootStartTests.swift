import KernelTypes
import MemoryModels
import ProcSnapshots
import Replay
import TestSupport
import Testing
import TraceEvents

@testable import Analysis

@Suite("A boot capture's start") struct BootStartTests {
  private let profile = KernelProfile(kernel: KernelVersion(6, 1))

  private func ioMemory(_ text: String) throws -> IOMemory {
    try IOMemory(parsing: FileContent(name: "iomem", text: text))
  }

  private static let map = """
    00000000-00000fff : Reserved
    00001000-0009fbff : System RAM
    000f0000-000fffff : Reserved
    00100000-0ffdbfff : System RAM
      01000000-0160121f : Kernel code
      01d44000-021fffff : Kernel bss

    """

  @Test("iomem's memory loses what x86 and the kernel keep")
  func fromIOMemory() throws {
    let map = try #require(
      BootMap(
        log: nil, ioMemory: try ioMemory(Self.map), flags: nil, zoneInfo: nil, lastFrame: 0, profile: profile))
    #expect(map.source == .ioMemory)
    #expect(map.boot.memory == [0x1000..<0x9_F000, 0x10_0000..<0xFFD_C000])
    #expect(map.reservations.map(\.reason) == [.firstMebibyte, .kernelImage])
    #expect(map.reservations.map(\.pages) == [0x9E, 0x1200])
    #expect(map.spans.map(\.kind) == [.dma, .dma32])
    #expect(map.memoryPages(pageSize: 4096) == 0x9E + 0xFEDC)
  }

  @Test("beside the kernel image, `Memory:` says how much more the boot allocator took, from the top down")
  func fromMessages() throws {
    let log = try BootLog(
      parsing: FileContent(
        name: "dmesg",
        text: "[    0.000000]   node   0: [mem 0x0000000000100000-0x000000000fffffff]\n"
          + "[    0.000000] RAMDISK: [mem 0x0f000000-0x0fffffff]\n"
          + "[    0.000000] Memory: 102400K/262144K available (\n"))
    let image = try ioMemory("00100000-0fffffff : System RAM\n  01000000-01ffffff : Kernel code\n")
    let map = try #require(
      BootMap(log: log, ioMemory: image, flags: nil, zoneInfo: nil, lastFrame: 0, profile: profile))
    #expect(map.source == .bootLog)
    // 15 MiB below the image, the rest above it.
    #expect(map.boot.free == [0x10_0000..<0x100_0000, 0x200_0000..<0x200_0000 + 85 << 20])
    #expect(map.reservations.map(\.reason) == [.kernelImage, .initialDisk, .topDown])
    let alone = BootMap(log: log, ioMemory: nil, flags: nil, zoneInfo: nil, lastFrame: 0, profile: profile)
    #expect(alone?.reservations.map(\.reason) == [.initialDisk])
  }

  @Test("without a map, zeros or nothing, the trace's frames stand in for it, or there is no start")
  func fromTrace() throws {
    let zeros = try ioMemory("00000000-00000000 : System RAM\n")
    let map = BootMap(
      log: nil, ioMemory: zeros, flags: nil, zoneInfo: nil, lastFrame: 0x8000, profile: profile)
    #expect(map?.source == .trace && map?.boot.memory.last?.upperBound == 0x800_0000)
    #expect(
      BootMap(log: nil, ioMemory: nil, flags: nil, zoneInfo: nil, lastFrame: 0, profile: profile) == nil)
  }

  @Test("pages come in the order of release, less those that the trace shows to be taken")
  func machine() throws {
    let trace = ScriptedTrace()
    func page(_ kind: EventKind, _ frame: UInt64, type: UInt8 = 0) {
      trace.add(kind) {
        $0.address = frame
        $0.migrateType = type
      }
    }
    page(.mmPageAllocZoneLocked, 0x2403)
    page(.mmPageAlloc, 0x2403)
    page(.mmPageFree, 0x3000)
    var survey = FrameSurvey(policy: profile.pageAllocator)
    var batch = EventBatch()
    while try trace.read(into: &batch) { survey.consume(batch) }
    let map = try #require(
      BootMap(
        log: nil, ioMemory: try ioMemory(Self.map), flags: nil, zoneInfo: nil, lastFrame: 0, profile: profile))
    var summary = BootSummary(map, pageSize: 4096, isToldByFlags: false)
    var machine = MachineStart.machine(map, survey: survey, flags: nil, profile: profile, summary: &summary)
    // 0x2400 to 0x2402 come before the first page taken, and 0x3000 was in use; what lies below is no whole block.
    #expect(summary.takenBefore == 3 + 1 && summary.changedPageblocks == 1)
    #expect(summary.handedOver == 0x9E + 0xFEDC - 0x9E - 0x1200)
    let next = machine.allocate(order: 0, migrateType: .unmovable)
    #expect(next == PageFrame(0x2403))
    let wrong = (machine[zone: 0].checkInvariants(), machine[zone: 1].checkInvariants())
    #expect(wrong.0 == nil && wrong.1 == nil)
  }
}
