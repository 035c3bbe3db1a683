import KernelTypes
import MemoryModels
import Testing

@Suite("Translation look-aside buffers") struct TLBTests {
  private let attributes = PageAttributes([.read, .write, .user])

  private func geometry(_ text: String) throws -> TLBGeometry {
    var problem = ""
    return try #require(TLBGeometry(parsing: text, problem: &problem), "\(problem)")
  }

  private func table(_ scheme: TranslationScheme = .x86_64, pages: UInt64, frames: inout FrameSequence) throws
    -> PageTable
  {
    let table = try #require(PageTable(scheme, frames: &frames))
    for page in 0..<pages { try table.map(page << 12, to: (page + 7) << 12, attributes, frames: &frames) }
    return table
  }

  @Test func `a page is walked once and then found`() throws {
    var frames = FrameSequence(from: PageFrame(1))
    let table = try table(pages: 4, frames: &frames)
    var unit = MemoryManagementUnit(.x86_64, try geometry("L1D:4/2,L1I:4,L2:8/4"))
    for _ in 0..<3 {
      let page = unit.translate(0x1234, .userRead, table).page
      #expect(page?.physicalAddress == 0x8234)
    }
    var counters = unit.counters
    #expect(
      counters.accesses == 3 && counters.misses == 1 && counters.firstLevelHits == 2 && counters.walkReferences == 4)
    // A write to a page that is not dirty walks again, and sets the bit.
    _ = unit.translate(0x1234, .userWrite, table)
    _ = unit.translate(0x1234, .userWrite, table)
    counters = unit.counters
    #expect(counters.repeatedWalks == 1 && counters.firstLevelHits == 3 && counters.walkReferences == 5)
    #expect(table.lookup(0x1000).page?.attributes.isDirty == true)
    // Fetches have a buffer of their own; execution is forbidden, and faults are not kept.
    let fault = unit.translate(0x1234, .userExecute, table).fault
    #expect(fault?.errorCode == 0x15)
    // The second page's tables are in the page-walk caches.
    _ = unit.translate(0x2000, .userRead, table)
    counters = unit.counters
    #expect(counters.faults == 1 && counters.skippedReferences == 9)
  }

  @Test func `a second-level hit fills the first level`() throws {
    var frames = FrameSequence(from: PageFrame(1))
    let table = try table(pages: 3, frames: &frames)
    var unit = MemoryManagementUnit(.x86_64, try geometry("L1D:2,L2:4"), policy: .leastRecentlyUsed)
    for page in [0, 1, 2, 0, 0] as [UInt64] { _ = unit.translate(page << 12, .userRead, table) }
    let counters = unit.counters
    #expect(counters.misses == 3 && counters.secondLevelHits == 1 && counters.firstLevelHits == 1)
  }

  @Test func `policies choose their victims`() throws {
    // Four pages in a buffer of four, the first used again, then a fifth: which of the four is gone?
    for (policy, gone) in [
      (ReplacementPolicy.leastRecentlyUsed, 1), (.firstIn, 0), (.pseudoLRU, 2),
    ] as [(ReplacementPolicy, UInt64)] {
      var frames = FrameSequence(from: PageFrame(1))
      let table = try table(pages: 5, frames: &frames)
      for page in 0..<4 as Range<UInt64> {
        var unit = MemoryManagementUnit(.x86_64, try geometry("L1D:4"), policy: policy)
        for step in [0, 1, 2, 3, 0, 4, page] as [UInt64] { _ = unit.translate(step << 12, .userRead, table) }
        let misses = unit.counters.misses
        #expect(misses == (page == gone ? 6 : 5), "\(policy.rawValue), page \(page)")
      }
    }
  }

  @Test func `what is global stays when the address space changes, and goes when its page is flushed`() throws {
    var frames = FrameSequence(from: PageFrame(1))
    let table = try table(pages: 2, frames: &frames)
    try table.map(0x9000, to: 0x5000, PageAttributes([.read], isGlobal: true), frames: &frames)
    var unit = MemoryManagementUnit(.x86_64, try #require(.named("haswell")))
    let kernel = MemoryAccess(.read, isUser: false)
    _ = unit.translate(0, .userRead, table, context: 1)
    _ = unit.translate(0x9000, kernel, table, context: 1)
    _ = unit.translate(0x9000, kernel, table, context: 2)
    _ = unit.translate(0, .userRead, table, context: 2)
    #expect(unit.counters.misses == 3)
    unit.flush(context: 1)
    _ = unit.translate(0, .userRead, table, context: 2)
    _ = unit.translate(0x9000, kernel, table, context: 1)
    #expect(unit.counters.misses == 3)
    unit.enter(ContextActivation(context: 0, flush: .everything))
    _ = unit.translate(0x9000, kernel, table, context: 3)
    #expect(unit.counters.misses == 3)
    unit.flush(page: 0x9000, context: 3)
    _ = unit.translate(0x9000, kernel, table, context: 3)
    #expect(unit.counters.misses == 4)
    unit.flushAll()
    _ = unit.translate(0x9000, kernel, table, context: 3)
    #expect(unit.counters.misses == 5)
  }

  @Test func `up to 33 pages are flushed one by one, and 34 flush the address space`() throws {
    let policy = TLBFlushPolicy.x86
    #expect(policy.pages(0..<33 << 12, stride: 4096) == 33)
    #expect(policy.pages(0..<34 << 12, stride: 4096) == nil)
    #expect(policy.pages(0..<33 << 21, stride: 1 << 21) == 33)
    #expect(TLBFlushPolicy.arm64(pageBytes: 4096).pages(0..<511 << 12, stride: 4096) == 511)
    #expect(TLBFlushPolicy.arm64(pageBytes: 4096).pages(0..<512 << 12, stride: 4096) == nil)
    var frames = FrameSequence(from: PageFrame(1))
    let table = try table(pages: 40, frames: &frames)
    var unit = MemoryManagementUnit(.x86_64, try #require(.named("skylake")))
    for page in 0..<40 as Range<UInt64> { _ = unit.translate(page << 12, .userRead, table, context: 1) }
    let some = unit.flush(0..<33 << 12, context: 1, policy: policy)
    #expect(some == 33 && unit.counters.pageFlushes == 33)
    _ = unit.translate(35 << 12, .userRead, table, context: 1)
    #expect(unit.counters.misses == 40)
    let all = unit.flush(0..<34 << 12, context: 1, policy: policy)
    #expect(all == nil && unit.counters.contextFlushes == 1)
    _ = unit.translate(35 << 12, .userRead, table, context: 1)
    #expect(unit.counters.misses == 41)
  }

  @Test func `six address spaces have PCIDs, the seventh takes the oldest one's`() {
    var contexts = ContextAllocator(.contextIdentifiers)
    let first = (1...6).map { contexts.activate(UInt64($0)) }
    #expect(first.map(\.context) == [1, 2, 3, 4, 5, 6] && first.allSatisfy { $0.flush == .context })
    #expect(contexts.activate(3) == ContextActivation(context: 3, flush: .nothing))
    #expect(contexts.activate(3, generation: 5) == ContextActivation(context: 3, flush: .context))
    #expect(contexts.activate(3, generation: 5) == ContextActivation(context: 3, flush: .nothing))
    #expect(contexts.activate(7) == ContextActivation(context: 1, flush: .context))
    #expect(contexts.activate(1) == ContextActivation(context: 2, flush: .context))
    var none = ContextAllocator(.none)
    #expect(none.activate(1) == ContextActivation(context: 0, flush: .everything))
  }

  @Test func `ARM hands out ASIDs from 1, and flushes everything when they run out`() {
    var contexts = ContextAllocator(.addressSpaceIdentifiers(bits: 8))
    for space in 1...255 as ClosedRange<UInt64> {
      #expect(contexts.activate(space) == ContextActivation(context: UInt16(space), flush: .nothing))
    }
    #expect(contexts.activate(7) == ContextActivation(context: 7, flush: .nothing))
    #expect(contexts.activate(1000) == ContextActivation(context: 1, flush: .everything))
    #expect(contexts.activate(7) == ContextActivation(context: 2, flush: .nothing) && contexts.rollovers == 1)
  }

  @Test func `larger pages take one entry, or one for each part where a buffer splits them`() throws {
    var frames = FrameSequence(from: PageFrame(1))
    let table = try #require(PageTable(.x86_64, frames: &frames))
    try table.map(1 << 30, to: 1 << 30, bytes: 1 << 30, attributes, frames: &frames)
    for (text, misses) in [("L1D:8", 1), ("L1D:8:4K-2M", 4)] as [(String, UInt64)] {
      var unit = MemoryManagementUnit(.x86_64, try geometry(text))
      for part in [0, 1, 0, 1] as [UInt64] { _ = unit.translate(1 << 30 + part << 21, .userRead, table) }
      #expect(unit.counters.misses == misses)
    }
    var zen = try #require(TLBGeometry.named("zen2"))
    zen.buffers = zen.buffers.filter { $0.level == 2 && $0.use == .instructions }
    try table.map(2 << 30, to: 3 << 30, bytes: 1 << 30, PageAttributes([.read, .execute, .user]), frames: &frames)
    var unit = MemoryManagementUnit(.x86_64, zen)
    for part in [0, 1, 0, 1] as [UInt64] {
      let address: UInt64 = 2 << 30 + part << 21 + 5
      let page = unit.translate(address, .userExecute, table).page
      #expect(page?.physicalAddress == address + 1 << 30)
    }
    #expect(unit.counters.misses == 2)
  }

  @Test func `named processors and given ones are valid, and nonsense is refused`() {
    for geometry in TLBGeometry.catalogue {
      #expect(geometry.buffers.allSatisfy { $0.isValid }, "\(geometry.name)")
      #expect(TLBGeometry.named(geometry.name) == geometry)
    }
    var problem = ""
    for text in [
      "", "L3:4", "L1X:4", "L1D:0", "L1D:5/2", "L1D:4/0", "L1D:256", "L1D:4:3K", "L1D:4:2M-4K", "L1D:4:", "L1D",
    ] {
      #expect(TLBGeometry(parsing: text, problem: &problem) == nil, "\(text)")
      #expect(problem.contains("is no buffer"))
    }
  }

  @Test func `data caches have what walks and data touched lately`() throws {
    var frames = FrameSequence(from: PageFrame(1))
    let table = try table(pages: 16, frames: &frames)
    var unit = MemoryManagementUnit(
      .x86_64, try geometry("L1D:4"), walkCache: [],
      dataCaches: DataCacheGeometry(caches: [.init(bytes: 4096, ways: 2), .init(bytes: 65536, ways: 4)]))
    for page in 0..<8 as Range<UInt64> { _ = unit.translate(page << 12, .userRead, table) }
    let counters = unit.counters
    // Eight entries of a last table share a line; data never does.
    #expect(counters.walkReferences == 32 && counters.walkCacheHits.reduce(0, +) == 28)
    #expect(counters.dataReferences == 8 && counters.dataCacheHits == [0, 0])
  }
}
