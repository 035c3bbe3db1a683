import KernelTypes
import MemoryModels
import Testing

@Suite("IA-32 segmentation") struct SegmentationTests {
  @Test func `UT-29: descriptors fall apart into base, limit and type`() {
    let flat = SegmentDescriptor(0x00CF_9A00_0000_FFFF)
    #expect(flat.base == 0 && flat.limit == 0xFFFFF && flat.hasPageGranularity && flat.effectiveLimit == 0xFFFF_FFFF)
    #expect(flat.type == 0xA && flat.isCode && flat.isReadable && flat.privilege == 0 && flat.isPresent && flat.isBig)
    let small = SegmentDescriptor(0x0040_F234_5678_FFFF)
    #expect(small.base == 0x0034_5678 && small.effectiveLimit == 0xFFFF && !small.hasPageGranularity)
    #expect(small.isData && small.isWritable && small.privilege == 3)
    // The offset that follows from the base.
    var table = DescriptorTable()
    table[.init(0x83)] = small
    let linear = try? Segmentation(global: table).translate(
      SegmentSelector(0x83), offset: 0x10, access: .read, register: .data, currentPrivilege: 3)
    #expect(linear?.address == 0x34_5688)
    #expect(small.description == "data, writable, DPL 3, base 0x345678, limit 0xffff")
  }

  @Test func `a descriptor put together is the one taken apart`() {
    for raw: UInt64 in [0x00CF_9A00_0000_FFFF, 0x0040_F234_5678_FFFF, 0xAB8F_1612_3456_789A, 0x00A0_9B00_0000_0000] {
      let descriptor = SegmentDescriptor(raw)
      let again = SegmentDescriptor(
        base: descriptor.base, limit: descriptor.limit, type: descriptor.type, isSystem: descriptor.isSystem,
        privilege: descriptor.privilege, isPresent: descriptor.isPresent, isAvailable: descriptor.isAvailable,
        isLong: descriptor.isLong, isBig: descriptor.isBig, hasPageGranularity: descriptor.hasPageGranularity)
      #expect(again.rawValue == raw)
    }
  }

  private var segments: Segmentation {
    var table = DescriptorTable.linuxIA32
    // 0x80 small data, 0x88 a stack that grows down to 0x4000, 0x90 absent, 0x98 conforming code, 0xa0 execute-only code,
    // 0xa8 a 16-bit stack that grows down.
    table[.init(0x80)] = SegmentDescriptor(0x0040_F234_5678_FFFF)
    table[.init(0x88)] = SegmentDescriptor(base: 0x1000, limit: 3, type: 6, privilege: 3)
    table[.init(0x90)] = SegmentDescriptor(base: 0, limit: 1, type: 2, privilege: 3, isPresent: false)
    table[.init(0x98)] = SegmentDescriptor(base: 0, limit: 0xFFFFF, type: 0xE)
    table[.init(0xA0)] = SegmentDescriptor(base: 0, limit: 0xFFFFF, type: 8, privilege: 3)
    table[.init(0xA8)] = SegmentDescriptor(
      base: 0, limit: 0xFFF, type: 6, privilege: 3, isBig: false, hasPageGranularity: false)
    return Segmentation(global: table)
  }

  private func outcome(
    _ selector: UInt16, _ offset: UInt32, bytes: UInt32 = 1, _ access: MemoryAccess.Kind = .read,
    _ register: Segmentation.Register? = nil, current: Int = 3
  ) -> String {
    do throws(Segmentation.Fault) {
      let linear = try segments.translate(
        SegmentSelector(selector), offset: offset, bytes: bytes, access: access, register: register,
        currentPrivilege: current)
      return String(linear.address, radix: 16)
    } catch {
      return "\(error.exception.rawValue)(\(String(error.errorCode, radix: 16)))"
    }
  }

  @Test func `offsets go to linear addresses, and wrap at 4 GiB`() {
    #expect(outcome(0x83, 0x10) == "345688")
    #expect(outcome(0x7B, 0xC000_0123) == "c0000123")
    #expect(outcome(0x73, 0x0804_8000, .execute) == "8048000")
    #expect(outcome(0x8B, 0xFFFF_FFFF, .write, .stack) == "fff")
  }

  @Test func `limits are checked to the last byte`() {
    #expect(outcome(0x83, 0xFFFF) == "355677")
    #expect(outcome(0x83, 0xFFFF, bytes: 2) == "#GP(0)")
    #expect(outcome(0x7B, 0xFFFF_FFFF, bytes: 4) == "#GP(0)")
    // Expanding down: the limit 3 pages is the last 0x4000 bytes that are not valid.
    #expect(outcome(0x8B, 0x3FFF, .write, .stack) == "#SS(0)")
    #expect(outcome(0x8B, 0x4000, .write, .stack) == "5000")
    #expect(outcome(0xAB, 0xFFFF, .write, .stack) == "ffff")
    #expect(outcome(0xAB, 0x1_0000, .write, .stack) == "#SS(0)")
    #expect(outcome(0xAB, 0xFFF, .write, .stack) == "#SS(0)")
  }

  @Test func `privilege, presence and type are checked when a selector is loaded`() {
    #expect(outcome(0x68, 0) == "#GP(68)")
    #expect(outcome(0x68, 0, current: 0) == "0")
    #expect(outcome(0x6B, 0, current: 0) == "#GP(68)")
    #expect(outcome(0x93, 0) == "#NP(90)")
    #expect(outcome(0x93, 0, .write, .stack) == "#SS(90)")
    #expect(outcome(0x03, 0) == "#GP(0)")
    #expect(outcome(0x00, 0, .write, .stack, current: 0) == "#GP(0)")
    #expect(outcome(0x1003, 0) == "#GP(1000)")
    #expect(outcome(0x7F, 0) == "#GP(7c)")
    #expect(outcome(0x7B, 0, .write, .stack, current: 0) == "#GP(78)")
    #expect(outcome(0x60, 0, .execute) == "#GP(60)")
    #expect(outcome(0x9B, 0, .execute) == "0")
    #expect(outcome(0x7B, 0, .execute) == "#GP(78)")
    #expect(outcome(0xA3, 0) == "#GP(a0)")
    #expect(outcome(0x73, 0, .write) == "#GP(0)")
  }

  @Test func `control registers choose the scheme and what entries mean`() {
    typealias Extensions = ControlRegisters.Extensions
    func registers(_ extensions: Extensions, long: Bool = false, paging: Bool = true) -> ControlRegisters {
      ControlRegisters(
        mode: paging ? [.protected, .paging] : .protected, base: .init(rawValue: 0x8000_0000_0123_4005),
        extensions: extensions, isLongMode: long)
    }
    #expect(registers([], paging: false).scheme == nil)
    #expect(registers(.largePages).scheme == .ia32)
    #expect(registers(.physicalAddressExtension).scheme == .pae)
    #expect(registers(.physicalAddressExtension, long: true).scheme == .x86_64)
    #expect(registers([.physicalAddressExtension, .fiveLevels], long: true).scheme == .x86_64FiveLevel)
    let base = registers(.contexts).base
    #expect(base.context == 5 && base.keepsTLB && base.address(.x86_64) == 0x0123_4000)
    #expect(base.address(.pae) == 0x0123_4000)
    #expect(registers(.preventsKernelAccess).controls.preventsKernelAccess)
    #expect(!registers([]).controls.protectsFromKernelWrites && !registers([]).controls.hasLargePages)
    var machine = registers(.largePages)
    var frames = FrameSequence(from: PageFrame(1))
    let fault = PageTable(.x86_64, frames: &frames)?.translate(0x1234, .userRead).fault
    if let fault { machine.take(fault) }
    #expect(machine.faultAddress == 0x1234)
  }
}
