/// What SLUB does to caches under `slub_debug`: each makes slots larger or objects slower, and all of them together take
/// the caches off the per-CPU paths.
public struct SLUBDebugFlags: OptionSet, Hashable, Sendable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// `F`: sanity checks (`SLAB_CONSISTENCY_CHECKS`); no byte is added.
  public static let consistencyChecks = SLUBDebugFlags(rawValue: 1)
  /// `Z`: red zones around objects (`SLAB_RED_ZONE`).
  public static let redZone = SLUBDebugFlags(rawValue: 2)
  /// `P`: free objects are filled with a pattern (`SLAB_POISON`).
  public static let poison = SLUBDebugFlags(rawValue: 4)
  /// `U`: who allocated and freed each object (`SLAB_STORE_USER`).
  public static let storeUser = SLUBDebugFlags(rawValue: 8)

  /// The flags that change the distance between objects.
  public static let changingSizes: SLUBDebugFlags = [.redZone, .poison, .storeUser]

  private static let letters: [(Character, SLUBDebugFlags)] = [
    ("F", .consistencyChecks), ("Z", .redZone), ("P", .poison), ("U", .storeUser),
  ]

  /// Reads the letters of `slub_debug=`; `T` (trace) and `A` (failslab) change nothing here. `nil` when a letter is none
  /// of the kernel's. Follows `parse_slub_debug_flags` in mm/slub.c, Linux 6.1.
  public init?(letters text: some StringProtocol) {
    var flags: SLUBDebugFlags = []
    for letter in text.uppercased() where letter != "T" && letter != "A" {
      guard let known = Self.letters.first(where: { $0.0 == letter }) else { return nil }
      flags.insert(known.1)
    }
    self = flags
  }

  /// The flags as `slub_debug=` takes them: `FZPU`; empty when there are none.
  public var letters: String { String(Self.letters.filter { contains($0.1) }.map(\.0)) }
}

extension SLUBDebugFlags: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let flags = SLUBDebugFlags(letters: text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "`\(text)` holds a letter that slub_debug doesn't know; expected F, Z, P, U")
    }
    self = flags
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(letters)
  }
}
