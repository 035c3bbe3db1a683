import KernelTypes
import MemoryModels
import TraceEvents

/// Replays a trace's events through one model: drives it, recognises the traced kernel's own slab pages, and, when the
/// trace was made by the same allocator, follows it step by step and grades the model.
struct ReplayRun<Model: ReplayedModel & ~Copyable, Follower: AllocatorFollower & ~Copyable>: ~Copyable {
  let profile: KernelProfile
  let strings: StringInterner
  var directory: CacheDirectory
  var pages: PageClassifier
  var replay: SlabReplay<Model>
  let isFollowing: Bool
  let cpuLimit: Int
  var follower: Follower
  // The same model left alone from the start that the trace shows.
  let lone: LoneReplay<Model>?
  let runsAlone: Bool
  let caches: UnsafeMutablePointer<Int32>
  let batchCapacity: Int

  // The caches that the follower has.
  private var followedCaches = 0
  private var loneCaches = 0
  // Slabs that the kernel took for requests without an event, the next one first.
  private let silentGrowths: [(ordinal: UInt64, identity: CacheEvidence.Identity)]
  private var nextSilentGrowth = 0
  private(set) var firstTime: UInt64?
  var lastTime: UInt64 = 0
  var marks: [ReplayMoment] = []
  var omittedMarks: UInt64 = 0
  var timeline = EvenMoments<ReplayMoment>()
  var freesOfNull: UInt64 = 0
  var freesOfZeroSize: UInt64 = 0
  var unpairedAllocations: UInt64 = 0
  var unpairedFrees: UInt64 = 0
  var failedAllocations: UInt64 = 0
  var baseline: WindowBaseline?

  init(_ setup: ReplaySetup, survey: borrowing TraceSurvey, strings: StringInterner, batchCapacity: Int) {
    let profile = setup.profile
    let following = setup.isFollowing
    self.profile = profile
    cpuLimit = max(profile.cpuCount, 1)
    self.strings = strings
    directory = CacheDirectory(
      profile: profile, survey: survey,
      layout: CacheLayout(
        allocator: setup.allocator, traced: setup.tracedAllocator, tracedDebugFlags: setup.tracedDebugFlags,
        profile: profile),
      known: setup.knownCaches, ownCaches: setup.ownCaches, strings: strings)
    let offset = survey.pageOffset
    pages = PageClassifier(pageOffset: offset, pageSize: profile.pageSize)
    isFollowing = following && offset != nil
    replay = SlabReplay(
      profile: profile, pages: PageSupply(profile: profile, free: survey.framesFreeAtStart(), strings: strings))
    follower = Follower(profile: profile, pageOffset: offset ?? 0, survey: survey)
    silentGrowths = following ? survey.silentGrowths.map { ($0.ordinal, survey.identity(node: $0.node)) } : []
    runsAlone = setup.runsAlone && following && offset != nil
    lone = setup.runsAlone && following && offset != nil ? LoneReplay(profile: profile, survey: survey) : nil
    caches = .allocate(capacity: batchCapacity)
    caches.initialize(repeating: 0, count: batchCapacity)
    self.batchCapacity = batchCapacity
  }

  deinit { caches.deallocate() }

  /// Puts the follower into the state that a snapshot, taken at this moment, tells.
  mutating func begin(with start: AllocatorStart) {
    if isFollowing, follower.begin(with: start, &pages) { baseline?.grades = FollowGrades() }
    if let offset = pages.pageOffset { lone?.begin(with: start, pageOffset: offset) }
  }

  /// Replays the rows of a batch that lie before or inside the window.
  mutating func consume(_ batch: borrowing EventBatch, rows: Range<Int>, isInside: Bool) {
    if rows.isEmpty { return }
    if firstTime == nil { firstTime = batch.time[rows.lowerBound] }
    if isInside, baseline == nil { baseline = WindowBaseline(self) }
    precondition(batch.count <= batchCapacity, "batch larger than the engine was made for")
    directory.resolve(batch, into: caches)
    for row in rows {
      follower.ordinal &+= 1
      let time = batch.time[row]
      if time >= replay.model.nextDue { replay.advance(to: time) }
      if isFollowing {
        follower.note(time: time)
        if time >= follower.nextDue { follower.advance(to: time, &pages) }
        if runsAlone { lone?.advance(to: time) }
      }
      switch batch.kind[row] {
      case .kmalloc, .kmallocNode, .kmemCacheAlloc, .kmemCacheAllocNode: allocation(batch, row)
      case .kfree, .kmemCacheFree: free(batch, row)
      case .mmPageAlloc: pageTaken(batch, row)
      case .mmPageFree, .mmPageFreeDirect: pageGivenBack(batch, row)
      case .mark: if isInside { mark(batch, row) }
      default: break
      }
    }
    lastTime = batch.time[rows.upperBound - 1]
    if isInside, timeline.isDue(elapsed(lastTime)) { timeline.add(moment(lastTime, text: "")) }
  }

  private mutating func allocation(_ batch: borrowing EventBatch, _ row: Int) {
    var cache = caches[row]
    if cache == CacheDirectory.notServed {
      if batch.flags[row].contains(.failed) { failedAllocations &+= 1 }
      return
    }
    if batch.flags[row].contains(.unknownPointer) {
      unpairedAllocations &+= 1
      return
    }
    let address = batch.address[row]
    let cpu = min(Int(batch.cpu[row]), cpuLimit &- 1)
    var claim: PageClassifier.Claim?
    if pages.owner(address: address) == PageClassifier.unknownOwner {
      claim = pages.claim(address: address, use: cache == CacheDirectory.large ? .large : .slab)
      if let block = claim?.block, block.modelFrame != PageClassifier.noFrame {
        replay.pages.free(frame: block.modelFrame, order: Int(block.order), cpu: cpu)
      }
    }
    let isDivided = cache >= CacheDirectory.isDivided
    if isDivided { cache -= CacheDirectory.isDivided }
    if Int(cache) >= replay.cacheCount { replay.addCaches(directory) }
    if isFollowing { follow(batch, row, Int(cache), cpu, claim, isDivided) }
    if runsAlone { runAlone(address, batch.requestedBytes[row], Int(cache), cpu) }
    replay.allocate(address, requested: batch.requestedBytes[row], cache: cache, cpu: cpu)
  }

  @inline(__always)
  private mutating func follow(
    _ batch: borrowing EventBatch, _ row: Int, _ cache: Int, _ cpu: Int, _ claim: PageClassifier.Claim?,
    _ isDivided: Bool
  ) {
    if cache >= followedCaches {
      follower.addCaches(directory, &pages)
      followedCaches = directory.entries.count
    }
    let kind = batch.kind[row]
    if kind == .kmalloc || kind == .kmallocNode {
      gradeSize(batch.requestedBytes[row], batch.allocatedBytes[row], cache)
    }
    if cache < 0 { return }
    var serving = cache
    if isDivided { serving = follower.servingCache(pages.owner(address: batch.address[row]), cache) }
    follower.allocation(
      batch.address[row], requested: batch.requestedBytes[row], cpu: cpu, cache: serving, claim: claim, &pages)
  }

  @inline(never)
  private mutating func runAlone(_ address: UInt64, _ requested: UInt64, _ cache: Int, _ cpu: Int) {
    if cache < 0 { return }
    if cache >= loneCaches {
      lone?.addCaches(directory)
      loneCaches = directory.entries.count
    }
    lone?.allocate(address, requested: requested, cache: cache, cpu: cpu)
  }

  /// Grades the size that the model says a kmalloc hands out: that of its class or, for large ones, of its block.
  @inline(__always)
  private mutating func gradeSize(_ requested: UInt64, _ allocated: UInt64, _ cache: Int) {
    let size =
      cache >= 0
      ? UInt64(replay.bytes(cache: cache, requested: requested))
      : UInt64(profile.pageSize) << UInt64(Order.holding(bytes: requested, pageSize: UInt64(profile.pageSize)))
    follower.grades.allocatedBytes.count(allocated == size)
  }

  private mutating func free(_ batch: borrowing EventBatch, _ row: Int) {
    if batch.flags[row].contains(.unknownPointer) {
      unpairedFrees &+= 1
      return
    }
    let address = batch.address[row]
    if address <= 16 {
      if address == 16 { freesOfZeroSize &+= 1 } else { freesOfNull &+= 1 }
      return
    }
    let cpu = min(Int(batch.cpu[row]), cpuLimit &- 1)
    if isFollowing { follower.free(address, name: batch.name[row], cpu: cpu, directory, &pages) }
    if runsAlone { lone?.free(address, name: batch.name[row], cpu: cpu, directory) }
    replay.free(address, cpu: cpu)
  }

  private mutating func pageTaken(_ batch: borrowing EventBatch, _ row: Int) {
    if batch.flags[row].contains(.failed) { return }
    let order = min(Int(batch.order[row]), 11)
    let frame = batch.address[row]
    let modelFrame = replay.pages.background(
      order: order, migrateType: batch.migrateType[row], gfp: batch.gfp[row], cpu: Int(batch.cpu[row]))
    let stale = pages.taken(
      frame: frame, order: order, migrateType: batch.migrateType[row], modelFrame: modelFrame)
    if isFollowing {
      follower.pageTaken(frame: frame, stale: stale, &pages)
      if nextSilentGrowth < silentGrowths.count, silentGrowths[nextSilentGrowth].ordinal <= follower.ordinal {
        growUnseen(frame, cpu: min(Int(batch.cpu[row]), cpuLimit &- 1))
      }
    }
  }

  /// The block just taken became a slab for requests that the trace doesn't show.
  @inline(never)
  private mutating func growUnseen(_ frame: UInt64, cpu: Int) {
    let growth = silentGrowths[nextSilentGrowth]
    nextSilentGrowth += 1
    guard growth.ordinal == follower.ordinal, let offset = pages.pageOffset,
      let cache = directory.cache(of: growth.identity), cache < followedCaches,
      let claim = pages.claim(address: (frame &+ offset) << pages.pageShift, use: .slab)
    else { return }
    if claim.block.modelFrame != PageClassifier.noFrame {
      replay.pages.free(frame: claim.block.modelFrame, order: Int(claim.block.order), cpu: cpu)
    }
    follower.growUnseen(claim, cache: cache, cpu: cpu, &pages)
  }

  private mutating func pageGivenBack(_ batch: borrowing EventBatch, _ row: Int) {
    let order = min(Int(batch.order[row]), 11)
    let frame = batch.address[row]
    if let block = pages.givenBack(frame: frame, order: order), block.modelFrame != PageClassifier.noFrame {
      replay.pages.free(
        frame: block.modelFrame, order: min(order, Int(block.order)), cpu: Int(batch.cpu[row]))
    }
    if isFollowing {
      follower.pageGivenBack(
        frame: frame, cpu: min(Int(batch.cpu[row]), cpuLimit &- 1), time: batch.time[row], &pages)
    }
  }

  private mutating func mark(_ batch: borrowing EventBatch, _ row: Int) {
    if marks.count < replayMarkLimit {
      marks.append(moment(batch.time[row], text: strings.string(batch.name[row])))
    } else {
      omittedMarks += 1
    }
  }

  func elapsed(_ time: UInt64) -> UInt64 {
    let first = firstTime ?? time
    return time > first ? time - first : 0
  }

  func moment(_ time: UInt64, text: String) -> ReplayMoment {
    let large = Int64(pages.observedLargePages)
    let followed = FollowedPages(predicted: follower.predictedPages + large, observed: follower.observedPages + large)
    var alone: Int64?
    if let change = lone?.change { alone = change + large }
    return ReplayMoment(
      atNanoseconds: elapsed(time), text: text, modelled: replay.figures(), followed: isFollowing ? followed : nil,
      alone: alone,
      observedSlabPages: pages.pageOffset == nil ? nil : pages.observedSlabPages, freePages: replay.pages.freePages)
  }
}
