/// The translation look-aside buffers of a processor.
public struct TLBGeometry: Hashable, Sendable {
  /// What a buffer translates.
  public enum Use: String, Hashable, Sendable, CaseIterable {
    case data
    case instructions
    case unified

    /// Whether it is asked for an access.
    func serves(_ kind: MemoryAccess.Kind) -> Bool {
      switch self {
      case .data: kind != .execute
      case .instructions: kind == .execute
      case .unified: true
      }
    }
  }

  /// One buffer.
  public struct Buffer: Hashable, Sendable {
    /// 1 is asked first, then 2.
    public var level: Int
    public var use: Use
    public var entries: Int
    /// Entries in a set; as many as there are entries if it is fully associative.
    public var ways: Int
    /// log₂ of the smallest and largest page that it holds.
    public var pageShifts: ClosedRange<Int>
    /// Holds parts of larger pages too.
    public var splitsLargerPages: Bool

    public init(
      level: Int, _ use: Use, entries: Int, ways: Int? = nil, pageShifts: ClosedRange<Int> = 12...40,
      splitsLargerPages: Bool = false
    ) {
      self.level = level
      self.use = use
      self.entries = entries
      self.ways = ways ?? entries
      self.pageShifts = pageShifts
      self.splitsLargerPages = splitsLargerPages
    }

    public var sets: Int { entries / ways }
    public var isFullyAssociative: Bool { ways == entries }

    /// Whether the model can have it: sets that are whole, at most 64 ways.
    public var isValid: Bool {
      (1...2).contains(level) && (1...65536).contains(entries) && (1...128).contains(ways) && entries % ways == 0
    }
  }

  /// The name of the processor.
  public var name: String
  public var buffers: [Buffer]
  /// How its entries are told apart by address space.
  public var contexts: AddressSpaceTags
  /// Where the figures come from.
  public var source: String

  public init(name: String, buffers: [Buffer], contexts: AddressSpaceTags, source: String) {
    self.name = name
    self.buffers = buffers
    self.contexts = contexts
    self.source = source
  }
}

/// How entries of a TLB are told apart by address space.
public enum AddressSpaceTags: Hashable, Sendable {
  /// They aren't: every switch flushes what is not global.
  case none
  /// x86's PCIDs, of which Linux uses six on each CPU.
  case contextIdentifiers
  /// ARM's ASIDs with so many bits.
  case addressSpaceIdentifiers(bits: Int)
}

extension TLBGeometry {
  private static let small = 12...16
  private static let medium = 20...25
  private static let large = 29...40

  /// Named processors; ways and entries as published, replacement is not.
  public static let catalogue: [TLBGeometry] = [
    TLBGeometry(
      name: "skylake",
      buffers: [
        Buffer(level: 1, .instructions, entries: 128, ways: 8, pageShifts: small),
        Buffer(level: 1, .instructions, entries: 8, pageShifts: medium),
        Buffer(level: 1, .data, entries: 64, ways: 4, pageShifts: small),
        Buffer(level: 1, .data, entries: 32, ways: 4, pageShifts: medium),
        Buffer(level: 1, .data, entries: 4, ways: 4, pageShifts: large),
        Buffer(level: 2, .unified, entries: 1536, ways: 12, pageShifts: 12...25),
        Buffer(level: 2, .unified, entries: 16, ways: 4, pageShifts: large),
      ], contexts: .contextIdentifiers, source: "Intel 64 Optimization Reference Manual, table 2-15"),
    TLBGeometry(
      name: "haswell",
      buffers: [
        Buffer(level: 1, .instructions, entries: 128, ways: 4, pageShifts: small),
        Buffer(level: 1, .instructions, entries: 8, pageShifts: medium),
        Buffer(level: 1, .data, entries: 64, ways: 4, pageShifts: small),
        Buffer(level: 1, .data, entries: 32, ways: 4, pageShifts: medium),
        Buffer(level: 1, .data, entries: 4, ways: 4, pageShifts: large),
        Buffer(level: 2, .unified, entries: 1024, ways: 8, pageShifts: 12...25),
      ], contexts: .contextIdentifiers, source: "published descriptions of the core; the second level is not confirmed"),
    TLBGeometry(
      name: "zen1",
      buffers: [
        Buffer(level: 1, .instructions, entries: 64),
        Buffer(level: 1, .data, entries: 64),
        Buffer(level: 2, .instructions, entries: 512, ways: 8, pageShifts: 12...25),
        Buffer(level: 2, .data, entries: 1536, ways: 12, pageShifts: 12...25),
      ], contexts: .none, source: "AMD Software Optimization Guide for family 17h, 2.7.2"),
    TLBGeometry(
      name: "zen2",
      buffers: [
        Buffer(level: 1, .instructions, entries: 64),
        Buffer(level: 1, .data, entries: 64),
        Buffer(level: 2, .instructions, entries: 512, ways: 8, pageShifts: 12...25, splitsLargerPages: true),
        Buffer(level: 2, .data, entries: 2048, ways: 16, pageShifts: 12...25),
      ], contexts: .none, source: "WikiChip, 7-cpu.com; the ways of the second level differ between them (12 or 16)"),
    arm("cortex-a7", micro: (10, 10), main: (256, 2), bits: 8, source: "Cortex-A7 TRM, 5.3"),
    arm("cortex-a8", micro: (32, 32), main: nil, bits: 8, source: "Cortex-A8 TRM, 6.1"),
    arm("cortex-a9", micro: (32, 32), main: (128, 2), bits: 8, source: "Cortex-A9 TRM, 6.2; the main TLB varies"),
    arm("cortex-a15", micro: (32, 32), main: (512, 4), bits: 8, source: "Cortex-A15 TRM, 5.2"),
    arm("cortex-a53", micro: (10, 10), main: (512, 4), bits: 16, splitsLarger: true, source: "Cortex-A53 TRM, 5.2"),
    arm("cortex-a57", micro: (48, 32), main: (1024, 4), bits: 16, source: "Cortex-A57 TRM, 5.2"),
    arm("cortex-a76", micro: (48, 48), main: (1280, 5), bits: 16, source: "Cortex-A76 TRM, A5.2"),
  ]

  /// A processor by its name.
  public static func named(_ name: String) -> TLBGeometry? { catalogue.first { $0.name == name } }

  private static func arm(
    _ name: String, micro: (instructions: Int, data: Int), main: (entries: Int, ways: Int)?, bits: Int,
    splitsLarger: Bool = false, source: String
  ) -> TLBGeometry {
    var buffers = [
      Buffer(level: 1, .instructions, entries: micro.instructions), Buffer(level: 1, .data, entries: micro.data),
    ]
    if let main {
      buffers.append(
        Buffer(
          level: 2, .unified, entries: main.entries, ways: main.ways, pageShifts: splitsLarger ? 12...29 : 12...40,
          splitsLargerPages: splitsLarger))
    }
    return TLBGeometry(name: name, buffers: buffers, contexts: .addressSpaceIdentifiers(bits: bits), source: source)
  }

  /// Reads a geometry such as `L1D:64/4:4K,L1D:32/4:2M,L2:1536/12:4K-2M`: level and use (`D`, `I`, or neither), entries,
  /// ways (none: fully associative), sizes of pages (none: all).
  ///
  /// `nil` if it makes no sense; `problem` then says which part and why.
  public init?(parsing text: String, contexts: AddressSpaceTags = .contextIdentifiers, problem: inout String) {
    var buffers: [Buffer] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let buffer = Self.buffer(part) else {
        problem = "`\(part)` is no buffer; expected one such as L1D:64/4:4K or L2:1536/12:4K-2M"
        return nil
      }
      buffers.append(buffer)
    }
    self.init(name: text, buffers: buffers, contexts: contexts, source: "given")
  }

  private static func buffer(_ text: Substring) -> Buffer? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard (2...3).contains(parts.count), var name = parts.first, name.popFirst() == "L",
      let level = name.popFirst()?.wholeNumberValue
    else { return nil }
    let use: Use
    switch name {
    case "": use = .unified
    case "D": use = .data
    case "I": use = .instructions
    default: return nil
    }
    let sizes = parts[1].split(separator: "/", omittingEmptySubsequences: false)
    guard (1...2).contains(sizes.count), let entries = Int(sizes[0]), entries > 0 else { return nil }
    let ways = sizes.count == 2 ? Int(sizes[1]) : entries
    guard let ways, ways > 0 else { return nil }
    var shifts = 12...40
    if parts.count == 3 {
      let ends = parts[2].split(separator: "-", omittingEmptySubsequences: false).map(shift)
      guard (1...2).contains(ends.count), let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last
      else { return nil }
      shifts = first...last
    }
    let buffer = Buffer(level: level, use, entries: entries, ways: ways, pageShifts: shifts)
    return buffer.isValid ? buffer : nil
  }

  /// log₂ of a size such as `4K`, `2M`, `1G`.
  private static func shift(_ text: Substring) -> Int? {
    guard let unit = text.last, let shift = ["K": 10, "M": 20, "G": 30][unit], let count = Int(text.dropLast()),
      count > 0, count < 1024, count.nonzeroBitCount == 1
    else { return nil }
    return shift + count.trailingZeroBitCount
  }
}
