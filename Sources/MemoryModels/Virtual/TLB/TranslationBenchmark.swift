import KernelTypes

/// Times translations with TLB and table walks on patterns of access. For Tools/Bench.
public enum TranslationBenchmark {
  /// Which addresses are asked for.
  public enum Pattern: String, Sendable, CaseIterable {
    /// One byte after another cache line of 64 MiB.
    case sequential
    /// Seven of eight in 1 MiB, the others anywhere in 1 GiB.
    case local
    /// Anywhere in 1 GiB.
    case random
    /// Anywhere among 8192 pages that lie 128 MiB apart, in 1 TiB.
    case sparse

    var pages: UInt64 {
      switch self {
      case .sequential: 1 << 14
      case .local, .random: 1 << 18
      case .sparse: 1 << 13
      }
    }

    /// The address of a page.
    func address(_ page: UInt64) -> UInt64 { self == .sparse ? page << 27 : 0x7000_0000_0000 + page << 12 }
  }

  /// What a pattern took.
  public struct Result: Sendable {
    public var translations: UInt64
    public var seconds: Double
    public var counters: TLBCounters
    public var tablePages: [Int]
  }

  /// Runs a pattern; `nil` if the tables could not be made.
  public static func run(_ pattern: Pattern, translations: UInt64, geometry: TLBGeometry) -> Result? {
    var frames = FrameSequence(from: PageFrame(1))
    guard let table = PageTable(.x86_64, frames: &frames) else { return nil }
    let attributes = PageAttributes([.read, .write, .user], isDirty: true)
    do throws(MappingError) {
      for page in 0..<pattern.pages {
        try table.map(pattern.address(page), to: page << 12, attributes, frames: &frames)
      }
    } catch {
      return nil
    }
    var unit = MemoryManagementUnit(.x86_64, geometry)
    var random: UInt64 = 88_172_645_463_325_252
    var sum: UInt64 = 0
    let mask = pattern.pages - 1
    let start = ContinuousClock.now
    for step in 0..<translations {
      random ^= random &<< 13
      random ^= random &>> 7
      random ^= random &<< 17
      let address: UInt64
      switch pattern {
      case .sequential: address = 0x7000_0000_0000 + (step &* 64) & (pattern.pages << 12 - 1)
      case .local:
        let page = random &>> 60 < 14 ? random & 255 : random & mask
        address = 0x7000_0000_0000 + page << 12 + random &>> 50 & 0xFFF
      case .random: address = 0x7000_0000_0000 + (random & mask) << 12 + random &>> 50 & 0xFFF
      case .sparse: address = (random & mask) << 27 + random &>> 50 & 0xFFF
      }
      if case .page(let page) = unit.translate(address, .userRead, table) { sum &+= page.physicalAddress }
    }
    let elapsed = ContinuousClock.now - start
    // Without a use of the sum, the loop could go.
    if sum == 0 { return nil }
    return Result(
      translations: translations,
      seconds: Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18,
      counters: unit.counters, tablePages: table.tablePages)
  }
}
