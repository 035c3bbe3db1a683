import KernelTypes

/// A setting of /proc/sys/vm in words.
public struct Knob: Sendable {
  public var name: String
  /// What this machine has.
  public var value: String
  /// What it does; `nil` for a name that is not known here.
  public var meaning: String?
  /// What it is if nobody sets it.
  public var standard: String?
  /// What this machine's value means.
  public var here: String?

  /// Whether a knob can change what is computed here.
  public enum Effect: Sendable, Equatable {
    /// The models obey it: `--sysctl` changes it.
    case modelled
    /// Nothing here depends on it; the text says why.
    case none(String)
    case unknown
  }

  /// Whether this one can.
  public var effect: Effect {
    if VirtualMemorySettings.isObeyed(name) { return .modelled }
    return VirtualMemorySettings.withoutEffect[name].map { .none($0) } ?? .unknown
  }

  /// Whether the value differs from a fixed default.
  public var isChanged: Bool {
    guard let standard, Int(standard) != nil else { return false }
    return standard != value
  }
}

/// What readings of knobs depend on.
struct KnobContext {
  var text: String
  var number: Int
  /// Kilobytes of memory, if meminfo is there.
  var memoryKilobytes: Int?
  var pageKilobytes: Int

  /// Such as `12.5 MiB`; of a percentage of memory.
  func share(_ percent: Int) -> String {
    memoryKilobytes.map { "; of all memory that would be " + Self.size($0 / 100 * min(max(percent, 0), 1000)) } ?? ""
  }

  static func size(_ kilobytes: Int) -> String {
    switch kilobytes.magnitude {
    case ..<1024: "\(kilobytes) KiB"
    case ..<(10 << 20): "\((kilobytes + 512) >> 10) MiB"
    default: "\((kilobytes + (1 << 19)) >> 20) GiB"
    }
  }

  static func seconds(_ centiseconds: Int) -> String {
    centiseconds % 100 == 0 ? "\(centiseconds / 100) s" : "\(centiseconds * 10) ms"
  }
}

/// What is known of a knob.
struct KnobEntry {
  var name: String
  var standard: String
  var meaning: String
  var reading: @Sendable (KnobContext) -> String

  init(
    _ name: String, _ standard: String, _ meaning: String, _ reading: @escaping @Sendable (KnobContext) -> String
  ) {
    self.name = name
    self.standard = standard
    self.meaning = meaning
    self.reading = reading
  }
}
