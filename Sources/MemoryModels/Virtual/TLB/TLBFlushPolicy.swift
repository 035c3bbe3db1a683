/// When a kernel flushes single pages, and when a whole address space.
public struct TLBFlushPolicy: Hashable, Sendable {
  /// The most pages that are flushed one by one.
  public var singlePageCeiling: Int

  public init(singlePageCeiling: Int) { self.singlePageCeiling = singlePageCeiling }

  /// x86: 33 pages (`tlb_single_page_flush_ceiling` in arch/x86/mm/tlb.c, Linux 6.1).
  public static let x86 = TLBFlushPolicy(singlePageCeiling: 33)

  /// ARM64 without range operations: fewer pages than a table has entries (`__flush_tlb_range`, Linux 6.1).
  public static func arm64(pageBytes: UInt64) -> TLBFlushPolicy {
    TLBFlushPolicy(singlePageCeiling: Int(pageBytes / 8) - 1)
  }

  /// 32-bit ARM: always page by page (`v7wbi_flush_user_tlb_range`, Linux 6.1).
  public static let arm = TLBFlushPolicy(singlePageCeiling: .max)

  /// The kernel's policy for a scheme.
  public init(_ scheme: TranslationScheme) {
    switch scheme.format {
    case .ia32, .pae, .x86_64: self = .x86
    case .armShort: self = .arm
    case .arm64: self = .arm64(pageBytes: scheme.pageBytes)
    }
  }

  /// How many pages of a range are flushed one by one; `nil` for a flush of the whole address space.
  public func pages(_ range: Range<UInt64>, stride: UInt64) -> Int? {
    let bytes = range.upperBound - range.lowerBound
    let whole = bytes / stride
    if whole > UInt64(singlePageCeiling) { return nil }
    return Int(whole) + (bytes % stride == 0 ? 0 : 1)
  }
}

/// What a switch to another address space comes with.
public struct ContextActivation: Hashable, Sendable {
  public enum Flush: String, Hashable, Sendable {
    case nothing
    /// All of that context.
    case context
    /// Everything that is not global.
    case everything
  }

  /// The PCID or ASID it runs under.
  public var context: UInt16
  public var flush: Flush

  public init(context: UInt16, flush: Flush) {
    self.context = context
    self.flush = flush
  }
}

/// Gives address spaces their PCIDs or ASIDs, as Linux does; one for each CPU on x86, one for all on ARM.
public struct ContextAllocator: Sendable {
  private struct Slot: Sendable {
    var space: UInt64
    var generation: UInt64
  }

  private let tags: AddressSpaceTags
  // x86: the six spaces that have PCIDs on this CPU.
  private var slots: [Slot?] = Array(repeating: nil, count: Self.slotCount)
  private var nextSlot = 0
  private var current: Int?
  // ARM: identifiers given in this generation.
  private var identifiers: [UInt64: UInt16] = [:]
  private var nextIdentifier: UInt16 = 1
  /// How often the identifiers ran out.
  public private(set) var rollovers = 0

  /// `TLB_NR_DYN_ASIDS` in arch/x86/include/asm/tlbflush.h, Linux 6.1.
  public static let slotCount = 6

  public init(_ tags: AddressSpaceTags) { self.tags = tags }

  /// Switches to a space. `generation` counts the flushes of the space, and tells what a CPU missed meanwhile.
  ///
  /// x86 follows `choose_new_asid` in arch/x86/mm/tlb.c, ARM `new_context` and `check_and_switch_context` in
  /// arch/arm64/mm/context.c, Linux 6.1.
  public mutating func activate(_ space: UInt64, generation: UInt64 = 0) -> ContextActivation {
    switch tags {
    case .none: return ContextActivation(context: 0, flush: .everything)
    case .contextIdentifiers: return activateSlot(space, generation)
    case .addressSpaceIdentifiers(let bits): return activateIdentifier(space, bits: bits)
    }
  }

  private mutating func activateSlot(_ space: UInt64, _ generation: UInt64) -> ContextActivation {
    for (index, slot) in slots.enumerated() {
      guard let slot, slot.space == space else { continue }
      let isStale = slot.generation < generation
      slots[index] = Slot(space: space, generation: max(generation, slot.generation))
      // The kernel's PCID is the slot's number plus one.
      return ContextActivation(context: UInt16(index + 1), flush: isStale ? .context : .nothing)
    }
    let index = nextSlot
    nextSlot = (nextSlot + 1) % Self.slotCount
    slots[index] = Slot(space: space, generation: generation)
    return ContextActivation(context: UInt16(index + 1), flush: .context)
  }

  private mutating func activateIdentifier(_ space: UInt64, bits: Int) -> ContextActivation {
    if let identifier = identifiers[space] { return ContextActivation(context: identifier, flush: .nothing) }
    // 65535 is not given out: the model's TLB keeps it for global pages.
    let last = UInt16(min((1 << bits) - 1, 65534))
    var flush = ContextActivation.Flush.nothing
    if nextIdentifier > last {
      identifiers = [:]
      nextIdentifier = 1
      rollovers += 1
      flush = .everything
    }
    let identifier = nextIdentifier
    nextIdentifier += 1
    identifiers[space] = identifier
    return ContextActivation(context: identifier, flush: flush)
  }

  /// The ASID that a space has, if it has one in this generation.
  func identifier(of space: UInt64) -> UInt16? { identifiers[space] }

  /// Says that a space's flushes up to a generation were made on this CPU.
  mutating func note(_ space: UInt64, generation: UInt64) {
    for (index, slot) in slots.enumerated() where slot?.space == space { slots[index]?.generation = generation }
  }

  /// Forgets a space that is gone. On ARM its identifier is used again only after the next rollover.
  public mutating func remove(_ space: UInt64) {
    for (index, slot) in slots.enumerated() where slot?.space == space { slots[index] = nil }
    identifiers[space] = nil
  }
}
