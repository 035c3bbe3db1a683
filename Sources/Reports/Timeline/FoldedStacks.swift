public import Analysis

/// Folded stacks, as flamegraph.pl, inferno and speedscope read them: frames with semicolons between, a space, a weight.
public enum FoldedStacks {
  /// The lines as text.
  public static func text(_ lines: [StackWeights.Line]) -> String {
    lines.map { line in line.frames.map(frame).joined(separator: ";") + " \(line.weight)\n" }.joined()
  }

  // What parts frames and lines may not be inside a frame.
  private static func frame(_ text: String) -> String {
    String(SafeText.printable(text).map { $0 == ";" ? ":" : $0 })
  }
}
