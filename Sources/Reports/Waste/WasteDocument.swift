import Analysis
import KernelTypes

/// The JSON of `waste`: exact integers, times in nanoseconds after the first event.
struct WasteDocument: Encodable {
  /// An amount with keys of its own beside it.
  struct Extended: Encodable {
    var amount: Amount
    var frees: UInt64?
    var atNanoseconds: UInt64?

    private enum CodingKeys: String, CodingKey {
      case frees, atNanoseconds
    }

    func encode(to encoder: any Encoder) throws {
      try amount.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encodeIfPresent(frees, forKey: .frees)
      try container.encodeIfPresent(atNanoseconds, forKey: .atNanoseconds)
    }
  }

  struct Group: Encodable {
    var key: String
    var symbol: String?
    /// Only there if the call site allocates for its caller.
    var wrapper: Bool?
    var total: Extended
    var live: Amount
    var peak: Amount
  }

  struct Mark: Encodable {
    var text: String
    var atNanoseconds: UInt64
    var live: Amount
  }

  var by: WasteGrouping
  var events: EventFamily
  var total: Extended
  var live: Extended
  var peak: Extended
  var peakWaste: Extended
  var groups: [Group]
  var groupsOmitted: Int
  var marks: [Mark]
  var marksOmitted: UInt64
  var advice: AdviceSection.Document?

  init(_ report: WasteReport) {
    let result = report.result
    by = result.grouping
    events = result.family
    total = Extended(amount: result.total, frees: result.frees)
    live = Extended(amount: result.live, atNanoseconds: result.endTime)
    peak = Extended(amount: result.peak.amount, atNanoseconds: result.peak.time)
    peakWaste = Extended(amount: result.peakWaste.amount, atNanoseconds: result.peakWaste.time)
    groups = report.shownGroups(standard: nil).map {
      Group(
        key: $0.key, symbol: $0.symbol, wrapper: $0.isWrapper ? true : nil,
        total: Extended(amount: $0.total, frees: $0.frees), live: $0.live,
        peak: $0.peak)
    }
    groupsOmitted = result.groups.count - groups.count
    marks = result.marks.map { Mark(text: $0.text, atNanoseconds: $0.time, live: $0.live) }
    marksOmitted = result.marksOmitted
    advice = report.advice.map { AdviceSection(findings: $0).document }
  }
}

extension WasteReport {
  /// The report as JSON.
  public func json() throws -> String {
    try JSONReport.text(DocumentHeader(command: "waste", subject: subject), WasteDocument(self))
  }
}
