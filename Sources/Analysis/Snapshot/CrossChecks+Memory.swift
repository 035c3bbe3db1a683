public import ProcSnapshots

extension CrossChecks {
  public init(_ snapshot: Snapshot, _ machine: SnapshotMachine) {
    let snapshot = snapshot.withoutDamagedFiles
    compareFreeMemory(snapshot, machine)
    compareSlab(snapshot, machine)
    compareSums(snapshot, machine)
    compareOthers(snapshot, machine)
    recompute(snapshot, machine)
  }

  private mutating func compareSlab(_ snapshot: Snapshot, _ machine: SnapshotMachine) {
    guard let slab = kilobytes(snapshot, "Slab") else { return }
    if let slabInfo = snapshot.slabInfo {
      let pages = slabInfo.caches.reduce(0) { $0 &+ Int(clamping: $1.slabs.multipliedOrMax($1.pagesPerSlab)) }
      add(
        CrossCheck(
          "Slab is what slabinfo's slabs hold", expected: pages &* machine.pageKilobytes, found: slab, .kilobytes
        ) { difference in
          difference > 0 && difference <= slab / 2
            ? "Slab also counts large kmallocs (over two pages), which are in no cache: the rest should be those"
            : CrossCheck.betweenReads(difference, of: slab)
        })
    }
    if let flags = snapshot.pageFlags, snapshot.slabInfo != nil {
      // Only the first page of a slab has the flag before the others are found through it: kpageflags resolves that.
      let found = flags.count(.slab) * machine.pageKilobytes
      add(
        CrossCheck("kpageflags marks as slab what Slab counts", expected: slab, found: found, .kilobytes) {
          difference in
          difference < 0 && difference > -(1 << 60) && -difference <= slab / 2
            ? "large kmallocs count in Slab, but their pages carry no slab flag"
            : CrossCheck.betweenReads(difference, of: slab)
        })
    }
  }

  private mutating func compareSums(_ snapshot: Snapshot, _ machine: SnapshotMachine) {
    func sum(_ name: String, of parts: [String]) {
      guard let found = kilobytes(snapshot, name) else { return }
      let values = parts.compactMap { kilobytes(snapshot, $0) }
      if values.count < parts.count { return }
      add(
        CrossCheck("meminfo's parts add up", name, expected: values.reduce(0, &+), found: found, .kilobytes))
    }
    sum("Slab", of: ["SReclaimable", "SUnreclaim"])
    sum("Active", of: ["Active(anon)", "Active(file)"])
    sum("Inactive", of: ["Inactive(anon)", "Inactive(file)"])

    let pairs = [
      ("nr_free_pages", "MemFree"), ("nr_slab_reclaimable", "SReclaimable"), ("nr_slab_unreclaimable", "SUnreclaim"),
      ("nr_anon_pages", "AnonPages"), ("nr_mapped", "Mapped"), ("nr_shmem", "Shmem"), ("nr_dirty", "Dirty"),
      ("nr_page_table_pages", "PageTables"),
    ]
    for (counter, name) in pairs {
      guard let pages = snapshot.vmStat?[counter], pages < SnapshotMachine.countLimit,
        let found = kilobytes(snapshot, name)
      else { continue }
      add(
        CrossCheck(
          "meminfo and vmstat say the same", "\(name), \(counter)", expected: Int(pages) * machine.pageKilobytes,
          found: found, .kilobytes
        ) { CrossCheck.betweenReads($0, of: found, limit: 2048) })
    }
  }

  private mutating func compareOthers(_ snapshot: Snapshot, _ machine: SnapshotMachine) {
    // Before 5.4 the number was 0.
    if let areas = snapshot.vmallocInfo?.areas, let found = kilobytes(snapshot, "VmallocUsed"), found > 0 {
      let pages = areas.reduce(0) { $0 &+ Int(clamping: $1.pages ?? 0) }
      add(
        CrossCheck(
          "VmallocUsed is the pages in vmallocinfo", expected: pages &* machine.pageKilobytes, found: found, .kilobytes
        ) { CrossCheck.betweenReads($0, of: found) })
    }
    if let swaps = snapshot.swaps, let total = kilobytes(snapshot, "SwapTotal") {
      let size = swaps.areas.reduce(0) { $0 &+ Int(clamping: $1.sizeKilobytes) }
      add(CrossCheck("SwapTotal is the swap areas' size", expected: size, found: total, .kilobytes))
    }
    if let memory = snapshot.ioMemory, !memory.isHidden, let zoneInfo = snapshot.zoneInfo {
      let page = UInt64(machine.pageSize)
      let pages = memory.regions.filter { $0.name == "System RAM" }.reduce(0) { sum, region in
        // Only whole pages inside a region are memory.
        let first = (region.start.value &+ page &- 1) / page
        let end = (region.end.value &+ 1) / page
        return sum &+ Int(clamping: end > first ? end - first : 0)
      }
      let present = zoneInfo.zones.reduce(0) { $0 &+ ($1["present"] ?? 0) }
      add(
        CrossCheck("the zones' present pages are iomem's System RAM", expected: pages, found: present, .pages) {
          difference in
          difference < 0 && difference > -(1 << 60) && -difference <= pages / 20
            ? "the firmware or the kernel kept some of it out of the zones" : nil
        })
    }
    if let smaps = snapshot.smaps, let status = snapshot.status, let resident = status.kilobytes("VmRSS") {
      let sum = Int(clamping: smaps.total("Rss"))
      add(
        CrossCheck(
          "a process's VmRSS is its mappings' Rss", expected: sum, found: Int(clamping: resident), .kilobytes
        ) { difference in
          CrossCheck.betweenReads(difference, of: sum).map { _ in
            "counters of a process lag behind by up to 64 pages a thread"
          }
        })
    }
  }
}

extension UInt64 {
  fileprivate func multipliedOrMax(_ other: UInt64) -> UInt64 {
    let (product, isTooLarge) = multipliedReportingOverflow(by: other)
    return isTooLarge ? SnapshotMachine.countLimit : Swift.min(product, SnapshotMachine.countLimit)
  }
}
