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
    func waste(_ group: WasteResult.Group) -> Int64 {
      switch order {
      case .live: group.live.wastedBytes
      case .peak: group.peak.wastedBytes
      case .total: group.total.wastedBytes
      }
    }
    if order == .live { return result.groups }
    return result.groups.sorted { (waste($1), $0.key) < (waste($0), $1.key) }
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
