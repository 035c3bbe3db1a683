/// A processor's memory management unit: translation look-aside buffers, page-walk caches, and walks where they miss.
///
/// It translates by the tables it is given, so it never disagrees with them as long as its user flushes what the kernel
/// would flush. Figures are modelled: replacement and hashing of real processors are not published.
///
/// ```swift
/// var unit = MemoryManagementUnit(table.scheme, .named("skylake")!)
/// unit.translate(0x7f00_0000_0123, .userRead, table, context: 1)
/// unit.counters.misses   // 1
/// ```
public struct MemoryManagementUnit: ~Copyable {
  public let geometry: TLBGeometry
  public let scheme: TranslationScheme
  public var counters = TLBCounters()

  private var buffers: TranslationBuffers
  private var walkCache: PageWalkCache
  private var caches: DataCaches
  private let tracksDirty: Bool

  /// Entries of page-walk caches by level when nobody says otherwise: few for the upper tables, 32 for the last but one.
  public static func defaultWalkCache(_ scheme: TranslationScheme) -> [Int] {
    let levels = scheme.levelCount - 1
    return (0..<levels).map { $0 == levels - 1 ? 32 : $0 == levels - 2 ? 4 : 2 }
  }

  /// `walkCache` has the entries of each level's page-walk cache, from the first table's; none at all if it is empty.
  public init(
    _ scheme: TranslationScheme, _ geometry: TLBGeometry, policy: ReplacementPolicy = .pseudoLRU,
    walkCache: [Int]? = nil, dataCaches: DataCacheGeometry? = nil
  ) {
    self.scheme = scheme
    self.geometry = geometry
    buffers = TranslationBuffers(scheme: scheme, geometry: geometry, policy: policy)
    self.walkCache = PageWalkCache(
      scheme: scheme, entries: walkCache ?? Self.defaultWalkCache(scheme), policy: policy)
    caches = DataCaches(dataCaches ?? DataCacheGeometry(caches: []), policy: policy)
    counters.walkCacheHits = Array(repeating: 0, count: caches.count)
    counters.dataCacheHits = counters.walkCacheHits
    tracksDirty = scheme.format != .armShort
  }

  /// Translates an address in an address space: `context` is its PCID or ASID, below 65535.
  @inline(__always)
  public mutating func translate(
    _ address: UInt64, _ access: MemoryAccess, _ table: PageTable, context: UInt16 = 0
  ) -> TranslationOutcome {
    counters.accesses &+= 1
    let space = UInt64(context)
    let found = buffers.find(address, access.kind, context: space)
    if found.level != 0 {
      let rights = AccessRights(rawValue: UInt8(truncatingIfNeeded: found.payload & 63))
      let isDirty = found.payload & 64 != 0
      if rights.allow(access), isDirty || access.kind != .write || !tracksDirty {
        if found.level == 1 {
          counters.firstLevelHits &+= 1
        } else {
          counters.secondLevelHits &+= 1
          buffers.insert(
            address, access.kind, context: space, physical: found.payload & ~0xFFF, shift: found.shift,
            flags: found.payload & 0xFF, isGlobal: found.payload & 128 != 0, upTo: 1)
        }
        let mask = (UInt64(1) &<< found.shift) &- 1
        let physical = found.payload & ~mask & ~0xFFF | address & mask
        if caches.count > 0 { readData(physical) }
        return .page(
          TranslatedPage(
            physicalAddress: physical, entry: 0, rights: rights,
            level: UInt8(truncatingIfNeeded: scheme.levelCount &- 1),
            pageShift: UInt8(truncatingIfNeeded: found.shift), references: 0, isGlobal: found.payload & 128 != 0,
            isDirty: isDirty, needsUpdate: false))
      }
      counters.repeatedWalks &+= 1
      counters.flushedEntries &+= UInt64(buffers.remove(address, context: space))
    } else {
      counters.misses &+= 1
    }
    return fill(address, access, table, space)
  }

  /// Walks the tables and keeps what it finds.
  @inline(never)
  private mutating func fill(_ address: UInt64, _ access: MemoryAccess, _ table: PageTable, _ context: UInt64)
    -> TranslationOutcome
  {
    let skipped: Int
    let outcome: TranslationOutcome
    if caches.count > 0 {
      let walk = table.walk(address, access)
      outcome = table.translate(address, access)
      skipped = walkCache.skippedEntries(address, context: context, leafLevel: walk.steps.count - 1)
      for step in walk.steps.dropFirst(skipped) {
        let cache = caches.access(step.entryAddress)
        if cache < caches.count { counters.walkCacheHits[cache] += 1 }
      }
    } else {
      outcome = table.translate(address, access)
      let last = outcome.page.map { Int($0.references) } ?? outcome.fault?.references ?? 1
      skipped = walkCache.skippedEntries(address, context: context, leafLevel: last - 1)
    }
    switch outcome {
    case .page(let page):
      counters.walkReferences &+= UInt64(Int(page.references) - skipped)
      counters.skippedReferences &+= UInt64(skipped)
      walkCache.insert(address, context: context, leafLevel: Int(page.references) - 1, skipped: skipped)
      let isDirty = page.isDirty || page.needsUpdate && access.kind == .write
      let flags = UInt64(page.rights.rawValue) | (isDirty ? 64 : 0) | (page.isGlobal ? 128 : 0)
      let shift = UInt64(page.pageShift)
      let mask = (UInt64(1) << shift) - 1
      buffers.insert(
        address, access.kind, context: context, physical: page.physicalAddress & ~mask, shift: shift, flags: flags,
        isGlobal: page.isGlobal, upTo: 2)
      if caches.count > 0 { readData(page.physicalAddress) }
    case .fault(let fault):
      counters.faults &+= 1
      let read = max(fault.references - skipped, 0)
      counters.walkReferences &+= UInt64(read)
      counters.skippedReferences &+= UInt64(skipped)
    }
    return outcome
  }

  private mutating func readData(_ physical: UInt64) {
    counters.dataReferences += 1
    let cache = caches.access(physical)
    if cache < caches.count { counters.dataCacheHits[cache] += 1 }
  }

  // MARK: - Flushes

  /// Forgets the page of an address (INVLPG, TLBI VAE1), global or not, with the tables that lead to it; on x86 with all
  /// tables of the address space, as the Intel 64 manual, volume 3, section 4.10.4.1, has it.
  public mutating func flush(page address: UInt64, context: UInt16 = 0) {
    counters.pageFlushes += 1
    counters.flushedEntries += UInt64(buffers.remove(address, context: UInt64(context)))
    if scheme.format != .armShort, scheme.format != .arm64 {
      walkCache.remove(context: UInt64(context))
    } else {
      walkCache.remove(address, context: UInt64(context))
    }
  }

  /// Forgets an address space's pages that are not global (INVPCID, TLBI ASIDE1).
  public mutating func flush(context: UInt16) {
    counters.contextFlushes += 1
    counters.flushedEntries += UInt64(buffers.remove(context: UInt64(context)))
    walkCache.remove(context: UInt64(context))
  }

  /// Forgets everything, or everything that is not global.
  public mutating func flushAll(keepsGlobal: Bool = false) {
    counters.fullFlushes += 1
    counters.flushedEntries += UInt64(buffers.removeAll(keepsGlobal: keepsGlobal))
    walkCache.remove(context: nil)
  }

  /// Forgets a range as the kernel does after it was unmapped or protected: page by page, or all of the address space.
  ///
  /// `stride` is the size of the pages in bytes. Returns the pages flushed one by one; `nil` if all was flushed.
  @discardableResult
  public mutating func flush(_ range: Range<UInt64>, stride: UInt64? = nil, context: UInt16, policy: TLBFlushPolicy)
    -> Int?
  {
    let stride = stride ?? scheme.pageBytes
    guard let pages = policy.pages(range, stride: stride) else {
      flush(context: context)
      return nil
    }
    var address = range.lowerBound
    for _ in 0..<pages {
      flush(page: address, context: context)
      address &+= stride
    }
    return pages
  }

  /// Goes on in another address space, with what the kernel flushes for it.
  public mutating func enter(_ activation: ContextActivation) {
    counters.switches += 1
    switch activation.flush {
    case .nothing: break
    case .context: flush(context: activation.context)
    case .everything: flushAll(keepsGlobal: true)
    }
  }
}
