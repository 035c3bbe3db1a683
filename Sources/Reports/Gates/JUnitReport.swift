/// The verdicts of thresholds as JUnit XML, which Jenkins, GitLab and others read: a test case for each threshold.
public struct JUnitReport: Sendable {
  /// The command that was gated, such as `waste`.
  public var command: String
  /// What was analysed.
  public var input: String
  public var outcomes: [ThresholdOutcome]
  /// What changed since the baseline, if there is one: goes into the suite's output.
  public var difference: DifferenceReport?

  public init(command: String, input: String, outcomes: [ThresholdOutcome], difference: DifferenceReport? = nil) {
    self.command = command
    self.input = input
    self.outcomes = outcomes
    self.difference = difference
  }

  /// The document. Without thresholds it has one test case, that the command was done.
  public func xml() -> String {
    let failures = outcomes.filter { $0.verdict == .exceeded }.count
    let errors = outcomes.filter { $0.verdict == .absent }.count
    let suite = "kmemreplay \(command)"
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    let counts = "tests=\"\(max(outcomes.count, 1))\" failures=\"\(failures)\" errors=\"\(errors)\""
    text += "<testsuites name=\"\(Self.escaped(suite))\" \(counts)>\n"
    text += "  <testsuite name=\"\(Self.escaped(suite))\" \(counts) skipped=\"0\">\n"
    text += "    <properties><property name=\"input\" value=\"\(Self.escaped(input))\"/></properties>\n"
    if outcomes.isEmpty { text += "    <testcase classname=\"\(Self.escaped(suite))\" name=\"done\"/>\n" }
    for outcome in outcomes {
      let name = "\(Self.escaped(outcome.threshold.text))"
      let head = "    <testcase classname=\"\(Self.escaped(suite))\" name=\"\(name)\""
      let message = Self.escaped(outcome.message)
      switch outcome.verdict {
      case .kept: text += head + "><system-out>\(message)</system-out></testcase>\n"
      case .exceeded:
        text += head + "><failure type=\"threshold\" message=\"\(message)\">\(message)</failure></testcase>\n"
      case .absent: text += head + "><error type=\"absent\" message=\"\(message)\">\(message)</error></testcase>\n"
      }
    }
    if let difference { text += "    <system-out>\(Self.escaped(difference.text()))</system-out>\n" }
    return text + "  </testsuite>\n</testsuites>\n"
  }

  /// Text of an attribute or element; XML 1.0 has no place for control characters.
  static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "\n": escaped += "&#10;"
      case "\t": escaped += "&#9;"
      default:
        let isForbidden = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.value & 0xFFFE == 0xFFFE
        escaped.unicodeScalars.append(isForbidden ? "\u{FFFD}" : scalar)
      }
    }
    return escaped
  }
}
