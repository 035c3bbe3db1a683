import ProcSnapshots

extension CrossChecks {
  /// Free memory as buddyinfo, pagetypeinfo, zoneinfo, meminfo, vmstat and kpageflags count it.
  mutating func compareFreeMemory(_ snapshot: Snapshot, _ machine: SnapshotMachine) {
    for zone in snapshot.buddyInfo?.zones ?? [] {
      compareTypes(zone, snapshot.pageTypeInfo)
      compareZoneInfo(zone, snapshot.zoneInfo)
    }
    compareBlocks(snapshot)
    let zones = snapshot.zoneInfo?.zones ?? []
    if !zones.isEmpty, let free = kilobytes(snapshot, "MemFree") {
      let pages = zones.reduce(0) { $0 &+ ($1["nr_free_pages"] ?? 0) }
      add(
        CrossCheck(
          "MemFree is the zones' nr_free_pages", expected: pages &* machine.pageKilobytes, found: free, .kilobytes
        ) { CrossCheck.betweenReads($0, of: free) })
    }
    if !zones.isEmpty, let total = kilobytes(snapshot, "MemTotal") {
      let pages = zones.reduce(0) { $0 &+ ($1["managed"] ?? 0) }
      add(
        CrossCheck(
          "MemTotal is the zones' managed pages", expected: pages &* machine.pageKilobytes, found: total, .kilobytes))
    }
    if let flags = snapshot.pageFlags, let buddyInfo = snapshot.buddyInfo {
      let pages = buddyInfo.zones.reduce(0) { sum, zone in
        sum &+ zone.freeBlocks.enumerated().reduce(0) { $0 &+ Int($1.element) << $1.offset }
      }
      add(
        CrossCheck(
          "kpageflags marks as free what buddyinfo counts", expected: pages, found: flags.count(.buddy), .pages
        ) {
          if flags.pages.words.count < pages {
            return "kpageflags holds only \(flags.pages.words.count) frames, fewer than are free"
          }
          return CrossCheck.betweenReads($0, of: pages)
        })
    }
  }

  private mutating func compareTypes(_ zone: BuddyInfo.Zone, _ pageTypeInfo: PageTypeInfo?) {
    let lists = pageTypeInfo?.freeLists.filter { $0.id == zone.id } ?? []
    if lists.isEmpty { return }
    for (order, blocks) in zone.freeBlocks.enumerated() {
      let counts = lists.compactMap { $0.freeBlocks.indices.contains(order) ? $0.freeBlocks[order] : nil }
      let isCapped = counts.contains(where: \.isCapped)
      add(
        CrossCheck(
          "pagetypeinfo's free blocks add up to buddyinfo's", "\(zone.id), order \(order)", expected: Int(blocks),
          found: counts.reduce(0) { $0 &+ Int($1.blocks) }, .blocks
        ) { difference in
          if isCapped, difference < 0 { return "pagetypeinfo stops counting a list at 100,000 blocks" }
          // A block or two of any size is cut up by one small request.
          if difference.magnitude <= 2 { return CrossCheck.betweenReads(0, of: 0) }
          return CrossCheck.betweenReads(difference << order, of: Int(blocks) << order)
        })
    }
  }

  private mutating func compareZoneInfo(_ zone: BuddyInfo.Zone, _ zoneInfo: ZoneInfo?) {
    guard let info = zoneInfo?.zones.first(where: { $0.id == zone.id }), let free = info["nr_free_pages"] else {
      return
    }
    let pages = zone.freeBlocks.enumerated().reduce(0) { $0 &+ Int($1.element) << $1.offset }
    let remainder = (info["vm stats threshold"] ?? 0) * info.pageSets.count
    add(
      CrossCheck(
        "nr_free_pages is what buddyinfo's blocks hold", zone.id.description, expected: pages, found: free, .pages
      ) { difference in
        if difference.magnitude <= remainder {
          return "each CPU keeps a few pages of the counter to itself (together up to \(remainder))"
        }
        return CrossCheck.betweenReads(difference, of: pages)
      })
  }

  private mutating func compareBlocks(_ snapshot: Snapshot) {
    guard let pageTypeInfo = snapshot.pageTypeInfo, (1..<(1 << 24)).contains(pageTypeInfo.pagesPerBlock) else { return }
    for row in pageTypeInfo.blocks?.rows ?? [] {
      guard let info = snapshot.zoneInfo?.zones.first(where: { $0.id == row.id }), let spanned = info["spanned"],
        let present = info["present"]
      else { continue }
      let size = Int(clamping: pageTypeInfo.pagesPerBlock)
      add(
        CrossCheck(
          "pagetypeinfo's pageblocks cover the zone", row.id.description, expected: (spanned + size - 1) / size,
          found: row.blocks.reduce(0) { $0 &+ Int($1) }, .blocks
        ) { difference in
          difference < 0 && difference.magnitude < 1 << 32 && -difference * size <= spanned - present + size
            ? "the zone has holes without memory" : nil
        })
    }
  }

  func kilobytes(_ snapshot: Snapshot, _ name: String) -> Int? {
    snapshot.memInfo?[name].flatMap { $0 < SnapshotMachine.countLimit ? Int($0) : nil }
  }
}
