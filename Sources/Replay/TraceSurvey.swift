public import KernelTypes
import MemoryModels
public import TraceEvents

/// The first pass over a trace: learns what a replay must know before it starts.
///
/// That is the cache of each kmem_cache request, the free objects that lay on slabs from before the trace (in the order
/// the kernel handed them out), and whether requests were charged to control groups. Memory is bounded by the pages and
/// objects of the machine, not by the trace's length.
public struct TraceSurvey: ~Copyable {
  /// A free object on a slab from before the trace, and the CPU it was first handed out on.
  struct StartObject {
    var address: UInt64
    var cpu: UInt16
  }

  private struct FrameBits: BitwiseCopyable {
    var seen: UInt64
    var freeAtStart: UInt64
  }

  // Larger numbers are a damaged line's.
  private static let frameLimit: UInt64 = 1 << 32

  /// What is known of a page: the kind of objects on it.
  private struct PageFact: BitwiseCopyable {
    /// A site's number, or −1 − (class × 8 + variant) of a kmalloc class.
    var node: Int32
    /// The number of the first event on the page in its present use.
    var since: UInt64
  }

  /// The last event of an object on a page that is still in use.
  private struct ObjectFact: BitwiseCopyable {
    var node: Int32
    var isLive: Bool
    var ordinal: UInt64
  }

  /// A slab that the kernel took for requests without an event (`kmem_cache_alloc_bulk`): other objects of its cache came and
  /// went before the first of this slab was seen.
  struct SilentGrowth {
    /// The number of the event that shows the page being taken.
    var ordinal: UInt64
    var node: Int32
    /// Sites with objects of that size that had events since.
    var others: [Int32]
  }

  private struct Taking: BitwiseCopyable {
    var ordinal: UInt64
    var head: UInt64
    var order: UInt8
  }

  private struct LastBlock: BitwiseCopyable {
    var page: UInt64
    var order: UInt8
    var isReclaimable: Bool
  }

  private struct SeenAddresses: BitwiseCopyable {
    var bits: UInt64
    var count: Int
  }

  private let pageShift: UInt64
  let pageOffset: UInt64?
  private let offset: UInt64
  private var classifier: RequestClassifier
  /// The kmem_cache requests seen and the caches they used.
  public internal(set) var evidence = CacheEvidence()
  private var pages = AddressTable(filler: PageFact(node: 0, since: 0))
  private var objects = AddressTable(filler: ObjectFact(node: 0, isLive: false, ordinal: 0))
  // The number of events before the one looked at.
  private var ordinal: UInt64 = 0
  /// Objects that were handed out unseen, found out by their frees.
  private(set) var unseen: [UnseenAllocation] = []
  // Slabs taken for requests without an event, by the page event that shows them.
  private(set) var silentGrowths: [SilentGrowth] = []
  // By page of a block on which no object was seen yet: its taking. By site: the number of its last event.
  private var takenAt = AddressTable(filler: Taking(ordinal: 0, head: 0, order: 0))
  private var lastOfSite: [UInt64] = []
  /// How many such objects there were beyond the limit.
  private(set) var unseenDropped: UInt64 = 0
  // Bits for page frames seen in page events: those pages are not "from before the trace" any more. And of these, the
  // frames that were free when the trace began.
  private var framesSeen = AddressTable(filler: FrameBits(seen: 0, freeAtStart: 0))
  // Bits for object addresses (by eights) on old pages whose first event was seen.
  private var touched = AddressTable(filler: UInt64(0))
  var startObjects: [(address: UInt64, node: Int32, cpu: UInt16)] = []
  // What old pages hold, also where only frees were seen on them.
  var oldPages = AddressTable(filler: Int32(0))
  /// Whether any allocation was charged to a control group.
  public private(set) var sawAccounted = false

  // The block each CPU took last, and what the sites are whose first object on such a block makes it reclaimable.
  private var lastBlocks: [LastBlock] = []
  // New slabs by where their first object lies.
  private var firstObjects = 0
  private var firstObjectsElsewhere = 0
  private var reclaimableNodes = Set<Int32>()
  private let reclaimableType: UInt8
  // SLOB: by site, all bits of its objects' addresses, and how many objects there were.
  private var addressBits: [SeenAddresses] = []
  /// Whether objects of different caches share pages (SLOB), so that neighbours tell nothing.
  private let sharesPages: Bool
  /// Whether objects' addresses must tell their alignment.
  private let learnsAlignment: Bool
  // Bytes from one object of each kmalloc class to the next; and whether something lies before the first.
  private let kmallocSlots: [UInt64]
  private let hasLeftPadding: Bool

  /// The kmalloc classes of the traced kernel.
  var classes: SizeClasses { classifier.classes }

  /// Prepares a pass; `pageOffset` is the direct map's distance in pages (see `DirectMap`).
  ///
  /// `sharesPages` says that the trace was made by SLOB, whose caches share pages.
  public init(profile: KernelProfile, pageOffset: UInt64?, sharesPages: Bool = false, strings: StringInterner) {
    self.sharesPages = sharesPages
    let hasRedZones = profile.slub.debugFlags.contains(.redZone)
    let hasLeftPadding = !sharesPages && hasRedZones
    self.hasLeftPadding = hasLeftPadding
    learnsAlignment = sharesPages || hasLeftPadding
    reclaimableType = UInt8(
      (0..<8).first {
        MigrateType(
          number: $0, numbering: profile.pageAllocator.numbering, hasContiguous: profile.pageAllocator.hasContiguous)
          == .reclaimable
      } ?? 255)
    pageShift = UInt64(profile.pageSize.trailingZeroBitCount)
    self.pageOffset = pageOffset
    offset = pageOffset ?? 0
    kmallocSlots = Self.kmallocSlots(profile)
    classifier = RequestClassifier(profile: profile, strings: strings)
  }

  private static func kmallocSlots(_ profile: KernelProfile) -> [UInt64] {
    SizeClasses(policy: profile.kmalloc).sizes.map {
      UInt64(SLUBObjectLayout(kmallocClass: $0, profile: profile).slotSize)
    }
  }

  /// Looks at the events of a batch.
  public mutating func consume(_ batch: borrowing EventBatch) {
    for row in 0..<batch.count {
      ordinal &+= 1
      switch batch.kind[row] {
      case .kmalloc, .kmallocNode:
        guard let sizeClass = classifier.classes.index(bytes: batch.requestedBytes[row]) else { continue }
        let variant = classifier.variant(gfp: batch.gfp[row])
        allocated(batch, row, node: -1 - Int32(sizeClass * 8 + variant))
      case .kmemCacheAlloc, .kmemCacheAllocNode:
        let site = evidence.site(
          callSite: batch.callSite[row], requestedBytes: batch.requestedBytes[row],
          allocatedBytes: batch.allocatedBytes[row])
        if batch.name[row] != .none { evidence.observe(site: site, name: batch.name[row]) }
        allocated(batch, row, node: Int32(site))
      case .kfree, .kmemCacheFree:
        freed(batch, row)
      case .mmPageAlloc, .mmPageAllocZoneLocked, .mmPagePCPUDrain:
        if batch.flags[row].contains(.failed) { continue }
        see(frame: batch.address[row], order: Int(batch.order[row]), wasFree: true)
        if batch.kind[row] == .mmPageAlloc { noteBlock(batch, row) }
      case .mmPageFree, .mmPageFreeDirect:
        see(frame: batch.address[row], order: Int(batch.order[row]), wasFree: false)
        forget(page: batch.address[row] &+ offset, order: min(Int(batch.order[row]), 10))
      default: break
      }
    }
  }

  private mutating func allocated(_ batch: borrowing EventBatch, _ row: Int, node: Int32) {
    if batch.flags[row].contains(.failed) { return }
    if batch.flags[row].contains(.accounted) { sawAccounted = true }
    let address = batch.address[row]
    let page = address >> pageShift
    if learnsAlignment, node >= 0 {
      while addressBits.count <= Int(node) { addressBits.append(SeenAddresses(bits: 0, count: 0)) }
      addressBits[Int(node)].bits |= address
      addressBits[Int(node)].count += 1
    }
    objects.insert(address, ObjectFact(node: node, isLive: true, ordinal: ordinal))
    if let fact = pages.value(page) {
      if fact.node != node { observeNeighbours(node, fact.node) }
    } else {
      pages.insert(page, PageFact(node: node, since: ordinal))
      let cpu = Int(batch.cpu[row])
      if cpu < lastBlocks.count { noteFirstObject(address, page, node, lastBlocks[cpu]) }
      if let taking = takenAt.value(page) { noteGrowth(node, taking) }
    }
    if node >= 0 { noteEvent(site: Int(node)) }
    if isOld(page), touch(address) {
      startObjects.append((address, node, batch.cpu[row]))
      oldPages.insert(page, node)
    }
  }

  @inline(__always)
  private mutating func noteEvent(site: Int) {
    while lastOfSite.count <= site { lastOfSite.append(0) }
    lastOfSite[site] = ordinal
  }

  /// The first object is seen on a block.
  private mutating func noteGrowth(_ node: Int32, _ taking: Taking) {
    for page in 0..<Order.pages(Int(taking.order)) { takenAt.remove(taking.head &+ page) }
    if node < 0 || silentGrowths.count >= UnseenAllocations.limit { return }
    let taken = taking.ordinal
    let bytes = evidence.sites[Int(node)].allocatedBytes
    let others = lastOfSite.indices.filter { lastOfSite[$0] > taken && evidence.sites[$0].allocatedBytes == bytes }
    if others.isEmpty { return }
    silentGrowths.append(SilentGrowth(ordinal: taken, node: node, others: others.map { Int32($0) }))
  }

  private mutating func noteBlock(_ batch: borrowing EventBatch, _ row: Int) {
    let cpu = Int(batch.cpu[row])
    while lastBlocks.count <= cpu { lastBlocks.append(LastBlock(page: .max, order: 0, isReclaimable: false)) }
    if !sharesPages, batch.migrateType[row] == 0 || batch.migrateType[row] == reclaimableType {
      // Slabs are no larger, but for objects that are larger themselves.
      let order = UInt8(min(batch.order[row], 3))
      let taking = Taking(ordinal: ordinal, head: batch.address[row] &+ offset, order: order)
      for page in 0..<Order.pages(Int(order)) { takenAt.insert(taking.head &+ page, taking) }
    }
    lastBlocks[cpu] = LastBlock(
      page: batch.address[row] &+ offset, order: UInt8(min(batch.order[row], 10)),
      isReclaimable: batch.migrateType[row] == reclaimableType)
  }

  /// The first object on the block that its CPU took last: the first of a new slab.
  private mutating func noteFirstObject(_ address: UInt64, _ page: UInt64, _ node: Int32, _ block: LastBlock) {
    guard page &- block.page < Order.pages(Int(block.order)) else { return }
    firstObjects += 1
    if address &- (block.page << pageShift) >= slotBytes(node) { firstObjectsElsewhere += 1 }
    if page == block.page, block.isReclaimable { reclaimableNodes.insert(node) }
  }

  /// Whether new slabs hand out their objects in random order (CONFIG_SLAB_FREELIST_RANDOM): the first one is seldom the
  /// one at the start. Some are not either way, where requests without an event came before.
  public var sawRandomFreelists: Bool {
    !sharesPages && firstObjects >= 16 && firstObjectsElsewhere * 2 > firstObjects
  }

  /// The caches whose slabs the kernel took as reclaimable (`SLAB_RECLAIM_ACCOUNT`), as far as slabs were taken.
  func reclaimableCaches() -> Set<CacheEvidence.Identity> {
    sharesPages ? [] : Set(reclaimableNodes.map { identity(node: $0) })
  }

  /// The alignment of each cache's objects in bytes, judged by all their addresses, where caches share pages.
  func alignments() -> [CacheEvidence.Identity: Int] {
    var bits: [CacheEvidence.Identity: SeenAddresses] = [:]
    for (site, seen) in addressBits.enumerated() where seen.count > 0 {
      let known = bits[identity(node: Int32(site))] ?? SeenAddresses(bits: 0, count: 0)
      bits[identity(node: Int32(site))] = SeenAddresses(
        bits: known.bits | seen.bits, count: known.count + seen.count)
    }
    // A few objects may be aligned by chance, to a cache line or more than that.
    return bits.compactMapValues {
      $0.count < 4 ? nil : 1 << min($0.bits.trailingZeroBitCount, $0.count < 24 ? 6 : 12)
    }
  }

  private mutating func observeNeighbours(_ node: Int32, _ other: Int32) {
    if sharesPages { return }
    if node >= 0 {
      evidence.observe(site: Int(node), besides: rawIdentity(other))
    } else if other >= 0 {
      evidence.observe(site: Int(other), besides: rawIdentity(node))
    }
  }

  private func rawIdentity(_ node: Int32) -> CacheEvidence.Identity {
    if node >= 0 { return .site(Int(node)) }
    let packed = Int(-1 - node)
    return .kmalloc(sizeClass: packed / 8, variant: packed % 8)
  }

  private mutating func freed(_ batch: borrowing EventBatch, _ row: Int) {
    let address = batch.address[row]
    if address <= 16 { return }
    let name = batch.name[row]
    if let fact = objects.value(address) {
      if fact.isLive {
        if fact.node >= 0, name != .none { evidence.observe(site: Int(fact.node), name: name) }
      } else {
        noteUnseen(address, after: fact.ordinal)
      }
      if fact.node >= 0 { noteEvent(site: Int(fact.node)) }
      objects.insert(address, ObjectFact(node: fact.node, isLive: false, ordinal: ordinal))
    } else if let fact = pages.value(address >> pageShift) {
      // On a page that appeared in the trace an object can only be freed after it was handed out.
      if !isOld(address >> pageShift) { noteUnseen(address, after: fact.since) }
      objects.insert(address, ObjectFact(node: fact.node, isLive: false, ordinal: ordinal))
    }
    if isOld(address >> pageShift) { _ = touch(address) }
  }

  private mutating func noteUnseen(_ address: UInt64, after: UInt64) {
    if unseen.count < UnseenAllocations.limit {
      unseen.append(UnseenAllocation(address: address, after: after, freedAt: ordinal))
    } else {
      unseenDropped += 1
    }
  }

  /// Forgets the objects of a block that was given back.
  private mutating func forget(page first: UInt64, order: Int) {
    takenAt.remove(first)
    guard let fact = pages.value(first) else {
      for page in 0..<Order.pages(order) { pages.remove(first &+ page) }
      return
    }
    let slot = slotBytes(fact.node)
    let end = (first &+ Order.pages(order)) << pageShift
    var address = first << pageShift
    while slot > 0, address < end {
      objects.remove(address)
      address &+= hasLeftPadding ? 8 : slot
    }
    for page in 0..<Order.pages(order) { pages.remove(first &+ page) }
  }

  /// Bytes from one object of a node to the next.
  private func slotBytes(_ node: Int32) -> UInt64 {
    node >= 0 ? evidence.sites[Int(node)].allocatedBytes : kmallocSlots[Int(-1 - node) / 8]
  }

  private mutating func see(frame: UInt64, order: Int, wasFree: Bool) {
    if frame >= Self.frameLimit { return }
    var frame = frame
    let end = frame + Order.pages(min(order, 10))
    while frame < end {
      let bit = frame & 63
      let count = min(64 - bit, end - frame)
      let mask = (count == 64 ? .max : (UInt64(1) << count) - 1) << bit
      var bits = framesSeen.value(frame >> 6) ?? FrameBits(seen: 0, freeAtStart: 0)
      let new = mask & ~bits.seen
      if new != 0 {
        bits.seen |= new
        if wasFree { bits.freeAtStart |= new }
        framesSeen.insert(frame >> 6, bits)
      }
      frame += count
    }
  }

  private func isOld(_ page: UInt64) -> Bool {
    let frame = page &- offset
    guard let bits = framesSeen.value(frame >> 6) else { return true }
    return bits.seen & (1 << (frame & 63)) == 0
  }

  /// The frames that were free when the trace began, as far as it shows: the first thing that happened to them was that
  /// somebody took them.
  func framesFreeAtStart() -> [Range<PageFrame>] {
    var ranges: [Range<PageFrame>] = []
    for key in framesSeen.sortedKeys() {
      var bits = framesSeen.value(key)?.freeAtStart ?? 0
      while bits != 0 {
        let first = UInt64(bits.trailingZeroBitCount)
        let run = UInt64((~(bits >> first)).trailingZeroBitCount)
        let start = PageFrame(key << 6 + first)
        if let last = ranges.last, last.upperBound == start {
          ranges[ranges.count - 1] = last.lowerBound..<(start + run)
        } else {
          ranges.append(start..<(start + run))
        }
        bits &= first + run >= 64 ? 0 : UInt64.max << (first + run)
      }
    }
    return ranges
  }

  /// Marks an object as seen; returns whether it was new.
  private mutating func touch(_ address: UInt64) -> Bool {
    let bit = UInt64(1) << ((address >> 3) & 63)
    let word = touched.value(address >> 9) ?? 0
    if word & bit != 0 { return false }
    touched.insert(address >> 9, word | bit)
    return true
  }

  /// Ends the pass: works out the caches.
  public mutating func finish() {
    let classifier = classifier
    unseen.sort { ($0.address, $0.freedAt) < ($1.address, $1.freedAt) }
    // What only this pass needs makes room for the next.
    takenAt = AddressTable(filler: Taking(ordinal: 0, head: 0, order: 0))
    lastOfSite = []
    pages = AddressTable(filler: PageFact(node: 0, since: 0))
    objects = AddressTable(filler: ObjectFact(node: 0, isLive: false, ordinal: 0))
    evidence.resolve { classifier.kmallocIdentity(named: $0) }
    var kept: [SilentGrowth] = []
    for growth in silentGrowths {
      let cache = identity(node: growth.node)
      var isSilent = false
      for other in growth.others where identity(node: other) == cache { isSilent = true }
      if isSilent { kept.append(growth) }
    }
    silentGrowths = kept
    silentGrowths.sort { $0.ordinal < $1.ordinal }
  }

  /// The cache of a node, after `finish`.
  func identity(node: Int32) -> CacheEvidence.Identity {
    node >= 0 ? evidence.identity(site: Int(node)) : rawIdentity(node)
  }

  /// What a page from before the trace holds, if an allocation on it was seen.
  func identity(oldPage page: UInt64) -> CacheEvidence.Identity? {
    oldPages.value(page).map { identity(node: $0) }
  }
}
