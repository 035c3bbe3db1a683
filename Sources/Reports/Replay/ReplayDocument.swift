import Analysis
import KernelTypes
import Replay

/// The JSON of `replay`: exact integers, times in nanoseconds after the first event.
struct ReplayDocument: Encodable {
  struct SlabWaste: Encodable {
    var freeSlots: UInt64
    var padding: UInt64
    var management: UInt64
    var total: UInt64
  }

  struct Model: Encodable {
    var slabPages: UInt64
    var slabBytes: UInt64
    var live: Amount
    var slabWasteBytes: SlabWaste
    var footprintWastedBytes: Int64
    var footprintWastedPercent: Double
    var peakSlabPages: UInt64
    var pageAllocations: [UInt64]
    var pageFrees: [UInt64]
    var largeAllocations: UInt64
    var borrowedPages: UInt64
    var requests: Amount
  }

  struct Observed: Encodable {
    var slabPages: UInt64
    var slabBytes: UInt64
    var peakSlabPages: UInt64?
    var pageAllocations: [UInt64]?
    var pageFrees: [UInt64]?
  }

  struct Pages: Encodable {
    var predicted: Int64
    var observed: Int64
  }

  struct Verification: Encodable {
    var allocatedBytes: GradeDocument?
    var objectAddress: GradeDocument?
    var objectSlab: GradeDocument?
    var oldObjectAddress: GradeDocument?
    var slabGrowth: GradeDocument?
    var slabRelease: GradeDocument?
    var slabPages: Pages?
    var slabinfo: SlabInfoGrades?
    var addressMisses: [String: UInt64]?
    var takenUnseen: UInt64?
    var freedUnseen: UInt64?
    var ungraded: String?
    var start: String?
    var pageFrame: PageFrameDocument?
  }

  struct SlabInfoGrades: Encodable {
    struct Cache: Encodable {
      var name: String
      var slabsBefore: Int64
      var predictedSlabs: Int64
      var observedSlabs: Int64
      var predictedObjects: Int64
      var observedObjects: Int64
      var geometryMatches: Bool
    }

    var checked: UInt64
    var matched: UInt64
    var geometry: GradeDocument
    var slabs: Pages
    var untouchedCaches: GradeDocument
    var caches: [Cache]
  }

  struct Cache: Encodable {
    var name: String
    var objectSize: Int
    var slotSize: Int
    var slabOrder: Int
    var slotsPerSlab: Int
    var slabs: Int
    var slabPages: UInt64
    var peakSlabs: Int
    var activeObjects: Int
    var live: Amount
    var freeSlotBytes: UInt64
    var paddingBytes: UInt64
    var growths: Int
    var releases: Int
    var verification: Verification?
  }

  struct Moment: Encodable {
    var atNanoseconds: UInt64
    var slabPages: UInt64
    var liveAllocatedBytes: UInt64
    var liveRequestedBytes: UInt64
    var freePages: UInt64
    var observedSlabPages: UInt64?
    var followed: Pages?
  }

  struct Mark: Encodable {
    var text: String
    var atNanoseconds: UInt64
    var slabPages: UInt64
    var live: Amount
    var freePages: UInt64
    var observedSlabPages: UInt64?
    var followed: Pages?
    var alone: Int64?
  }

  var allocator: String
  var variant: String?
  var tracedAllocator: String?
  var modelProfile: KernelProfile
  var model: Model
  var observed: Observed?
  var verification: Verification
  var caches: [Cache]
  var cachesOmitted: Int
  var timeline: [Moment]
  var marks: [Mark]
  var marksOmitted: UInt64

  init(_ report: ReplayReport) {
    let findings = report.findings
    let outcome = findings.outcome
    allocator = findings.allocator.rawValue
    tracedAllocator = findings.tracedAllocator?.rawValue
    modelProfile = findings.profile
    model = Model(findings)
    observed = outcome.end.observedSlabPages.map { pages in
      Observed(
        slabPages: pages, slabBytes: pages * UInt64(findings.profile.pageSize),
        peakSlabPages: outcome.observedPeakSlabPages, pageAllocations: outcome.observedPageAllocations,
        pageFrees: outcome.observedPageFrees)
    }
    verification = Verification(findings)
    verification.pageFrame = report.pageFrames.map { PageFrameDocument($0) }
    caches = outcome.caches.prefix(report.top ?? .max).map {
      Cache($0, isOfSlabs: outcome.grades?.isOfSlabs ?? false)
    }
    cachesOmitted = outcome.caches.count - caches.count
    timeline = outcome.timeline.map { Moment($0) }
    marks = outcome.marks.map { Mark($0) }
    marksOmitted = outcome.omittedMarks
  }
}

extension ReplayDocument.Model {
  init(_ findings: ReplayFindings) {
    let outcome = findings.outcome
    let figures = outcome.end.modelled
    let waste = ReplayDocument.SlabWaste(
      freeSlots: figures.freeSlotBytes, padding: figures.paddingBytes, management: figures.managementBytes,
      total: figures.freeSlotBytes + figures.paddingBytes + figures.managementBytes)
    self.init(
      slabPages: figures.slabPages, slabBytes: findings.slabBytes(figures), live: figures.live, slabWasteBytes: waste,
      footprintWastedBytes: findings.footprintWastedBytes(figures),
      footprintWastedPercent: findings.footprintWastedPercent(figures), peakSlabPages: outcome.peakSlabPages,
      pageAllocations: outcome.pageAllocations, pageFrees: outcome.pageFrees,
      largeAllocations: outcome.largeAllocations, borrowedPages: outcome.borrowedPages,
      requests: outcome.requests)
  }
}

extension ReplayDocument.Pages {
  init(_ pages: FollowedPages) { self.init(predicted: pages.predicted, observed: pages.observed) }
}

extension ReplayDocument.Verification {
  init(_ findings: ReplayFindings) {
    guard let grades = findings.outcome.grades else {
      self.init(ungraded: findings.ungraded?.rawValue)
      return
    }
    self.init(grades.total, isOfSlabs: grades.isOfSlabs)
    allocatedBytes = .init(grades.allocatedBytes)
    if findings.startsFromDump { start = "dump" }
    slabinfo = findings.slabInfo.map { .init($0) }
    slabPages = findings.outcome.end.followed.map { .init($0) }
  }

  init(_ grades: FollowGrades.CacheGrades, isOfSlabs: Bool) {
    if isOfSlabs {
      objectSlab = .init(grades.objectAddress)
    } else {
      objectAddress = .init(grades.objectAddress)
    }
    oldObjectAddress = .init(grades.oldObjectAddress)
    slabGrowth = .init(grades.slabGrowth)
    slabRelease = .init(grades.slabRelease)
    addressMisses = Dictionary(
      uniqueKeysWithValues: zip(AddressMiss.allCases.map(\.rawValue), grades.misses).filter { $0.1 > 0 })
    takenUnseen = grades.takenUnseen
    freedUnseen = grades.freedUnseen
  }
}

extension ReplayDocument.SlabInfoGrades {
  init(_ verification: SlabInfoVerification) {
    self.init(
      checked: verification.slabs.checked, matched: verification.slabs.matched, geometry: .init(verification.geometry),
      slabs: .init(predicted: verification.predictedSlabs, observed: verification.observedSlabs),
      untouchedCaches: .init(verification.untouched),
      caches: verification.caches.map {
        Cache(
          name: $0.name, slabsBefore: $0.slabsBefore, predictedSlabs: $0.predictedSlabs,
          observedSlabs: $0.observedSlabs, predictedObjects: $0.predictedObjects, observedObjects: $0.observedObjects,
          geometryMatches: $0.geometryIsRight)
      })
  }
}

extension ReplayDocument.Cache {
  init(_ cache: ReplayOutcome.Cache, isOfSlabs: Bool) {
    self.init(
      name: cache.name, objectSize: cache.objectSize, slotSize: cache.slotSize, slabOrder: cache.slabOrder,
      slotsPerSlab: cache.slotsPerSlab, slabs: cache.slabs, slabPages: cache.slabPages, peakSlabs: cache.peakSlabs,
      activeObjects: cache.activeObjects, live: cache.live, freeSlotBytes: cache.freeSlotBytes,
      paddingBytes: cache.paddingBytes, growths: cache.growths, releases: cache.releases,
      verification: cache.grades.map { .init($0, isOfSlabs: isOfSlabs) })
  }
}

extension ReplayDocument.Moment {
  init(_ moment: ReplayMoment) {
    self.init(
      atNanoseconds: moment.atNanoseconds, slabPages: moment.modelled.slabPages,
      liveAllocatedBytes: moment.modelled.live.allocatedBytes,
      liveRequestedBytes: moment.modelled.live.requestedBytes, freePages: moment.freePages,
      observedSlabPages: moment.observedSlabPages, followed: moment.followed.map { .init($0) })
  }
}

extension ReplayDocument.Mark {
  init(_ moment: ReplayMoment) {
    self.init(
      text: moment.text, atNanoseconds: moment.atNanoseconds, slabPages: moment.modelled.slabPages,
      live: moment.modelled.live, freePages: moment.freePages, observedSlabPages: moment.observedSlabPages,
      followed: moment.followed.map { .init($0) }, alone: moment.alone)
  }
}

extension ReplayReport {
  /// The report as JSON.
  public func json() throws -> String {
    try JSONReport.text(DocumentHeader(command: "replay", subject: subject), ReplayDocument(self))
  }
}
