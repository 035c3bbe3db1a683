/// Two things that a snapshot says, or one that it says and one that a formula says, which should be equal.
public struct CrossCheck: Sendable {
  public enum Verdict: String, Sendable, Codable {
    case equal
    /// Different, and it is known why.
    case explained
    /// Different, and nothing here says why.
    case unexplained
  }

  public enum Unit: String, Sendable, Codable {
    case pages
    case kilobytes
    case blocks
  }

  /// What is compared, in words; the same for all subjects.
  public var name: String
  /// A zone, an order, or empty for the machine.
  public var subject: String
  /// What the first source or the formula says.
  public var expected: Int
  /// What the second source says.
  public var found: Int
  public var unit: Unit
  public var verdict: Verdict
  /// Why they differ, as far as known.
  public var reason: String?

  public var difference: Int { found &- expected }

  /// Compares two values; `reason` says why they differ, if it knows.
  init(
    _ name: String, _ subject: String = "", expected: Int, found: Int, _ unit: Unit,
    reason: (Int) -> String? = { _ in nil }
  ) {
    self.name = name
    self.subject = subject
    self.expected = expected
    self.found = found
    self.unit = unit
    if expected == found {
      verdict = .equal
    } else {
      self.reason = reason(found &- expected)
      verdict = self.reason == nil ? .unexplained : .explained
    }
  }

  /// The reason of a small difference between files that are read one after the other.
  ///
  /// What can change in between has no strict limit; a few hundred pages, or a fiftieth of the amount, happen.
  static func betweenReads(_ difference: Int, of amount: Int, limit: Int = 512) -> String? {
    difference.magnitude <= max(UInt(limit), amount.magnitude / 50)
      ? "the files were read some milliseconds apart, and memory was used meanwhile" : nil
  }
}

/// All that can be compared inside one snapshot.
public struct CrossChecks: Sendable {
  public private(set) var checks: [CrossCheck] = []

  mutating func add(_ check: CrossCheck) { checks.append(check) }

  /// Names in their order, with how many comparisons each has and how many were equal.
  public var summary: [(name: String, compared: Int, equal: Int, explained: Int)] {
    var names: [String] = []
    for check in checks where !names.contains(check.name) { names.append(check.name) }
    return names.map { name in
      let own = checks.filter { $0.name == name }
      return (name, own.count, own.count { $0.verdict == .equal }, own.count { $0.verdict == .explained })
    }
  }

  public var disagreements: [CrossCheck] { checks.filter { $0.verdict != .equal } }
}
