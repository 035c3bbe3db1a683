import KernelTypes
public import ProcSnapshots

/// What a snapshot's numbers mean for the next request, in sentences.
///
/// A request here is an ordinary one of the kernel (`GFP_KERNEL`: no reserves, not movable) that has run out of other
/// ways: it is held against the min mark. Follows `__zone_watermark_ok` in mm/page_alloc.c and `compaction_suitable` in
/// mm/compaction.c, Linux 6.1.
public struct SnapshotAdvice: Sendable {
  /// What would happen to a request of an order in a zone.
  public enum Outcome: Hashable, Sendable {
    case served
    /// There is no block of the order, though there are free pages enough.
    case fragmented
    /// Too little is free above the mark.
    case lacksMemory
  }

  /// Outcomes of a zone, from order 0.
  public struct Zone: Sendable {
    public var id: ZoneID
    public var outcomes: [Outcome]
  }

  public private(set) var zones: [Zone] = []
  public private(set) var sentences: [String] = []

  public init(_ snapshot: Snapshot, zones all: [ZoneFragmentation]) {
    for zone in all { addZone(zone, all, snapshot) }
    addMixedBlocks(snapshot)
    addCapped(all)
  }

  private mutating func addZone(_ zone: ZoneFragmentation, _ all: [ZoneFragmentation], _ snapshot: Snapshot) {
    let info = snapshot.zoneInfo?.zones.first { $0.id == zone.id }
    // What a request that could be served from Normal must leave for those that could not.
    let own = snapshot.zoneInfo?.zones.filter { $0.id.node == zone.id.node }.map(\.id.zone) ?? []
    let normal = own.firstIndex(of: "Normal") ?? own.firstIndex(of: zone.id.zone)
    let protection = info?.protection ?? []
    let reserve = normal.flatMap { protection.indices.contains($0) ? protection[$0] : nil } ?? 0
    let usable = zone.ordinary ?? zone.index
    let free = Int(clamping: zone.index.freePages)
    let high = Int(clamping: zone.index.freePages - min(usable.freePages, zone.index.freePages))
    let mark = (zone.marks?.minimum ?? 0) + reserve
    var outcomes: [Outcome] = []
    for order in zone.orders {
      let left = free - (1 << order - 1) - high
      if left <= mark {
        outcomes.append(.lacksMemory)
      } else {
        outcomes.append(order == 0 || usable.suitableBlocks(order: order) > 0 ? .served : .fragmented)
      }
    }
    zones.append(Zone(id: zone.id, outcomes: outcomes))
    describe(zone, outcomes, mark: mark, reserve: reserve, snapshot)
  }

  private mutating func describe(
    _ zone: ZoneFragmentation, _ outcomes: [Outcome], mark: Int, reserve: Int, _ snapshot: Snapshot
  ) {
    func orders(_ outcome: Outcome) -> [Int] { outcomes.indices.filter { outcomes[$0] == outcome } }
    let name = "\(zone.id)"
    let served = orders(.served)
    if served.count == outcomes.count {
      sentences.append("\(name): a request of any order would be served.")
    } else if let last = served.last {
      sentences.append("\(name): requests up to order \(last) would be served.")
    }
    let threshold = snapshot.sysctlVM?.number("extfrag_threshold") ?? 500
    for order in orders(.fragmented) {
      let index = zone.index.fragmentationIndex(order: order)
      var text = "\(name): order \(order) would fail by fragmentation: \(zone.index.freePages) pages are free, but "
      if index == FragmentationIndex.wouldSucceed {
        text += "the only blocks so large are set aside (HighAtomic or isolated)."
      } else {
        text +=
          "none of the blocks is so large (index \(Self.decimal(index)), extfrag_threshold \(Self.decimal(threshold)): "
        // Below costly orders, and for indices outside of 0 to the threshold, compaction is tried anyway.
        let isTried = order <= 3 || index < 0 || index > threshold
        text += isTried ? "compaction can help)." : "counted as lack of memory; reclaim comes first, not compaction)."
      }
      sentences.append(text)
    }
    let lacking = orders(.lacksMemory)
    if let first = lacking.first {
      let which = lacking.count == 1 ? "order \(first)" : "orders \(first) to \(lacking.last ?? first)"
      var text = "\(name): \(which) would fail for lack of memory: \(zone.index.freePages) pages are free, "
      text += "and \(mark) must stay (min \(mark - reserve)"
      text += reserve > 0 ? ", \(reserve) reserved from requests that Normal could serve)." : ")."
      sentences.append(text)
    }
    if let marks = zone.marks {
      let free = Int(clamping: zone.index.freePages)
      if free < marks.low, free > 0 {
        sentences.append(
          "\(name): \(free) free pages are below the low mark (\(marks.low)): kswapd is at work, or about to be.")
      }
      if marks.boost > 0 {
        sentences.append(
          "\(name): its marks are raised by \(marks.boost) pages: types were mixed not long ago, and kswapd makes room."
        )
      }
    }
  }

  private mutating func addCapped(_ zones: [ZoneFragmentation]) {
    for zone in zones where zone.types.contains(where: { $0.freeBlocks.contains(where: \.isCapped) }) {
      sentences.append(
        "\(zone.id): pagetypeinfo stopped counting at 100,000 blocks (printed as >100000); buddyinfo has the whole number."
      )
    }
  }

  /// Which migrate type's pageblocks hold pages of other types.
  private mutating func addMixedBlocks(_ snapshot: Snapshot) {
    if let table = snapshot.pageTypeInfo?.mixedBlocks {
      for row in table.rows {
        let counts = zip(table.types, row.blocks).filter { $0.1 > 0 }
        if counts.isEmpty { continue }
        sentences.append(
          "\(row.id): \(counts.map { "\($0.1) \($0.0)" }.joined(separator: ", ")) pageblocks hold pages of other types "
            + "(counted by page_owner).")
      }
      if table.rows.allSatisfy({ $0.blocks.allSatisfy { $0 == 0 } }) {
        sentences.append("No pageblock holds pages of another type than its own (counted by page_owner).")
      }
    }
    if let owner = snapshot.pageOwner { addMixedBlocks(owner) }
    if snapshot.pageOwner == nil, snapshot.pageTypeInfo?.mixedBlocks == nil, let flags = snapshot.pageFlags,
      let pageTypeInfo = snapshot.pageTypeInfo, pageTypeInfo.pagesPerBlock > 0, pageTypeInfo.pagesPerBlock < 1 << 20
    {
      addMixedBlocks(flags, Int(pageTypeInfo.pagesPerBlock))
    }
  }

  private mutating func addMixedBlocks(_ owner: PageOwner) {
    var mixed: [UInt64: (block: String, others: Set<String>)] = [:]
    for record in owner.records where record.type != record.blockType {
      mixed[record.block, default: (record.blockType, [])].others.insert(record.type)
    }
    if mixed.isEmpty { return }
    var byType: [String: Int] = [:]
    for block in mixed.values {
      byType["\(block.block) with \(block.others.sorted().joined(separator: " and ")) pages", default: 0] += 1
    }
    let list = byType.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }
    sentences.append("By page_owner's records, mixed pageblocks are: \(list.joined(separator: ", ")).")
  }

  /// Pages on LRU lists can be moved; slabs and page tables can't. Which type a block has, flags don't tell.
  private mutating func addMixedBlocks(_ flags: KPageFlags, _ size: Int) {
    var mixed = 0
    var used = 0
    let fixed: KPageFlags.Flags = [.slab, .pageTable]
    for start in stride(from: 0, to: flags.pages.words.count, by: size) {
      var hasMovable = false
      var hasFixed = false
      for frame in start..<min(start + size, flags.pages.words.count) {
        let page = flags.flags(of: frame)
        if page.contains(.lru) { hasMovable = true }
        if !page.isDisjoint(with: fixed) { hasFixed = true }
      }
      if hasMovable || hasFixed { used += 1 }
      if hasMovable, hasFixed { mixed += 1 }
    }
    if used == 0 { return }
    sentences.append(
      "By kpageflags, \(mixed) of \(used) pageblocks in use hold both movable pages (on LRU lists) and fixed ones (slabs, page "
        + "tables); page_owner=on would tell which types those blocks have.")
  }

  /// Thousandths as `0.813`.
  static func decimal(_ thousandths: Int) -> String {
    FragmentationIndexFile.text(thousandths, wholeWidth: 1)
  }
}
