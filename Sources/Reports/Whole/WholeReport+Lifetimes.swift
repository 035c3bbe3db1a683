import Analysis
import KernelTypes

extension WholeReport {
  /// The name of a range of lifetimes.
  static func rangeName(_ bin: Int) -> String {
    func text(_ time: UInt64) -> String {
      time >= 1_000_000_000
        ? "\(time / 1_000_000_000) s" : time >= 1_000_000 ? "\(time / 1_000_000) ms" : "\(time / 1000) µs"
    }
    if bin == 0 { return "below \(text(LifetimeBins.bounds[0]))" }
    if bin == LifetimeBins.count - 1 { return "\(text(LifetimeBins.bounds[bin - 1])) and more" }
    return "\(text(LifetimeBins.bounds[bin - 1])) to \(text(LifetimeBins.bounds[bin]))"
  }

  private func median(_ counts: [UInt64]) -> String { LifetimeBins.median(counts).map(Self.rangeName) ?? "–" }

  var lifetimeSection: ReportSection? {
    guard let lifetimes, lifetimes.total.objects > 0 else { return nil }
    var section = ReportSection(
      "lifetimes", "Lifetimes",
      lead: "How long objects lived that were freed in the trace, and how often each call site's memory was replaced. "
        + "Objects from before the trace are left out.")
    let freed = lifetimes.total.objects == 0 ? 0 : Double(lifetimes.frees) / Double(lifetimes.total.objects) * 100
    let transient = lifetimes.freesByLifetime[..<4].reduce(0, &+)
    let share = lifetimes.frees == 0 ? 0 : Double(transient) / Double(lifetimes.frees) * 100
    section.blocks.append(
      .figures([
        .init(
          title: "Median lifetime", value: median(lifetimes.freesByLifetime),
          meaning: "Half of the freed objects lived no longer than this.", provenance: .observed),
        .init(
          title: "Freed within 1 ms", value: Units.percent(share),
          meaning: "Short-lived objects: where they are many, a buffer on the stack or one that is kept may do.",
          provenance: .observed),
        .init(
          title: "Freed", value: Units.percent(freed),
          meaning: "\(Units.count(lifetimes.frees)) frees for \(Units.count(lifetimes.total.objects)) allocations.",
          provenance: .observed),
      ]))
    section.blocks.append(.chart(lifetimeChart(lifetimes)))
    section.blocks.append(.table(rangeTable(lifetimes)))
    section.blocks.append(.table(turnoverTable(lifetimes)))
    return section
  }

  private func lifetimeChart(_ lifetimes: LifetimeFindings) -> BarChart {
    BarChart(
      title: "Freed objects by lifetime", summary: "How many objects lived how long before they were freed.",
      provenance: .observed, parts: [("objects", 0)],
      bars: lifetimes.freesByLifetime.indices.map { bin in
        .init(
          name: Self.rangeName(bin), values: [Double(lifetimes.freesByLifetime[bin])],
          text: Units.count(lifetimes.freesByLifetime[bin]))
      }, unit: .count, hasTableBeside: true)
  }

  private func rangeTable(_ lifetimes: LifetimeFindings) -> ReportTable {
    var table = ReportTable(
      "lifetimes", "Freed objects by lifetime",
      [
        .name("Lifetime", "lifetime", "From allocation to free."),
        .observed("Objects", "objects", "Objects that lived so long."),
        .observed("Bytes", "allocatedBytes", "Bytes handed out to them."),
        .observed("Share", "percent", "Their part of all freed objects."),
      ])
    for bin in lifetimes.freesByLifetime.indices {
      let count = lifetimes.freesByLifetime[bin]
      table.add([
        .text(Self.rangeName(bin)), .count(count), .bytes(lifetimes.bytesByLifetime[bin]),
        .percent(lifetimes.frees == 0 ? 0 : Double(count) / Double(lifetimes.frees) * 100),
      ])
    }
    table.addBars(column: 3)
    return table
  }

  private func turnoverTable(_ lifetimes: LifetimeFindings) -> ReportTable {
    var table = ReportTable(
      "turnover", "Turnover by call site",
      [
        .name("Call site", "key", "The code that asked for the memory."),
        .observed("Allocated", "totalAllocatedBytes", "Bytes of all allocations."),
        .observed("Allocations", "totalObjects", "All allocations."),
        .observed("Held at most", "peakLiveBytes", "The most bytes it had at once."),
        .observed("Turnover", "turnover", "Bytes allocated for each byte held at most: how often memory was replaced."),
        .observed("Mean lifetime", "meanLifetimeNanoseconds", "Of its freed objects."),
        .name("Median lifetime", "medianLifetime", "The range that half of its freed objects do not exceed."),
        .observed("Within 1 ms", "transientPercent", "The part of its frees within a millisecond of the allocation."),
        .observed(
          "Other CPU", "freesOnOtherCPUPercent", "The part of its frees on another CPU than the allocation (ping-pong)."
        ),
      ])
    for site in lifetimes.sites where site.total.objects > 0 {
      table.add([
        .text(site.name), .bytes(site.total.allocatedBytes), .count(site.total.objects), .bytes(site.peakLiveBytes),
        .number(site.turnover), site.meanLifetime.map { .duration($0, isTicks: isTicks) } ?? .missing,
        .text(median(site.freesByLifetime)),
        site.frees == 0 ? .missing : .percent(site.transientPercent),
        site.frees == 0 ? .missing : .percent(Double(site.freesOnOtherCPU) / Double(site.frees) * 100),
      ])
    }
    table.addBars(column: 1)
    return table
  }

  // MARK: - Leak suspects

  var leakSection: ReportSection? {
    guard let lifetimes, lifetimes.total.objects > 0 else { return nil }
    var section = ReportSection(
      "leaks", "Leak suspects",
      lead: "Call sites that kept objects from at least \(LifetimeAnalysis.leastSlices) of \(LifetimeAnalysis.slices) "
        + "equal parts of the trace, at least \(LifetimeAnalysis.leastSurvivors) objects and "
        + "\(Units.fixed(LifetimeAnalysis.leastKeptPercent, places: 0)) % of what they allocated: allocated, old and "
        + "growing. A cache that still fills up looks the same; a longer trace tells them apart.")
    let suspects = lifetimes.suspects
    if suspects.isEmpty {
      section.blocks.append(.paragraph("No call site grows all the time."))
      return section
    }
    let shown = suspects.prefix(6)
    section.blocks.append(
      .chart(
        TimeChart(
          title: "What is still there, by when it was allocated",
          summary: "Bytes that each suspect had allocated up to a moment and never gave back: a leak is a line that "
            + "rises all the way.",
          provenance: .observed, shape: .lines, times: times(lifetimes),
          series: shown.enumerated().map { index, site in
            .init(name: Self.function(site.name), values: growth(site), colour: index)
          }, unit: .bytes, isTicks: isTicks)))
    section.blocks.append(.table(leakTable(suspects, lifetimes)))
    return section
  }

  private func times(_ lifetimes: LifetimeFindings) -> [UInt64] {
    (0...LifetimeAnalysis.slices).map { slice in
      lifetimes.span / UInt64(LifetimeAnalysis.slices) * UInt64(slice)
    }
  }

  private func growth(_ site: LifetimeFindings.Site) -> [Double] {
    var sum = 0.0
    return [0]
      + site.survivors.map { slice in
        sum += Double(slice.allocatedBytes)
        return sum
      }
  }

  private func leakTable(_ suspects: [LifetimeFindings.Site], _ lifetimes: LifetimeFindings) -> ReportTable {
    var table = ReportTable(
      "leak-suspects", "Leak suspects",
      [
        .name("Call site", "key", "The code that asked for the memory."),
        .observed("Kept", "keptAllocatedBytes", "Bytes allocated in the trace and still there at its end."),
        .observed("Objects", "keptObjects", "Objects allocated in the trace and still there."),
        .observed("Kept %", "keptPercent", "The part of its allocations that is still there."),
        .observed("Growth", "bytesPerSecond", "Kept bytes for each second of the trace."),
        .observed("Oldest", "oldestNanoseconds", "The age of its oldest live object."),
        .observed(
          "Parts", "slices", "Parts of the trace, of \(LifetimeAnalysis.slices), from which something is still there."),
      ])
    let seconds = Double(lifetimes.span) / 1e9
    for site in suspects {
      let rate = seconds > 0 && !isTicks ? Double(site.kept.allocatedBytes) / seconds : 0
      var growth = ReportCell.bytes(UInt64(clampingDouble: rate))
      growth.shown += "/s"
      table.add([
        .text(site.name), .bytes(site.kept.allocatedBytes), .count(site.kept.objects), .percent(site.keptPercent),
        isTicks ? .missing : growth, .duration(site.oldestAge, isTicks: isTicks), .count(site.slicesWithSurvivors),
      ])
    }
    table.addBars(column: 1)
    return table
  }
}
