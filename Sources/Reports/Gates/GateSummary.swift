/// The verdicts of all thresholds, as a terminal, GitHub's log and a job summary show them.
public struct GateSummary: Sendable {
  public var command: String
  public var input: String
  public var outcomes: [ThresholdOutcome]

  public init(command: String, input: String, outcomes: [ThresholdOutcome]) {
    self.command = command
    self.input = input
    self.outcomes = outcomes
  }

  /// Whether a threshold was exceeded.
  public var isExceeded: Bool { outcomes.contains { $0.verdict == .exceeded } }
  /// Whether a threshold could not be judged.
  public var hasAbsent: Bool { outcomes.contains { $0.verdict == .absent } }

  private static func word(_ outcome: ThresholdOutcome) -> String {
    switch outcome.verdict {
    case .kept: "ok"
    case .exceeded: "exceeded"
    case .absent: "can't be judged"
    }
  }

  /// A line for each threshold.
  public func text() -> String {
    let style = TextStyle.current
    return outcomes.map { outcome in
      let word = style.paint(Self.word(outcome), outcome.verdict == .kept ? .good : .bad)
      return
        "kmemreplay: \(word): \(SafeText.printable(outcome.message)) (--fail-on '\(SafeText.printable(outcome.threshold.text))')\n"
    }.joined()
  }

  /// Workflow commands that make annotations of the failures.
  public func gitHubAnnotations() -> String {
    outcomes.filter { $0.verdict != .kept }.map { outcome in
      "::error title=\(Self.property("kmemreplay \(command)"))::\(Self.data(SafeText.printable(outcome.message) + " in " + input))\n"
    }.joined()
  }

  // GitHub's own escapes, without which a trace's text could give the runner orders.
  private static func data(_ text: String) -> String {
    text.reduce(into: "") { escaped, character in
      switch character {
      case "%": escaped += "%25"
      case "\r": escaped += "%0D"
      case "\n", "\r\n": escaped += "%0A"
      default: escaped.append(character)
      }
    }
  }

  private static func property(_ text: String) -> String {
    data(text).reduce(into: "") { escaped, character in
      switch character {
      case ":": escaped += "%3A"
      case ",": escaped += "%2C"
      default: escaped.append(character)
      }
    }
  }

  /// A section for a job's summary.
  public func markdown() -> String {
    var table = TextTable([
      .init("Threshold", isNumber: false), .init("Verdict", isNumber: false), .init("Found", isNumber: false),
    ])
    for outcome in outcomes { table.add([outcome.threshold.text, Self.word(outcome), outcome.message]) }
    let title = isExceeded || hasAbsent ? "a gate failed" : "all gates passed"
    return "## kmemreplay \(SafeText.markdown(command)) of \(SafeText.markdown(input)): \(title)\n\n" + table.markdown()
      + "\n"
  }
}
