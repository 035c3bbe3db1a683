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
}

/// Commands to try next, with what they answer.
struct NextSteps {
  private var steps: [(command: String, answer: String)] = []

  mutating func add(_ command: String, _ answer: String) { steps.append((command, answer)) }

  func text() -> String {
    if steps.isEmpty { return "" }
    let width = steps.reduce(0) { max($0, $1.command.count) }
    return "Next\n"
      + steps.map { step in
        "  " + step.command + String(repeating: " ", count: width - step.command.count + 2) + step.answer + "\n"
      }.joined()
  }

  func markdown() -> String {
    if steps.isEmpty { return "" }
    return "## Next\n\n" + steps.map { "- `\($0.command)`: \($0.answer)\n" }.joined()
  }
}
