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

  public init(
    subject: ReportSubject, findings: FragmentationFindings, top: Int? = nil, order: BreakerOrder = .count
  ) {
    self.subject = subject
    self.findings = findings
    self.findings.outcome.breakers = order.sorted(findings.outcome.breakers)
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
    (zoneAnswers + mixedAnswer + (findings.pageFrames.map { [PageFrameSection(findings: $0).answer] } ?? [])).joined(
      separator: "\n")
  }

  /// Whether nothing is known of a zone: the trace is all there is, and has no event of it.
  func isUntouched(_ span: Int) -> Bool {
    func isEmpty(_ moment: FragmentationOutcome.Moment) -> Bool { moment.freeBlocks[span].allSatisfy { $0 == 0 } }
    return findings.start == .trace && isEmpty(outcome.end) && outcome.timeline.allSatisfy(isEmpty)
  }

  private var zoneAnswers: [String] {
    findings.zones.indices.map { span in
      let index = findings.index(outcome.end, span: span)
      let pages = Units.count(index.freePages, "free page", "free pages")
      if isUntouched(span) {
        return "\(zoneName(span)): no event touches it, and nothing else tells what is free there."
      }
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

  /// How many pageblocks hold pages of several types, and whose they are.
  private var mixedAnswer: [String] {
    if outcome.mixed.isEmpty {
      return outcome.becameMixed == 0
        ? [] : ["Mixed pageblocks: none at the end; \(Units.count(outcome.becameMixed)) were for a while [replayed]."]
    }
    var byOwner: [(owner: UInt8, count: UInt64)] = []
    for group in outcome.mixed {
      if let index = byOwner.firstIndex(where: { $0.owner == group.owner }) {
        byOwner[index].count += group.pageblocks
      } else {
        byOwner.append((group.owner, group.pageblocks))
      }
    }
    let all = byOwner.reduce(0) { $0 + $1.count }
    let list = byOwner.sorted { ($1.count, $0.owner) < ($0.count, $1.owner) }.map {
      "\(Units.count($0.count)) \($0.owner == PageblockContents.unknownType ? "of unknown type" : name($0.owner))"
    }
    return ["Mixed pageblocks: \(Units.count(all)) at the end (\(list.joined(separator: ", "))) [replayed]."]
  }

  func name(_ type: UInt8) -> String { findings.name(migrateType: Int(type)) }

  var startNote: String {
    switch findings.start {
    case .freeLists: "Free memory at the start: the free lists of the snapshot from before."
    case .snapshot: "Free memory at the start: kpageflags of the snapshot from before."
    case .traceAndAfter:
      "Free memory at the start: the trace's first events, and the snapshot from after for pages without events."
    case .trace:
      "Free memory at the start: only what the trace's events touch; give --before or --after a snapshot with "
        + "kpageflags for the rest."
    }
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
      outcome.takenByFallback, "block handed out by a fallback that has no other event",
      "blocks handed out by fallbacks that have no other event")
    add(
      outcome.freedWhileFree, "block freed that was known to be free (taken without an event, by compaction)",
      "blocks freed that were known to be free (taken without an event, by compaction)")
    if let flags = findings.flagsDifference {
      add(
        flags.freeOnlyInReplay, "page free in the replay and in use by kpageflags after (taken without an event)",
        "pages free in the replay and in use by kpageflags after (taken without an event, as compaction does)")
      add(
        flags.freeOnlyInFlags, "page in use in the replay and free by kpageflags after",
        "pages in use in the replay and free by kpageflags after")
    }
    add(outcome.outside, "event of a frame outside all zones", "events of frames outside all zones")
    if let pages = findings.pageFrames { lines += PageFrameSection(findings: pages).notes.map { "model: " + $0 } }
    if let pressure = findings.pageFrames?.pressure {
      lines += PressureSection(pressure: pressure).notes.map { "model: " + $0 }
    }
    return lines
  }
}
