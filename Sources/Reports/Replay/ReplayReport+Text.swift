import Analysis
import KernelTypes
import Replay

extension ReplayReport {
  private static let standardTop = 20
  private static let standardMarks = 40

  private var modelLine: String {
    let profile = findings.profile
    var text = "Model: \(name) of Linux \(profile.kernel), \(Units.count(profile.cpuCount, "CPU", "CPUs"))"
    switch findings.allocator {
    case .slub:
      let slub = profile.slub
      text += ", orders \(slub.minimumOrder) to \(slub.maximumOrder), "
      text += slub.minimumObjects == 0 ? "objects per slab by CPUs" : "at least \(slub.minimumObjects) objects per slab"
      if !slub.debugFlags.isEmpty { text += ", slub_debug=\(slub.debugFlags.letters)" }
      if slub.isTiny { text += ", CONFIG_SLUB_TINY" }
    case .slab:
      text += ", orders up to \(profile.slab.maximumOrder) unless an object is larger"
    case .slob:
      text += ", \(Units.count(profile.slob.headerBytes, "byte", "bytes")) before each kmalloc"
    }
    if profile.kmalloc.hasAccountedCaches { text += ", kmalloc-cg caches" }
    return text
  }

  private func cacheHeading(_ limit: Int) -> String {
    var text = "Caches of the model, \(order.words)"
    if outcome.caches.count > limit {
      text += " (\(Units.count(limit)) of \(Units.count(outcome.caches.count)); --top N shows more)"
    }
    return text
  }

  private var markHeading: String {
    var text = "At the trace's markers (followed, observed"
    text += outcome.marks.contains { $0.alone != nil } ? ", alone" : ""
    text += ": change of slab pages since the first event)"
    let all = UInt64(outcome.marks.count) + outcome.omittedMarks
    if all > UInt64(Self.standardMarks) { text += "; the first \(Self.standardMarks) of \(Units.count(all))" }
    return text
  }

  private static let footing = """
    Modelled: the model's own run from an empty machine, told only who asks for what and what is freed. Followed: the
    model put right by the trace after each miss. Observed: pages whose taking and giving back the trace shows.
    """

  private var nextSteps: NextSteps {
    var steps = NextSteps()
    steps.add("kmemreplay waste \(subject.nameForShell) --by cache", "exact object waste of the traced kernel")
    if findings.allocator == .slub {
      steps.add("kmemreplay replay \(subject.nameForShell) --slub-max-order 0", "what smaller slabs would need")
    }
    steps.add("kmemreplay compare \(subject.nameForShell)", "the same requests through SLUB, SLAB and SLOB")
    steps.add("kmemreplay replay \(subject.nameForShell) --format json", "everything, with a timeline")
    return steps
  }

  /// The report for people at a terminal.
  public func text() -> String {
    let limit = top ?? Self.standardTop
    var text = ReportHeading.text(answer, ReportHeading.source(subject), modelLine)
    text += TerminalDrawing.footprints([findings])
    text += footprintTable.text() + "\n" + pagesTable.text() + "\n"
    if let grades = outcome.grades {
      text += verificationTable(grades).text() + "\n"
      let misses = missTable(grades)
      if !misses.rows.isEmpty { text += misses.text() + "\n" }
    }
    if let note = startNote ?? ungradedNote { text += ReportHeading.prose(note) + "\n\n" }
    if let verification = findings.slabInfo { text += slabInfoTable(verification, limit: limit).text() + "\n" }
    if let pages = pageFrames.map({ PageFrameSection(findings: $0) }) { text += pages.text() + "\n" }
    text += ReportHeading.section(cacheHeading(limit)) + cacheTable(limit: limit).text() + "\n"
    if !outcome.marks.isEmpty {
      text += ReportHeading.section(markHeading) + markTable(limit: Self.standardMarks).text() + "\n"
    }
    text += QualityText.section(subject.quality) + "\n"
    return text + ReportHeading.footing(Self.footing) + nextSteps.text()
  }

  /// The report as GitHub-flavoured Markdown.
  public func markdown() -> String {
    let limit = top ?? Self.standardTop
    var text = "# Replay through \(name)\n\n" + answer + "\n\n" + SafeText.markdown(ReportHeading.source(subject))
    text += "\n\n" + SafeText.markdown(modelLine) + "\n\n"
    text += footprintTable.markdown() + "\n" + pagesTable.markdown() + "\n"
    text += "## How far to trust it\n\n"
    if let grades = outcome.grades {
      text += verificationTable(grades).markdown() + "\n"
      let misses = missTable(grades)
      if !misses.rows.isEmpty { text += misses.markdown() + "\n" }
    }
    if let note = startNote ?? ungradedNote { text += SafeText.markdown(note) + "\n\n" }
    if let verification = findings.slabInfo { text += slabInfoTable(verification, limit: limit).markdown() + "\n" }
    if let pages = pageFrames.map({ PageFrameSection(findings: $0) }) { text += pages.markdown() + "\n" }
    text += "## " + cacheHeading(limit) + "\n\n" + cacheTable(limit: limit).markdown() + "\n"
    if !outcome.marks.isEmpty {
      text += "## At the trace's markers\n\n" + markTable(limit: Self.standardMarks).markdown() + "\n"
    }
    text += QualityText.markdown(subject.quality) + "\n"
    return text + Self.footing + "\n\n" + nextSteps.markdown()
  }
}
