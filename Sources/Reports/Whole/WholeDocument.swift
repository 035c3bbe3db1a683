import Analysis
import KernelTypes
import Replay

/// The JSON of `report`: the documents of the other commands under their names, and what only this one tells.
struct WholeDocument: Encodable {
  struct Summary: Encodable {
    var live: Amount?
    var footprintBytes: UInt64?
    var footprintWastedBytes: Int64?
    var footprintWastedPercent: Double?
    var topCallSite: String?
    var bestAllocator: String?
    var tracedAllocator: String?
    var fragmentation: String?
    var leakSuspects: Int?
  }

  struct Waste: Encodable {
    var callSite: WasteDocument?
    var cache: WasteDocument?
    var task: WasteDocument?
  }

  var summary: Summary
  var waste: Waste?
  var replay: ReplayDocument?
  var compare: CompareDocument?
  var frag: FragmentationDocument?
  var pageblocks: PageblockDocument?
  var lifetimes: LifetimeDocument?
  var pages: PageUseDocument?
  var faults: FaultsDocument?
  var history: [HistoryTrendsDocument]?
  var snapshots: [String: SnapshotDocument]?

  init(_ report: WholeReport) {
    let own = report.own
    summary = Summary(
      live: report.callSites?.live, footprintBytes: own.map { $0.slabBytes($0.outcome.end.modelled) },
      footprintWastedBytes: own.map { $0.footprintWastedBytes($0.outcome.end.modelled) },
      footprintWastedPercent: own.map { $0.footprintWastedPercent($0.outcome.end.modelled) },
      topCallSite: report.orderedSites.first?.key, bestAllocator: report.comparison?.best?.allocator.rawValue,
      tracedAllocator: report.comparison?.tracedAllocator?.rawValue,
      fragmentation: report.answers.first { $0.question == "Is memory fragmented?" }?.value,
      leakSuspects: report.lifetimes?.suspects.count)
    if let subject = report.subject {
      func waste(_ result: WasteResult?) -> WasteDocument? {
        result.map { WasteDocument(WasteReport(subject: subject, result: $0, top: report.top)) }
      }
      if report.callSites != nil || report.caches != nil || report.tasks != nil {
        self.waste = Waste(
          callSite: waste(report.callSites), cache: waste(report.caches), task: waste(report.tasks))
      }
      replay = own.map { ReplayDocument(ReplayReport(subject: subject, findings: $0, top: report.top)) }
      compare = report.comparison.map {
        CompareDocument(CompareReport(subject: subject, findings: $0, top: report.top))
      }
      faults = report.faults.map { FaultsDocument(FaultsReport(subject: subject, findings: $0, top: report.top)) }
      frag = report.fragmentation.map {
        FragmentationDocument(FragmentationReport(subject: subject, findings: $0, top: report.top))
      }
    }
    if let pageblocks = report.pageblocks, let fragmentation = report.fragmentation {
      self.pageblocks = PageblockDocument(pageblocks, fragmentation)
    }
    pages = report.pageUse.map { PageUseDocument($0, top: report.top) }
    lifetimes = report.lifetimes.map { LifetimeDocument($0, top: report.top) }
    if !report.history.isEmpty { history = report.history.map(HistoryTrendsDocument.init) }
    if !report.snapshots.isEmpty {
      snapshots = Dictionary(
        report.snapshots.map { ($0.role, SnapshotDocument(SnapshotReport(findings: $0.findings, top: report.top))) },
        uniquingKeysWith: { first, _ in first })
    }
  }
}

/// Physical memory by pageblock, as JSON.
struct PageblockDocument: Encodable {
  struct Cell: Encodable {
    /// Hexadecimal.
    var frame: String
    var pages: UInt64
    var freePages: UInt64
    /// By migrate type.
    var usedPages: [String: UInt64]?
  }

  struct Zone: Encodable {
    var node: Int
    var zone: String
    var pageblocks: UInt64
    var freeBlocks: UInt64
    var pureBlocks: [String: UInt64]
    var mixedBlocks: UInt64
    var unknownBlocks: UInt64
    var pageblocksPerCell: UInt64
    /// Cells of which something is known.
    var cells: [Cell]
  }

  var pageblockOrder: Int
  var zones: [Zone]

  init(_ findings: PageblockFindings, _ fragmentation: FragmentationFindings) {
    func named(_ counts: [UInt64]) -> [String: UInt64] {
      var all: [String: UInt64] = [:]
      for (type, count) in counts.enumerated() where count > 0 {
        all[fragmentation.name(migrateType: type), default: 0] += count
      }
      return all
    }
    pageblockOrder = findings.pageblockOrder
    zones = zip(findings.zones, findings.pageblocksPerCell).map { zone, perCell in
      Zone(
        node: zone.node, zone: zone.name, pageblocks: zone.pageblocks, freeBlocks: zone.freeBlocks,
        pureBlocks: named(zone.pureBlocks), mixedBlocks: zone.mixedBlocks, unknownBlocks: zone.unknownBlocks,
        pageblocksPerCell: perCell,
        cells: zone.cells.filter { !$0.content.isEmpty }.map { cell in
          let used = named(cell.content.usedPages)
          return Cell(
            frame: "0x" + String(cell.frame, radix: 16), pages: cell.pages, freePages: cell.content.freePages,
            usedPages: used.isEmpty ? nil : used)
        })
    }
  }
}

/// Who takes and holds pages, as JSON.
struct PageUseDocument: Encodable {
  struct Group: Encodable {
    var task: String?
    /// Outermost caller first.
    var frames: [String]?
    var allocations: UInt64
    var takenPages: UInt64
    var heldPages: UInt64
  }

  var allocations: UInt64
  var takenPages: UInt64
  var heldPages: UInt64
  var peakHeldPages: UInt64
  var freesOfUnseen: UInt64
  var tasks: [Group]
  var stacks: [Group]

  init(_ findings: PageUseFindings, top: Int?) {
    allocations = findings.total.allocations
    takenPages = findings.total.takenPages
    heldPages = findings.total.heldPages
    peakHeldPages = findings.peakHeldPages
    freesOfUnseen = findings.freesOfUnseen
    tasks = findings.tasks.prefix(top ?? .max).map { group in
      Group(
        task: group.names.first, allocations: group.pages.allocations, takenPages: group.pages.takenPages,
        heldPages: group.pages.heldPages)
    }
    stacks = findings.stacks.prefix(top ?? .max).map { group in
      Group(
        frames: group.names, allocations: group.pages.allocations, takenPages: group.pages.takenPages,
        heldPages: group.pages.heldPages)
    }
  }
}

/// Lifetimes, turnover and leak suspects, as JSON.
struct LifetimeDocument: Encodable {
  struct Range: Encodable {
    /// The first lifetime above the range; none for the last.
    var belowNanoseconds: UInt64?
    var objects: UInt64
    var allocatedBytes: UInt64
  }

  struct Site: Encodable {
    var key: String
    var symbol: String?
    var total: Amount
    var live: Amount
    var kept: Amount
    var keptBySlice: [UInt64]
    var frees: UInt64
    var freesOnOtherCPU: UInt64
    var freesByLifetime: [UInt64]
    var meanLifetimeNanoseconds: UInt64?
    var peakLiveBytes: UInt64
    /// Bytes allocated for each byte held at most, two decimals.
    var turnover: Double
    var oldestNanoseconds: UInt64
    var isLeakSuspect: Bool
  }

  struct Moment: Encodable {
    var atNanoseconds: UInt64
    var live: Amount
  }

  struct Stack: Encodable {
    /// Outermost caller first.
    var frames: [String]
    var total: Amount
    var live: Amount
  }

  var spanNanoseconds: UInt64
  var ranges: [Range]
  var sites: [Site]
  var sitesOmitted: Int
  var leakSuspects: [String]
  var timeline: [Moment]
  var stacks: [Stack]
  var stacksOmitted: Int

  init(_ findings: LifetimeFindings, top: Int?) {
    spanNanoseconds = findings.span
    ranges = findings.freesByLifetime.indices.map { bin in
      Range(
        belowNanoseconds: bin < LifetimeBins.bounds.count ? LifetimeBins.bounds[bin] : nil,
        objects: findings.freesByLifetime[bin], allocatedBytes: findings.bytesByLifetime[bin])
    }
    sites = findings.sites.prefix(top ?? .max).map { site in
      Site(
        key: site.key, symbol: site.symbol, total: site.total, live: site.live, kept: site.kept,
        keptBySlice: site.survivors.map(\.allocatedBytes), frees: site.frees, freesOnOtherCPU: site.freesOnOtherCPU,
        freesByLifetime: site.freesByLifetime, meanLifetimeNanoseconds: site.meanLifetime,
        peakLiveBytes: site.peakLiveBytes, turnover: (site.turnover * 100).rounded() / 100,
        oldestNanoseconds: site.oldestAge, isLeakSuspect: site.isLeakSuspect)
    }
    sitesOmitted = findings.sites.count - sites.count
    leakSuspects = findings.suspects.map(\.key)
    timeline = findings.timeline.map { Moment(atNanoseconds: $0.atNanoseconds, live: $0.live) }
    stacks = findings.stacks.prefix(top ?? .max).map { Stack(frames: $0.frames, total: $0.total, live: $0.live) }
    stacksOmitted = findings.stacksOmitted + findings.stacks.count - stacks.count
  }
}

extension WholeReport {
  private struct SnapshotOnly: Encodable {
    var header: SnapshotHeader
    var body: WholeDocument

    func encode(to encoder: any Encoder) throws {
      try header.encode(to: encoder)
      try body.encode(to: encoder)
    }
  }

  /// The report as JSON.
  public func json() throws -> String {
    let body = WholeDocument(self)
    if let subject { return try JSONReport.text(DocumentHeader(command: "report", subject: subject), body) }
    guard let first = snapshots.first else { return try JSONReport.text(body) }
    return try JSONReport.text(
      SnapshotOnly(header: SnapshotHeader(first.findings, command: "report"), body: body))
  }
}
