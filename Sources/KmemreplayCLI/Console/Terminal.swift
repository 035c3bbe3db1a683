import Glibc
import Reports

/// What text on a file descriptor may look like, by the descriptor and the environment.
enum Terminal {
  /// The style for a descriptor: `plain` unless it is a terminal.
  ///
  /// Follows NO_COLOR (no-color.org: any text but the empty one), TERM=dumb, COLUMNS, and LC_ALL, LC_CTYPE and LANG, of which a
  /// locale that is named and isn't UTF-8 has no characters for bars.
  static func style(_ descriptor: Int32, _ variables: [String: String]) -> TextStyle {
    isatty(descriptor) == 1 ? style(columns: columns(descriptor), variables) : .plain
  }

  /// The style for a terminal of so many columns, if they are known.
  static func style(columns: Int?, _ variables: [String: String]) -> TextStyle {
    let kind = variables["TERM"] ?? ""
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { variables[$0] }.first { !$0.isEmpty } ?? ""
    let encoding = locale.lowercased()
    let chosen = variables["COLUMNS"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
    return TextStyle(
      width: min(max(chosen ?? columns ?? 80, 40), 1000),
      usesColour: (variables["NO_COLOR"] ?? "").isEmpty && kind != "dumb" && !kind.isEmpty,
      drawsBars: encoding.isEmpty || encoding.contains("utf-8") || encoding.contains("utf8"))
  }

  private static func columns(_ descriptor: Int32) -> Int? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }
}
