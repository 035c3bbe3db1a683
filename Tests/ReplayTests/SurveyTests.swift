import KernelTypes
import TestSupport
import Testing
import TraceEvents

@testable import Replay

@Suite("Survey and classification") struct SurveyTests {
  private let profile = KernelProfile(kernel: KernelVersion(6, 1), cpuCount: 1)
  /// The direct map of x86-64 without randomisation, in pages.
  private let offset: UInt64 = 0xF_FFF8_8800_0000

  private func address(_ frame: UInt64, _ bytes: UInt64 = 0) -> UInt64 { (frame &+ offset) << 12 &+ bytes }

  private func takePage(_ trace: ScriptedTrace, _ frame: UInt64, order: UInt8 = 0) {
    trace.add(.mmPageAlloc) {
      $0.address = frame
      $0.order = order
      $0.gfp = trace.strings.intern("GFP_KERNEL")
    }
  }

  private func givePage(_ trace: ScriptedTrace, _ frame: UInt64, order: UInt8 = 0) {
    trace.add(.mmPageFree) {
      $0.address = frame
      $0.order = order
    }
  }

  private func batch(_ trace: ScriptedTrace) throws -> EventBatch {
    var batch = EventBatch()
    _ = try trace.read(into: &batch)
    return batch
  }

  @Test("the direct map is found from first objects on new pages, at whatever base it was put")
  func directMap() throws {
    for offset in [self.offset, 0xF_FFFA_1230_0000, 0xC0000] as [UInt64] {
      let trace = ScriptedTrace()
      for number in 0..<UInt64(DirectMap.neededVotes) {
        let frame = 0x1234 + number * 3
        takePage(trace, frame)
        trace.allocate((frame + offset) << 12, 64, 64)
        trace.allocate(0xFFFF_8880_0000_0000 + number * 64, 64, 64)
      }
      var map = DirectMap(pageSize: 4096)
      let isKnown = map.consume(try batch(trace))
      #expect(isKnown)
      #expect(map.pageOffset == offset)
    }
  }

  @Test("without page events there is no direct map to be found")
  func noDirectMap() throws {
    let trace = ScriptedTrace()
    for number in 0..<100 as Range<UInt64> { trace.allocate(address(number), 64, 64) }
    var map = DirectMap(pageSize: 4096)
    let isKnown = map.consume(try batch(trace))
    #expect(!isKnown)
    #expect(map.bestGuess == nil)
  }

  @Test(
    "the traced allocator is known by the sizes it hands out",
    arguments: [
      (TracedAllocator.Kind.slub, [(8, 8), (100, 128), (90, 96), (3000, 4096)]),
      (.slab, [(8, 32), (100, 128), (90, 128), (3000, 4096)]),
      (.slob, [(8, 16), (100, 108), (90, 98), (3000, 3008)]),
    ])
  func tracedAllocator(kind: TracedAllocator.Kind, sizes: [(UInt64, UInt64)]) throws {
    let trace = ScriptedTrace()
    for (index, size) in sizes.enumerated() { trace.allocate(address(UInt64(index)), size.0, size.1) }
    var allocator = TracedAllocator(profile: profile)
    _ = allocator.consume(try batch(trace))
    #expect(allocator.kind == kind)
  }

  @Test("sizes of no known allocator leave it unknown")
  func unknownAllocator() throws {
    let trace = ScriptedTrace()
    for index in 0..<10 as Range<UInt64> { trace.allocate(address(index), 100, 1000) }
    var allocator = TracedAllocator(profile: profile)
    _ = allocator.consume(try batch(trace))
    #expect(allocator.kind == nil)
  }

  @Test("a cache is named by its frees, then by its page neighbours; the rest share a name of their own")
  func evidence() throws {
    let trace = ScriptedTrace()
    trace.allocate(address(1, 0), 184, 192, site: "named+0x1/0x2", kind: .kmemCacheAlloc)
    trace.allocate(address(1, 192), 190, 192, site: "neighbour+0x1/0x2", kind: .kmemCacheAlloc)
    trace.allocate(address(2, 0), 40, 40, site: "first+0x1/0x2", kind: .kmemCacheAlloc)
    trace.allocate(address(2, 40), 40, 40, site: "second+0x1/0x2", kind: .kmemCacheAlloc)
    trace.allocate(address(3, 0), 64, 64)
    trace.allocate(address(3, 64), 60, 64, site: "merged+0x1/0x2", kind: .kmemCacheAlloc)
    trace.free(address(1, 0), kind: .kmemCacheFree, name: "dentry")
    var survey = TraceSurvey(profile: profile, pageOffset: offset, strings: trace.strings)
    survey.consume(try batch(trace))
    survey.finish()
    let dentry = CacheEvidence.Identity.named(trace.strings.intern("dentry"))
    #expect(survey.evidence.identity(site: 0) == dentry)
    #expect(survey.evidence.identity(site: 1) == dentry)
    #expect(survey.evidence.identity(site: 2) == .site(2))
    #expect(survey.evidence.identity(site: 3) == .site(2))
    let kmalloc64 = try #require(SizeClasses(policy: profile.kmalloc).index(bytes: 64))
    #expect(survey.evidence.identity(site: 4) == .kmalloc(sizeClass: kmalloc64, variant: 0))
  }

  @Test("a place whose objects are freed into two caches is divided between them")
  func dividedSite() throws {
    let trace = ScriptedTrace()
    for (frame, name) in [(1, "biovec-64"), (2, "bio-72"), (3, "bio-72")] as [(UInt64, String)] {
      trace.allocate(address(frame), 1024, 1024, site: "mempool_alloc_slab+0x1/0x2", kind: .kmemCacheAlloc)
      trace.free(address(frame), kind: .kmemCacheFree, name: name)
    }
    var survey = TraceSurvey(profile: profile, pageOffset: offset, strings: trace.strings)
    survey.consume(try batch(trace))
    survey.finish()
    #expect(survey.evidence.isDivided(site: 0))
    #expect(survey.evidence.identity(site: 0) == .named(trace.strings.intern("bio-72")))
  }

  @Test("an object freed twice in a row was handed out unseen between, on the same use of its page only")
  func unseenAllocations() throws {
    let trace = ScriptedTrace()
    takePage(trace, 7)  // 1
    trace.allocate(address(7, 0), 256, 256)  // 2
    trace.free(address(7, 0))  // 3
    trace.free(address(7, 0))  // 4
    givePage(trace, 7)  // 5
    takePage(trace, 7)  // 6
    trace.allocate(address(7, 256), 256, 256)  // 7
    trace.free(address(7, 512))  // 8: handed out unseen since the page was taken
    var survey = TraceSurvey(profile: profile, pageOffset: offset, strings: trace.strings)
    survey.consume(try batch(trace))
    #expect(survey.unseen.map(\.address) == [address(7, 0), address(7, 512)])
    var unseen = UnseenAllocations(survey.unseen)
    let questions: [(address: UInt64, ordinal: UInt64, isTaken: Bool)] = [
      (address(7, 0), 3, true), (address(7, 0), 4, false), (address(7, 512), 6, false),
      (address(7, 768), 7, false), (address(7, 512), 7, true), (address(7, 512), 8, false),
    ]
    for question in questions {
      let isTaken = unseen.isTakenUnseen(address: question.address, at: question.ordinal)
      #expect(isTaken == question.isTaken, "\(question)")
    }
  }

  @Test("frames that were taken before they were freed were free at the start")
  func framesFreeAtStart() throws {
    let trace = ScriptedTrace()
    takePage(trace, 64, order: 1)
    givePage(trace, 70)
    takePage(trace, 70)
    takePage(trace, 66)
    var survey = TraceSurvey(profile: profile, pageOffset: offset, strings: trace.strings)
    survey.consume(try batch(trace))
    #expect(survey.framesFreeAtStart() == [PageFrame(64)..<PageFrame(67)])
  }

  @Test("the first object on a block makes it a slab's; a block given back in pieces shrinks piece by piece")
  func pageClassifier() throws {
    var pages = PageClassifier(pageOffset: offset, pageSize: 4096)
    _ = pages.taken(frame: 16, order: 2, migrateType: 0, modelFrame: 100)
    _ = pages.taken(frame: 32, order: 1, migrateType: 1, modelFrame: 200)
    let claim = pages.claim(address: address(17), use: .slab)
    #expect(claim?.head == 16 && claim?.block.modelFrame == 100)
    let again = pages.claim(address: address(18), use: .slab)
    #expect(again == nil)
    let held = pages.observedSlabPages
    #expect(held == 4)
    let unknown = pages.claim(address: address(50), use: .slab)
    #expect(unknown == nil)
    let owner = pages.owner(address: address(50))
    #expect(owner == PageClassifier.old)
    var given = pages.givenBack(frame: 33, order: 0)
    #expect(given?.modelFrame == 201)
    given = pages.givenBack(frame: 32, order: 0)
    #expect(given?.modelFrame == 200)
    given = pages.givenBack(frame: 16, order: 2)
    #expect(given?.use == .slab)
    let (slabPages, strays) = (pages.observedSlabPages, pages.freesOfUnknownBlocks)
    #expect(slabPages == 0 && strays == 0)
    given = pages.givenBack(frame: 16, order: 2)
    #expect(given == nil)
    let unknownFrees = pages.freesOfUnknownBlocks
    #expect(unknownFrees == 1)
  }
}
