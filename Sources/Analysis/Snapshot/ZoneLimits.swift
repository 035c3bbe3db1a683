import KernelTypes
import MemoryModels
import ProcSnapshots

/// The watermarks and reserves of all zones, by formula and as printed.
///
/// Follows `__setup_per_zone_wmarks` and `setup_per_zone_lowmem_reserve` in mm/page_alloc.c, Linux 6.1.
struct ZoneLimits {
  /// A number that follows from others.
  struct Limit {
    var rule: String
    var subject: String
    /// Pages.
    var expected: Int
    var found: Int
  }

  static let markRule = "watermarks follow from min_free_kbytes and watermark_scale_factor"
  static let reserveRule = "lowmem_reserve follows from lowmem_reserve_ratio"

  private let zones: [ZoneInfo.Zone]
  private let settings: SysctlVM
  private let machine: SnapshotMachine
  private let policy: PageAllocatorPolicy
  /// Managed pages by zone.
  private var managed: [Int]
  private let ratios: [Int]
  private let protections: [[Int]]
  /// The marks as they are printed, looked up once.
  private let printed: [(minimum: Int?, low: Int?, high: Int?, boost: Int)]

  init(_ zones: [ZoneInfo.Zone], _ settings: SysctlVM, _ machine: SnapshotMachine) {
    self.zones = zones
    self.settings = settings
    self.machine = machine
    policy = Self.policy(settings, machine)
    managed = zones.map { $0["managed"] ?? 0 }
    protections = zones.map { $0.protection ?? [] }
    ratios = settings.numbers("lowmem_reserve_ratio") ?? []
    printed = zones.map { ($0["min"], $0["low"], $0["high"], $0["boost"] ?? 0) }
  }

  static func policy(_ settings: SysctlVM, _ machine: SnapshotMachine) -> PageAllocatorPolicy {
    var policy = PageAllocatorPolicy(
      kernel: machine.formulaKernel, architecture: .x86_64, pageSize: machine.pageSize)
    policy.watermarkScaleFactor = settings.number("watermark_scale_factor") ?? policy.watermarkScaleFactor
    return policy
  }

  private func isHighMemory(_ zone: ZoneInfo.Zone) -> Bool {
    zone.id.zone == "HighMem" || zone.id.zone == "Movable" && machine.formulaKernel >= KernelVersion(6, 12)
  }

  /// Nothing if the numbers are beyond any machine: the formulas' products must fit.
  var all: [Limit] {
    managed.allSatisfy { (0..<(1 << 32)).contains($0) } && zones.count < 1 << 12 ? marks + reserves : []
  }

  private var marks: [Limit] {
    guard let minimum = settings.number("min_free_kbytes"), (0..<(1 << 30)).contains(minimum) else { return [] }
    let lowMemory = zip(zones, managed).reduce(0) { $0 + (isHighMemory($1.0) ? 0 : $1.1) }
    return zip(zones, managed).flatMap { zone, pages in
      let marks = Watermarks(
        managedPages: pages, lowMemoryPages: lowMemory, minimumPages: minimum / machine.pageKilobytes,
        isHighMemory: isHighMemory(zone), policy: policy)
      // The kernel adds the boost to each mark when it prints them (5.4 and later).
      let boost = zone["boost"] ?? 0
      let all = [
        ("min", marks.minimum), ("low", marks.low), ("high", marks.high), ("promo", 2 * marks.high - marks.low),
      ]
      return all.compactMap { name, value in
        zone[name].map {
          Limit(rule: Self.markRule, subject: "\(zone.id), \(name)", expected: value + boost, found: $0)
        }
      }
    }
  }

  private var reserves: [Limit] {
    var limits: [Limit] = []
    forEachReserve { zone, higher, expected, found in
      limits.append(
        Limit(
          rule: Self.reserveRule, subject: "\(zones[zone].id) against \(zones[higher].id.zone)", expected: expected,
          found: found))
      return true
    }
    return limits
  }

  /// Calls `body` with the indices of a zone and a higher one, and the reserve by formula and as printed, as long as it
  /// returns `true`.
  private func forEachReserve(_ body: (_ zone: Int, _ higher: Int, _ expected: Int, _ found: Int) -> Bool) {
    var first = 0
    while first < zones.count {
      // Zones of a node are printed together.
      var end = first
      while end < zones.count, zones[end].id.node == zones[first].id.node { end += 1 }
      for zone in first..<end where protections[zone].count == end - first && ratios.indices.contains(zone - first) {
        let ratio = ratios[zone - first]
        var above = 0
        for higher in first..<end {
          if higher > zone { above += managed[higher] }
          let isOff = ratio < 1 || managed[zone] == 0
          if !body(zone, higher, isOff ? 0 : above / ratio, protections[zone][higher - first]) { return }
        }
      }
      first = end
    }
  }

  /// The least number of pages that a zone had fewer when these limits were computed, so that they all follow.
  ///
  /// Limits are computed before the kernel gives back the initrd and its own start-up code. Reserves are computed again
  /// whenever `lowmem_reserve_ratio` is written or only read, marks when `min_free_kbytes` is written.
  func bootDifference(_ rule: String, trying earlier: (zone: ZoneID, pages: Int)?) -> (zone: ZoneID, pages: Int)? {
    if let earlier, let index = zones.firstIndex(where: { $0.id == earlier.zone }) {
      var then = self
      then.managed[index] -= earlier.pages
      if then.matches(rule) { return earlier }
    }
    for (index, zone) in zones.enumerated() where managed[index] > 0 {
      for pages in 1..<max(min(managed[index] / 2, Self.largestStart), 2) {
        var then = self
        then.managed[index] -= pages
        if then.matches(rule) { return (zone.id, pages) }
      }
    }
    return nil
  }

  /// Pages of the largest initrd and start-up code that is looked for: 512 MiB of them.
  private static let largestStart = 1 << 17

  private func matches(_ rule: String) -> Bool { rule == Self.markRule ? marksMatch : reservesMatch }

  private var marksMatch: Bool {
    let minimum = (settings.number("min_free_kbytes") ?? 0) / machine.pageKilobytes
    var lowMemory = 0
    for (zone, pages) in zip(zones, managed) where !isHighMemory(zone) { lowMemory += pages }
    return zones.indices.allSatisfy { index in
      guard let found = printed[index].minimum else { return true }
      let marks = Watermarks(
        managedPages: managed[index], lowMemoryPages: lowMemory, minimumPages: minimum,
        isHighMemory: isHighMemory(zones[index]), policy: policy)
      let boost = printed[index].boost
      return marks.minimum + boost == found && marks.low + boost == printed[index].low
        && marks.high + boost == printed[index].high
    }
  }

  private var reservesMatch: Bool {
    var isMatch = true
    forEachReserve { _, _, expected, found in
      isMatch = expected == found
      return isMatch
    }
    return isMatch
  }
}
