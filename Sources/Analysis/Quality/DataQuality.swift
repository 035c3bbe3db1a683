public import TraceEvents

/// How far a trace can be trusted: what was lost, not understood or not paired. Shown in every report.
public struct DataQuality: Sendable {
  public var statistics: ImportStatistics
  public var pairing: PairingCounts

  /// The quality of a trace that was read to its end.
  public init(statistics: ImportStatistics, pairing: PairingCounts = PairingCounts()) {
    self.statistics = statistics
    self.pairing = pairing
  }

  /// Whether anything of the trace is missing or could not be read; what `--strict` does not accept.
  public var hasLoss: Bool {
    ImportStatistics.Counter.allCases.contains { $0.severity != .information && statistics[$0] > 0 }
  }

  /// Whether pointers are hashes: objects can be paired, but addresses say nothing about pages.
  public var hasHashedPointers: Bool { statistics[.hashedPointers] > 0 }
}
