/// What of a file could not be used.
public struct FileDamage: Sendable, Hashable {
  /// The most lines kept as examples.
  public static let sampleLimit = 3

  /// A line that was left out.
  public struct Sample: Sendable, Hashable {
    /// Counted from 1.
    public var line: Int
    public var found: String
    public var expected: String
  }

  public var linesLeftOut = 0
  /// The first lines that were left out.
  public var samples: [Sample] = []
  /// Whether the file ends in the middle of a line.
  public var isCutShort = false

  public init() {}

  public var isNone: Bool { linesLeftOut == 0 && !isCutShort }
}
