/// Text from a trace, made fit for a terminal or a document: a trace may hold anything.
public enum SafeText {
  /// Replaces control characters, so that nothing in a trace can move the cursor or change colours.
  public static func printable(_ text: String) -> String {
    if text.unicodeScalars.allSatisfy({ !isControl($0) }) { return text }
    var clean = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { clean.append(isControl(scalar) ? "\u{FFFD}" : scalar) }
    return String(clean)
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    // Bidirectional overrides and separators can hide or reorder what follows, as control characters can.
    case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }

  /// Shortens a text in its middle to at most `width` characters.
  public static func shortened(_ text: String, to width: Int) -> String {
    let count = text.count
    if count <= width { return text }
    let head = (width - 1) / 2
    return text.prefix(head) + "…" + text.suffix(width - 1 - head)
  }

  /// A sentence in which no line begins with a unit: `35.10 %` and `1.5 MiB` stay in one piece.
  static func unbroken(_ sentence: String) -> String {
    var text = ""
    var last: Substring?
    for word in sentence.split(separator: " ", omittingEmptySubsequences: false) {
      if let last {
        let isUnit = units.contains(String(word.prefix { $0.isLetter || $0 == "%" })) && last.last?.isNumber == true
        text += isUnit ? "\u{A0}" : " "
      }
      text += word
      last = word
    }
    return text
  }

  private static let units: Set<String> = ["%", "B", "KiB", "MiB", "GiB", "TiB", "s", "ms", "µs"]

  /// Keeps a text from being taken as Markdown table syntax.
  public static func markdown(_ text: String) -> String {
    // By scalars: with a combining mark behind it, a bar is another character for Swift, and still a bar for a browser.
    var escaped = String.UnicodeScalarView()
    for scalar in printable(text).unicodeScalars {
      switch scalar {
      case "|", "\\", "`", "*", "_", "<", ">", "[", "]": escaped.append("\\")
      default: break
      }
      escaped.append(scalar)
    }
    return String(escaped)
  }

  /// A field of a CSV file (RFC 4180).
  public static func csv(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 != 0x22 && $0 != 0x2C && $0 != 0x0A && $0 != 0x0D }) { return text }
    var quoted = "\""
    for character in text.unicodeScalars {
      if character == "\"" { quoted += "\"\"" } else { quoted.unicodeScalars.append(character) }
    }
    return quoted + "\""
  }
}
