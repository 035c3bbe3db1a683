import Replay

/// What reports say about a shortage of memory, predicted and observed.
struct PressureSection {
  let pressure: PressureGrades

  /// Things that the kernel did with an event, how many of them the model said, and what only the model said.
  var table: TextTable {
    var table = TextTable([
      .init("Shortage of memory", isNumber: false), .init("Observed"), .init("Predicted"), .init("Share"),
      .init("In the model only"),
    ])
    func add(_ name: String, _ grade: Grade, elsewhere: UInt64? = nil) {
      if grade.checked == 0, elsewhere ?? 0 == 0 { return }
      table.add([
        name, Units.count(grade.checked), Units.count(grade.matched), PageFrameSection.share(grade),
        elsewhere.map { Units.count($0) } ?? "",
      ])
    }
    add("requests that woke kswapd", pressure.wakeup, elsewhere: pressure.wakeupsElsewhere.total)
    add("  below the low mark", pressure.lowWakeup)
    add("  after a boost of the marks", pressure.boostWakeup)
    add("kswapd rests or goes on after a run", pressure.runEnd)
    add(
      "requests that reclaimed memory themselves", pressure.directReclaim,
      elsewhere: pressure.directReclaimsElsewhere.total)
    add("free pages and mark, where the kernel prints them", pressure.retry)
    add("zones looked at for compaction", pressure.suitability)
    add("compactions begun", pressure.compaction)
    add("compactions that made a block, or not", pressure.compactionFinished)
    add("pages taken as compaction's targets", pressure.isolatedPages)
    add("OOM victims, by what the trace tells of processes", pressure.victim)
    return table
  }

  /// The misses by kind, and what was counted.
  var notes: [String] {
    var notes: [String] = []
    func add(_ what: String, _ misses: PressureGrades.Misses) {
      for miss in PressureMiss.allCases where misses[miss] > 0 {
        notes.append("\(Units.count(misses[miss])) \(what): " + Self.words(miss))
      }
    }
    add("of kswapd's wakes missed", pressure.wakeupMisses)
    add("of kswapd's wakes in the model only", pressure.wakeupsElsewhere)
    add("of direct reclaim missed", pressure.directReclaimMisses)
    add("of direct reclaim in the model only", pressure.directReclaimsElsewhere)
    if pressure.retryDifference != 0 {
      let more = pressure.retryDifference > 0 ? "more" : "fewer"
      let pages = UInt64(pressure.retryDifference.magnitude)
      notes.append(
        Units.count(pages, "free page", "free pages") + " \(more) in the model where it differed most from the kernel")
    }
    func count(_ count: UInt64, _ one: String, _ many: String) {
      if count > 0 { notes.append(Units.count(count, one, many)) }
    }
    count(pressure.reclaimRuns, "run of kswapd", "runs of kswapd")
    count(pressure.reclaimedPages, "page reclaimed directly", "pages reclaimed directly")
    count(pressure.compactions, "run of compaction", "runs of compaction")
    count(pressure.migratedPages, "page moved by compaction", "pages moved by compaction")
    return notes
  }

  private static func words(_ miss: PressureMiss) -> String {
    switch miss {
    case .nearMark: "so near to the mark that what CPUs count by themselves decides"
    case .freeInModel: "pages that are free in the model had been taken unseen"
    case .usedInModel: "pages that are in use in the model had been freed unseen"
    case .fallback: "a fallback, which boosts the marks, that only one of the two made"
    case .early: "too early, the kernel came to it within 64 requests"
    case .atWork: "it was at work already, as far as the model knew"
    }
  }
}

/// The JSON of a shortage of memory, predicted and observed.
struct PressureDocument: Encodable {

  var kswapdWakeups: GradeDocument
  var kswapdWakeupsBelowLow: GradeDocument
  var kswapdWakeupsAfterBoost: GradeDocument
  /// By kind; only kinds that occurred.
  var kswapdWakeupMisses: [String: UInt64]
  var kswapdWakeupsInModelOnly: UInt64
  var kswapdWakeupsInModelOnlyByKind: [String: UInt64]
  var kswapdRuns: UInt64
  var kswapdRunEnds: GradeDocument
  var directReclaims: GradeDocument
  var directReclaimMisses: [String: UInt64]
  var directReclaimsInModelOnly: UInt64
  var directReclaimsInModelOnlyByKind: [String: UInt64]
  var reclaimedPages: UInt64
  var retryFreePages: GradeDocument
  var retryLargestDifferencePages: Int
  var compactionSuitability: GradeDocument
  var compactions: UInt64
  var compactionsBegun: GradeDocument
  var compactionsFinished: GradeDocument
  var isolatedPages: GradeDocument
  var migratedPages: UInt64
  var oomVictims: GradeDocument

  init(_ pressure: PressureGrades) {
    func kinds(_ misses: PressureGrades.Misses) -> [String: UInt64] {
      var kinds: [String: UInt64] = [:]
      for miss in PressureMiss.allCases where misses[miss] > 0 { kinds[miss.rawValue] = misses[miss] }
      return kinds
    }
    kswapdWakeups = GradeDocument(pressure.wakeup)
    kswapdWakeupsBelowLow = GradeDocument(pressure.lowWakeup)
    kswapdWakeupsAfterBoost = GradeDocument(pressure.boostWakeup)
    kswapdWakeupMisses = kinds(pressure.wakeupMisses)
    kswapdWakeupsInModelOnly = pressure.wakeupsElsewhere.total
    kswapdWakeupsInModelOnlyByKind = kinds(pressure.wakeupsElsewhere)
    kswapdRuns = pressure.reclaimRuns
    kswapdRunEnds = GradeDocument(pressure.runEnd)
    directReclaims = GradeDocument(pressure.directReclaim)
    directReclaimMisses = kinds(pressure.directReclaimMisses)
    directReclaimsInModelOnly = pressure.directReclaimsElsewhere.total
    directReclaimsInModelOnlyByKind = kinds(pressure.directReclaimsElsewhere)
    reclaimedPages = pressure.reclaimedPages
    retryFreePages = GradeDocument(pressure.retry)
    retryLargestDifferencePages = pressure.retryDifference
    compactionSuitability = GradeDocument(pressure.suitability)
    compactions = pressure.compactions
    compactionsBegun = GradeDocument(pressure.compaction)
    compactionsFinished = GradeDocument(pressure.compactionFinished)
    isolatedPages = GradeDocument(pressure.isolatedPages)
    migratedPages = pressure.migratedPages
    oomVictims = GradeDocument(pressure.victim)
  }
}
