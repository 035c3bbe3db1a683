import KernelTypes
import MemoryModels
import Testing

@Suite("Address spaces") struct VirtualMemoryTests {
  private let page: UInt64 = 4096

  private func memory(
    megabytes: UInt64 = 64, _ change: (inout VirtualMemoryPolicy) -> Void = { $0.hugePages = .never }
  ) -> VirtualMemory {
    var policy = VirtualMemoryPolicy()
    change(&policy)
    let profile = KernelProfile(kernel: KernelVersion(6, 1))
    return VirtualMemory(policy: policy, supply: PhysicalSupply(profile: profile, totalBytes: megabytes << 20))
  }

  private func process(_ memory: VirtualMemory, _ pid: Int = 100) throws -> AddressSpace {
    let space = try #require(memory.addProcess(pid, name: "p"))
    try memory.mapStack(space)
    return space
  }

  private func kinds(_ outcomes: [FaultOutcome]) -> [FaultKind] { outcomes.map(\.kind) }

  @Test func `Memory is there when it is touched, and a read alone takes nothing but a page table`() throws {
    let memory = memory()
    let space = try process(memory)
    let start = try memory.map(space, MapRequest(bytes: 16 * page, flags: [.read, .write]))
    #expect(start == 0x7FFF_F7FF_F000 - 16 * page)
    #expect(space.residentPages == 0 && space.pageTables == 0)
    let read = memory.touch(space, start, isWrite: false)
    #expect(kinds(read) == [.anonymousZero] && read[0].newTables == 3)
    #expect(space.residentPages == 0)
    #expect(memory.touch(space, start, isWrite: false).isEmpty)
    #expect(kinds(memory.touch(space, start, isWrite: true)) == [.copyOnWrite])
    #expect(kinds(memory.touch(space, start + page, isWrite: true)) == [.anonymousWrite])
    #expect(space[.anonymous] == 2 && space.minorFaults == 3 && space.pageTablesByLevel == [1, 1, 1])
    try memory.unmap(space, start, 16 * page)
    // The stack's mapping keeps the upper tables.
    #expect(space.residentPages == 0 && space.pageTablesByLevel == [0, 1, 1])
    #expect(memory.checkInvariants() == [])
  }

  @Test func `After fork the first writer gets a copy and the last one keeps the page`() throws {
    let memory = memory()
    let parent = try process(memory)
    let start = try memory.map(parent, MapRequest(bytes: 4 * page, flags: [.read, .write]))
    for index in 0..<4 as Range<UInt64> { memory.touch(parent, start + index * page, isWrite: true) }
    let child = try memory.fork(parent, pid: 101)
    #expect(child[.anonymous] == 4 && child.minorFaults == 0)
    #expect(kinds(memory.touch(child, start, isWrite: true)) == [.copyOnWrite])
    #expect(kinds(memory.touch(parent, start, isWrite: true)) == [.copyOnWriteReuse])
    memory.exit(child)
    #expect(kinds(memory.touch(parent, start + page, isWrite: true)) == [.copyOnWriteReuse])
    #expect(memory.touch(parent, start, isWrite: true).isEmpty)
    #expect(memory.checkInvariants() == [])
  }

  @Test func `A file is read once, and sixteen pages around a fault are mapped at once`() throws {
    let memory = memory()
    let space = try process(memory)
    let file = memory.addFile("libc.so", bytes: 64 * page)
    let start = try memory.map(space, MapRequest(bytes: 64 * page, flags: [.read, .execute], file: file))
    let first = memory.touch(space, start + 20 * page, isWrite: false)
    #expect(kinds(first) == [.fileMajor] && space.majorFaults == 1 && space[.file] == 1)
    // The read brought places 4 to 35 into the page cache; the window of the next fault is 16 to 31.
    let around = (start + 25 * page) & ~(0xFFFF)
    let second = memory.touch(space, start + 25 * page, isWrite: false)
    let expected = (0..<16 as Range<UInt64>).count { index in
      let place = (around + index * page &- start) / page
      return place >= 4 && place < 36 && place != 20
    }
    #expect(kinds(second) == [.fileMinor] && second[0].mappedPages == expected)
    #expect(space.minorFaults == 1 && space[.file] == 1 + expected)
    let other = try process(memory, 101)
    let again = try memory.map(other, MapRequest(bytes: 64 * page, flags: [.read, .write], file: file))
    #expect(kinds(memory.touch(other, again + 20 * page, isWrite: true)) == [.fileCopy])
    #expect(other[.anonymous] == 1 && other[.file] == 0)
    let behind = try memory.map(other, MapRequest(bytes: 128 * page, flags: [.read], file: file))
    #expect(memory.touch(other, behind + 100 * page, isWrite: false).last?.signal == .busAddress)
    #expect(memory.checkInvariants() == [])
  }

  @Test func `Faults without permission or mapping end with the kernel's signals`() throws {
    let memory = memory()
    let space = try process(memory)
    let start = try memory.map(space, MapRequest(bytes: page, flags: .read))
    func signal(_ address: UInt64, write: Bool = false, fetch: Bool = false) -> FaultSignal? {
      memory.touch(space, address, isWrite: write, isFetch: fetch).last?.signal
    }
    #expect(signal(0) == .mapError)
    #expect(signal(start + page, write: true) == .mapError)
    #expect(signal(start, write: true) == .accessError)
    #expect(signal(start, fetch: true) == .accessError)
    #expect(signal(0x8000_0000_0000) == .generalProtection)
    #expect(signal(0xFFFF_8880_0000_0000) == .mapError)
    try memory.protect(space, start, page, [])
    #expect(signal(start) == .accessError)
    space.isPrivileged = false
    #expect(throws: CallError.notPermitted) {
      var low = MapRequest(address: 4096, bytes: 4096, flags: .read)
      low.isFixed = true
      try memory.map(space, low)
    }
  }

  @Test func `A stack grows to its limit and keeps its gap`() throws {
    let memory = memory()
    let space = try process(memory)
    let top = memory.policy.userEnd
    #expect(kinds(memory.touch(space, top - 200 * page, isWrite: true)) == [.stack])
    #expect(space.areas.areas.last?.bytes == 200 * page)
    #expect(memory.touch(space, top - (8 << 20) - page, isWrite: true).last?.signal == .mapError)
    var below = MapRequest(address: top - 1000 * page, bytes: page, flags: [.read, .write])
    below.isFixed = true
    try memory.map(space, below)
    #expect(memory.touch(space, top - 999 * page + 255 * page, isWrite: true).last?.signal == .mapError)
    #expect(kinds(memory.touch(space, top - 999 * page + 256 * page, isWrite: true)) == [.stack])
    #expect(memory.checkInvariants() == [])
  }

  @Test func `Neighbours merge when they may, and mprotect splits them again`() throws {
    let memory = memory()
    let space = try process(memory)
    let upper = try memory.map(space, MapRequest(bytes: 4 * page, flags: [.read, .write]))
    let lower = try memory.map(space, MapRequest(bytes: 4 * page, flags: [.read, .write]))
    #expect(lower + 4 * page == upper && space.areas.count == 2)
    try memory.protect(space, lower + page, page, .read)
    #expect(space.areas.count == 4)
    try memory.protect(space, lower + page, page, [.read, .write])
    #expect(space.areas.count == 2)
    memory.touch(space, upper, isWrite: true)
    let child = try memory.fork(space, pid: 101)
    // The child's pages belong to a tree with ancestors, which new mappings don't join.
    _ = try memory.map(child, MapRequest(bytes: page, flags: [.read, .write]))
    #expect(child.areas.count == 3)
    #expect(memory.checkInvariants() == [])
  }

  @Test func `Strict overcommit stops at the commit limit, and the other modes don't`() throws {
    for mode in VirtualMemoryPolicy.Overcommit.allCases {
      let memory = memory {
        $0.overcommit = mode
        $0.hugePages = .never
      }
      let space = try process(memory)
      let half = UInt64(memory.commitLimit) * page
      let mapped = try? memory.map(space, MapRequest(bytes: half, flags: [.read, .write]))
      #expect((mapped == nil) == (mode == .never))
      let all = try? memory.map(space, MapRequest(bytes: 65 << 20, flags: [.read, .write]))
      #expect((all == nil) == (mode != .always))
      #expect(memory.checkInvariants() == [])
    }
  }

  @Test func `UT-33: the commit limit is half of memory without swap, in whole pages`() {
    let memory = VirtualMemory(policy: VirtualMemoryPolicy(), supply: PhysicalSupply(unlimited: 6_171_023))
    #expect(memory.commitLimit == 3_085_511 && memory.commitLimit * 4 == 12_342_044)
  }

  @Test func `UT-30: the first write to anonymous memory has error code 6, and a copy on write 7`() throws {
    let memory = memory()
    let space = try process(memory)
    let start = try memory.map(space, MapRequest(bytes: page, flags: [.read, .write]))
    #expect(space.table.translate(start, .userWrite).fault?.errorCode == 6)
    memory.touch(space, start, isWrite: false)
    #expect(space.table.translate(start, .userWrite).fault?.errorCode == 7)
  }

  @Test func `Without swap the largest process is killed, and the request goes on`() throws {
    let memory = memory(megabytes: 32)
    let small = try process(memory, 100)
    let large = try process(memory, 101)
    let start = try memory.map(large, MapRequest(bytes: 64 << 20, flags: [.read, .write, .noReserve]))
    let other = try memory.map(small, MapRequest(bytes: 8 << 20, flags: [.read, .write]))
    for index in 0..<1024 as Range<UInt64> { memory.touch(small, other + index * page, isWrite: true) }
    var last: FaultKind?
    for index in 0..<16384 as Range<UInt64> where memory.kills.isEmpty {
      last = memory.touch(large, start + index * page, isWrite: true).last?.kind
    }
    #expect(memory.kills.map(\.pid) == [101] && memory.spaces[101] == nil)
    #expect(last == .outOfMemory)
    #expect(memory.checkInvariants() == [])
  }

  @Test func `What doesn't fit goes to swap and comes back with a major fault`() throws {
    let memory = memory(megabytes: 32)
    memory.setSwap(pages: 16384)
    let space = try process(memory)
    let start = try memory.map(space, MapRequest(bytes: 48 << 20, flags: [.read, .write]))
    for index in 0..<12288 as Range<UInt64> { memory.touch(space, start + index * page, isWrite: true) }
    #expect(memory.kills.isEmpty && space[.swap] > 1000)
    #expect(space[.swap] + space[.anonymous] == 12288)
    let before = space.majorFaults
    let outcome = memory.touch(space, start, isWrite: false)
    #expect(kinds(outcome) == [.swapMajor] && space.majorFaults == before + 1)
    #expect(memory.checkInvariants() == [])
    memory.exit(space)
    #expect(memory.freeSwapPages == 16384)
    #expect(memory.checkInvariants() == [])
  }

  @Test func `A huge page takes one fault and a table set aside, and is split where it must be`() throws {
    let memory = memory { $0.hugePages = .always }
    let space = try process(memory)
    var request = MapRequest(address: 0x1000_0000, bytes: 4 << 20, flags: [.read, .write])
    request.isFixed = true
    let start = try memory.map(space, request)
    let outcome = memory.touch(space, start + 5 * page, isWrite: true)
    #expect(kinds(outcome) == [.hugePage] && outcome[0].newPages == 512)
    #expect(space[.anonymous] == 512 && space.pageTablesByLevel == [1, 1, 1])
    #expect(memory.touch(space, start + 100 * page, isWrite: true).isEmpty)
    #expect(memory.usage(of: space)[0].huge == 512)
    try memory.unmap(space, start + 8 * page, page)
    #expect(space[.anonymous] == 511 && memory.usage(of: space).map(\.huge) == [0, 0, 0])
    let zero = memory.touch(space, start + (2 << 20), isWrite: false)
    #expect(kinds(zero) == [.hugePage] && zero[0].newPages == 0 && space[.anonymous] == 511)
    #expect(kinds(memory.touch(space, start + (2 << 20), isWrite: true)) == [.copyOnWrite])
    #expect(space[.anonymous] == 512)
    #expect(memory.checkInvariants() == [])
    memory.exit(space)
    #expect(memory.checkInvariants() == [])
  }

  @Test func `Pages of the huge-page pool are reserved by mmap and refused beyond it`() throws {
    let memory = memory()
    #expect(memory.setHugePool(4) == 4)
    let space = try process(memory)
    let start = try memory.map(space, MapRequest(bytes: 3 << 21, flags: [.read, .write, .hugeTLB]))
    #expect(memory.hugePoolPages == (4, 4, 3))
    #expect(throws: CallError.noMemory) {
      try memory.map(space, MapRequest(bytes: 2 << 21, flags: [.read, .write, .hugeTLB]))
    }
    #expect(kinds(memory.touch(space, start, isWrite: true)) == [.hugeTLB])
    #expect(space.residentPages == 0 && space.hugeTLBBytes == 2 << 20 && memory.hugePoolPages == (4, 3, 2))
    memory.exit(space)
    #expect(memory.hugePoolPages == (4, 4, 0))
    #expect(memory.checkInvariants() == [])
  }

  @Test func `A tebibyte touched sparsely costs a page table and a page for each touch`() throws {
    let memory = memory(megabytes: 64) {
      $0.overcommit = .always
      $0.hugePages = .never
    }
    let space = try process(memory)
    let start = try memory.map(space, MapRequest(bytes: 1 << 40, flags: [.read, .write]))
    for index in 0..<1024 as Range<UInt64> { memory.touch(space, start + index << 30, isWrite: true) }
    #expect(space[.anonymous] == 1024)
    #expect(space.pageTablesByLevel[0] == 1024 && space.pageTables <= 1024 + 1025 + 3)
  }

  /// A process that forks without bound runs into memory, not into ours.
  @Test func `Forking without bound ends with an error`() throws {
    let memory = memory(megabytes: 32)
    let parent = try process(memory)
    let start = try memory.map(parent, MapRequest(bytes: 1 << 20, flags: [.read, .write]))
    for index in 0..<256 as Range<UInt64> { memory.touch(parent, start + index * page, isWrite: true) }
    parent.outOfMemoryAdjustment = -1000
    var failed = false
    for pid in 101..<20_000 {
      guard let child = try? memory.fork(parent, pid: pid) else {
        failed = true
        break
      }
      child.outOfMemoryAdjustment = -1000
    }
    #expect(failed)
    #expect(memory.checkInvariants() == [])
  }

  @Test(arguments: 1...12 as ClosedRange<UInt64>)
  func `Whatever processes do, every count agrees with the tables`(seed: UInt64) throws {
    var random = SeededNumbers(seed: seed)
    let memory = memory(megabytes: 48) {
      $0.hugePages = seed % 3 == 0 ? .always : .never
      $0.overcommit = seed % 4 == 1 ? .never : .heuristic
    }
    memory.setSwap(pages: seed % 2 == 0 ? 4096 : 0)
    let file = memory.addFile("data", bytes: 300 * page)
    let shared = memory.addFile("tmp", bytes: 300 * page, isSharedMemory: true)
    _ = try process(memory, 1)
    var nextPID = 2
    for step in 0..<1500 {
      guard let pid = memory.spaces.keys.sorted().randomElement(using: &random), let space = memory.spaces[pid] else {
        _ = try? process(memory, nextPID)
        nextPID += 1
        continue
      }
      let areas = space.areas.areas
      let area = areas.randomElement(using: &random)
      let count = UInt64.random(in: 1...700, using: &random)
      switch Int.random(in: 0..<14, using: &random) {
      case 0, 1:
        let backing = [FileID.none, .none, file, shared].randomElement(using: &random) ?? .none
        var flags: AreaFlags = [.read, .write]
        if Bool.random(using: &random) { flags.insert(.shared) }
        if Int.random(in: 0..<6, using: &random) == 0 { flags.insert(.locked) }
        var request = MapRequest(bytes: count * page, flags: flags, file: backing)
        request.isPopulated = Int.random(in: 0..<8, using: &random) == 0
        if let area, Int.random(in: 0..<6, using: &random) == 0 {
          request.address = area.start + UInt64.random(in: 0..<area.bytes / page, using: &random) * page
          request.isFixed = true
        }
        _ = try? memory.map(space, request)
      case 2:
        guard let area else { continue }
        let offset = UInt64.random(in: 0..<area.bytes / page, using: &random) * page
        try? memory.unmap(space, area.start + offset, count * page)
      case 3:
        guard let area else { continue }
        let offset = UInt64.random(in: 0..<area.bytes / page, using: &random) * page
        let access = [AreaFlags.read, [.read, .write], []].randomElement(using: &random) ?? .read
        try? memory.protect(space, area.start + offset, min(count * page, area.bytes - offset), access)
      case 4:
        guard let area else { continue }
        _ = try? memory.remap(
          space, area.start, min(area.bytes, 300 * page), count * page, mayMove: Bool.random(using: &random))
      case 5:
        if memory.spaces.count < 6 {
          _ = try? memory.fork(space, pid: nextPID)
          nextPID += 1
        }
      case 6:
        if Int.random(in: 0..<8, using: &random) == 0 { memory.exit(space) }
      case 7:
        guard let area else { continue }
        _ = memory.pageOut(space, area.start..<min(area.end, area.start + 64 * page))
      case 8:
        guard let area else { continue }
        try? memory.advise(space, area.start, min(area.bytes, count * page), .dontNeed)
      case 9:
        guard let area else { continue }
        try? memory.lock(
          space, area.start, min(area.bytes, 32 * page), isLocked: Bool.random(using: &random))
      default:
        guard let area else { continue }
        for _ in 0..<30 {
          // The process may be killed for memory on the way.
          guard memory.spaces[pid] === space else { break }
          let offset = UInt64.random(in: 0..<area.bytes / page, using: &random) * page
          memory.touch(space, area.start + offset, isWrite: Bool.random(using: &random))
        }
      }
      if step % 100 == 0 {
        let problems = memory.checkInvariants()
        #expect(problems == [], "step \(step)")
        if !problems.isEmpty { return }
      }
    }
    for pid in memory.spaces.keys.sorted() { if let space = memory.spaces[pid] { memory.exit(space) } }
    #expect(memory.checkInvariants() == [])
  }
}

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
