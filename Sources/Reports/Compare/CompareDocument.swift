import Analysis
import KernelTypes
import Replay

/// The JSON of `compare`: exact integers, times in nanoseconds after the first event.
struct CompareDocument: Encodable {
  struct Allocator: Encodable {
    var name: String
    var modelProfile: KernelProfile
    var model: ReplayDocument.Model
    var marks: [ReplayDocument.Mark]
    var marksOmitted: UInt64
    var timeline: [ReplayDocument.Moment]
    var verification: ReplayDocument.Verification
  }

  struct Best: Encodable {
    var name: String
    var by = "footprintWastedBytes"
  }

  var tracedAllocator: String?
  var requests: Amount
  var allocators: [Allocator]
  var best: Best?

  init(_ report: CompareReport) {
    let findings = report.findings
    tracedAllocator = findings.tracedAllocator?.rawValue
    requests = findings.requests
    allocators = findings.allocators.map { allocator in
      Allocator(
        name: allocator.identifier, modelProfile: allocator.profile, model: .init(allocator),
        marks: allocator.outcome.marks.map { .init($0) }, marksOmitted: allocator.outcome.omittedMarks,
        timeline: allocator.outcome.timeline.map { .init($0) }, verification: .init(allocator))
    }
    best = findings.best.map { Best(name: $0.identifier) }
  }
}

extension CompareReport {
  /// The report as JSON.
  public func json() throws -> String {
    try JSONReport.text(DocumentHeader(command: "compare", subject: subject), CompareDocument(self))
  }
}
