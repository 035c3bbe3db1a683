import Analysis
import KernelTypes
import TraceEvents

/// The line under a report's answer that says what was read.
public enum ReportHeading {
  /// Such as `boot.txt: ftrace-text (zstd), 35.2 MiB, kernel 6.1 to 6.17, x86_64 (assumed), 1 CPU`.
  public static func source(_ subject: ReportSubject) -> String {
    let profile = subject.profile
    func note(_ field: String) -> String { profile.assumed.contains(field) ? " (assumed)" : "" }
    var container = subject.context.container.rawValue
    if subject.context.compression != .none { container += " (" + subject.context.compression.rawValue + ")" }
    var parts = [
      container, Units.bytes(subject.quality.statistics.bytes), "kernel " + profile.era.description,
      profile.architecture.rawValue + note("architecture"),
      Units.count(profile.cpuCount, "CPU", "CPUs") + note("cpus"),
    ]
    if let window = subject.window {
      let from = Units.clock(window.lowerBound, isTicks: subject.isTicks)
      let to = Units.clock(window.upperBound, isTicks: subject.isTicks)
      parts.append("only \(from) to \(to)" + (subject.isTicks ? " ticks" : " s"))
    }
    let name = subject.name == "-" ? "standard input" : SafeText.printable(subject.name)
    return name + ": " + parts.joined(separator: ", ")
  }

  /// The beginning of a report's text: its answer, and the lines that say what was read.
  static func text(_ answer: String, _ lines: String...) -> String {
    let style = TextStyle.current
    let answer = style.wrapped(lines: answer, indent: 2).split(separator: "\n", omittingEmptySubsequences: false)
      .map { style.paint(String($0), .strong) }.joined(separator: "\n")
    return answer + "\n" + lines.map { style.paint(prose($0, indent: 2), .quiet) + "\n" }.joined() + "\n"
  }

  /// The heading of a part of a report's text.
  static func section(_ title: String) -> String {
    let style = TextStyle.current
    return style.paint(style.wrapped(title, indent: 2), .strong) + "\n"
  }

  /// Sentences, broken into lines where the terminal is narrow.
  static func prose(_ text: String, indent: Int = 0) -> String {
    TextStyle.current.wrapped(lines: text, indent: indent)
  }

  /// What a reader of the whole report may need to know, before the last part.
  static func footing(_ text: String) -> String {
    let style = TextStyle.current
    if style.width == nil { return text + "\n\n" }
    return style.paint(style.wrapped(text.replacing("\n", with: " ")), .quiet) + "\n\n"
  }
}

/// Commands to try next, with what they answer.
struct NextSteps {
  private var steps: [(command: String, answer: String)] = []

  mutating func add(_ command: String, _ answer: String) { steps.append((command, answer)) }

  func text() -> String {
    if steps.isEmpty { return "" }
    let style = TextStyle.current
    let width = steps.reduce(0) { max($0, $1.command.count) }
    // Where both don't fit on a line, the answers stand under the commands.
    let longest = steps.reduce(0) { max($0, $1.answer.count) }
    let isNarrow = style.width.map { width + longest + 4 > $0 } ?? false
    return ReportHeading.section("Next")
      + steps.map { step in
        let gap = isNarrow ? "\n    " : String(repeating: " ", count: width - step.command.count + 2)
        return "  " + style.paint(step.command, .accent) + gap + step.answer + "\n"
      }.joined()
  }

  func markdown() -> String {
    if steps.isEmpty { return "" }
    return "## Next\n\n" + steps.map { "- `\($0.command)`: \($0.answer)\n" }.joined()
  }
}
