/// What a user allows: a place in a report, a comparison that must not hold, and a number: `live.wastedPercent>20`.
public struct Threshold: Sendable, Hashable {
  enum Comparison: String, Sendable, CaseIterable {
    case atLeast = ">="
    case atMost = "<="
    case equal = "=="
    case unequal = "!="
    case above = ">"
    case below = "<"

    func holds(_ value: Double, _ limit: Double) -> Bool {
      switch self {
      case .above: value > limit
      case .atLeast: value >= limit
      case .below: value < limit
      case .atMost: value <= limit
      case .equal: value == limit
      case .unequal: value != limit
      }
    }

    /// What a value is that makes it hold.
    var words: String {
      switch self {
      case .above: "more than"
      case .atLeast: "at least"
      case .below: "less than"
      case .atMost: "at most"
      case .equal: "exactly"
      case .unequal: "not"
      }
    }
  }

  /// Why a text is no threshold.
  public struct SyntaxError: Error, Sendable, CustomStringConvertible {
    public var description: String
  }

  /// As the user wrote it.
  public let text: String
  public let path: FieldPath
  let comparison: Comparison
  let limit: Double
  let limitText: String

  private static let units: [(String, Double)] = [
    ("KiB", 1024), ("MiB", 1_048_576), ("GiB", 1_073_741_824), ("TiB", 1_099_511_627_776), ("kB", 1000),
    ("MB", 1e6), ("GB", 1e9), ("B", 1), ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("%", 1),
    ("pages", 1), ("", 1),
  ]

  /// Reads a threshold: PATH, one of > >= < <= == !=, and a number with or without a unit (B, KiB, MiB, GiB, kB, MB, GB, %,
  /// ns, us, ms, s, pages). Throws what is wrong with it.
  public init(_ text: String) throws(SyntaxError) {
    var found: (range: Range<String.Index>, comparison: Comparison)?
    var index = text.startIndex
    var isQuoted = false
    while index < text.endIndex, found == nil {
      if text[index] == "\"" { isQuoted.toggle() }
      if !isQuoted {
        for comparison in Comparison.allCases where text[index...].hasPrefix(comparison.rawValue) {
          found = (index..<text.index(index, offsetBy: comparison.rawValue.count), comparison)
          break
        }
      }
      index = text.index(after: index)
    }
    guard let found else {
      throw SyntaxError(description: "`\(text)` has no comparison; expected PATH>NUMBER, such as live.wastedPercent>20")
    }
    let left = Self.trimmed(text[..<found.range.lowerBound])
    guard let path = FieldPath(left) else {
      throw SyntaxError(
        description: "`\(left)` is no place in a report; expected names with dots and [numbers], such as "
          + "zones.Normal.fragmentationIndex[4]")
    }
    let right = Self.trimmed(text[found.range.upperBound...])
    let digits = right.prefix { $0.isNumber || $0 == "." || $0 == "-" || $0 == "+" || $0 == "_" }
    let unit = Self.trimmed(right.dropFirst(digits.count))
    guard let number = Double(digits.filter { $0 != "_" }), number.isFinite,
      let factor = Self.units.first(where: { $0.0 == unit })?.1
    else {
      throw SyntaxError(
        description: "`\(right)` is no number with a unit; expected one such as 20, 20%, 1.5MiB, 64KiB, 10ms")
    }
    self.text = text
    self.path = path
    comparison = found.comparison
    limit = number * factor
    limitText = String(right)
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0 == " " }
    while text.last == " " { text.removeLast() }
    return text
  }
}

/// What became of a threshold on one report.
public struct ThresholdOutcome: Sendable {
  public enum Verdict: Sendable, Hashable {
    case kept
    case exceeded
    /// There is no such number in the report: the threshold can't be judged.
    case absent
  }

  public var threshold: Threshold
  public var verdict: Verdict
  /// The number found; of several the one that exceeds the threshold, or else the first.
  public var found: Double?
  /// One sentence: what was found and what was allowed.
  public var message: String

  /// Judges a report's JSON document.
  public init(_ threshold: Threshold, in document: JSONValue) {
    self.threshold = threshold
    let numbers = threshold.path.values(in: document).compactMap(\.number)
    let exceeding = numbers.first { threshold.comparison.holds($0, threshold.limit) }
    found = exceeding ?? numbers.first
    guard let found else {
      verdict = .absent
      let (known, names) = threshold.path.alternatives(in: document)
      let place = known.isEmpty ? "the report" : "`\(known)`"
      let shown = names.prefix(12).joined(separator: ", ")
      message = "`\(threshold.path)` is no number in this report"
      message += names.isEmpty ? "" : "; \(place) has \(shown)\(names.count > 12 ? ", …" : "")"
      return
    }
    verdict = exceeding == nil ? .kept : .exceeded
    let value = FigureText.text(found, path: threshold.path)
    let allowed = FigureText.text(threshold.limit, path: threshold.path)
    message =
      exceeding == nil
      ? "\(threshold.path) is \(value); \(threshold.comparison.words) \(allowed) would fail"
      : "\(threshold.path) is \(value): \(threshold.comparison.words) \(allowed) is not allowed"
  }
}

/// Figures of a document as people read them, by what their names end with.
enum FigureText {
  static func text(_ value: Double, path: FieldPath) -> String {
    // Changes in percent have the names of what changed.
    path.steps.first == .name("changePercent") ? Units.percent(value) : text(value, name: path.lastName)
  }

  static func text(_ value: Double, name: String) -> String {
    let whole = Int64(exactly: value.rounded())
    if name.hasSuffix("Bytes"), let whole { return Units.bytes(whole) }
    if name.hasSuffix("Percent") { return Units.percent(value) }
    if name.hasSuffix("Nanoseconds"), let whole { return (whole < 0 ? "-" : "") + Units.duration(whole.magnitude) }
    if let whole, Double(whole) == value {
      return whole < 0 ? "-" + Units.count(whole.magnitude) : Units.count(whole.magnitude)
    }
    return "\((value * 1000).rounded() / 1000)"
  }
}
