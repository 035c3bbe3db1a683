/// A piece of HTML that is safe to show: literals are taken as they are, and whatever is put into them is escaped.
///
/// ```swift
/// let cell: HTML = "<td title=\"\(taskName)\">\(taskName)</td>"
/// ```
/// A trace's texts are in other people's hands, so there is no way to make HTML from a `String` but by escaping it.
struct HTML: ExpressibleByStringInterpolation, Sendable {
  private(set) var text: String

  init(stringLiteral value: String) { text = value }

  init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

  init() { text = "" }

  /// The report's own style or script, which no trace has a part in.
  init(own text: String) { self.text = text }

  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity * 2) }

    mutating func appendLiteral(_ literal: String) { text += literal }
    mutating func appendInterpolation(_ string: String) { text += HTML.escaped(string) }
    mutating func appendInterpolation(_ html: HTML) { text += html.text }
    mutating func appendInterpolation(_ number: Int) { text += "\(number)" }
    /// A coordinate: one decimal is a tenth of a pixel.
    mutating func appendInterpolation(_ number: Double) { text += HTML.coordinate(number) }
  }

  static func += (left: inout HTML, right: HTML) { left.text += right.text }

  /// A number with at most one decimal.
  static func coordinate(_ number: Double) -> String {
    let text = Units.fixed(number.isFinite ? number : 0, places: 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// A text in which no character has a meaning in HTML, neither between tags nor in a quoted attribute.
  static func escaped(_ text: String) -> String {
    let text = SafeText.printable(text)
    let isPlain = text.utf8.allSatisfy {
      $0 != 0x26 && $0 != 0x3C && $0 != 0x3E && $0 != 0x22 && $0 != 0x27 && $0 != 0x60
    }
    if isPlain { return text }
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      case "`": escaped += "&#96;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  static func joined(_ parts: some Sequence<HTML>) -> HTML {
    var all = HTML()
    for part in parts { all += part }
    return all
  }
}
