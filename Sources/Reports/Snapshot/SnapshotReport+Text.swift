import Analysis
import ProcSnapshots

extension SnapshotReport {
  /// The report for people at a terminal.
  public func text() -> String {
    var text = ReportHeading.text(answer, source)
    if !findings.advice.sentences.isEmpty {
      text += ReportHeading.section("What would happen now")
      for sentence in findings.advice.sentences { text += Self.wrapped(sentence) }
      text += "\n"
    }
    for section in sections(withSentences: false) {
      text += ReportHeading.section(section.title) + section.table.text() + "\n"
    }
    text += disagreementText + knobText
    text += "Files: \(Units.count(snapshot.present.count)) used\n"
    for note in fileNotes { text += Self.wrapped(note.text, first: note.isSerious ? "! " : "  ") }
    return text
  }

  /// Disagreements by their reason, which is too long for a table's cell.
  private var disagreementText: String {
    var text = ""
    for group in disagreements {
      text += Self.wrapped(
        group.name + ": " + (group.reason ?? "unknown why"), first: group.reason == nil ? "! " : "  ")
      for check in group.checks {
        let place = check.subject.isEmpty ? "" : check.subject + ": "
        let unit = check.unit == .kilobytes ? "kB" : check.unit.rawValue
        text += "      \(SafeText.printable(place))expected \(Units.count(check.expected)), "
        text += "found \(Units.count(check.found)) \(unit)\n"
      }
    }
    return text.isEmpty ? "" : ReportHeading.section("Disagreements") + text + "\n"
  }

  /// Settings with their sentences under them.
  private var knobText: String {
    if findings.knobs.isEmpty { return "" }
    var text = ReportHeading.section("Settings (/proc/sys/vm; * is not the default)")
    for knob in findings.knobs {
      let value = SafeText.printable(knob.name + " = " + knob.value)
      text += (knob.isChanged ? "* " : "  ") + SafeText.shortened(value, to: 76)
      if let standard = knob.standard { text += " (default: \(standard))" }
      text += "\n" + Self.wrapped(knob.meaning ?? "not known here", first: "      ")
      if let here = knob.here { text += Self.wrapped("here: " + here, first: "      ") }
      if case .none(let reason) = knob.effect {
        text += Self.wrapped("not modelled: " + reason, first: "      ")
      }
    }
    return text + "\n"
  }

  /// A sentence in lines that fit a terminal.
  static func wrapped(_ sentence: String, first: String = "  ") -> String {
    let width = max(min(TextStyle.current.width ?? 116, 116), 40)
    var text = ""
    var line = first
    let indent = String(repeating: " ", count: first.count + 2)
    for word in SafeText.printable(sentence).split(separator: " ") {
      let word = SafeText.shortened(String(word), to: width - indent.count)
      if line.count + word.count + 1 > width, line.count > indent.count {
        text += line + "\n"
        line = indent
      }
      line += (line.isEmpty || line.last == " " ? "" : " ") + word
    }
    return text + line + "\n"
  }

  /// The report as GitHub-flavoured Markdown.
  public func markdown() -> String {
    var text = "# Snapshot\n\n" + answer + "\n\n" + SafeText.markdown(source) + "\n\n"
    if !findings.advice.sentences.isEmpty {
      text += "## What would happen now\n\n"
      for sentence in findings.advice.sentences { text += "- " + SafeText.markdown(sentence) + "\n" }
      text += "\n"
    }
    for section in sections(withSentences: true) { text += "## \(section.title)\n\n" + section.table.markdown() + "\n" }
    text += "## Files\n\n\(Units.count(snapshot.present.count)) used\n\n"
    for note in fileNotes {
      let line = SafeText.markdown(note.text)
      text += "- " + (note.isSerious ? "**" + line + "**" : line) + "\n"
    }
    return text
  }
}
