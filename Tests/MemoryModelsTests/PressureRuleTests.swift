import KernelTypes
import MemoryModels
import Testing

@Suite struct PressureRuleTests {
  private func settings(_ changes: String...) throws -> VirtualMemorySettings {
    var settings = VirtualMemorySettings()
    for change in changes { try settings.set(assignment: change) }
    return settings
  }

  // MARK: - Scan balance

  @Test(arguments: [(0, 0, 60, 140), (100, 0, 89, 417), (0, 100, 178, 209)])
  func costShiftsTheWeights(anonymous: Int, file: Int, anonymousWeight: Int, fileWeight: Int) {
    let weights = ScanBalance.weights(
      swappiness: 60, experience: .costs(anonymous: anonymous, file: file))
    #expect(weights.anonymous == anonymousWeight && weights.file == fileWeight)
  }

  @Test func olderKernelsWeighByRotation() {
    let weights = ScanBalance.weights(
      swappiness: 60,
      experience: .rotations(
        scannedAnonymous: 99, rotatedAnonymous: 9, scannedFile: 99, rotatedFile: 99))
    #expect(weights.anonymous == 600 && weights.file == 140)
  }

  @Test func theKindThatIsScannedDependsOnSwapAndSizes() {
    let sizes = ScanBalance.Sizes(
      inactiveAnonymous: 40_960, activeAnonymous: 8192, inactiveFile: 8192, activeFile: 409_600)
    func pass(
      _ priority: Int, maySwap: Bool = true, swappiness: Int = 60, free: Int = 1 << 20,
      marks: Int = 0,
      deactivatesFile: Bool = true
    ) -> ScanBalance {
      ScanBalance(
        sizes: sizes, priority: priority, swappiness: swappiness, maySwap: maySwap, freePages: free,
        highMarks: marks,
        deactivatesFile: deactivatesFile)
    }
    #expect(pass(6, maySwap: false).choice == .fileOnlyWithoutSwap)
    #expect(pass(6, maySwap: false).scan.inactiveAnonymous == 0)
    #expect(pass(0).choice == .equal && pass(0).scan == sizes)
    #expect(pass(0, swappiness: 0).choice == .fraction)
    #expect(pass(6, free: 0, marks: 1 << 20).choice == .anonymousOnly)
    #expect(pass(6, deactivatesFile: false).choice == .fileOnlyWhileEnough)
    let fraction = pass(6)
    #expect(fraction.choice == .fraction)
    #expect(fraction.scan.inactiveAnonymous == (40_960 >> 6) * 60 / 200)
    #expect(fraction.scan.activeFile == (409_600 >> 6) * 140 / 200)
    #expect(pass(12).scan.inactiveFile == 2 * 140 / 200)
  }

  @Test func largeListsNeedAShorterInactivePart() {
    // Under 1 GiB half is enough; of 100 GiB one part in 31.
    #expect(ScanBalance.isInactiveLow(inactive: 1000, active: 1001, pageSize: 4096))
    #expect(!ScanBalance.isInactiveLow(inactive: 1000, active: 1000, pageSize: 4096))
    let pages = 100 << 18
    #expect(
      !ScanBalance.isInactiveLow(inactive: pages / 30, active: pages - pages / 30, pageSize: 4096))
    #expect(
      ScanBalance.isInactiveLow(inactive: pages / 40, active: pages - pages / 40, pageSize: 4096))
  }

  // MARK: - Slab caches

  @Test func pressureOnNamesScalesWithTheKnob() {
    #expect(SlabShrinker.pressed(12_345, cachePressure: 100) == 12_345)
    #expect(SlabShrinker.pressed(12_345, cachePressure: 50) == 6172)
    #expect(SlabShrinker.pressed(12_345, cachePressure: 0) == 0)
    var shrinker = SlabShrinker()
    let half = shrinker.shrink(objects: 100_000, priority: 4, cachePressure: 50) { $0 }
    #expect(half.freeable == 50_000 && half.delta == (50_000 >> 4) * 2)
    // Whole batches alone; what is left is put off.
    #expect(half.scanned == half.delta / 128 * 128)
    #expect(shrinker.deferred == half.delta - half.scanned)
    var off = SlabShrinker()
    #expect(off.shrink(objects: 100_000, priority: 0, cachePressure: 0) { $0 }.freed == 0)
  }

  @Test func smallCachesWaitUntilItIsWorthABatch() {
    var shrinker = SlabShrinker()
    let first = shrinker.shrink(objects: 1000, priority: 12) { $0 }
    #expect(first.scanned == 0)
    #expect(shrinker.shrink(objects: 1000, priority: 0) { $0 }.scanned == 15 * 128)
    var cheap = SlabShrinker(seeks: 0)
    #expect(cheap.shrink(objects: 1000, priority: 12) { $0 }.scanned == 384)
  }

  // MARK: - Writeback

  @Test func thresholdsAreRoundedByThePage() throws {
    let standard = WritebackThresholds(
      availablePages: 1_000_000, settings: try settings(), pageSize: 4096)
    #expect(standard.limit == 199_951 && standard.background == 99_853)
    let bytes = WritebackThresholds(
      availablePages: 1_000_000, settings: try settings("vm.dirty_bytes=40960001"), pageSize: 4096)
    #expect(bytes.limit == 10_001 && bytes.background == 5000)
    #expect(standard.response(dirtyPages: 99_853) == .nothing)
    #expect(standard.response(dirtyPages: 99_854) == .backgroundWriting)
    #expect(standard.response(dirtyPages: 149_903) == .throttled)
    let free = WritebackThresholds.dirtyablePages(
      free: 100, totalReserve: 200, inactiveFile: 10, activeFile: 20, settings: try settings())
    #expect(free == 31)
    #expect(
      WritebackThresholds.dirtyablePages(
        free: 300, totalReserve: 200, inactiveFile: 10, activeFile: 20, highMemoryPages: 1000,
        settings: try settings())
        == 1)
    #expect(WritebackThresholds.isExpired(ageCentiseconds: 3001, settings: try settings()))
    #expect(!WritebackThresholds.isExpired(ageCentiseconds: 3000, settings: try settings()))
    #expect(
      !WritebackThresholds.isExpired(
        ageCentiseconds: 5000, settings: try settings("vm.dirty_writeback_centisecs=0")))
  }

  // MARK: - Swap

  @Test(arguments: [
    (0, 100, 0, 0, 1), (99, 100, 0, 0, 2), (0, 100, 1, 0, 4), (0, 100, 3, 0, 8), (0, 100, 9, 0, 8),
    (0, 100, 0, 8, 4),
  ])
  func theWindowFollowsItsHits(previous: Int, offset: Int, hits: Int, window: Int, pages: Int) {
    #expect(
      SwapReadahead.window(
        previousOffset: previous, offset: offset, hits: hits, limit: 8, previousWindow: window)
        == pages)
  }

  @Test func pagesAreReadInAlignedClusters() throws {
    var old = SwapReadahead(settings: try settings(), kernel: KernelVersion(3, 5))
    #expect(old.offsets(reading: 13) == 8...15)
    #expect(old.offsets(reading: 3) == 1...7, "offset 0 is the header")
    var new = SwapReadahead(settings: try settings(), kernel: KernelVersion(6, 1))
    #expect(new.offsets(reading: 100) == 96...103)
    // Nothing was used: the window shrinks by half at a time.
    #expect(new.offsets(reading: 200).count == 4)
    #expect(new.offsets(reading: 300).count == 2)
    #expect(new.offsets(reading: 400) == 400...400)
    for _ in 0..<3 { new.noteHit() }
    #expect(new.offsets(reading: 500).count == 8)
    var single = SwapReadahead(
      settings: try settings("vm.page-cluster=0"), kernel: KernelVersion(6, 1))
    #expect(single.offsets(reading: 7) == 7...7)
  }

  // MARK: - Node reclaim

  @Test func nodesReclaimThemselvesOnlyWhenAskedAndWorthwhile() throws {
    let pages = NodeReclaim.Pages(
      managed: 100_000, file: 5000, mapped: 3900, dirty: 200, reclaimableSlab: 1000)
    #expect(NodeReclaim.outcome(pages, settings: try settings()) == .off)
    // 1100 unmapped less 200 dirty are below 1 %.
    #expect(
      NodeReclaim.outcome(pages, settings: try settings("vm.zone_reclaim_mode=1"))
        == .nothingWorthwhile)
    #expect(NodeReclaim.outcome(pages, settings: try settings("vm.zone_reclaim_mode=3")) == .scans)
    #expect(NodeReclaim.outcome(pages, settings: try settings("vm.zone_reclaim_mode=5")) == .scans)
    #expect(
      NodeReclaim.outcome(
        pages, settings: try settings("vm.zone_reclaim_mode=1", "vm.min_slab_ratio=0")) == .scans)
  }

  // MARK: - Compaction

  @Test func failuresAreFollowedByLongerRests() {
    var deferral = CompactionDeferral()
    #expect(deferral.isDeferred(order: 9) == false)
    var rests: [Int] = []
    for _ in 0..<8 {
      deferral.noteFailure(order: 9)
      var rest = 0
      while deferral.isDeferred(order: 9) { rest += 1 }
      rests.append(rest)
    }
    #expect(rests == [1, 3, 7, 15, 31, 63, 63, 63])
    #expect(deferral.isDeferred(order: 8) == false, "lower orders did not fail")
    deferral.noteSuccess(order: 9, isAllocated: true)
    #expect(deferral.isDeferred(order: 9) == false)
    #expect(deferral.shift == 0)
  }

  @Test func theBackgroundCompactorStartsAtItsMark() throws {
    func score(_ value: Int, _ proactiveness: Int) throws -> ProactiveCompaction {
      ProactiveCompaction(
        zones: [.init(presentPages: 1_000_000, score: value)],
        settings: try settings("vm.compaction_proactiveness=\(proactiveness)"))
    }
    #expect(try score(92, 20).isNeeded && score(92, 20).starts == 90 && score(92, 20).stops == 80)
    #expect(try !score(91, 20).isNeeded, "the division by one page more loses a point")
    #expect(try !score(100, 0).isNeeded)
    #expect(try score(20, 100).isNeeded && score(20, 100).stops == 5)
  }

  @Test func compactionIsTriedWhereFragmentationIsTheReason() {
    var zone = zone(policy(6, 1), end: 8192)
    zone.watermarks = Watermarks(minimum: 100, low: 125, high: 150)
    #expect(zone.compactionSuitability(order: 9, highest: .normal) == .success)
    // Every second page in use.
    while zone.allocateDirectly() != nil {}
    for frame in stride(from: UInt64(0), to: 8192, by: 2) { zone.freeDirectly(frame) }
    #expect(zone.fragmentationIndex(order: 4) > 900)
    #expect(zone.compactionSuitability(order: 4, highest: .normal) == .suitable)
    #expect(
      zone.compactionSuitability(order: 9, highest: .normal, threshold: 1000) == .notFragmented)
    zone.watermarks = Watermarks(minimum: 4000, low: 4090, high: 4096)
    #expect(zone.compactionSuitability(order: 9, highest: .normal) == .lacksMemory)
    #expect(CompactionSuitability.gap(order: 9) == 1024)
  }

  @Test func compactionMakesRoomAndLosesNothing() {
    var zone = zone(policy(6, 1), end: 8192)
    var used: Set<UInt64> = []
    while let frame = zone.allocateDirectly(type: .movable) { used.insert(frame) }
    for frame in stride(from: UInt64(0), to: 8192, by: 2) {
      zone.freeDirectly(frame)
      used.remove(frame)
    }
    let free = zone.freePages
    var position = CompactionPosition(start: zone.start, end: zone.end)
    let run = zone.compact(order: 9, type: .movable, mode: .asynchronous, position: &position)
    #expect(run.result == .success && run.moves.count > 100)
    for move in run.moves {
      #expect(used.remove(move.source.rawValue) != nil, "moved what was not there")
      #expect(used.insert(move.target.rawValue).inserted, "moved onto what is in use")
      #expect(move.target > move.source)
    }
    #expect(zone.freePages == free)
    #expect(zone.freeBlocks(order: 9) + zone.freeBlocks(order: 10) > 0)
    #expect(zone.checkInvariants() == nil)
    // From end to end: all that is used ends up at the top.
    position = CompactionPosition(start: zone.start, end: zone.end)
    let whole = zone.compact(order: -1, type: .movable, mode: .synchronous, position: &position)
    #expect(whole.result == .complete && zone.freePages == free)
    #expect(zone.checkInvariants() == nil)
    #expect(zone.freeBlocks(order: 10) >= 3)
  }

  @Test func whatCanNotMoveStays() {
    var zone = zone(policy(6, 1), end: 4096)
    while zone.allocateDirectly(type: .unmovable) != nil {}
    for frame in stride(from: UInt64(0), to: 4096, by: 2) { zone.freeDirectly(frame) }
    var position = CompactionPosition(start: zone.start, end: zone.end)
    let run = zone.compact(order: 5, type: .unmovable, mode: .synchronous, position: &position)
    #expect(run.moves.isEmpty && run.result == .complete)
    #expect(zone.checkInvariants() == nil)
  }

  // MARK: - Huge pages

  @Test func promisesAreKeptWhenThePoolShrinks() {
    var pool = HugePagePool(surplusLimit: 2)
    let grown = pool.resize(to: 10) { true }
    #expect(grown == -10)
    let promised = pool.reserve(4) { false }
    #expect(promised)
    #expect(pool.available == 6 && pool.bytes == 20 << 20)
    for _ in 0..<3 {
      let isTaken = pool.take(hasReservation: false) { false }
      #expect(isTaken)
    }
    // 3 in use and 4 promised: 3 pages can go.
    let shrunk = pool.resize(to: 0) { true }
    #expect(shrunk == 3)
    #expect(pool.total == 7 && pool.surplus == 7 && pool.free == 4 && pool.checkInvariants() == nil)
    let isKept = pool.take(hasReservation: true) { false }
    #expect(isKept)
    #expect(pool.give() == true)
    #expect(pool.total == 6)
    // Growing again turns surplus pages into its own first.
    let unchanged = pool.resize(to: 6) { false }
    #expect(unchanged == 0)
    #expect(pool.surplus == 0 && pool.persistent == 6)
  }

  @Test func surplusPagesAreMadeOnDemandAndGoAgain() {
    var pool = HugePagePool(surplusLimit: 2)
    var made = 0
    let tooMany = pool.reserve(3) {
      made += 1
      return true
    }
    #expect(!tooMany && made == 2 && pool.total == 0, "what was made for nothing goes back")
    let promised = pool.reserve(2) { true }
    #expect(promised)
    #expect(pool.surplus == 2 && pool.reserved == 2)
    pool.unreserve(2)
    #expect(pool.total == 0 && pool.checkInvariants() == nil)
  }

  @Test func thePoolNeverLosesCount() {
    var random = SeededGenerator(seed: 8)
    var pool = HugePagePool(surplusLimit: 5)
    for _ in 0..<20_000 {
      let mayMake = Bool.random(using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: pool.resize(to: Int.random(in: 0...20, using: &random)) { mayMake }
      case 1: _ = pool.reserve(Int.random(in: 0...6, using: &random)) { mayMake }
      case 2: pool.unreserve(Int.random(in: 0...6, using: &random))
      case 3: _ = pool.take(hasReservation: true) { mayMake }
      case 4: _ = pool.take(hasReservation: false) { mayMake }
      default: pool.give()
      }
      if let problem = pool.checkInvariants() {
        Issue.record("\(problem)")
        return
      }
    }
  }

  // MARK: - Failing memory

  @Test func lostPagesKillOnlyThoseWhoNeedThem() throws {
    let mappers = [
      MemoryFailure.Mapper(pid: 1), .init(pid: 2, wantsEarly: true),
      .init(pid: 3, wantsEarly: false),
    ]
    #expect(MemoryFailure(use: .cleanFile, mappers: mappers).killed.isEmpty)
    #expect(MemoryFailure(use: .kernel).result == .ignored)
    let late = MemoryFailure(use: .anonymous, mappers: mappers)
    #expect(
      late.killed == [2] && late.killedOnAccess == [1, 3] && late.result == .delayed
        && late.isTakenOut)
    let early = MemoryFailure(
      use: .dirtyFile, mappers: mappers, settings: try settings("vm.memory_failure_early_kill=1"))
    #expect(early.killed == [1, 2])
    #expect(
      MemoryFailure(use: .free, settings: try settings("vm.memory_failure_recovery=0")).result
        == .panics)
    var zone = zone(policy(6, 1), end: 1024)
    #expect(zone.takeOutFailing(PageFrame(77)) == true)
    #expect(zone.takeOutFailing(PageFrame(77)) == false)
    #expect(zone.freePages == 1023 && zone.checkInvariants() == nil)
  }
}
