import Analysis
import KernelTypes
import Replay

extension CompareReport {
  private static let standardMarks = 40

  private var limit: Int { top ?? Self.standardMarks }
  private var hasMarks: Bool { !(findings.allocators.first?.outcome.marks.isEmpty ?? true) }

  private static let footing = """
    Each model runs on its own from an empty machine with the same free memory, told only who asks for what and what is
    freed. Pages that the traced allocator took for itself are left out; all others are taken in each model too.
    """

  private var nextSteps: NextSteps {
    var steps = NextSteps()
    for allocator in findings.allocators where allocator.variant == nil {
      steps.add(
        "kmemreplay replay \(subject.nameForShell) --allocator \(allocator.allocator.rawValue)",
        "\(name(allocator)) by cache")
    }
    return steps
  }

  /// The report for people at a terminal.
  public func text() -> String {
    var text =
      ReportHeading.text(answer, ReportHeading.source(subject)) + TerminalDrawing.footprints(findings.allocators)
    text += footprintTable.text() + "\n" + pagesTable.text() + "\n"
    text += trust.map { ReportHeading.prose("  " + $0, indent: 4) + "\n" }.joined() + "\n"
    if hasMarks { text += markTable(limit: limit).text() + "\n" }
    text += QualityText.section(subject.quality) + "\n"
    return text + ReportHeading.footing(Self.footing) + nextSteps.text()
  }

  /// The report as GitHub-flavoured Markdown.
  public func markdown() -> String {
    let names = findings.allocators.map { name($0) }
    var text = "# \(names.joined(separator: ", ")) compared\n\n" + answer + "\n\n"
    text += SafeText.markdown(ReportHeading.source(subject)) + "\n\n"
    text += footprintTable.markdown() + "\n" + pagesTable.markdown() + "\n"
    text += "## How far to trust it\n\n" + trust.map { "- " + SafeText.markdown($0) + "\n" }.joined() + "\n"
    if hasMarks { text += "## At the trace's markers\n\n" + markTable(limit: limit).markdown() + "\n" }
    text += QualityText.markdown(subject.quality) + "\n"
    return text + Self.footing + "\n\n" + nextSteps.markdown()
  }
}
