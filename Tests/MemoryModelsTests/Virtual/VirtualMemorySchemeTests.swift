import KernelTypes
import Testing

@testable import MemoryModels

/// Numbers that are the same on every run.
private struct SeededNumbers: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_F491_4F6C_DD1D
  }
}

@Suite("Address spaces of every architecture") struct VirtualMemorySchemeTests {
  static let names = TranslationScheme.all().map(\.name)

  private func memory(_ name: String, pages: UInt64 = 16384, hasProcessors: Bool = false) throws -> VirtualMemory {
    let scheme = try #require(TranslationScheme(named: name))
    var policy = VirtualMemoryPolicy(scheme: scheme)
    policy.hugePages = .never
    let architecture: Architecture =
      switch scheme.format {
      case .ia32, .pae: .x86
      case .x86_64: .x86_64
      case .armShort: .arm
      case .arm64: .arm64
      }
    let profile = KernelProfile(architecture: architecture, pageSize: Int(scheme.pageBytes))
    let supply = PhysicalSupply(profile: profile, totalBytes: pages * scheme.pageBytes)
    let memory = VirtualMemory(policy: policy, supply: supply)
    if hasProcessors { memory.processors = Processors(scheme, Processors.Settings(scheme)) }
    return memory
  }

  private func process(_ memory: VirtualMemory, _ pid: Int = 100) throws -> AddressSpace {
    let space = try #require(memory.addProcess(pid, name: "p"))
    try memory.mapStack(space)
    return space
  }

  @Test("what is touched is mapped to the frame of its page, with tables on every level", arguments: names)
  func touched(name: String) throws {
    let memory = try memory(name)
    let space = try process(memory)
    let bytes = memory.policy.pageBytes
    let preallocated = memory.policy.scheme.format == .pae ? 3 : 0
    #expect(space.pageTables == preallocated)
    let start = try memory.map(space, MapRequest(bytes: 4 * bytes, flags: [.read, .write]))
    let written = try #require(memory.touch(space, start, isWrite: true).first)
    #expect(written.kind == .anonymousWrite)
    #expect(written.newTables + preallocated == space.pageTables && space.pageTables >= 1)
    let page = try #require(space.table.lookup(start).page)
    #expect(page.physicalAddress == memory.page(written.page).frame << UInt64(memory.policy.pageShift))
    #expect(page.attributes.permissions == [.read, .write, .user] || name == "ia32")
    #expect(page.attributes.isDirty && page.attributes.isAccessed)
    // A read finds zeros, read-only, which a write replaces by a copy.
    #expect(memory.touch(space, start + bytes, isWrite: false).map(\.kind) == [.anonymousZero])
    #expect(space.table.translate(start + bytes, .userRead).page?.physicalAddress == 0)
    #expect(memory.touch(space, start + bytes, isWrite: true).map(\.kind) == [.copyOnWrite])
    #expect(memory.touch(space, start + bytes, isWrite: true).isEmpty)
    // Nothing but reading is left, and then nothing.
    try memory.protect(space, start, bytes, .read)
    #expect(memory.touch(space, start, isWrite: true).last?.signal == .accessError)
    #expect(memory.touch(space, start, isWrite: false).isEmpty)
    try memory.protect(space, start, bytes, [])
    #expect(memory.touch(space, start, isWrite: false).last?.signal == .accessError)
    let hidden = space.entry(at: start)
    #expect(hidden.isPresent && !hidden.isAccessible && hidden.page == written.page)
    try memory.protect(space, start, bytes, [.read, .write])
    #expect(memory.touch(space, start, isWrite: true).isEmpty)
    #expect(memory.checkInvariants() == [])
    memory.exit(space)
    #expect(memory.tablePages == 0 && memory.supply.framesInUse == 0)
  }

  @Test("swapped pages leave their slot in the table, and come back", arguments: names)
  func swapped(name: String) throws {
    let memory = try memory(name)
    memory.setSwap(pages: 64)
    let space = try process(memory)
    let bytes = memory.policy.pageBytes
    let start = try memory.map(space, MapRequest(bytes: 8 * bytes, flags: [.read, .write]))
    for index in 0..<8 as Range<UInt64> { memory.touch(space, start + index * bytes, isWrite: true) }
    #expect(memory.pageOut(space, start..<start + 8 * bytes) == 8)
    for index in 0..<8 as Range<UInt64> {
      let entry = space.entry(at: start + index * bytes)
      #expect(entry.isSwap && entry.swapSlot == Int(index))
      guard case .absent(let raw) = space.table.lookup(start + index * bytes) else {
        Issue.record("\(name): slot \(index) looks present")
        continue
      }
      #expect(raw != 0)
    }
    #expect(memory.touch(space, start + 3 * bytes, isWrite: true).map(\.isMajor).first == false)
    #expect(space.entry(at: start + 3 * bytes).isPresent)
    #expect(memory.checkInvariants() == [])
  }

  @Test("entries keep what they say in the bits of every architecture", arguments: names)
  func entries(name: String) throws {
    let scheme = try #require(TranslationScheme(named: name))
    let codec = EntryCodec(format: scheme.format, pageShift: UInt64(scheme.pageShift))
    var random = SeededNumbers(seed: 7)
    for _ in 0..<2000 {
      let frame = UInt64.random(in: 1..<1 << (scheme.entryBytes == 4 ? 20 : 28), using: &random)
      var bits: UInt64 = 0
      for bit in [PageEntry.writableBit, PageEntry.dirtyBit, PageEntry.accessedBit, PageEntry.notExecutableBit]
      where Bool.random(using: &random) { bits |= bit }
      if scheme.format == .ia32 { bits &= ~PageEntry.notExecutableBit }
      let page = PageEntry(page: PageID(frame: frame), flags: bits)
      #expect(codec.decode(codec.encode(page)) == page)
      let hidden = PageEntry(
        page: PageID(frame: frame),
        flags: bits & ~PageEntry.writableBit | PageEntry.inaccessibleBit | PageEntry.notExecutableBit)
      let raw = codec.encode(hidden)
      #expect(codec.decode(raw) == hidden)
      let slot = Int.random(in: 0..<1 << 20, using: &random)
      let hasExclusive = scheme.format == .x86_64 || scheme.format == .arm64
      let swapped = PageEntry(swapSlot: slot, isExclusive: hasExclusive && Bool.random(using: &random))
      #expect(codec.decode(codec.encode(swapped)) == swapped)
      #expect(scheme.entryBytes == 8 || codec.encode(swapped) >> 32 == 0)
    }
  }

  /// The bits that Linux 6.1 has on x86-64, worked out by hand.
  @Test func `entries of x86-64 are the kernel's, bit by bit`() {
    let codec = EntryCodec(format: .x86_64, pageShift: 12)
    let page = PageEntry(
      page: PageID(frame: 0x12345),
      flags: PageEntry.writableBit | PageEntry.dirtyBit | PageEntry.accessedBit | PageEntry.notExecutableBit)
    #expect(codec.encode(page) == 0x8000_0000_1234_5067)
    #expect(codec.encode(.zeroPage(PageEntry.notExecutableBit)) == 0x8000_0000_0000_0225)
    // Offset 1, inverted, from bit 9 on; bit 3 says that one process alone has it.
    #expect(codec.encode(PageEntry(swapSlot: 0, isExclusive: true)) == 0x07FF_FFFF_FFFF_FC08)
    // PROT_NONE: bit 8 instead of bit 0, the frame inverted.
    let hidden = PageEntry(
      page: PageID(frame: 0x12345), flags: PageEntry.accessedBit | PageEntry.protectionBits)
    #expect(codec.encode(hidden) == 0x000F_FFFF_EDCB_A120)
    #expect(codec.encode(hidden) & 1 == 0)
  }

  /// The same work on two machines: one looks entries up in the tables, the other in look-aside buffers that have to be
  /// flushed for it. If a flush were missing, faults would differ.
  @Test("look-aside buffers never say anything else than the tables", arguments: names)
  func coherence(name: String) throws {
    let plain = try memory(name)
    let buffered = try memory(name, hasProcessors: true)
    for memory in [plain, buffered] {
      _ = memory.addFile("data", bytes: 200 * memory.policy.pageBytes)
      _ = memory.addFile("tmp", bytes: 200 * memory.policy.pageBytes, isSharedMemory: true)
      memory.setSwap(pages: 2048)
      _ = try process(memory, 1)
    }
    var random = SeededNumbers(seed: 42)
    let page = plain.policy.pageBytes
    var nextPID = 2
    for step in 0..<700 {
      let pid = plain.spaces.keys.sorted().randomElement(using: &random) ?? 1
      guard let first = plain.spaces[pid], let second = buffered.spaces[pid] else { continue }
      let area = first.areas.areas.randomElement(using: &random)
      let count = UInt64.random(in: 1...80, using: &random)
      let offset = area.map { UInt64.random(in: 0..<$0.bytes / page, using: &random) * page } ?? 0
      let choice = Int.random(in: 0..<14, using: &random)
      let isOdd = Bool.random(using: &random)
      let touches = (0..<40).map { _ in (UInt64.random(in: 0..<60, using: &random), Bool.random(using: &random)) }
      var results: [[FaultKind]] = [[], []]
      for (index, (memory, space)) in [(plain, first), (buffered, second)].enumerated() {
        switch choice {
        case 0, 1:
          let flags: AreaFlags = isOdd ? [.read, .write] : [.read, .write, .shared]
          let file = FileID(rawValue: UInt32(count % 3))
          _ = try? memory.map(space, MapRequest(bytes: count * page, flags: flags, file: file))
        case 2: if let area { try? memory.unmap(space, area.start + offset, count * page) }
        case 3:
          if let area {
            try? memory.protect(
              space, area.start + offset, min(count * page, area.bytes - offset), isOdd ? .read : [.read, .write])
          }
        case 4:
          if let area {
            _ = try? memory.remap(space, area.start, min(area.bytes, 50 * page), count * page, mayMove: true)
          }
        case 5: if memory.spaces.count < 9 { _ = try? memory.fork(space, pid: nextPID) }
        case 6: if isOdd, memory.spaces.count > 2 { memory.exit(space) }
        case 7: if let area { memory.pageOut(space, area.start..<min(area.end, area.start + 16 * page)) }
        case 8: if let area { try? memory.advise(space, area.start, min(area.bytes, count * page), .dontNeed) }
        case 9: if isOdd { try? memory.mapStack(try memory.execute(space, name: "q")) }
        default:
          guard let area, area.bytes > 0 else { continue }
          for (place, isWrite) in touches {
            let address = area.start + (offset + place * page) % area.bytes
            results[index] += memory.touch(space, address, isWrite: isWrite).map(\.kind)
          }
        }
      }
      if choice == 5 { nextPID += 1 }
      if results[0] != results[1] {
        Issue.record("\(name), step \(step): \(results[0]) by the tables, \(results[1]) by the buffers")
        return
      }
    }
    #expect(plain.checkInvariants() == [] && buffered.checkInvariants() == [])
    let counters = try #require(buffered.processors?.counters)
    #expect(counters.misses > 100 && counters.firstLevelHits > 100 && counters.pageFlushes > 10)
  }

  @Test func `Huge pages are entries of the last table but one, split into small ones in a row`() throws {
    for name in ["x86_64", "x86_64-5level", "pae", "ia32", "arm64-4k"] {
      let scheme = try #require(TranslationScheme(named: name))
      var policy = VirtualMemoryPolicy(scheme: scheme)
      policy.hugePages = .always
      let profile = KernelProfile(architecture: scheme.entryBytes == 8 ? .x86_64 : .x86)
      let memory = VirtualMemory(policy: policy, supply: PhysicalSupply(profile: profile, totalBytes: 128 << 20))
      memory.processors = Processors(scheme, Processors.Settings(scheme))
      let space = try process(memory)
      let huge = policy.hugeBytes
      var request = MapRequest(address: 0x1000_0000, bytes: 2 * huge, flags: [.read, .write])
      request.isFixed = true
      let start = try memory.map(space, request)
      #expect(memory.touch(space, start + 4096, isWrite: true).map(\.kind) == [.hugePage])
      let page = try #require(space.table.lookup(start).page)
      #expect(page.size.bytes == huge && page.size.level == scheme.levelCount - 2, "\(name)")
      #expect(memory.touch(space, start + huge - 1, isWrite: true).isEmpty)
      let physical = page.physicalAddress
      try memory.unmap(space, start + 4096, 4096)
      #expect(space.table.lookup(start).page?.size.bytes == 4096)
      #expect(space.table.lookup(start + 8192).page?.physicalAddress == physical + 8192)
      #expect(memory.touch(space, start + 4096, isWrite: true).last?.signal == .mapError)
      #expect(memory.touch(space, start + 8192, isWrite: true).isEmpty)
      #expect(memory.checkInvariants() == [], "\(name)")
      memory.exit(space)
      #expect(memory.checkInvariants() == [] && memory.tablePages == 0, "\(name)")
    }
  }
}
