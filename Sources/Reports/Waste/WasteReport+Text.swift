import Analysis
import KernelTypes

extension WasteReport {
  private static let standardTop = 20

  private var groupHeading: String {
    let shown = shownGroups(standard: Self.standardTop).count
    var text = "By \(result.grouping.title), \(order.words)"
    if shown < result.groups.count {
      text += " (\(Units.count(shown)) of \(Units.count(result.groups.count)); --top N shows more)"
    }
    return text
  }

  private var familyNote: String {
    switch result.family {
    case .all: ""
    case .kmalloc: " Only kmalloc objects count."
    case .cache: " Only kmem_cache objects count."
    }
  }

  /// The report for people at a terminal.
  public func text() -> String {
    var text = ReportHeading.text(answer, ReportHeading.source(subject))
    text += sums.text() + "\n"
    text += ReportHeading.section(groupHeading) + groupTable(shownGroups(standard: Self.standardTop)).text()
    text += wrapperNote(shownGroups(standard: Self.standardTop)) + "\n"
    if !hint.isEmpty { text += ReportHeading.prose(hint, indent: 2) + "\n\n" }
    if let advice { text += AdviceSection(findings: advice).text() + "\n" }
    if !result.marks.isEmpty {
      text +=
        ReportHeading.section("At the trace's markers\(marksNote(limit: 40))") + markTable(limit: 40).text() + "\n"
    }
    text += QualityText.section(subject.quality) + "\n"
    return text + ReportHeading.footing(Self.footing + familyNote) + nextSteps.text()
  }

  private func marksNote(limit: Int) -> String {
    let all = UInt64(result.marks.count) + result.marksOmitted
    return all > limit ? " (the first \(limit) of \(Units.count(all)); JSON has more)" : ""
  }

  /// The report as GitHub-flavoured Markdown.
  public func markdown() -> String {
    var text = "# Waste by \(result.grouping.title)\n\n" + answer + "\n\n"
    text += SafeText.markdown(ReportHeading.source(subject)) + "\n\n"
    text += sums.markdown() + "\n"
    text += "## " + groupHeading + "\n\n" + groupTable(shownGroups(standard: Self.standardTop)).markdown()
    let note = wrapperNote(shownGroups(standard: Self.standardTop))
    text += (note.isEmpty ? "" : "\n\\" + note) + "\n"
    if !hint.isEmpty { text += SafeText.markdown(hint) + "\n\n" }
    if let advice { text += AdviceSection(findings: advice).markdown() + "\n" }
    if !result.marks.isEmpty { text += "## At the trace's markers\n\n" + markTable(limit: nil).markdown() + "\n" }
    text += QualityText.markdown(subject.quality) + "\n"
    text += Self.footing + familyNote + "\n\n"
    return text + nextSteps.markdown()
  }

  /// The groups as CSV (RFC 4180) with exact integers.
  public func csv() -> String {
    var text = "key,symbol"
    for state in ["live", "peak", "total"] {
      text += ",\(state)Objects,\(state)RequestedBytes,\(state)AllocatedBytes,\(state)WastedBytes"
    }
    text += ",totalFrees\r\n"
    for group in shownGroups(standard: nil) {
      var fields = [SafeText.csv(group.key), SafeText.csv(group.symbol ?? "")]
      for amount in [group.live, group.peak, group.total] {
        fields += [
          "\(amount.objects)", "\(amount.requestedBytes)", "\(amount.allocatedBytes)", "\(amount.wastedBytes)",
        ]
      }
      text += fields.joined(separator: ",") + ",\(group.frees)\r\n"
    }
    return text
  }
}
