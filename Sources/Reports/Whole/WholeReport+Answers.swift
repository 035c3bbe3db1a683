import Analysis
import KernelTypes
import ProcSnapshots
import Replay

extension WholeReport {
  /// The first screen: how much is wasted, where, which allocator would waste least, is memory fragmented.
  var answers: [ReportAnswer] {
    [
      wasteAnswer, placeAnswer, pageAnswer, allocatorAnswer,
      fragmentationAnswer ?? snapshotAnswer ?? unknownFragmentation,
    ].compactMap { $0 }
  }

  private var wasteAnswer: ReportAnswer? {
    guard let live = callSites?.live else { return nil }
    guard let own, own.outcome.end.modelled.slabPages > 0 else {
      return ReportAnswer(
        question: "How much is wasted?", value: Units.bytes(live.wastedBytes),
        sentence: "\(Units.percent(live.wastedPercent)) of the \(Units.bytes(live.allocatedBytes)) live at the end was "
          + "given beyond what was asked for.",
        provenance: .observed, section: "waste")
    }
    let figures = own.outcome.end.modelled
    let wasted = own.footprintWastedBytes(figures)
    let parts: [(String, Int64)] = [
      ("larger than asked for", figures.live.wastedBytes),
      ("free slots", Int64(clamping: figures.freeSlotBytes)),
      ("padding", Int64(clamping: figures.paddingBytes &+ figures.managementBytes)),
    ]
    return ReportAnswer(
      question: "How much is wasted?", value: Units.bytes(wasted),
      sentence:
        "\(Units.percent(own.footprintWastedPercent(figures))) of the \(Units.bytes(own.slabBytes(figures))) that "
        + "\(name(own)) holds at the end, for \(Units.bytes(figures.live.requestedBytes)) requested.",
      provenance: .modelled,
      evidence: parts.map { part in
        (name: part.0, value: Units.bytes(part.1), share: wasted > 0 ? Double(part.1) / Double(wasted) : 0)
      }, section: "allocators")
  }

  private var placeAnswer: ReportAnswer? { cacheAnswer ?? siteAnswer }

  /// Where all waste is, object waste and what slabs hold beyond objects: the cache that has most of it.
  private var cacheAnswer: ReportAnswer? {
    guard let own, own.outcome.end.modelled.slabPages > 0 else { return nil }
    let caches = own.outcome.caches.map { ($0.name, Self.wastedBytes($0)) }.filter { $0.1 > 0 }
      .sorted { ($1.1, $0.0) < ($0.1, $1.0) }
    let all = own.footprintWastedBytes(own.outcome.end.modelled)
    guard let first = caches.first, all > 0 else { return nil }
    func share(_ bytes: Int64) -> Double { Double(bytes) / Double(all) }
    var sentence =
      "Its slabs have \(Units.percent(share(first.1) * 100)) of the \(Units.bytes(all)), the most of "
      + "\(Units.count(own.outcome.caches.count, "cache", "caches"))."
    if let callSites, let site = orderedSites.first {
      let wasted = amount(site.live, site.peak, site.total, siteOrder).wastedBytes
      let objects = amount(callSites.live, callSites.peak.amount, callSites.total, siteOrder).wastedBytes
      if wasted > 0, objects > 0 {
        sentence += " Of objects larger than asked for, \(Self.function(site.symbol ?? site.key)) has most: "
        sentence += "\(Units.bytes(wasted)) of \(Units.bytes(objects)) \(orderText(siteOrder))."
      }
    }
    return ReportAnswer(
      question: "Where?", value: first.0, sentence: sentence, provenance: .modelled,
      evidence: caches.prefix(4).map { (name: $0.0, value: Units.bytes($0.1), share: share($0.1)) },
      section: "caches")
  }

  /// What a cache's slabs hold beyond what was requested.
  static func wastedBytes(_ cache: ReplayOutcome.Cache) -> Int64 {
    max(cache.live.wastedBytes, 0) + Int64(clamping: cache.freeSlotBytes) + Int64(clamping: cache.paddingBytes)
  }

  private var siteAnswer: ReportAnswer? {
    guard let callSites, let first = orderedSites.first else { return nil }
    let order = siteOrder
    let all = amount(callSites.live, callSites.peak.amount, callSites.total, order).wastedBytes
    func wasted(_ group: WasteResult.Group) -> Int64 { amount(group.live, group.peak, group.total, order).wastedBytes }
    func name(_ group: WasteResult.Group) -> String { Self.function(group.symbol ?? group.key) }
    func share(_ group: WasteResult.Group) -> Double { all > 0 ? Double(wasted(group)) / Double(all) : 0 }
    if all <= 0 {
      return ReportAnswer(
        question: "Where?", value: "nowhere", sentence: "No object is larger than what was asked for.",
        provenance: .observed, section: "waste")
    }
    return ReportAnswer(
      question: "Where?", value: name(first),
      sentence: "It has \(Units.percent(share(first) * 100)) of the \(Units.bytes(all)) that objects waste "
        + "\(orderText(order)), of \(Units.count(callSites.groups.count, "call site", "call sites")).",
      provenance: .observed,
      evidence: orderedSites.prefix(4).map { ($0, share($0)) }.map { group, share in
        (name: name(group), value: Units.bytes(wasted(group)), share: share)
      }, section: "waste")
  }

  private var allocatorAnswer: ReportAnswer? {
    guard let comparison, let best = comparison.best, comparison.allocators.count > 1 else { return nil }
    func wasted(_ findings: ReplayFindings) -> Int64 { findings.footprintWastedBytes(findings.outcome.end.modelled) }
    let largest = comparison.allocators.map(wasted).max() ?? 0
    var sentence = "\(name(best)) would hold \(Units.bytes(wasted(best))) beyond what is requested at the end"
    if let own, own.allocator != best.allocator {
      let saved = wasted(own) - wasted(best)
      sentence += ", \(Units.bytes(saved)) less than \(name(own))"
      sentence += own.allocator == own.tracedAllocator ? ", which made this trace." : "."
    } else {
      sentence += best.allocator == best.tracedAllocator ? "; it made this trace." : "."
    }
    return ReportAnswer(
      question: "Which allocator would waste least?", value: name(best), sentence: sentence, provenance: .modelled,
      evidence: comparison.allocators.map { findings in
        (
          name: name(findings), value: Units.bytes(wasted(findings)),
          share: largest > 0 ? Double(wasted(findings)) / Double(largest) : 0
        )
      }, section: "allocators")
  }

  /// How much of a zone's free memory is in blocks too small for a pageblock, in words.
  static func verdict(unusable: Int, hasSmallBlocks: Bool) -> String {
    if !hasSmallBlocks { return "Yes, badly" }
    return unusable < 250 ? "No" : unusable < 600 ? "Partly" : "Yes"
  }

  private func answer(
    _ zones: [(name: String, index: FragmentationIndex)], order: Int, note: String, provenance: Provenance
  ) -> ReportAnswer? {
    let known = zones.filter { $0.index.freePages > 0 }
    guard let largest = known.max(by: { $0.index.freePages < $1.index.freePages }) else { return nil }
    let order = min(order, largest.index.freeBlocks.count - 1)
    let unusable = largest.index.unusableFreeIndex(order: order)
    let hasSmall = largest.index.suitableBlocks(order: min(3, order)) > 0
    var sentence =
      "Of \(largest.name)'s free memory, \(Units.percent(Double(unusable) / 10)) is in blocks too small for "
    sentence += "order \(order) (a pageblock); its largest free block has order \(largest.index.largestFreeOrder ?? 0)."
    return ReportAnswer(
      question: "Is memory fragmented?", value: Self.verdict(unusable: unusable, hasSmallBlocks: hasSmall),
      sentence: sentence + note, provenance: provenance,
      evidence: known.prefix(4).map { zone in
        let part = zone.index.unusableFreeIndex(order: min(order, zone.index.freeBlocks.count - 1))
        return (
          name: "\(zone.name), unusable", value: Units.percent(Double(part) / 10),
          share: Double(part) / 1000
        )
      }, section: "fragmentation")
  }

  private var fragmentationAnswer: ReportAnswer? {
    guard let fragmentation else { return nil }
    let zones = fragmentation.zones.indices.map { span in
      (name: zoneName(fragmentation, span), index: fragmentation.index(fragmentation.outcome.end, span: span))
    }
    let note = fragmentation.start == .trace ? " Free memory that the trace does not touch is missing." : ""
    return answer(zones, order: fragmentation.policy.pageblockOrder, note: note, provenance: .modelled)
  }

  private var snapshotAnswer: ReportAnswer? {
    guard let findings = snapshots.last?.findings else { return nil }
    let zones = findings.zones.map { (name: $0.id.description, index: $0.index) }
    guard var answer = answer(zones, order: 9, note: "", provenance: .observed) else { return nil }
    answer.section = "snapshot-\(snapshots.last?.role ?? "")"
    return answer
  }

  private var unknownFragmentation: ReportAnswer? {
    if subject == nil { return nil }
    return ReportAnswer(
      question: "Is memory fragmented?", value: "Not known",
      sentence: fragmentation == nil
        ? "The trace has no mm_page_alloc_zone_locked events: record all of events/kmem."
        : "The trace's page events leave no free block known; --before or --after a snapshot with kpageflags tells more.",
      section: fragmentation == nil ? "quality" : "fragmentation")
  }

  // MARK: - Helpers

  func zoneName(_ findings: FragmentationFindings, _ span: Int) -> String {
    let zone = findings.zones[span]
    return zone.node == 0 ? zone.zone : zone.description
  }

  /// The function of a call site, without the place in it.
  static func function(_ site: String) -> String {
    let name = site.prefix { $0 != "+" }
    guard site.hasSuffix("]"), let bracket = site.lastIndex(of: "[") else { return String(name) }
    return name + " " + site[bracket...]
  }
}
