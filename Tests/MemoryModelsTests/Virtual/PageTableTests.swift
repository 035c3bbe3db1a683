import KernelTypes
import MemoryModels
import Testing

@Suite("Page tables") struct PageTableTests {
  private let userData = PageAttributes([.read, .write, .user], isDirty: true)

  /// Two-level IA-32 can't forbid execution.
  private func userData(_ scheme: TranslationScheme) -> PageAttributes {
    scheme.format == .ia32 ? PageAttributes([.read, .write, .execute, .user], isDirty: true) : userData
  }

  private func table(_ scheme: TranslationScheme, _ frames: inout FrameSequence) throws -> PageTable {
    try #require(PageTable(scheme, frames: &frames))
  }

  @Test(arguments: TranslationScheme.all() + TranslationScheme.all(half: .high).filter { $0.half == .high })
  func `every size of page translates to its memory in every scheme`(scheme: TranslationScheme) throws {
    let start: UInt64 = scheme.half == .high ? ~0 << UInt64(scheme.virtualAddressBits) : 0
    for size in scheme.pageSizes {
      var frames = FrameSequence(from: PageFrame(0x100))
      let table = try table(scheme, &frames)
      let address = start + (size.bytes == scheme.pageBytes ? 0x1000_0000 : size.bytes * 3)
      let physical = scheme.virtualAddressBits == 32 ? 0x8000_0000 : size.bytes * 5
      try table.map(address, to: physical, bytes: size.bytes, userData, frames: &frames)
      for offset in [0, 1, size.bytes / 2 + 5, size.bytes - 1] {
        let page = try #require(table.translate(address + offset, .userWrite).page)
        #expect(page.physicalAddress == physical + offset)
        #expect(UInt64(1) << UInt64(page.pageShift) == size.bytes)
      }
      #expect(table.translate(address + size.bytes, .userRead).fault?.reason == .notPresent)
      let page = try #require(table.lookup(address + size.bytes - 1).page)
      #expect(page.address == address && page.physicalAddress == physical && page.size == size)
      #expect(page.attributes == userData(scheme))
      #expect(table.tablePages.dropFirst().reduce(0, +) == size.level)
      #expect(table.checkInvariants() == [])
    }
  }

  @Test func `x86 faults carry the error code that the processor pushes`() throws {
    var frames = FrameSequence(from: PageFrame(1))
    var controls = TranslationControls()
    controls.preventsKernelAccess = true
    controls.preventsKernelExecution = true
    controls.protectionKeyRights = 0b11 << 2 | 0b10 << 4
    let table = try #require(PageTable(.x86_64, controls: controls, frames: &frames))
    func map(_ address: UInt64, _ permissions: PagePermissions, key: UInt8 = 0) throws {
      try table.map(address, to: address, PageAttributes(permissions, protectionKey: key), frames: &frames)
    }
    try map(0x1000, [.read, .user])
    try map(0x2000, [.read, .write])
    try map(0x3000, [.read, .write, .user], key: 1)
    try map(0x4000, [.read, .write, .user], key: 2)
    try map(0x5000, [.read, .execute, .user])
    func code(_ address: UInt64, _ kind: MemoryAccess.Kind, user: Bool = true) -> UInt32? {
      table.translate(address, MemoryAccess(kind, isUser: user)).fault?.errorCode
    }
    // The first write to anonymous memory, as seen on a running kernel.
    #expect(code(0x9000, .write) == 0x6)
    #expect(code(0x9000, .read) == 0x4)
    #expect(code(0x9000, .execute) == 0x14)
    #expect(code(0x9000, .read, user: false) == 0)
    #expect(code(0x1000, .read) == nil)
    #expect(code(0x1000, .write) == 0x7)
    #expect(code(0x1000, .execute) == 0x15)
    #expect(code(0x1000, .read, user: false) == 0x1)
    #expect(code(0x2000, .read) == 0x5)
    #expect(code(0x2000, .write, user: false) == nil)
    #expect(code(0x3000, .read) == 0x25)
    #expect(code(0x4000, .read) == nil)
    #expect(code(0x4000, .write) == 0x27)
    #expect(code(0x5000, .execute) == nil)
    #expect(code(0x5000, .execute, user: false) == 0x11)
    let outside = table.translate(0x8000_0000_0000, .userRead).fault
    #expect(outside?.exception == .generalProtection && outside?.errorCode == 0 && outside?.reason == .notCanonical)
    #expect(PageFaultErrorCode(rawValue: 0x7).names == ["protection", "write", "user"])
    #expect(PageFaultErrorCode(rawValue: 0x14).names == ["not-present", "user", "instruction-fetch"])
  }

  @Test func `without write protection the kernel writes to read-only pages`() throws {
    for protects in [true, false] {
      var frames = FrameSequence(from: PageFrame(1))
      var controls = TranslationControls()
      controls.protectsFromKernelWrites = protects
      let table = try #require(PageTable(.ia32, controls: controls, frames: &frames))
      try table.map(0x1000, to: 0x7000, PageAttributes([.read, .user]), frames: &frames)
      let fault = table.translate(0x1000, MemoryAccess(.write, isUser: false)).fault
      #expect(fault?.errorCode == (protects ? 3 : nil))
      // Two-level tables can't forbid execution, and don't report fetches as such.
      #expect(table.translate(0x1000, .userExecute).page != nil)
      #expect(table.translate(0x2000, .userExecute).fault?.errorCode == 4)
    }
  }

  @Test func `the processor sets accessed and dirty bits on x86, and leaves them alone when asked to look`() throws {
    for scheme in [TranslationScheme.ia32, .pae, .x86_64, .x86_64FiveLevel] {
      var frames = FrameSequence(from: PageFrame(1))
      let table = try table(scheme, &frames)
      let clean = PageAttributes([.read, .write, .user, .execute], isAccessed: false)
      try table.map(0x1000, to: 0x7000, clean, frames: &frames)
      _ = table.walk(0x1000, .userWrite)
      #expect(table.lookup(0x1000).page?.attributes == clean)
      _ = table.translate(0x1234, .userRead)
      #expect(table.lookup(0x1000).page?.attributes.isAccessed == true)
      #expect(table.lookup(0x1000).page?.attributes.isDirty == false)
      _ = table.translate(0x1234, .userWrite)
      #expect(table.lookup(0x1000).page?.attributes.isDirty == true)
    }
  }

  @Test func `ARM keeps two hardware tables and their copies in one page`() throws {
    var frames = FrameSequence(from: PageFrame(4))
    let table = try table(.arm, &frames)
    #expect(table.tablePages == [4, 0])
    let clean = PageAttributes([.read, .write, .user], isAccessed: false)
    try table.map(0x0010_0000, to: 0x8000_0000, clean, frames: &frames)
    try table.map(0x0000_5000, to: 0x8000_1000, clean, frames: &frames)
    // Frame 8 is the page of the tables of both megabytes.
    #expect(table.tablePages == [4, 1] && table.countedBytes == 2048)
    var words: [UInt64: UInt64] = [:]
    table.forEachWord { words[$0] = $1 }
    #expect(words[0x4000] == 0x8831 && words[0x4004] == 0x8C31)
    // Young, dirty: neither yet. The copy is there, the processor's entry is not.
    #expect(words[0x8000 + 5 * 4] == 0x8000_1000 | 0x71D && words[0x8800 + 5 * 4] == nil)
    let first = try #require(table.translate(0x5000, .userRead).fault)
    #expect(first.errorCode == 0x17 && ARMFaultStatus(rawValue: first.errorCode).status == 0x7)
    table.update(0x5000) { $0.isAccessed = true }
    #expect(table.translate(0x5000, .userRead).page?.physicalAddress == 0x8000_1000)
    let second = try #require(table.translate(0x5000, .userWrite).fault)
    #expect(ARMFaultStatus(rawValue: second.errorCode) == ARMFaultStatus(status: 0xF, domain: 1, isWrite: true))
    table.update(0x5000) { $0.isDirty = true }
    #expect(table.translate(0x5000, .userWrite).page != nil)
    #expect(table.translate(0x5000, .userExecute).fault?.exception == .prefetchAbort)
    try table.unmap(0..<0x20_0000)
    #expect(table.freeTables(0..<0x10_0000, ceiling: 0x10_0000, frames: &frames) == 0)
    #expect(table.freeTables(0..<0x20_0000, ceiling: 0x20_0000, frames: &frames) == 1)
    words = [:]
    table.forEachWord { words[$0] = $1 }
    #expect(words.isEmpty && table.checkInvariants() == [])
  }

  @Test func `ARM faults by status, and a manager of a domain may do anything`() throws {
    var controls = TranslationControls()
    controls.domainAccess = 0x5555_5555 & ~0b1100 | 0b0000
    var frames = FrameSequence(from: PageFrame(4))
    let barred = try #require(PageTable(.arm, controls: controls, frames: &frames))
    controls.domainAccess = 0b1101
    let manager = try #require(PageTable(.arm, controls: controls, frames: &frames))
    let client = try #require(PageTable(.arm, frames: &frames))
    for table in [barred, manager, client] {
      let section = PageAttributes([.read, .user], isGlobal: false)
      try table.map(0x0010_0000, to: 0x4000_0000, bytes: 1 << 20, section, frames: &frames)
      try table.map(0xC000_0000, to: 0x4000_0000, bytes: 1 << 20, PageAttributes([.read, .write]), frames: &frames)
      try table.map(0x0040_0000, to: 0x5000_0000, PageAttributes([.read, .user]), frames: &frames)
    }
    func status(_ table: PageTable, _ address: UInt64, _ access: MemoryAccess) -> UInt32? {
      table.translate(address, access).fault.map { ARMFaultStatus(rawValue: $0.errorCode).status }
    }
    #expect(status(barred, 0x0010_0000, .userRead) == 0x9 && status(barred, 0x0040_0000, .userRead) == 0xB)
    #expect(status(manager, 0x0010_0000, .userWrite) == nil && status(manager, 0x0040_0000, .userWrite) == nil)
    #expect(status(client, 0x0010_0000, .userWrite) == 0xD && status(client, 0x0040_0000, .userWrite) == 0xF)
    #expect(status(client, 0xC000_0000, .userRead) == 0xD)
    #expect(client.translate(0xC000_0000, .userRead).fault?.reason == .kernelPage)
    #expect(status(client, 0x0020_0000, .userRead) == 0x5 && status(client, 0x0040_1000, .userRead) == 0x7)
    #expect(client.translate(0xC000_8123, MemoryAccess(.read, isUser: false)).page?.physicalAddress == 0x4000_8123)
  }

  @Test func `ARM64 faults by code and level`() throws {
    for name in ["arm64-4k", "arm64-16k", "arm64-64k"] {
      let scheme = try #require(TranslationScheme(named: name))
      var frames = FrameSequence(from: PageFrame(16))
      let table = try table(scheme, &frames)
      try table.map(0x1000_0000, to: 0x1000_0000, PageAttributes([.read, .write, .user]), frames: &frames)
      try table.map(
        0x1100_0000, to: 0x1000_0000, PageAttributes([.read, .user], isAccessed: false), frames: &frames)
      func code(_ address: UInt64, _ access: MemoryAccess) -> UInt32? {
        table.translate(address, access).fault?.errorCode
      }
      let top = UInt32(4 - scheme.levelCount)
      #expect(code(0xF000_0000_0000, .userRead) == 4 + top)
      #expect(code(0x2000_0000_0000_0000, .userRead) == 0b000100)
      #expect(code(0x1000_0000 + 65536, .userRead) == 0b000111)
      #expect(code(0x1100_0000, .userRead) == 0b001011)
      #expect(code(0x1000_0000, .userRead) == nil)
      // Writable but clean: without hardware dirty state, the first write faults.
      #expect(code(0x1000_0000, .userWrite) == 0x4F)
      #expect(code(0x1000_0000, .userExecute) == 0b001111)
      #expect(ARM64FaultStatus(rawValue: 0b001111).name == "permission fault, level 3")
    }
  }

  @Test func `tables come from the machine's memory, and go back to it`() throws {
    var machine = Machine(profile: KernelProfile(), totalBytes: 64 << 20)
    machine.drain(cpu: 0)
    let before = machine.freePages
    let table = try #require(PageTable(.x86_64, rootOrder: 1, frames: &machine))
    for number in 0..<100 as Range<UInt64> {
      try table.map(0x7000_0000_0000 + number << 21, to: number << 12, userData, frames: &machine)
    }
    #expect(table.tablePages == [2, 1, 1, 100] && table.tablePageCount == 104)
    #expect(table.countedBytes == 102 * 4096)
    machine.drain(cpu: 0)
    let during = machine.freePages
    #expect(before - during == 104)
    try table.unmap(0x7000_0000_0000..<0x7000_0000_0000 + 50 << 21)
    #expect(
      table.freeTables(
        0x7000_0000_0000..<0x7000_0000_0000 + 50 << 21, ceiling: 0x7000_0000_0000 + 50 << 21, frames: &machine) == 50)
    #expect(table.checkInvariants() == [])
    table.release(to: &machine)
    table.release(to: &machine)
    machine.drain(cpu: 0)
    let after = machine.freePages
    #expect(after == before && table.tablePageCount == 0)
    #expect(table.translate(0x7000_0000_0000 + 60 << 21, .userRead).fault?.reason == .notPresent)
  }

  @Test func `a tebibyte touched once a gibibyte costs a page table a touch and no more`() throws {
    var frames = FrameSequence(from: PageFrame(1))
    let table = try table(.x86_64, &frames)
    for gibibyte in 0..<1024 as Range<UInt64> {
      try table.map(gibibyte << 30, to: gibibyte << 12, userData, frames: &frames)
    }
    #expect(table.tablePages == [1, 2, 1024, 1024])
  }

  @Test func `tables go only when all they cover is free of mappings`() throws {
    var frames = FrameSequence(from: PageFrame(1))
    let table = try table(.x86_64, &frames)
    let (a, b): (UInt64, UInt64) = (0x4000_0000, 0x4020_0000)
    try table.map(a, to: 0x1000, userData, frames: &frames)
    try table.map(b, to: 0x2000, userData, frames: &frames)
    try table.unmap(a..<a + 4096)
    // Another mapping ends inside the same 2 MiB, or begins there.
    #expect(table.freeTables(a..<a + 4096, floor: a, ceiling: a + 0x10000, frames: &frames) == 0)
    #expect(table.freeTables(a..<a + 4096, floor: a + 0x1000, ceiling: b, frames: &frames) == 0)
    #expect(table.freeTables(a..<a + 4096, floor: 0, ceiling: b, frames: &frames) == 1)
    try table.unmap(b..<b + 4096)
    #expect(table.freeTables(b..<b + 4096, frames: &frames) == 3)
    #expect(table.tablePages == [1, 0, 0, 0] && table.checkInvariants() == [])
  }

  @Test func `what can't be mapped is refused, and nothing is changed`() throws {
    var frames = FrameSequence(from: PageFrame(1), end: PageFrame(6))
    let table = try table(.x86_64, &frames)
    func code(_ address: UInt64, _ physical: UInt64, _ bytes: UInt64?) -> MappingError.Code? {
      do throws(MappingError) {
        try table.map(address, to: physical, bytes: bytes, userData, frames: &frames)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code(1 << 47, 0, nil) == .notCanonical)
    #expect(code(0x1001, 0, nil) == .misaligned && code(0x1000, 1, nil) == .misaligned)
    #expect(code(0x20_0000, 0x1000, 1 << 21) == .misaligned)
    #expect(code(0, 0, 8192) == .noSuchSize)
    #expect(code(0, 1 << 52, nil) == .physicalTooLarge)
    #expect(code(0x1000, 0x1000, nil) == nil && code(0x1000, 0x2000, nil) == .occupied)
    #expect(code(0, 0, 1 << 21) == .occupied)
    #expect(code(0x20_0000, 0x20_0000, 1 << 21) == nil)
    #expect(code(0x20_1000, 0, nil) == .occupied)
    #expect(code(1 << 39, 0, nil) == .outOfFrames)
    #expect(throws: MappingError(.partialPage, at: 0x20_1000)) { try table.unmap(0x20_1000..<0x40_0000) }
    #expect(throws: MappingError(.partialPage, at: 0x30_0000)) { try table.protect(0x1000..<0x30_0000, .read) }
    #expect(throws: MappingError(.nothingMapped, at: 0x5000)) { try table.replace(0x5000, with: 0, userData) }
    #expect(table.lookup(0x1000).page?.attributes == userData)
    #expect(table.checkInvariants() == [])
  }

  @Test func `a larger page can be split, and maps the same`() throws {
    for scheme in TranslationScheme.all() {
      for size in scheme.pageSizes.dropFirst() where !(scheme.name == "arm" && size.level == 0) {
        var frames = FrameSequence(from: PageFrame(0x100))
        let table = try table(scheme, &frames)
        let (address, physical): (UInt64, UInt64) =
          scheme.virtualAddressBits == 32 ? (size.bytes * 2, size.bytes * 3) : (size.bytes * 4, size.bytes * 7)
        try table.map(address, to: physical, bytes: size.bytes, userData, frames: &frames)
        try table.split(address + size.bytes / 2, frames: &frames)
        let page = try #require(table.lookup(address + size.bytes - 1).page)
        #expect(page.size.bytes < size.bytes && page.attributes == userData(scheme))
        #expect(
          table.translate(address + size.bytes - 1, .userWrite).page?.physicalAddress == physical + size.bytes - 1)
        #expect(table.checkInvariants() == [])
      }
    }
  }

  @Test func `an absent entry keeps its place and faults`() throws {
    for scheme in TranslationScheme.all() {
      var frames = FrameSequence(from: PageFrame(0x100))
      let table = try table(scheme, &frames)
      try table.storeAbsent(0x1230, at: 0x10_0000, frames: &frames)
      #expect(table.lookup(0x10_0000) == .absent(0x1230))
      #expect(table.translate(0x10_0000, .userRead).fault?.reason == .notPresent)
      #expect(throws: MappingError(.notAbsent, at: 0)) { try table.storeAbsent(1, at: 0, frames: &frames) }
      var seen: [MappedEntry] = []
      try table.unmap(0..<0x20_0000) { seen.append($0) }
      #expect(seen == [.absent(0x1230)])
      #expect(table.checkInvariants() == [])
    }
  }
}
