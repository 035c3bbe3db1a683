/// Why a scenario can't be read or run: where, what was found, what was expected.
public struct ScenarioError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Both from 1.
  public var line: Int
  public var column: Int
  public var message: String

  init(_ word: ScenarioWord, _ message: String) {
    line = word.line
    column = word.column
    self.message = message
  }

  init(line: Int, column: Int, _ message: String) {
    self.line = line
    self.column = column
    self.message = message
  }

  public var description: String { "line \(line), column \(column): \(message)" }
}

/// A word of a scenario and where it stands.
struct ScenarioWord: Hashable, Sendable {
  var text: String
  var line: Int
  var column: Int

  /// The text as an error shows it.
  var shown: String { "`\(text.prefix(40))`" }
}
