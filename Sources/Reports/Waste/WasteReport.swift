public import Analysis
import KernelTypes

/// Which groups come first in a report.
public enum WasteOrder: String, CaseIterable, Sendable {
  /// By bytes wasted at the end.
  case live
  /// By bytes wasted at the peak.
  case peak
  /// By bytes wasted in total.
  case total
  /// By the wasted part of what is allocated at the end.
  case percent
  /// By bytes allocated at the end.
  case allocated
  /// By objects live at the end.
  case objects
  /// By allocations in total: who asks most often.
  case allocations

  /// What a group is ordered by.
  func value(_ group: WasteResult.Group) -> Double {
    switch self {
    case .live: Double(group.live.wastedBytes)
    case .peak: Double(group.peak.wastedBytes)
    case .total: Double(group.total.wastedBytes)
    case .percent: group.live.wastedPercent
    case .allocated: Double(group.live.allocatedBytes)
    case .objects: Double(group.live.objects)
    case .allocations: Double(group.total.objects)
    }
  }

  /// What stands in a heading: `most waste at the end first`.
  var words: String {
    switch self {
    case .live: "most waste at the end first"
    case .peak: "most waste at the peak first"
    case .total: "most waste in total first"
    case .percent: "largest wasted part first"
    case .allocated: "most bytes at the end first"
    case .objects: "most objects at the end first"
    case .allocations: "most allocations first"
    }
  }

  /// Whether it looks at more than what is left at the end.
  public var isOverTime: Bool {
    switch self {
    case .peak, .total, .allocations: true
    case .live, .percent, .allocated, .objects: false
    }
  }
}

/// The answer of `waste` with what its reports need to know.
public struct WasteReport: Sendable {
  public var subject: ReportSubject
  public var result: WasteResult
  /// The most groups shown; `nil` shows all.
  public var top: Int?
  public var order: WasteOrder
  /// What changes would save, if that was asked for.
  public var advice: AdviceFindings?

  public init(subject: ReportSubject, result: WasteResult, top: Int? = nil, order: WasteOrder = .live) {
    self.subject = subject
    self.result = result
    self.top = top
    self.order = order
  }

  /// All groups in the order asked for; the result has them by live waste, then by key.
  var orderedGroups: [WasteResult.Group] {
    if order == .live { return result.groups }
    return result.groups.sorted { (order.value($1), $0.key) < (order.value($0), $1.key) }
  }

  /// The groups to show when a reader did not say how many.
  func shownGroups(standard: Int?) -> [WasteResult.Group] {
    let groups = orderedGroups
    guard let limit = top ?? standard else { return groups }
    return Array(groups.prefix(limit))
  }

  func duration(_ time: UInt64) -> String { Units.duration(time, isTicks: subject.isTicks) }

  /// The moment on the trace's own clock, to be found again in the log.
  func clock(_ time: UInt64) -> String {
    Units.clock(result.clockAtFirstEvent &+ time, isTicks: subject.isTicks)
  }
}
