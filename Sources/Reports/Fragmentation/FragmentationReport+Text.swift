import Analysis
import KernelTypes
import Replay

extension FragmentationReport {
  private static let footing = """
    Replayed: free blocks from the trace's page events, frames as the trace has them. Indices are the kernel's: -1.000 would
    succeed; towards 0 a request fails for lack of memory, towards 1 for fragmentation (extfrag_threshold: 0.500).
    """

  private var comparisonNote: String {
    let equal = findings.comparisons.reduce(0) { $0 + $1.equalOrders }
    let all = findings.comparisons.reduce(0) { $0 + $1.observed.count }
    let pages = findings.comparisons.map(\.pageDifference).reduce(0, +)
    return
      "\(equal) of \(all) counts are equal; free pages differ by \(Units.count(pages)). The snapshot is a little later."
  }

  private var nextSteps: NextSteps {
    var steps = NextSteps()
    steps.add("kmemreplay snapshot DIR", "what a machine's own files say, with advice")
    steps.add("kmemreplay replay \(subject.nameForShell)", "what slabs take of it")
    return steps
  }

  private var sections: [(title: String, table: TextTable, note: String)] {
    var sections: [(String, TextTable, String)] = [("Free memory at the end, by order", zoneTable, "")]
    if !findings.comparisons.isEmpty { sections.append(("Replayed and observed", comparisonTable, comparisonNote)) }
    if !typeTable.rows.isEmpty {
      sections.append(("Free blocks by migrate type at the end", typeTable, typeNote))
    }
    if !timelineTable.rows.isEmpty {
      sections.append(
        ("Over time", timelineTable, "Indices of a whole pageblock's order; the JSON has every order and moment."))
    }
    if !availabilityTable.rows.isEmpty { sections.append(("When orders ran out", availabilityTable, "")) }
    if !outcome.steals.isEmpty { sections.append(("Fallbacks between migrate types", stealTable, "")) }
    if !outcome.mixed.isEmpty { sections.append(("Pageblocks with pages of several types", mixedTable, mixedNote)) }
    if !outcome.mixers.isEmpty { sections.append(("Who mixed pageblocks", mixerTable, "")) }
    if !outcome.breakers.isEmpty {
      let note = Units.count(
        outcome.brokenPageblocks, "block of pageblock size or above was", "blocks of pageblock size or above were")
      sections.append(("Who broke the large blocks", breakerTable, note + " broken up for smaller requests."))
    }
    if let pages = findings.pageFrames.map({ PageFrameSection(findings: $0) }) {
      sections.append(("Page frames chosen by the model", pages.gradeTable, pages.startNote))
      if !pages.typeTable.rows.isEmpty {
        sections.append(("Modelled free blocks by migrate type, and observed where they differ", pages.typeTable, ""))
      }
      if let pressure = findings.pageFrames?.pressure.map(PressureSection.init) {
        sections.append(("Shortage of memory, predicted and observed", pressure.table, ""))
      }
      if let settings = findings.pageFrames?.settings.map(ReplaySettingsSection.init) {
        sections.append(
          ("Other settings", settings.countTable, ([settings.answer] + settings.idle).joined(separator: " ")))
      }
    }
    if !outcome.marks.isEmpty { sections.append(("At the trace's markers", markTable, "")) }
    return sections
  }

  /// Free pages of each zone over time, and what of them is in blocks of a pageblock or more, for a terminal.
  private var drawing: String {
    let style = TextStyle.current
    guard style.drawsBars, outcome.timeline.count > 1 else { return "" }
    let rows = findings.zones.indices.flatMap { span -> [TerminalDrawing.Row] in
      let orders = outcome.end.freeBlocks[span].count
      let block = min(findings.policy.pageblockOrder, orders - 1)
      func pages(_ orders: Range<Int>) -> [Double] {
        outcome.timeline.map { moment in
          orders.reduce(0.0) { $0 + Double(moment.freeBlocks[span][$1]) * Double(UInt64(1) << UInt64($1)) }
        }
      }
      let all = pages(0..<orders)
      if all.allSatisfy({ $0 == 0 }) { return [] }
      return [
        .init(name: zoneName(span), values: all, unit: .count, full: all.max()),
        .init(
          name: "  in blocks of order \(block) and above", values: pages(block..<orders), unit: .count, full: all.max()),
      ]
    }
    return TerminalDrawing.overTime("Free pages over time", rows)
  }

  /// The report for people at a terminal.
  public func text() -> String {
    var text = ReportHeading.text(answer, ReportHeading.source(subject), startNote) + drawing
    for section in sections {
      text += section.table.text()
      if !section.note.isEmpty { text += "  " + section.note + "\n" }
      text += "\n"
    }
    text += QualityText.section(subject.quality)
    for line in inferred { text += "  " + line + "\n" }
    return text + "\n" + ReportHeading.footing(Self.footing) + nextSteps.text()
  }

  /// The report as GitHub-flavoured Markdown.
  public func markdown() -> String {
    var text = "# Fragmentation\n\n" + answer.split(separator: "\n").joined(separator: "  \n") + "\n\n"
    text += SafeText.markdown(ReportHeading.source(subject)) + "\n\n" + startNote + "\n\n"
    for section in sections {
      text += "## \(section.title)\n\n" + section.table.markdown() + "\n"
      if !section.note.isEmpty { text += section.note + "\n\n" }
    }
    text += QualityText.markdown(subject.quality)
    for line in inferred { text += "- " + line + "\n" }
    return text + "\n" + Self.footing + "\n\n" + nextSteps.markdown()
  }
}
