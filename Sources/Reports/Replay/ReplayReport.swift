public import Analysis
import KernelTypes
import Replay

/// The answer of `replay` with what its reports need to know.
public struct ReplayReport: Sendable {
  public var subject: ReportSubject
  public var findings: ReplayFindings
  /// The most caches shown; `nil` leaves it to the format.
  public var top: Int?
  /// What a model that chooses page frames makes of the trace, if it was asked.
  public var pageFrames: PageFrameFindings?

  let order: CacheOrder

  public init(subject: ReportSubject, findings: ReplayFindings, top: Int? = nil, order: CacheOrder = .pages) {
    self.subject = subject
    self.findings = findings
    self.findings.outcome.caches = order.sorted(findings.outcome.caches)
    self.top = top
    self.order = order
  }

  var outcome: ReplayOutcome { findings.outcome }
  var name: String { findings.displayName }

  func duration(_ time: UInt64) -> String { Units.duration(time, isTicks: subject.isTicks) }

  /// The answer in a sentence or two.
  var answer: String {
    let figures = outcome.end.modelled
    let bytes = findings.slabBytes(figures)
    var text =
      "\(name) needs \(Units.bytes(bytes)) of slab pages for \(Units.bytes(figures.live.requestedBytes)) requested at "
      + "the end: \(Units.percent(findings.footprintWastedPercent(figures))) of it is waste [modelled]."
    if let grades = outcome.grades {
      let address = grades.total.objectAddress
      text +=
        "\nFollowed along the trace, the model named the \(grades.isOfSlabs ? "slab" : "address") of "
        + "\(Grades.percent(address)) of the objects on new slabs."
    }
    return text
  }

  /// From where on grades count, if not from the first event.
  var startNote: String? {
    guard outcome.grades != nil, findings.startsFromDump else { return nil }
    return "Graded from the moment of --before on: its dump of \(name)'s lists is where the model starts."
  }

  /// What stands in the place of grades when there are none.
  var ungradedNote: String? {
    switch findings.ungraded {
    case nil: nil
    case .noAddresses:
      "Not graded: pointers in this trace can't be related to page frames (hashed pointers, or no mm_page_alloc "
        + "events). Record with `no_hash_pointers` and all of events/kmem."
    case .otherAllocator:
      "Not graded: this trace was made by \(findings.tracedAllocator?.rawValue.uppercased() ?? "another allocator"), "
        + "so it doesn't tell what \(name) would have done."
    case .otherOptions:
      "Not graded: the traced SLUB ran with other debugging (the sizes in the trace show it) than the one modelled."
    case .unknownAllocator:
      "Not graded: the sizes in this trace fit no allocator that is known here (`--kernel` and `--arch` may help)."
    }
  }
}

/// Grades as people read them.
enum Grades {
  /// Such as `99.49 %`; never rounded up to 100.
  static func percent(_ grade: Grade) -> String {
    if grade.checked == grade.matched { return "100 %" }
    return Units.percent(min(grade.percent, 99.99))
  }

  /// Such as `89,181 of 89,638`.
  static func fraction(_ grade: Grade) -> String { Units.count(grade.matched) + " of " + Units.count(grade.checked) }
}
