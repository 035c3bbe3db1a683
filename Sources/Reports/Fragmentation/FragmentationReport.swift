public import Analysis
import KernelTypes
import ProcSnapshots
import Replay

/// The answer of `frag` with what its reports need to know.
public struct FragmentationReport: Sendable {
  public var subject: ReportSubject
  public var findings: FragmentationFindings
  /// The most rows of a table; `nil` leaves it to the format.
  public var top: Int?

  public init(subject: ReportSubject, findings: FragmentationFindings, top: Int? = nil) {
    self.subject = subject
    self.findings = findings
    self.top = top
  }

  var outcome: FragmentationOutcome { findings.outcome }

  func duration(_ time: UInt64) -> String { Units.duration(time, isTicks: subject.isTicks) }

  func zoneName(_ span: Int) -> String {
    let zone = findings.zones[span]
    return zone.node == 0 ? zone.zone : zone.description
  }

  /// An index as the kernel prints it: three decimals, −1.000 for a request that would succeed.
  static func thousandths(_ value: Int) -> String {
    let digits = String(value.magnitude % 1000)
    return (value < 0 ? "-" : "") + "\(value.magnitude / 1000)."
      + String(repeating: "0", count: 3 - digits.utf8.count) + digits
  }

  /// The answer in a sentence for each zone.
  var answer: String {
    (zoneAnswers + (findings.pageFrames.map { [PageFrameSection(findings: $0).answer] } ?? [])).joined(separator: "\n")
  }

  private var zoneAnswers: [String] {
    findings.zones.indices.map { span in
      let index = findings.index(outcome.end, span: span)
      let pages = Units.count(index.freePages, "free page", "free pages")
      guard let largest = index.largestFreeOrder else { return "\(zoneName(span)): no free block at the end." }
      var text = "\(zoneName(span)): \(pages) at the end, the largest block of order \(largest) [replayed]"
      let missing = outcome.availability[span].indices.filter { outcome.availability[span][$0].isMissingAtEnd }
      if let first = missing.first {
        let verdict = index.fragmentationIndex(order: first)
        text += "; order \(first) would fail for "
        text += verdict > 500 ? "fragmentation" : "lack of memory"
        text += " (index \(Self.thousandths(verdict)))"
      }
      return text + "."
    }
  }

  var startNote: String {
    switch findings.start {
    case .snapshot: "Free memory at the start: kpageflags of the snapshot from before."
    case .traceAndAfter:
      "Free memory at the start: the trace's first events, and the snapshot from after for pages without events."
    case .trace:
      "Free memory at the start: only what the trace's events touch; give --before or --after a snapshot with "
        + "kpageflags for the rest."
    }
  }

  // MARK: - Tables

  var zoneTable: TextTable {
    let orders = outcome.end.freeBlocks.first?.count ?? 0
    var table = TextTable(
      [.init("At the end", isNumber: false), .init("", isNumber: false)] + (0..<orders).map { .init("\($0)") })
    for span in findings.zones.indices {
      let index = findings.index(outcome.end, span: span)
      table.add([zoneName(span), "free blocks"] + index.freeBlocks.map { Units.count($0) })
      table.add(["", "fragmentation"] + (0..<orders).map { Self.thousandths(index.fragmentationIndex(order: $0)) })
      table.add(["", "unusable"] + (0..<orders).map { Self.thousandths(index.unusableFreeIndex(order: $0)) })
    }
    return table
  }

  var availabilityTable: TextTable {
    var table = TextTable([
      .init("Order without a free block", isNumber: false), .init("Order"), .init("First"), .init("Times"),
      .init("For"), .init("At the end", isNumber: false),
    ])
    for span in findings.zones.indices {
      for (order, state) in outcome.availability[span].enumerated() {
        guard let first = state.firstMissing else { continue }
        table.add([
          zoneName(span), "\(order)", first == 0 ? "at the start" : duration(first), Units.count(state.times),
          duration(state.missingNanoseconds), state.isMissingAtEnd ? "missing" : "",
        ])
      }
    }
    return table
  }

  var stealTable: TextTable {
    var table = TextTable([
      .init("Fallback: wanted", isNumber: false), .init("Taken from", isNumber: false), .init("Times"),
      .init("", isNumber: false, limit: 80),
    ])
    for steal in outcome.steals.prefix(top ?? 12) {
      var effect = steal.key.isFragmenting ? "two types share a pageblock" : "a whole pageblock or more"
      if steal.key.changesOwnership { effect += ", which changed its type" }
      table.add([
        findings.name(migrateType: Int(steal.key.wanted)), findings.name(migrateType: Int(steal.key.from)),
        Units.count(steal.count), effect,
      ])
    }
    return table
  }

  var breakerTable: TextTable {
    var table = TextTable([
      .init("Pageblocks broken by", isNumber: false), .init("Order"), .init("Type", isNumber: false), .init("Times"),
      .init("Flags", isNumber: false), .init("Caller", isNumber: false),
    ])
    for breaker in outcome.breakers.prefix(top ?? 10) {
      table.add([
        breaker.task, "\(breaker.order)", findings.name(migrateType: breaker.migrateType), Units.count(breaker.count),
        breaker.flags, breaker.caller,
      ])
    }
    return table
  }

  var comparisonTable: TextTable {
    let orders = findings.comparisons.map(\.predicted.count).max() ?? 0
    var table = TextTable(
      [.init("Against buddyinfo after", isNumber: false), .init("", isNumber: false)]
        + (0..<orders).map { .init("\($0)") } + [.init("Pages")])
    for comparison in findings.comparisons {
      func row(_ name: String, _ title: String, _ blocks: [UInt64]) {
        table.add(
          [name, title] + blocks.map { Units.count($0) }
            + [Units.count(FragmentationIndex(freeBlocks: blocks).freePages)])
      }
      row(comparison.zone.zone, "replayed", comparison.predicted)
      row("", "observed", comparison.observed)
    }
    return table
  }

  var markTable: TextTable {
    var table = TextTable([
      .init("Marker", isNumber: false), .init("At"), .init("Free pages"), .init("Largest order", isNumber: false),
    ])
    for mark in outcome.marks.prefix(40) {
      let indices = findings.zones.indices.map { findings.index(mark, span: $0) }
      let largest = indices.map { $0.largestFreeOrder.map { "\($0)" } ?? "-" }.joined(separator: ", ")
      table.add([
        mark.text, duration(mark.atNanoseconds), Units.count(indices.reduce(0) { $0 + $1.freePages }), largest,
      ])
    }
    return table
  }

  /// What had to be inferred, in words.
  var inferred: [String] {
    var lines: [String] = []
    func add(_ count: UInt64, _ one: String, _ many: String) {
      if count > 0 { lines.append(Units.count(count, one, many)) }
    }
    add(
      outcome.takenWhileInUse, "block taken that was not known to be free (freed straight to the buddy, unseen)",
      "blocks taken that were not known to be free (freed straight to the buddy, unseen)")
    add(
      outcome.freedWhileFree, "block freed that was known to be free (taken without an event, by compaction)",
      "blocks freed that were known to be free (taken without an event, by compaction)")
    add(outcome.outside, "event of a frame outside all zones", "events of frames outside all zones")
    if let pages = findings.pageFrames { lines += PageFrameSection(findings: pages).notes.map { "model: " + $0 } }
    if let pressure = findings.pageFrames?.pressure {
      lines += PressureSection(pressure: pressure).notes.map { "model: " + $0 }
    }
    return lines
  }
}
