import KernelTypes
import MemoryModels
import ProcSnapshots

/// Limits that the kernel computes from others, computed again.
extension CrossChecks {
  /// Watermarks, lowmem_reserve, CommitLimit, MemAvailable, min_free_kbytes.
  mutating func recompute(_ snapshot: Snapshot, _ machine: SnapshotMachine) {
    let zones = snapshot.zoneInfo?.zones ?? []
    if let settings = snapshot.sysctlVM, !zones.isEmpty {
      recomputeLimits(zones, settings, machine)
      recomputeMinimum(zones, settings, machine)
    }
    recomputeCommitLimit(snapshot, machine)
    recomputeAvailable(zones, snapshot, machine)
  }

  private mutating func recomputeLimits(
    _ zones: [ZoneInfo.Zone], _ settings: SysctlVM, _ machine: SnapshotMachine
  ) {
    let now = ZoneLimits(zones, settings, machine)
    let limits = now.all
    var earlier: (zone: ZoneID, pages: Int)?
    for rule in [ZoneLimits.reserveRule, ZoneLimits.markRule] {
      let own = limits.filter { $0.rule == rule }
      // Marks and reserves are usually computed together, and reserves tell the moment better.
      let atBoot = own.contains { $0.expected != $0.found } ? now.bootDifference(rule, trying: earlier) : nil
      earlier = atBoot
      for limit in own {
        add(
          CrossCheck(rule, limit.subject, expected: limit.expected, found: limit.found, .pages) { _ in
            atBoot.map {
              "computed at boot, when \($0.zone) managed at least \($0.pages) pages fewer (initrd and start-up code were "
                + "handed over later); with those, all these numbers follow exactly"
            }
          })
      }
    }
  }

  private mutating func recomputeMinimum(
    _ zones: [ZoneInfo.Zone], _ settings: SysctlVM, _ machine: SnapshotMachine
  ) {
    guard let found = settings.number("min_free_kbytes"), (0..<(1 << 30)).contains(found) else { return }
    if zones.contains(where: { ($0["managed"] ?? 0).magnitude >= 1 << 32 }) || zones.count >= 1 << 12 { return }
    let low = zones.filter { !["HighMem", "Movable"].contains($0.id.zone) }
    let policy = ZoneLimits.policy(settings, machine)
    let pages = low.reduce(0) { $0 &+ ($1["managed"] ?? 0) }
    let computed = Watermarks.minimumFreeKilobytes(
      lowMemoryKilobytes: pages &* machine.pageKilobytes, policy: policy)
    let huge =
      Watermarks.recommendedPages(
        zones: low.count { ($0["managed"] ?? 0) > 0 }, lowMemoryPages: pages, policy: policy) * machine.pageKilobytes
    add(
      CrossCheck(
        "min_free_kbytes is the square root of 16 times low memory", expected: computed, found: found, .kilobytes
      ) { difference in
        if found == huge { return "khugepaged asks for more: 11 pageblocks a zone" }
        let then = (found * found + 15) / 16
        if difference < 0, difference > -computed / 10 {
          return "computed at boot, when only about \(then) kB of low memory had been handed over"
        }
        return nil
      })
  }

  private mutating func recomputeCommitLimit(_ snapshot: Snapshot, _ machine: SnapshotMachine) {
    guard let settings = snapshot.sysctlVM, let total = kilobytes(snapshot, "MemTotal"),
      let found = kilobytes(snapshot, "CommitLimit"), let swap = kilobytes(snapshot, "SwapTotal"),
      let ratio = settings.number("overcommit_ratio"), (0..<10_000).contains(ratio)
    else { return }
    let huge =
      kilobytes(snapshot, "Hugetlb")
      ?? (kilobytes(snapshot, "HugePages_Total") ?? 0) &* (kilobytes(snapshot, "Hugepagesize") ?? 0)
    let page = machine.pageKilobytes
    let fixed = min(settings.number("overcommit_kbytes") ?? 0, 1 << 50)
    let allowed = fixed > 0 ? fixed / page : (total &- huge) / page &* ratio / 100
    add(
      CrossCheck(
        "CommitLimit follows from overcommit_ratio (or overcommit_kbytes) and swap",
        expected: (allowed &+ swap / page) &* page, found: found, .kilobytes))
  }

  /// Follows `si_mem_available` in mm/page_alloc.c, Linux 6.1.
  private mutating func recomputeAvailable(
    _ zones: [ZoneInfo.Zone], _ snapshot: Snapshot, _ machine: SnapshotMachine
  ) {
    guard !zones.isEmpty, let found = kilobytes(snapshot, "MemAvailable"), let free = kilobytes(snapshot, "MemFree"),
      let active = kilobytes(snapshot, "Active(file)"), let inactive = kilobytes(snapshot, "Inactive(file)"),
      let reclaimable = kilobytes(snapshot, "KReclaimable") ?? kilobytes(snapshot, "SReclaimable")
    else { return }
    var lowMarks = 0
    var reserve = 0
    for zone in zones {
      lowMarks += zone["low"] ?? 0
      // The reserve was added up while no mark was boosted.
      let kept = (zone.protection?.max() ?? 0) + (zone["high"] ?? 0) - (zone["boost"] ?? 0)
      reserve += min(zone["managed"] ?? kept, kept)
    }
    let page = machine.pageKilobytes
    let file = (active + inactive) / page
    let slab = reclaimable / page
    let pages = free / page - reserve + file - min(file / 2, lowMarks) + slab - min(slab / 2, lowMarks)
    add(
      CrossCheck(
        "MemAvailable is what could be freed above the marks", expected: max(pages, 0) * page, found: found, .kilobytes
      ) { CrossCheck.betweenReads($0, of: found) })
  }
}
