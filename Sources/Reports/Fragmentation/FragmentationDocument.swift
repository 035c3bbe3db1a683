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
    /// Free blocks by migrate type and order, at the end.
    var byMigrateType: [String: [UInt64]]?
    /// Pageblocks with pages of several types, by the pageblock's own; only types that have some.
    var mixedPageblocks: [String: UInt64]
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

  struct TypeComparison: Encodable {
    var node: Int
    var zone: String
    var migrateType: String
    var predicted: [UInt64]
    var observed: [UInt64]
    /// Orders at which the kernel stopped counting at 100,000.
    var cappedOrders: [Int]?
    var equalOrders: Int
  }

  struct FlagsComparison: Encodable {
    var freeOnlyInReplay: UInt64
    var freeOnlyInFlags: UInt64
  }

  struct Knowledge: Encodable {
    var exact: Int
    var events: Int
    var pages: Int
    var assumed: Int
  }

  struct MixedGroup: Encodable {
    var node: Int
    var zone: String
    var migrateType: String
    var pageblocks: UInt64
    var usedPages: [String: UInt64]
  }

  struct Mixer: Encodable {
    var task: String
    var wanted: String
    var pageblockType: String
    var fallback: Bool
    var gfpFlags: String
    var caller: String
    var firstNanoseconds: UInt64
    var count: UInt64
    var stillMixed: UInt64
  }

  struct Mixed: Encodable {
    var became: UInt64
    var stillMixed: UInt64
    var atEnd: [MixedGroup]
    var mixers: [Mixer]
  }

  struct Verification: Encodable {
    var buddyinfo: [Comparison]?
    var pagetypeinfo: [TypeComparison]?
    var kpageflags: FlagsComparison?
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
    var takenByFallback: UInt64
    var outside: UInt64
    /// How the types of pageblocks at the start are known.
    var pageblockTypes: Knowledge
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
  var mixedPageblocks: Mixed
  var inferred: Inferred

  init(_ report: FragmentationReport) {
    let findings = report.findings
    let outcome = findings.outcome
    start = findings.start.rawValue
    zones = Self.zones(findings, outcome.end, isEnd: true)
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
    if !comparisons.isEmpty || !findings.types.isEmpty || findings.pageFrames != nil {
      verification = Verification(
        buddyinfo: comparisons.isEmpty ? nil : comparisons,
        pagetypeinfo: findings.types.isEmpty ? nil : findings.types.map { TypeComparison($0) },
        kpageflags: findings.flagsDifference.map {
          FlagsComparison(freeOnlyInReplay: $0.freeOnlyInReplay, freeOnlyInFlags: $0.freeOnlyInFlags)
        },
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
    mixedPageblocks = Mixed(findings, top: report.top)
    let knowledge = findings.knowledge
    inferred = Inferred(
      takenWhileInUse: outcome.takenWhileInUse, freedWhileFree: outcome.freedWhileFree,
      takenByFallback: outcome.takenByFallback, outside: outcome.outside,
      pageblockTypes: Knowledge(
        exact: knowledge.exact, events: knowledge.events, pages: knowledge.pages, assumed: knowledge.assumed))
  }

  private static func zones(
    _ findings: FragmentationFindings, _ moment: FragmentationOutcome.Moment, isEnd: Bool = false
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
        byMigrateType: isEnd ? byType(findings, span) : nil,
        mixedPageblocks: mixed(findings, moment, span),
        availability: isEnd ? availability(findings.outcome.availability[span]) : nil)
    }
  }

  private static func byType(_ findings: FragmentationFindings, _ span: Int) -> [String: [UInt64]]? {
    guard findings.outcome.freeBlocksByType.indices.contains(span) else { return nil }
    var types: [String: [UInt64]] = [:]
    for (type, blocks) in findings.outcome.freeBlocksByType[span].enumerated() where blocks.contains(where: { $0 > 0 })
    {
      types[findings.name(migrateType: type)] = blocks
    }
    return types
  }

  private static func mixed(
    _ findings: FragmentationFindings, _ moment: FragmentationOutcome.Moment, _ span: Int
  ) -> [String: UInt64] {
    guard moment.mixedBlocks.indices.contains(span) else { return [:] }
    var types: [String: UInt64] = [:]
    for (owner, count) in moment.mixedBlocks[span].enumerated() where count > 0 {
      let type = owner == PageblockContents.typeCount ? Int(PageblockContents.unknownType) : owner
      types[findings.name(migrateType: type)] = count
    }
    return types
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

extension FragmentationDocument.TypeComparison {
  fileprivate init(_ comparison: PageFrameFindings.TypeComparison) {
    node = comparison.zone.node
    zone = comparison.zone.zone
    migrateType = comparison.type
    predicted = comparison.predicted
    observed = comparison.observed
    cappedOrders = comparison.cappedOrders.isEmpty ? nil : comparison.cappedOrders
    equalOrders = comparison.equalOrders
  }
}

extension FragmentationDocument.Mixed {
  fileprivate init(_ findings: FragmentationFindings, top: Int?) {
    let outcome = findings.outcome
    func name(_ type: UInt8) -> String { findings.name(migrateType: Int(type)) }
    became = outcome.becameMixed
    stillMixed = outcome.stillMixed
    atEnd = outcome.mixed.map { group in
      var pages: [String: UInt64] = [:]
      for (type, count) in group.usedPages.enumerated() where count > 0 {
        pages[findings.name(migrateType: type)] = count
      }
      return .init(
        node: findings.zones[group.span].node, zone: findings.zones[group.span].zone, migrateType: name(group.owner),
        pageblocks: group.pageblocks, usedPages: pages)
    }
    mixers = outcome.mixers.prefix(top ?? 1000).map {
      .init(
        task: $0.task, wanted: name($0.wanted), pageblockType: name($0.owner), fallback: $0.isFallback,
        gfpFlags: $0.flags, caller: $0.caller, firstNanoseconds: $0.firstNanoseconds, count: $0.count,
        stillMixed: $0.stillMixed)
    }
  }
}

extension FragmentationReport {
  /// The report as JSON.
  public func json() throws -> String {
    try JSONReport.text(DocumentHeader(command: "frag", subject: subject), FragmentationDocument(self))
  }
}
