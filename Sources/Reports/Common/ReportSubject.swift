public import Analysis
public import TraceEvents

/// What every report says about its input.
public struct ReportSubject: Sendable {
  /// The input's name as the user gave it; `-` is standard input.
  public var name: String
  public var context: TraceContext
  public var profile: MachineProfile
  public var quality: DataQuality
  /// The times of the first and last event that count, on the trace's clock, if only a part of the trace counts.
  public var window: ClosedRange<UInt64>?

  public init(
    name: String, context: TraceContext, profile: MachineProfile, quality: DataQuality,
    window: ClosedRange<UInt64>? = nil
  ) {
    self.name = name
    self.context = context
    self.profile = profile
    self.quality = quality
    self.window = window
  }

  /// Whether times are raw ticks.
  var isTicks: Bool { context.clock == .ticks }

  /// The input's name as it can be typed again.
  var nameForShell: String {
    if name == "-" { return "TRACE" }
    let plain = name.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      default: "._-/+=@%:,".utf8.contains(byte)
      }
    }
    if plain, !name.hasPrefix("-") { return name }
    return "'"
      + SafeText.printable(name).split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#)
      + "'"
  }
}
