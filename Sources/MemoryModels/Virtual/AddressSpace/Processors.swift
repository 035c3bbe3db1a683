/// The processors that run a machine's programs: a memory management unit each, and the flushes that the kernel orders.
///
/// A unit translates by the page tables of the address space that runs on its processor, so that what the kernel fails to
/// flush would be seen. Everything is modelled. Switches and flushes follow `switch_mm_irqs_off`, `flush_tlb_mm_range` and
/// `flush_tlb_func` in arch/x86/mm/tlb.c, and `__flush_tlb_range` in arch/arm64/include/asm/tlbflush.h, Linux 6.1.
public final class Processors {
  /// What all of them are.
  public struct Settings: Hashable, Sendable {
    public var geometry: TLBGeometry
    public var replacement = ReplacementPolicy.pseudoLRU
    public var dataCaches: DataCacheGeometry?

    public init(geometry: TLBGeometry) { self.geometry = geometry }

    /// A processor that machines of a scheme usually have.
    public init(_ scheme: TranslationScheme) {
      let name =
        switch scheme.format {
        case .ia32, .pae, .x86_64: "skylake"
        case .armShort: "cortex-a9"
        case .arm64: "cortex-a57"
        }
      self.init(geometry: TLBGeometry.named(name) ?? TLBGeometry.catalogue[0])
    }
  }

  /// More are taken for the last one.
  static let limit = 1024

  private final class Processor {
    // See `VirtualMemory` on unchecked exclusivity.
    @exclusivity(unchecked) var unit: MemoryManagementUnit
    /// x86: the address spaces that have PCIDs on this processor.
    var contexts: ContextAllocator
    /// The space that runs on it; 0 for none.
    var space: UInt64 = 0
    var context: UInt16 = 0

    init(_ scheme: TranslationScheme, _ settings: Settings) {
      unit = MemoryManagementUnit(
        scheme, settings.geometry, policy: settings.replacement, dataCaches: settings.dataCaches)
      contexts = ContextAllocator(settings.geometry.contexts)
    }
  }

  public let settings: Settings
  public let scheme: TranslationScheme
  private let flushPolicy: TLBFlushPolicy
  /// Whether flushes reach all processors by themselves, and address spaces have one number on all: ARM.
  private let broadcasts: Bool
  private var shared: ContextAllocator
  private var processors: [Processor?] = []
  /// Flushes that other processors had to be interrupted for.
  private var remoteFlushes: UInt64 = 0

  public init(_ scheme: TranslationScheme, _ settings: Settings) {
    self.scheme = scheme
    self.settings = settings
    flushPolicy = TLBFlushPolicy(scheme)
    broadcasts = scheme.format == .armShort || scheme.format == .arm64
    shared = ContextAllocator(settings.geometry.contexts)
  }

  /// What all of them did together.
  public var counters: TLBCounters {
    var sum = TLBCounters()
    for case let processor? in processors { sum.add(processor.unit.counters) }
    sum.remoteFlushes = remoteFlushes
    return sum
  }

  /// Processors that ran something.
  public var count: Int { processors.count { $0 != nil } }

  private func processor(_ number: Int) -> Processor {
    let index = min(max(number, 0), Self.limit - 1)
    while processors.count <= index { processors.append(nil) }
    if let known = processors[index] { return known }
    let new = Processor(scheme, settings)
    processors[index] = new
    return new
  }

  /// Translates an address of a space on a processor, which switches to the space if another one ran there.
  public func translate(
    _ space: AddressSpace, _ address: UInt64, _ access: MemoryAccess, processor number: Int = 0
  ) -> TranslationOutcome {
    let processor = processor(number)
    if processor.space != space.identity { enter(space, processor) }
    return processor.unit.translate(address, access, space.table, context: processor.context)
  }

  private func enter(_ space: AddressSpace, _ processor: Processor) {
    let activation =
      broadcasts
      ? shared.activate(space.identity)
      : processor.contexts.activate(space.identity, generation: space.flushGeneration)
    if broadcasts, activation.flush == .everything {
      // The numbers ran out: nobody may keep entries of the old ones.
      for case let other? in processors where other !== processor {
        other.unit.flushAll(keepsGlobal: true)
        other.space = 0
      }
    }
    processor.unit.enter(activation)
    processor.space = space.identity
    processor.context = activation.context
  }

  // MARK: - Flushes

  /// Forgets one page of a space.
  func flush(_ space: AddressSpace, page address: UInt64) {
    forEach(space) { $0.unit.flush(page: address, context: $1) }
  }

  /// Forgets a range, page by page or with all of the space; `stride` is the size of its pages in bytes.
  func flush(_ space: AddressSpace, _ range: Range<UInt64>, stride: UInt64) {
    forEach(space) { $0.unit.flush(range, stride: stride, context: $1, policy: flushPolicy) }
  }

  /// Forgets all of a space.
  func flush(_ space: AddressSpace) { forEach(space) { $0.unit.flush(context: $1) } }

  private func forEach(_ space: AddressSpace, _ body: (Processor, UInt16) -> Void) {
    space.flushGeneration += 1
    if broadcasts {
      guard let context = shared.identifier(of: space.identity) else { return }
      for case let processor? in processors { body(processor, context) }
      return
    }
    // Elsewhere the generation tells, when the space runs there again.
    var flushed: UInt64 = 0
    for case let processor? in processors where processor.space == space.identity {
      body(processor, processor.context)
      processor.contexts.note(space.identity, generation: space.flushGeneration)
      flushed += 1
    }
    if flushed > 1 { remoteFlushes += flushed - 1 }
  }

  /// A space is gone.
  func remove(_ space: AddressSpace) {
    for case let processor? in processors {
      processor.contexts.remove(space.identity)
      if processor.space == space.identity { processor.space = 0 }
    }
    shared.remove(space.identity)
  }
}

/// What a change of page tables leaves to be flushed: the range of entries that were there (`struct mmu_gather`).
struct FlushGather {
  private(set) var start = UInt64.max
  private(set) var end: UInt64 = 0
  private(set) var hasSmall = false

  var isEmpty: Bool { end == 0 }

  @inline(__always)
  mutating func add(_ address: UInt64, _ bytes: UInt64, isHuge: Bool) {
    start = min(start, address)
    end = max(end, address &+ bytes)
    if !isHuge { hasSmall = true }
  }
}

extension VirtualMemory {
  @inline(__always)
  func flushPage(_ space: AddressSpace, _ address: UInt64) {
    if let processors { processors.flush(space, page: address) }
  }

  /// Flushes what a change gathered, and the walks' caches if tables went.
  ///
  /// Follows `tlb_flush` in arch/x86/include/asm/tlb.h, Linux 6.1.
  func flush(_ space: AddressSpace, _ gather: FlushGather, freedTablesAt address: UInt64? = nil) {
    guard let processors else { return }
    var gather = gather
    if gather.isEmpty {
      guard let address else { return }
      gather.add(address, policy.pageBytes, isHuge: false)
    }
    processors.flush(
      space, gather.start..<gather.end, stride: gather.hasSmall ? policy.pageBytes : policy.hugeBytes)
  }
}
