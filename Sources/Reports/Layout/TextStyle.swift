/// What text is rendered for: a file or a pipe, where everything is written in full, or a terminal.
///
/// Whoever writes to a terminal renders with `CommandReport.text(_:)`, which binds ``current`` for the time of the rendering;
/// everything else is `plain`.
public struct TextStyle: Sendable, Hashable {
  /// The most columns that a line may take; `nil` in a file or a pipe.
  public var width: Int?
  public var usesColour: Bool
  /// Whether bars and sparklines stand beside figures.
  public var drawsBars: Bool

  public init(width: Int? = nil, usesColour: Bool = false, drawsBars: Bool = false) {
    self.width = width
    self.usesColour = usesColour
    self.drawsBars = drawsBars
  }

  /// No colours, no bars, tables as wide as they are.
  public static let plain = TextStyle()

  /// What is rendered for right now.
  @TaskLocal public static var current = TextStyle.plain

  /// What a piece of text is, for its colour.
  public enum Emphasis: String, Sendable {
    /// An answer or a heading.
    case strong = "1"
    /// What need not be read first.
    case quiet = "2"
    case good = "32"
    case bad = "31"
    case warning = "33"
    /// Bars, and commands that can be typed.
    case accent = "36"
  }

  /// The text in its colour, if there are colours.
  public func paint(_ text: String, _ emphasis: Emphasis) -> String {
    usesColour && !text.isEmpty ? "\u{1B}[\(emphasis.rawValue)m\(text)\u{1B}[0m" : text
  }

  /// A line of prose broken between words, so that it fits the terminal; lines after the first are indented.
  func wrapped(_ line: String, indent: Int = 0) -> String {
    guard let width, line.count > width, width > indent + 20 else { return line }
    let start = String(repeating: " ", count: indent)
    var lines: [String] = []
    var current = String(line.prefix { $0 == " " })
    var isStart = true
    for word in SafeText.unbroken(line).split(separator: " ") {
      if !isStart, current.count + 1 + word.count > width {
        lines.append(current)
        current = start + word
      } else {
        current += (isStart ? "" : " ") + word
      }
      isStart = false
    }
    return (lines + [current]).joined(separator: "\n").replacing("\u{A0}", with: " ")
  }

  /// Several lines of prose, each as `wrapped(_:indent:)` makes it.
  func wrapped(lines text: String, indent: Int = 0) -> String {
    if width == nil { return text }
    return text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { wrapped(String($0), indent: indent) }.joined(separator: "\n")
  }
}
