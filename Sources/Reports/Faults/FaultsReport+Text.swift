import Analysis
import Replay

extension FaultsReport {
  private static let footing = """
    Each fault goes through a model of the kernel's fault path before the allocations that follow it are looked at. Kinds,
    minor and major, RSS and VmPTE are modelled, for a process that has ended after its last fault; frames and page tables
    taken are observed. TLB figures are modelled: the trace shows faults, not accesses, so that only the accesses that
    faulted pass through the buffers.
    """

  var startNote: String {
    let known = outcome.processes.count(where: \.isKnown)
    if known == 0 {
      return
        "No process's mappings are known; give --before a snapshot with maps (and pagemap) of the traced processes."
    }
    return "Mappings known of \(Units.count(known, "process", "processes")), by snapshot or fork."
  }

  private var nextSteps: NextSteps {
    var steps = NextSteps()
    steps.add("kmemreplay frag \(subject.nameForShell)", "what the frames left of free memory")
    steps.add("kmemreplay scenario FILE", "a scripted workload through the same model")
    return steps
  }

  private var sections: [(title: String, table: TextTable)] {
    [
      ("Faults by kind", kindTable), ("By process", processTable), ("By mapping", areaTable),
      ("Verification", verificationTable), ("TLB", modelTable),
    ].filter { !$0.1.rows.isEmpty }
  }

  /// The report for people at a terminal.
  public func text() -> String {
    var text = ReportHeading.text(answer, ReportHeading.source(subject), startNote)
    for section in sections { text += section.table.text() + "\n" }
    text += QualityText.section(subject.quality)
    for line in inferred { text += "  " + line + "\n" }
    return text + "\n" + ReportHeading.footing(Self.footing) + nextSteps.text()
  }

  /// The report as GitHub-flavoured Markdown.
  public func markdown() -> String {
    var text = "# Page faults\n\n" + answer.split(separator: "\n").joined(separator: "  \n") + "\n\n"
    text += SafeText.markdown(ReportHeading.source(subject)) + "\n\n" + startNote + "\n\n"
    for section in sections { text += "## \(section.title)\n\n" + section.table.markdown() + "\n" }
    text += QualityText.markdown(subject.quality)
    for line in inferred { text += "- " + line + "\n" }
    return text + "\n" + Self.footing + "\n\n" + nextSteps.markdown()
  }
}
