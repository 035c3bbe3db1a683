import Analysis
import KernelTypes
import TraceEvents

extension InfoReport {
  private static let standardTop = 10
  private static let standardMarks = 30

  private var answer: String {
    let span = Units.duration(duration, isTicks: subject.isTicks)
    return "\(Units.count(eventCount, "event", "events")) in \(span), from a kernel \(eraInWords)."
  }

  private var eraInWords: String {
    let era = subject.profile.era
    if era.isContradictory || era == KernelEra() { return "of unknown version" }
    return "of version " + era.description
  }

  private var facts: TextTable {
    let context = subject.context
    var table = TextTable([.init("", isNumber: false), .init("", isNumber: false, limit: 96)])
    var container = context.container.rawValue
    if context.compression != .none { container += ", " + context.compression.rawValue }
    table.add(["container", container])
    let statistics = subject.quality.statistics
    table.add(["size", Units.bytes(statistics.bytes) + (statistics.unit == .line ? " of text" : " of records")])
    table.add(["kernel", subject.profile.era.description + " (by the spelling of its events)"])
    let pointers = context.pointerBytes.map { "\($0 * 8)-bit pointers" } ?? "no pointers seen"
    table.add(["machine", pointers + ", " + Units.count(subject.profile.cpuCount, "CPU", "CPUs")])
    if let tracer = context.tracer { table.add(["tracer", tracer]) }
    if let written = context.entriesWritten {
      let kept = context.entriesInBuffer ?? written
      table.add(["buffer", "\(Units.count(kept)) of \(Units.count(written)) entries written are in the trace"])
    }
    let clock = Units.clock(result.clockAtFirstEvent &+ result.firstTime, isTicks: subject.isTicks)
    let last = Units.clock(result.clockAtFirstEvent &+ result.lastTime, isTicks: subject.isTicks)
    table.add(["clock", "\(clock) to \(last) " + (subject.isTicks ? "ticks" : "s")])
    if waste.total.objects > 0 {
      table.add([
        "slab objects",
        "\(Units.bytes(waste.live.allocatedBytes)) live at the end, \(Units.bytes(waste.live.wastedBytes)) of it waste; "
          + "\(Units.bytes(waste.peak.amount.allocatedBytes)) at the peak",
      ])
    }
    return table
  }

  private func table(_ title: String, _ counts: [(name: String, count: UInt64)]) -> TextTable {
    var table = TextTable([.init(title, isNumber: false), .init("events")])
    for (name, count) in counts { table.add([name, Units.count(count)]) }
    table.addBars(column: 1, counts.map { Double($0.count) })
    return table
  }

  private var taskTable: TextTable {
    var table = TextTable([.init("task", isNumber: false), .init("events")])
    for task in result.tasks.prefix(top ?? Self.standardTop) {
      table.add(["\(task.name)-\(task.pid)", Units.count(task.events)])
    }
    return table
  }

  private var cpuTable: TextTable {
    var table = TextTable([.init("CPU"), .init("events")])
    for (cpu, count) in result.eventsByCPU.enumerated() where count > 0 { table.add(["\(cpu)", Units.count(count)]) }
    return table
  }

  private func markTable(limit: Int) -> TextTable {
    var table = TextTable([.init("marker", isNumber: false, limit: 80), .init("after")])
    for mark in result.marks.prefix(limit) {
      table.add([mark.text, Units.duration(mark.time, isTicks: subject.isTicks)])
    }
    return table
  }

  private var nextSteps: NextSteps {
    var next = NextSteps()
    let name = subject.nameForShell
    if waste.total.objects > 0 {
      next.add("kmemreplay waste \(name)", "where requested and allocated bytes differ")
      next.add("kmemreplay waste \(name) --by cache", "the same by slab cache")
      if let mark = result.marks.first, mark.text.utf8.allSatisfy({ $0 != 0x27 && $0 >= 0x20 && $0 < 0x7F }) {
        next.add("kmemreplay waste \(name) --from 'mark:\(mark.text)'", "the same from a marker on")
      }
    }
    return next
  }

  private func sections() -> [(title: String, table: TextTable)] {
    var sections: [(String, TextTable)] = []
    if !events.isEmpty { sections.append(("Events", table("event", events))) }
    if !others.isEmpty {
      sections.append(
        ("Events of other kinds, in the whole trace", table("event", Array(others.prefix(top ?? Self.standardTop)))))
    }
    if result.eventsByCPU.count > 1 { sections.append(("CPUs", cpuTable)) }
    if !result.tasks.isEmpty {
      let all = result.tasks.count
      let shown = min(all, top ?? Self.standardTop)
      sections.append(("Tasks" + (shown < all ? " (\(shown) of \(Units.count(all)))" : ""), taskTable))
    }
    if !result.marks.isEmpty {
      let all = UInt64(result.marks.count) + result.marksOmitted
      let note = all > Self.standardMarks ? " (the first \(Self.standardMarks) of \(Units.count(all)))" : ""
      sections.append(("Markers" + note, markTable(limit: Self.standardMarks)))
    }
    return sections
  }

  /// The report for people at a terminal.
  public func text() -> String {
    var text = ReportHeading.text(answer, ReportHeading.source(subject))
    text += facts.textWithoutTitles() + "\n"
    for section in sections() { text += ReportHeading.section(section.title) + section.table.text() + "\n" }
    text += QualityText.section(subject.quality) + "\n"
    return text + nextSteps.text()
  }

  /// The report as GitHub-flavoured Markdown.
  public func markdown() -> String {
    var text = "# Trace\n\n" + answer + "\n\n" + SafeText.markdown(ReportHeading.source(subject)) + "\n\n"
    text += facts.markdown() + "\n"
    for section in sections() { text += "## \(section.title)\n\n" + section.table.markdown() + "\n" }
    text += QualityText.markdown(subject.quality) + "\n"
    return text + nextSteps.markdown()
  }
}
