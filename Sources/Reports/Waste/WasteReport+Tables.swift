import Analysis
import KernelTypes
import TraceEvents

extension WasteReport {
  /// The answer in one sentence.
  var answer: String {
    let live = result.live
    if live.objects == 0 {
      let total = result.total
      return "Nothing is live at the end; \(Units.bytes(total.wastedBytes)) (\(Units.percent(total.wastedPercent))) "
        + "of the \(Units.bytes(total.allocatedBytes)) allocated in total was waste."
    }
    return "\(Units.bytes(live.wastedBytes)) (\(Units.percent(live.wastedPercent))) of the "
      + "\(Units.bytes(live.allocatedBytes)) live at the end is waste."
  }

  /// What the figures are, for below the answer.
  static let footing = "Observed: every figure is read from the trace. Waste is bytes allocated beyond bytes requested."

  /// What the asterisks in the table mean, if it has any.
  func wrapperNote(_ groups: [WasteResult.Group]) -> String {
    if !groups.contains(where: \.isWrapper) { return "" }
    return "* allocates for its caller, which the trace doesn't name: record with stacks (Tools/capture -s)\n"
  }

  /// The sums over all groups.
  var sums: TextTable {
    var table = TextTable([
      .init("", isNumber: false), .init("objects"), .init("requested"), .init("allocated"), .init("wasted"),
      .init("wasted %"), .init("when", isNumber: false, limit: 60, isMinor: true),
    ])
    func add(_ name: String, _ amount: Amount, _ when: String) { table.add([name] + Self.cells(amount) + [when]) }
    add("live at the end", result.live, moment(result.endTime))
    add("at the peak", result.peak.amount, moment(result.peak.time))
    add("at most waste", result.peakWaste.amount, moment(result.peakWaste.time))
    add("in total", result.total, Units.count(result.frees, "of them freed", "of them freed"))
    return table
  }

  private func moment(_ time: UInt64) -> String { "after \(duration(time)) (clock \(clock(time)))" }

  static func cells(_ amount: Amount) -> [String] {
    [
      Units.count(amount.objects), Units.bytes(amount.requestedBytes), Units.bytes(amount.allocatedBytes),
      Units.bytes(amount.wastedBytes), Units.percent(amount.wastedPercent),
    ]
  }

  /// The column of the figure that the groups are ordered by.
  private var barColumn: Int {
    switch order {
    case .objects: 1
    case .allocated: 2
    case .live: 3
    case .percent: 4
    case .peak: 5
    case .total: 6
    case .allocations: 7
    }
  }

  /// The groups, with the same units as people read them.
  func groupTable(_ groups: [WasteResult.Group]) -> TextTable {
    var table = TextTable([
      .init(result.grouping.title, isNumber: false, limit: 38), .init("live"), .init("allocated"), .init("wasted"),
      .init("%"), .init("peak wasted", isMinor: true), .init("total wasted", isMinor: true),
      .init("total", isMinor: true),
    ])
    // What the rows are sorted by is seldom left out.
    for index in table.columns.indices where index == barColumn { table.columns[index].isMinor = false }
    for group in groups {
      table.add([
        (group.isWrapper ? "* " : "") + (group.symbol ?? group.key), Units.count(group.live.objects),
        Units.bytes(group.live.allocatedBytes),
        Units.bytes(group.live.wastedBytes), Units.fixed(group.live.wastedPercent, places: 2),
        Units.bytes(group.peak.wastedBytes), Units.bytes(group.total.wastedBytes), Units.count(group.total.objects),
      ])
    }
    table.addBars(column: barColumn, groups.map(order.value))
    return table
  }

  /// The state at each marker.
  func markTable(limit: Int?) -> TextTable {
    var table = TextTable([
      .init("marker", isNumber: false, limit: 38), .init("after"), .init("live"), .init("requested"),
      .init("allocated"), .init("wasted"), .init("wasted %"),
    ])
    for mark in result.marks.prefix(limit ?? result.marks.count) {
      table.add([mark.text, duration(mark.time)] + Self.cells(mark.live))
    }
    return table
  }

  /// Where to look next, by what the figures show.
  var nextSteps: NextSteps {
    var next = NextSteps()
    let command = "kmemreplay waste \(subject.nameForShell)"
    switch result.grouping {
    case .callSite: next.add(command + " --by cache", "which slab caches hold the waste")
    case .cache: next.add(command + " --by call-site", "which code asks for it")
    default:
      next.add(command, "which code asks for it")
      next.add(command + " --by cache", "which slab caches hold it")
    }
    if result.grouping != .size { next.add(command + " --by size", "which request sizes fit badly") }
    if result.grouping == .callSite, subject.context.features.contains(.rawCallSites), !hasSymbols {
      next.add(command + " --symbols System.map", "names for the raw call sites")
    }
    if subject.profile.era.oldest == nil { next.add("kmemreplay info \(subject.nameForShell)", "what the trace tells") }
    return next
  }

  private var hasSymbols: Bool { result.groups.contains { $0.symbol != nil } }
}
