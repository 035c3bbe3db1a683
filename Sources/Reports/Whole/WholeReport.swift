public import Analysis
import KernelTypes
import ProcSnapshots
import Replay

/// The answer of `report`: everything that the other commands say about one input, in one document.
///
/// Parts that the input can't tell are `nil`, and the document leaves them out.
public struct WholeReport: Sendable {
  /// The trace; `nil` for a snapshot alone.
  public var subject: ReportSubject?
  public var callSites: WasteResult?
  public var caches: WasteResult?
  public var tasks: WasteResult?
  public var comparison: CompareFindings?
  public var fragmentation: FragmentationFindings?
  public var pageblocks: PageblockFindings?
  public var lifetimes: LifetimeFindings?
  public var pageUse: PageUseFindings?
  public var faults: FaultFindings?
  /// Earlier runs, each list with this report's own figures at its end where it has them.
  public var history: [HistoryTrends] = []
  /// Snapshots with what they are to the trace, such as `before`; in order of time.
  public var snapshots: [(role: String, findings: SnapshotFindings)] = []
  /// The most rows of a table; `nil` leaves it to the format.
  public var top: Int?
  /// The key of the column that tables are sorted by, largest first; tables without it stay as they are.
  public var sort: String?

  public init(subject: ReportSubject?, top: Int? = nil) {
    self.subject = subject
    self.top = top
  }

  /// The tables that a report can have, by name, for CSV.
  public static let tableNames = [
    "call-sites", "caches", "slabs", "allocators", "model-pages", "free-blocks", "buddyinfo", "fallbacks", "breakers",
    "pageblocks",
    "lifetimes", "turnover", "leak-suspects", "tasks", "page-tasks", "page-stacks", "stacks",
    "fault-kinds", "fault-processes", "fault-mappings", "fault-grades", "fault-snapshots", "grades", "markers",
    "history",
  ]

  var isTicks: Bool { subject?.isTicks ?? false }

  func duration(_ time: UInt64) -> String { Units.duration(time, isTicks: isTicks) }

  /// The replay through the allocator that made the trace, or the first one.
  var own: ReplayFindings? {
    guard let all = comparison?.allocators else { return nil }
    return all.first { $0.allocator == $0.tracedAllocator } ?? all.first
  }

  func name(_ findings: ReplayFindings) -> String { findings.allocator.rawValue.uppercased() }

  /// Where the trace's markers are on a time axis.
  var marks: [ChartMark] {
    (own?.outcome.marks ?? []).map { ChartMark(at: $0.atNanoseconds, text: $0.text) }
  }

  /// What this report says, in no particular form.
  var document: ReportDocument {
    var document = ReportDocument(title: title, source: source)
    document.answers = answers
    document.sections =
      [
        wasteSection, cacheSection, allocatorSection, fragmentationSection, pageblockSection, lifetimeSection,
        leakSection, taskSection, pageSection, faultSection,
      ].compactMap { $0 } + historySections + [gradeSection].compactMap { $0 } + snapshotSections
      + [qualitySection].compactMap { $0 }
    if let sort { document.sort(by: sort) }
    return document
  }

  private var title: String {
    guard let subject else { return "Kernel memory: \(snapshots.first?.findings.snapshot.name ?? "snapshot")" }
    return "Kernel memory: " + (subject.name == "-" ? "standard input" : subject.name)
  }

  private var source: String {
    if let subject { return ReportHeading.source(subject) }
    return snapshots.first.map { SnapshotReport(findings: $0.findings).source } ?? ""
  }
}
