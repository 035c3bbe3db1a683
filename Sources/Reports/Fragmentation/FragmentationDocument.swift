import Analysis
import KernelTypes
import ProcSnapshots
import Replay

/// The JSON of `frag` for a trace.
struct FragmentationDocument: Encodable {
  struct Zone: Encodable {
    var node: Int
    var zone: String
    var freePages: UInt64
    var freeBlocks: [UInt64]
    var fragmentationIndex: [Double]
    var unusableIndex: [Double]
    var largestFreeOrder: Int?
    var availability: [Availability]?
  }

  struct Availability: Encodable {
    var order: Int
    var firstMissingNanoseconds: UInt64
    var times: UInt64
    var missingNanoseconds: UInt64
    var isMissingAtEnd: Bool
  }

  struct Moment: Encodable {
    var text: String?
    var atNanoseconds: UInt64
    var zones: [Zone]
  }

  struct Comparison: Encodable {
    var node: Int
    var zone: String
    var predicted: [UInt64]
    var observed: [UInt64]
    var equalOrders: Int
    var pageDifference: Int64
  }

  struct Verification: Encodable {
    var buddyinfo: [Comparison]?
    var pageFrame: PageFrameDocument?
  }

  struct Steal: Encodable {
    var wanted: String
    var from: String
    var fragmenting: Bool
    var changeOwnership: Bool
    var count: UInt64
  }

  struct Breaker: Encodable {
    var task: String
    var order: Int
    var migrateType: String
    var gfpFlags: String
    var caller: String
    var count: UInt64
  }

  struct Inferred: Encodable {
    var takenWhileInUse: UInt64
    var freedWhileFree: UInt64
    var outside: UInt64
  }

  var start: String
  var zones: [Zone]
  var timeline: [Moment]
  var marks: [Moment]
  var marksOmitted: UInt64
  var verification: Verification?
  var fallbacks: [Steal]
  var brokenPageblocks: UInt64
  var breakers: [Breaker]
  var inferred: Inferred

  init(_ report: FragmentationReport) {
    let findings = report.findings
    let outcome = findings.outcome
    start = findings.start.rawValue
    zones = Self.zones(findings, outcome.end, withAvailability: true)
    timeline = outcome.timeline.map { Moment(atNanoseconds: $0.atNanoseconds, zones: Self.zones(findings, $0)) }
    marks = outcome.marks.map {
      Moment(text: $0.text, atNanoseconds: $0.atNanoseconds, zones: Self.zones(findings, $0))
    }
    marksOmitted = outcome.omittedMarks
    let comparisons = findings.comparisons.map {
      Comparison(
        node: $0.zone.node, zone: $0.zone.zone, predicted: $0.predicted, observed: $0.observed,
        equalOrders: $0.equalOrders, pageDifference: $0.pageDifference)
    }
    if !comparisons.isEmpty || findings.pageFrames != nil {
      verification = Verification(
        buddyinfo: comparisons.isEmpty ? nil : comparisons,
        pageFrame: findings.pageFrames.map { PageFrameDocument($0) })
    }
    fallbacks = outcome.steals.map {
      Steal(
        wanted: findings.name(migrateType: Int($0.key.wanted)), from: findings.name(migrateType: Int($0.key.from)),
        fragmenting: $0.key.isFragmenting, changeOwnership: $0.key.changesOwnership, count: $0.count)
    }
    brokenPageblocks = outcome.brokenPageblocks
    breakers = outcome.breakers.prefix(report.top ?? 1000).map {
      Breaker(
        task: $0.task, order: $0.order, migrateType: findings.name(migrateType: $0.migrateType),
        gfpFlags: $0.flags, caller: $0.caller, count: $0.count)
    }
    inferred = Inferred(
      takenWhileInUse: outcome.takenWhileInUse, freedWhileFree: outcome.freedWhileFree, outside: outcome.outside)
  }

  private static func zones(
    _ findings: FragmentationFindings, _ moment: FragmentationOutcome.Moment, withAvailability: Bool = false
  ) -> [Zone] {
    findings.zones.indices.map { span in
      let index = FragmentationIndex(freeBlocks: moment.freeBlocks[span])
      let orders = index.freeBlocks.indices
      return Zone(
        node: findings.zones[span].node, zone: findings.zones[span].zone, freePages: index.freePages,
        freeBlocks: index.freeBlocks,
        fragmentationIndex: orders.map { Double(index.fragmentationIndex(order: $0)) / 1000 },
        unusableIndex: orders.map { Double(index.unusableFreeIndex(order: $0)) / 1000 },
        largestFreeOrder: index.largestFreeOrder,
        availability: withAvailability ? availability(findings.outcome.availability[span]) : nil)
    }
  }

  private static func availability(_ states: [FragmentationOutcome.Availability]) -> [Availability] {
    states.enumerated().compactMap { order, state in
      state.firstMissing.map {
        Availability(
          order: order, firstMissingNanoseconds: $0, times: state.times,
          missingNanoseconds: state.missingNanoseconds, isMissingAtEnd: state.isMissingAtEnd)
      }
    }
  }
}

extension FragmentationReport {
  /// The report as JSON.
  public func json() throws -> String {
    try JSONReport.text(DocumentHeader(command: "frag", subject: subject), FragmentationDocument(self))
  }
}
