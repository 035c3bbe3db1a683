/// The colours of HTML reports in both themes, as `#rrggbb`.
///
/// Text on surfaces keeps a contrast of 4.5 to 1 at least, marks of charts 3 to 1 (WCAG 2.1, 1.4.3 and 1.4.11).
struct ReportPalette: Sendable {
  var page: String
  var surface: String
  /// Lines between things.
  var line: String
  var text: String
  /// Text of less weight.
  var quiet: String
  var accent: String
  /// Text on charts' colours.
  var onChart: String
  /// The colours of charts' series.
  var series: [String]
  /// From nothing wrong to all wrong.
  var scale: [String]

  static let light = ReportPalette(
    page: "#f5f6f8", surface: "#ffffff", line: "#d9dde3", text: "#1b1f26", quiet: "#566070", accent: "#1d5fae",
    onChart: "#ffffff",
    series: ["#1d5fae", "#a65300", "#1b7547", "#7747b0", "#b3263a", "#0c737b", "#7a5634", "#626b79"],
    scale: ["#dfe6ee", "#f6dfb0", "#edba67", "#df8b3c", "#c8572c", "#9c2f2a"])

  static let dark = ReportPalette(
    page: "#111418", surface: "#1a1e24", line: "#343b46", text: "#e8ebf0", quiet: "#a3adbb", accent: "#7db4f5",
    onChart: "#111418",
    series: ["#6ba7f0", "#eb9c4d", "#5bc48b", "#b695f2", "#f2808f", "#4dc0cb", "#c7a17c", "#98a2b0"],
    scale: ["#303a48", "#5a4a26", "#8a6526", "#b97a2c", "#e08a4a", "#f5a38a"])

  /// The palette as CSS variables.
  var variables: String {
    var text =
      "--page:\(page);--surface:\(surface);--line:\(line);--text:\(self.text);--quiet:\(quiet);--accent:\(accent);"
    text += "--on:\(onChart);"
    for (index, colour) in series.enumerated() { text += "--c\(index):\(colour);" }
    for (index, colour) in scale.enumerated() { text += "--h\(index):\(colour);" }
    return text
  }

  /// The rules that give charts' marks their colours.
  static var rules: String {
    var text = ""
    for index in light.series.indices {
      text +=
        ".f\(index){fill:var(--c\(index))}.s\(index){stroke:var(--c\(index))}.k\(index){background:var(--c\(index))}"
    }
    for index in light.scale.indices {
      text += ".h\(index){fill:var(--h\(index))}.g\(index){background:var(--h\(index))}"
    }
    return text
  }
}
