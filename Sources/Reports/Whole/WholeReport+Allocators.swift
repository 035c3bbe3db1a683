import Analysis
import KernelTypes
import Replay

extension WholeReport {
  // MARK: - Caches

  var cacheSection: ReportSection? {
    guard let caches else { return nil }
    var section = ReportSection(
      "caches", "Caches",
      lead:
        "The same waste by slab cache, and how full the slabs are by the model. Object waste is in slots larger than "
        + "asked for; slab waste is in slots that hold nothing, and in padding.")
    if let own {
      let outcome = own.outcome
      let table = slabTable(own)
      let largest = outcome.caches.filter { $0.slabPages > 0 }.prefix(12)
      if !largest.isEmpty {
        section.blocks.append(.chart(cacheChart(Array(largest), own)))
        section.blocks.append(.table(table))
      }
    }
    section.blocks.append(.table(wasteTable("caches", "Object waste by cache", caches)))
    return section
  }

  private func cacheChart(_ caches: [ReplayOutcome.Cache], _ own: ReplayFindings) -> BarChart {
    BarChart(
      title: "What the largest caches' slabs hold at the end",
      summary:
        "Bytes of slab pages of \(name(own)): what was requested, what slots are larger than that, slots without "
        + "an object, and padding.",
      provenance: .modelled,
      parts: [("requested", 0), ("object waste", 1), ("free slots", 4), ("padding", 7)],
      bars: caches.map { cache in
        .init(
          name: cache.name,
          values: [
            Double(cache.live.requestedBytes), Double(max(cache.live.wastedBytes, 0)), Double(cache.freeSlotBytes),
            Double(cache.paddingBytes),
          ], text: Units.bytes(cache.slabPages * UInt64(own.profile.pageSize)))
      }, unit: .bytes)
  }

  private func slabTable(_ own: ReplayFindings) -> ReportTable {
    var table = ReportTable(
      "slabs", "Slab occupancy by cache (\(name(own)))",
      [
        .name("Cache", "cache", "The slab cache; kmalloc size classes are caches too."),
        .modelled("Slab memory", "slabBytes", "Bytes of the pages that the cache's slabs take at the end."),
        .modelled(
          "Wasted", "wastedBytes", "Bytes of these pages that nobody asked for: free slots, padding, object waste."),
        .modelled("Slabs", "slabs", "Slabs at the end."), .modelled("Order", "slabOrder", "A slab is 2ⁿ pages."),
        .modelled("Slot", "slotSize", "Bytes from one object to the next."),
        .observed("Live", "liveObjects", "Objects in use at the end whose allocation is in the trace."),
        .modelled("Full %", "occupancyPercent", "The part of the slots that hold such an object."),
        .modelled("Free slots", "freeSlotBytes", "Bytes in slots that hold no object: slab waste."),
        .modelled("Padding", "paddingBytes", "Bytes at the ends of slabs too short for another slot: slab waste."),
        .observed("Object waste", "objectWasteBytes", "Bytes of live objects beyond what was asked for."),
        .modelled("Addresses right", "objectAddressPercent", "How many objects the model put where the kernel did."),
      ])
    for cache in own.outcome.caches {
      let slots = cache.slabs * cache.slotsPerSlab
      table.add([
        .text(cache.name), .bytes(cache.slabPages * UInt64(own.profile.pageSize)), .bytes(Self.wastedBytes(cache)),
        .count(cache.slabs), .count(cache.slabOrder), .count(cache.slotSize), .count(cache.live.objects),
        slots == 0 ? .missing : .percent(Double(cache.live.objects) / Double(slots) * 100),
        .bytes(cache.freeSlotBytes), .bytes(cache.paddingBytes), .bytes(cache.live.wastedBytes),
        .grade(cache.grades?.objectAddress),
      ])
    }
    table.addBars(column: 2)
    return table
  }

  // MARK: - Allocators

  var allocatorSection: ReportSection? {
    guard let comparison, let own else { return nil }
    var section = ReportSection(
      "allocators", "Allocators",
      lead: "The same requests through a model of each allocator, each on a machine of its own that starts empty. "
        + "Footprint is slab pages; what of it was not requested is wasted.")
    section.blocks.append(.chart(footprintChart(comparison)))
    section.blocks.append(
      .mermaid(
        mermaidBars(
          comparison.allocators.map { findings in
            (name(findings), Double(findings.footprintWastedBytes(findings.outcome.end.modelled)) / 1_048_576)
          })))
    if let chart = allocatorChart(comparison) { section.blocks.append(.chart(chart)) }
    if let chart = ownChart(own) { section.blocks.append(.chart(chart)) }
    section.blocks.append(.table(allocatorTable(comparison)))
    section.blocks.append(.table(pageTable(comparison)))
    return section
  }

  private func footprintChart(_ comparison: CompareFindings) -> BarChart {
    BarChart(
      title: "Footprint at the end",
      summary: "Bytes of slab pages that each allocator holds for the same live objects.", provenance: .modelled,
      parts: [("requested", 0), ("object waste", 1), ("free slots", 4), ("padding and management", 7)],
      bars: comparison.allocators.map { findings in
        let figures = findings.outcome.end.modelled
        return .init(
          name: name(findings),
          values: [
            Double(figures.live.requestedBytes), Double(max(figures.live.wastedBytes, 0)),
            Double(figures.freeSlotBytes), Double(figures.paddingBytes &+ figures.managementBytes),
          ], text: Units.bytes(findings.slabBytes(figures)))
      }, unit: .bytes)
  }

  /// A bar chart as GitHub draws it from text.
  private func mermaidBars(_ bars: [(name: String, value: Double)]) -> String {
    let names = bars.map { "\"\($0.name)\"" }.joined(separator: ", ")
    let values = bars.map { Units.fixed(max($0.value, 0), places: 2) }.joined(separator: ", ")
    return """
      xychart-beta
        title "Wasted beyond the request at the end, MiB (modelled)"
        x-axis [\(names)]
        y-axis "MiB"
        bar [\(values)]
      """
  }

  private func allocatorChart(_ comparison: CompareFindings) -> TimeChart? {
    let all = comparison.allocators
    let count = all.map(\.outcome.timeline.count).min() ?? 0
    guard count > 1, let first = all.first?.outcome.timeline.prefix(count) else { return nil }
    var series = all.enumerated().map { index, findings in
      TimeChart.Series(
        name: name(findings),
        values: findings.outcome.timeline.prefix(count).map { Double(findings.slabBytes($0.modelled)) }, colour: index)
    }
    series.append(
      .init(
        name: "requested", values: first.map { Double($0.modelled.live.requestedBytes) }, colour: 7, isDashed: true))
    if let own, own.outcome.timeline.first?.observedSlabPages != nil {
      let size = Double(own.profile.pageSize)
      series.append(
        .init(
          name: "observed in the trace",
          values: own.outcome.timeline.prefix(count).map { Double($0.observedSlabPages ?? 0) * size }, colour: 4,
          isDashed: true))
    }
    return TimeChart(
      title: "Slab memory over time",
      summary:
        "Bytes of slab pages of each modelled allocator, what was requested of them, and what the trace shows to "
        + "have been taken (observed).",
      provenance: .modelled, shape: .lines, times: first.map(\.atNanoseconds), series: series, unit: .bytes,
      isTicks: isTicks, marks: marks)
  }

  private func ownChart(_ own: ReplayFindings) -> TimeChart? {
    let timeline = own.outcome.timeline
    if timeline.count < 2 { return nil }
    func values(_ value: (SlabFigures) -> UInt64) -> [Double] { timeline.map { Double(value($0.modelled)) } }
    return TimeChart(
      title: "What \(name(own))'s slab pages hold over time",
      summary: "The same pages by what is in them; everything above what was requested is waste.",
      provenance: .modelled, shape: .stacked, times: timeline.map(\.atNanoseconds),
      series: [
        .init(name: "requested", values: values { $0.live.requestedBytes }, colour: 0),
        .init(name: "object waste", values: values { UInt64(clamping: $0.live.wastedBytes) }, colour: 1),
        .init(name: "free slots", values: values { $0.freeSlotBytes }, colour: 4),
        .init(name: "padding and management", values: values { $0.paddingBytes &+ $0.managementBytes }, colour: 7),
      ], unit: .bytes, isTicks: isTicks, marks: marks)
  }

  private func allocatorTable(_ comparison: CompareFindings) -> ReportTable {
    var table = ReportTable(
      "allocators", "Footprint at the end",
      [
        .name("Allocator", "allocator", "The modelled allocator."),
        .modelled("Footprint", "slabBytes", "Bytes of slab pages, large kmallocs included."),
        .modelled("Wasted", "footprintWastedBytes", "Footprint less what live objects requested."),
        .modelled("Wasted %", "footprintWastedPercent", "The wasted part of the footprint."),
        .modelled("Object waste", "objectWasteBytes", "Slots larger than asked for."),
        .modelled("Free slots", "freeSlotBytes", "Slots of slabs that hold no object."),
        .modelled("Padding", "paddingBytes", "Ends of slabs too short for another slot."),
        .modelled("Management", "managementBytes", "The allocator's own data in slab pages."),
        .modelled("Peak", "peakSlabBytes", "The most bytes of slab pages, at each allocator's own moment."),
        .modelled("Addresses right", "objectAddressPercent", "How many objects the model put where the kernel did."),
      ],
      note: comparison.tracedAllocator.map {
        "The trace was made by \($0.rawValue.uppercased()); only its model can be graded."
      }
        ?? "The sizes in this trace fit no allocator that is known here, so no model is graded.")
    for findings in comparison.allocators {
      let figures = findings.outcome.end.modelled
      table.add([
        .text(name(findings)), .bytes(findings.slabBytes(figures)), .bytes(findings.footprintWastedBytes(figures)),
        .percent(findings.footprintWastedPercent(figures)), .bytes(figures.live.wastedBytes),
        .bytes(figures.freeSlotBytes), .bytes(figures.paddingBytes), .bytes(figures.managementBytes),
        .bytes(findings.outcome.peakSlabPages * UInt64(findings.profile.pageSize)),
        .grade(findings.outcome.grades?.total.objectAddress),
      ])
    }
    table.addBars(column: 2)
    return table
  }

  private func pageTable(_ comparison: CompareFindings) -> ReportTable {
    var table = ReportTable(
      "model-pages", "Blocks taken from the page allocator",
      [.name("Order", "order", "A block of order n is 2ⁿ pages.")]
        + comparison.allocators.map {
          .modelled(name($0), $0.allocator.rawValue, "Blocks taken for slabs and large kmallocs, in total.")
        } + [.observed("In the trace", "observed", "Blocks that the traced kernel took for them.")])
    let observed = own?.outcome.observedPageAllocations
    let orders = comparison.allocators.map(\.outcome.pageAllocations.count).max() ?? 0
    for order in 0..<orders {
      let counts = comparison.allocators.map { findings in
        order < findings.outcome.pageAllocations.count ? findings.outcome.pageAllocations[order] : 0
      }
      let seen = observed.flatMap { order < $0.count ? $0[order] : nil }
      if counts.allSatisfy({ $0 == 0 }), seen ?? 0 == 0 { continue }
      table.add([.text("\(order)")] + counts.map { .count($0) } + [seen.map { .count($0) } ?? .missing])
    }
    return table
  }
}
